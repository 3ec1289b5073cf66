"""The step in which a person shows who they are before a request is put to them: a password or the tenant's own
provider, then a second factor.

Whatever the way, it ends with a session whose token the browser keeps, and the page of the request is opened again.
"""

import json
import re

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from pydantic import SecretStr, ValidationError

from api.door import circumstances, runtime_of
from api.issuers import ProviderTrouble
from api.oauth.requests import sent_parameters
from api.screens.browsers import PATH, back_to, signed_in
from api.screens.entrance import Visit, asked_router, read_guarded, visit
from api.screens.showing import Form, show
from api.v1.sso import client_of, to_provider
from domain.access import Principal, Withheld
from domain.database import tenant_session
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.people import mfa, sessions, sso_connections
from domain.people.oauth_grants import grantable
from domain.people.passkeys import CredentialFields
from domain.people.second_factors import FactorKind
from domain.people.sessions import SessionEnd
from domain.people.signing_in import SignedIn, SignInFields, sign_in
from domain.people.step_up import expect_fresh_proof_for
from domain.runtime import Runtime
from domain.tenancy import NOBODY, NOBODYS_TENANT, Wall

_WRONG = "This e-mail address and this password do not belong together."
_ELSEWHERE = {
    "no_seat": "You have no seat here. Ask whoever runs the account to invite you.",
    "provider_declined": "The provider did not sign you in.",
    "owners_not_admitted": "Owners do not sign in this way here. Use your password.",
    "email_not_proven": "Your provider did not confirm an address of a domain that belongs to this account.",
}
"""Why a provider's word was not taken, where the person can do something about it."""
_NOT_ELSEWHERE = "Signing in there did not work. Try again, or tell whoever runs the account."
_WRONG_FACTOR = "This is not right, was used before, or is too old."

router = asked_router()


async def step_before(by: Visit, principal: Principal | None, request: Request) -> Response | None:
    """The page on which the person shows what is still missing; None when nothing is."""
    if principal is None:
        return await _sign_in_page(by, fault=_told(request))
    match principal.withheld:
        case None:
            return await _proof_before(by, principal, request)
        case Withheld.verification:
            return await _second_factor_page(by, runtime_of(request))
        case Withheld.enrolment:
            return show("no_factor.html", 403, by=by, **_carried(by))


async def _proof_before(by: Visit, principal: Principal, request: Request) -> Response | None:
    """The page on which the person shows anew who they are, where what is asked for opens doors to others."""
    try:
        await expect_fresh_proof_for(by.session, grantable(principal, by.asked.client, by.asked.scopes))
    except Forbidden:
        has_factor = bool(await mfa.own_factors(by.session))
        return await (_second_factor_page(by, runtime_of(request)) if has_factor else _sign_in_page(by))
    return None


@router.post(f"{PATH}/sign-in")
async def sign_in_on_page(request: Request) -> Response:
    """Password and address. The tenant is the application's: nobody is asked which."""
    form, sent = await read_guarded(request)
    async with visit(request, sent) as by:
        tenant_id = by.session.tenant_id
        wrong = await _sign_in_page(by, fault=_WRONG, email=form.text("email"))
    runtime = runtime_of(request)
    try:
        # As it was typed: a password may begin or end with a space.
        password = SecretStr(form.fields.get("password", ""))
        fields = SignInFields(email=form.text("email"), password=password, tenant_id=tenant_id)
    except ValidationError:
        return wrong
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY, context=circumstances(request)) as session:
        done = await sign_in(session, fields, runtime.attempts)
    if not isinstance(done, SignedIn):
        return wrong
    return by.browser.keep(_again(by), done.token)


@router.get(f"{PATH}/sso")
async def sign_in_elsewhere(request: Request, connection: str = "") -> Response:
    """Off to the provider of the application's tenant. A link and no form: browsers hold where a form leads on to against the
    policy of the page, and nobody knows to which pages a provider leads."""
    async with visit(request, sent_parameters(request.scope["query_string"])) as by:
        row = next((each for each in await sso_connections.ways_in(by.session) if each.id.hex == connection), None)
        if row is None:
            raise NotFound("sso_connection")
        client = client_of(runtime_of(request), row)
    try:
        return await to_provider(request, row, client, returns_to=by.asked.text)
    except ProviderTrouble as trouble:
        return back_to(by.asked.text, sso_error=trouble.code)


@router.post(f"{PATH}/second-factor")
async def show_factor_on_page(request: Request) -> Response:
    """The six digits of an app, a recovery code, or the answer of a passkey."""
    form, sent = await read_guarded(request)
    runtime = runtime_of(request)
    try:
        async with visit(request, sent) as by:
            if await signed_in(by.session, by.browser) is None:
                return _again(by)
            shown = await mfa.show(by.session, _shown(form), runtime)
            if isinstance(shown, Invalid):
                return await _second_factor_page(by, runtime, fault=_WRONG_FACTOR)
        return by.browser.keep(_again(by), shown[1])
    except (Invalid, Conflict, ValidationError):
        async with visit(request, sent) as by:
            await signed_in(by.session, by.browser)
            return await _second_factor_page(by, runtime, fault=_WRONG_FACTOR)


@router.post(f"{PATH}/sign-out")
async def sign_out_on_page(request: Request) -> Response:
    """It was somebody else: end the session and ask who it is."""
    _, sent = await read_guarded(request)
    async with visit(request, sent) as by:
        if await signed_in(by.session, by.browser) is not None:
            await sessions.end(by.session, await sessions.current(by.session), SessionEnd.signed_out)
    return by.browser.forget(_again(by))


def _shown(form: Form) -> mfa.ShownFields:
    if form.text("credential"):
        return mfa.ShownFields(credential=CredentialFields.model_validate_json(form.text("credential")))
    code = form.text("code")
    digits = code.replace(" ", "")
    return mfa.ShownFields(code=digits) if re.fullmatch(r"[0-9]{6}", digits) else mfa.ShownFields(recovery_code=code)


def _told(request: Request) -> str:
    """What the way back from a provider says, in words; its address is anybody's to write, so never in its own."""
    code = request.query_params.get("sso_error")
    return "" if code is None else _ELSEWHERE.get(code, _NOT_ELSEWHERE)


async def _sign_in_page(by: Visit, *, fault: str = "", email: str = "") -> HTMLResponse:
    ways = [(each.id.hex, each.name) for each in await sso_connections.ways_in(by.session)]
    page = show("sign_in.html", 401 if fault else 200, by=by, email=email, fault=fault, ways=ways, **_carried(by))
    by.browser.keep(page, by.browser.secret)
    return page


async def _second_factor_page(by: Visit, runtime: Runtime, *, fault: str = "") -> HTMLResponse:
    kinds = {each.kind for each in await mfa.own_factors(by.session)}
    # A passkey belongs to the host it was made on, and that is the frontend's where there is one.
    ours = FactorKind.passkey in kinds and runtime.settings.app_url is None
    challenge = await mfa.challenge_passkeys(by.session, runtime) if ours else None
    passkey = None if challenge is None else json.dumps(challenge)
    return show("second_factor.html", 401 if fault else 200, by=by, passkey=passkey, fault=fault, **_carried(by))


def _carried(by: Visit) -> dict[str, str]:
    """What each form of a page carries on."""
    return {"about": by.asked.text, "guard": by.browser.guard(by.asked.text), "path": PATH}


def _again(by: Visit) -> Response:
    return back_to(by.asked.text)
