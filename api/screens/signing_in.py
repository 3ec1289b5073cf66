"""The step in which a person shows who they are before a request is put to them: a password, then a second factor.

Other ways of signing in belong here: whatever they are, they end with a session whose token the browser keeps, and the page
of the request is opened again.
"""

import json
import re

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import SecretStr, ValidationError

from api.door import circumstances, runtime_of
from api.screens.browsers import PATH, signed_in
from api.screens.entrance import Visit, asked_router, read_guarded, visit
from api.screens.showing import Form, show
from domain.access import Principal, Withheld
from domain.database import tenant_session
from domain.errors import Conflict, Invalid
from domain.people import mfa, sessions
from domain.people.passkeys import CredentialFields
from domain.people.second_factors import FactorKind
from domain.people.sessions import SessionEnd
from domain.people.signing_in import SignedIn, SignInFields, sign_in
from domain.runtime import Runtime
from domain.tenancy import NOBODY, NOBODYS_TENANT, Wall

AUTHORIZE = f"{PATH}/authorize"
_WRONG = "This e-mail address and this password do not belong together."
_WRONG_FACTOR = "This is not right, was used before, or is too old."

router = asked_router()


async def step_before(by: Visit, principal: Principal | None, runtime: Runtime) -> Response | None:
    """The page on which the person shows what is still missing; None when nothing is."""
    if principal is None:
        return _sign_in_page(by)
    match principal.withheld:
        case None:
            return None
        case Withheld.verification:
            return await _second_factor_page(by, runtime)
        case Withheld.enrolment:
            return show("no_factor.html", 403, by=by, **_carried(by))


@router.post(f"{PATH}/sign-in")
async def sign_in_on_page(request: Request) -> Response:
    """Password and address. The tenant is the application's: nobody is asked which."""
    form, sent = await read_guarded(request)
    async with visit(request, sent) as by:
        tenant_id = by.session.tenant_id
    runtime = runtime_of(request)
    try:
        # As it was typed: a password may begin or end with a space.
        password = SecretStr(form.fields.get("password", ""))
        fields = SignInFields(email=form.text("email"), password=password, tenant_id=tenant_id)
    except ValidationError:
        return _sign_in_page(by, fault=_WRONG, form=form)
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY, context=circumstances(request)) as session:
        done = await sign_in(session, fields, runtime.attempts)
    if not isinstance(done, SignedIn):
        return _sign_in_page(by, fault=_WRONG, form=form)
    return by.browser.keep(_again(by), done.token)


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


def _sign_in_page(by: Visit, *, fault: str = "", form: Form | None = None) -> HTMLResponse:
    email = form.text("email") if form else ""
    page = show("sign_in.html", 401 if fault else 200, by=by, email=email, fault=fault, **_carried(by))
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
    return RedirectResponse(f"{AUTHORIZE}?{by.asked.text}", status_code=303)
