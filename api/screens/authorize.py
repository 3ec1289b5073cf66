"""``/oauth/authorize``: an application asks a member to let it act for them, and the member says yes or no.

The member sees who asks, for what, in words, and where the browser goes next. They are asked each time: an application that
runs where anybody can read it cannot prove that it is the one that was allowed before (RFC 8252 section 8.6).
"""

from fastapi import Request, Response

from api.door import runtime_of
from api.oauth.requests import answer, sent_parameters
from api.screens import signing_in
from api.screens.browsers import AUTHORIZE, PATH, signed_in
from api.screens.entrance import Visit, asked_router, read_guarded, visit
from api.screens.showing import show
from domain.access import Permission, Principal
from domain.people.oauth_grants import agree, grantable
from domain.people.recovery import person_behind
from domain.people.redirects import origin_of
from domain.people.scope_words import in_words

router = asked_router()


@router.get(AUTHORIZE)
async def ask_member(request: Request) -> Response:
    """The page to sign in on, or the question itself."""
    async with visit(request, sent_parameters(request.scope["query_string"])) as by:
        principal = await signed_in(by.session, by.browser)
        step = await signing_in.step_before(by, principal, request)
        if step is not None or principal is None:
            assert step is not None, "nobody is asked before they have signed in"
            return step
        return await _question(by, principal)


@router.post(AUTHORIZE)
async def hear_member(request: Request) -> Response:
    """Yes or no. Whoever has been signed out meanwhile signs in again, and is asked again."""
    form, sent = await read_guarded(request)
    issuer = runtime_of(request).settings.base_url
    async with visit(request, sent) as by:
        asked = by.asked
        principal = await signed_in(by.session, by.browser)
        step = await signing_in.step_before(by, principal, request)
        if step is not None or principal is None:
            assert step is not None, "nobody is heard before they have signed in"
            return step
        scopes = grantable(principal, asked.client, asked.scopes)
        member_id = principal.actor.member_id
        if form.text("decision") != "allow" or not scopes or member_id is None:
            said = {"error": "access_denied", "error_description": "The member did not agree."}
            return answer(asked.redirect_uri, issuer=issuer, state=asked.state, **said)
        code = await agree(
            by.session,
            asked.client,
            member_id=member_id,
            scopes=scopes,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
        )
    return answer(asked.redirect_uri, issuer=issuer, state=asked.state, code=code)


async def _question(by: Visit, principal: Principal) -> Response:
    asked = by.asked
    scopes = grantable(principal, asked.client, asked.scopes)
    assert principal.actor.member_id is not None, "a session is a member's"
    person = await person_behind(by.session, principal.actor.member_id, lock=False)
    return show(
        "authorize.html",
        goes_on_to=origin_of(asked.redirect_uri),
        by=by,
        person=person,
        granted=[in_words(Permission(each)) for each in scopes],
        withheld=[in_words(Permission(each)) for each in asked.scopes if each not in scopes],
        narrowed=principal.organization_ids is not None,
        about=asked.text,
        guard=by.browser.guard(asked.text),
        path=PATH,
    )
