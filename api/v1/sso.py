"""The way of a browser to a sign-in provider and back, and the change of what it brings for a session.

A browser is sent from address to address here, so whatever goes wrong is told to the application's own page, behind the ``#``
of its address, where it says what to do. A sign-in that began on a page of ours goes back to that page. While we wait for a
provider no transaction is open.
"""

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api import login
from api.door import Doorstep, DoorstepRoute, OutsideRoute, circumstances, runtime_of
from api.issuers import Issuers, ProviderTrouble
from api.login import Client, Returned
from api.problems import refused_sign_in
from api.screens import browsers
from api.v1.sessions import SignedInOut, signed_in_out
from domain.database import tenant_session
from domain.errors import NotFound
from domain.events import emit
from domain.people import sso_admission, sso_sign_ins
from domain.people.sso_connections import SsoConnection, client_secret, open_for_sign_in, parse_address
from domain.people.sso_identities import SsoRefused
from domain.people.sso_sign_ins import CHALLENGE, LASTS, Begun, RedeemFields
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import NOBODY, TenantSession, Wall

outside = APIRouter(route_class=OutsideRoute, tags=["start"])
doorstep = APIRouter(route_class=DoorstepRoute, tags=["start"])
SENT_ON: dict[int | str, dict[str, Any]] = {303: {"description": "To the next address."}}
Text = Annotated[str | None, Query(max_length=2000)]


@outside.get("/sso/start", status_code=303, response_class=Response, responses=SENT_ON)
async def start_sso(
    request: Request,
    connection: Annotated[str, Query(max_length=100, description="The connection's `address`.")],
    challenge: Annotated[
        str, Query(pattern=CHALLENGE, description="SHA-256, in base64url, of a secret that your application keeps for now.")
    ],
    login_hint: Annotated[str | None, Query(max_length=320, description="An address that the provider may fill in.")] = None,
) -> Response:
    """Send a browser here to sign in at its provider. It comes back to the page ``/links/sso`` of the application, with
    ``#token=``, which ``POST /v1/sessions/sso`` changes for a session; or with ``#error=``, a stable code."""
    runtime, named = runtime_of(request), parse_address(connection)
    if named is None:
        raise NotFound("sso_connection")
    async with _inside(request, Wall(named[0])) as session:
        row = await session.fetch(SsoConnection, named[1])
        if not open_for_sign_in(row):
            raise NotFound(row.noun)
        client = client_of(runtime, row)
    try:
        return await to_provider(request, row, client, challenge=challenge, login_hint=login_hint)
    except ProviderTrouble as trouble:
        return _to_page(runtime.settings, error=trouble.code)


async def to_provider(
    request: Request,
    row: SsoConnection,
    client: Client,
    *,
    challenge: str | None = None,
    login_hint: str | None = None,
    returns_to: str | None = None,
) -> Response:
    """Send the browser to a connection's provider, to come back to an application or to a page of ours. Raises
    :class:`ProviderTrouble`, which is in the trail then."""
    runtime, wall = runtime_of(request), Wall(row.tenant_id)
    try:
        provider = await issuers_of(request).provider(row.issuer)
    except ProviderTrouble as trouble:
        await _note(request, wall, row, trouble.code)
        raise
    async with _inside(request, wall) as session:
        begun = await sso_sign_ins.begin(session, row, challenge, returns_to=returns_to)
    answer = _to(login.authorization_url(client, provider, begun, login_hint=login_hint))
    https = runtime.settings.base_url.startswith("https://")
    answer.set_cookie(
        _cookie(runtime.settings, begun.state),
        begun.browser,
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=https,
        httponly=True,
        samesite="lax",
    )
    return answer


@outside.get("/sso/callback", status_code=303, response_class=Response, responses=SENT_ON)
async def return_from_sso(
    request: Request,
    state: Annotated[str, Query(max_length=200)],
    code: Text = None,
    iss: Text = None,
    error: Text = None,
    error_description: Text = None,
    error_uri: Text = None,
    session_state: Text = None,
    scope: Text = None,
    authuser: Text = None,
    hd: Text = None,
    prompt: Text = None,
) -> Response:
    """Where a provider sends the browser back to: register this address there. What some providers add is not read."""
    settings = runtime_of(request).settings
    answer = await _returned(request, state, Returned(code=code, issuer=iss, error=error))
    answer.delete_cookie(_cookie(settings, state), path="/", secure=settings.base_url.startswith("https://"), httponly=True)
    return answer


@doorstep.post("/sessions/sso", status_code=201)
async def sign_in_by_sso(session: Doorstep, request: Request, fields: RedeemFields) -> SignedInOut:
    """Change the token that the browser brought back for a session. It works once, for a minute, and only together with
    the secret whose hash began the sign-in."""
    done = await sso_sign_ins.redeem(session, fields)
    return refused_sign_in(request) if done is None else signed_in_out(done)  # pyright: ignore[reportReturnType]  a refusal is answered


async def _returned(request: Request, state: str, returned: Returned) -> Response:
    runtime = runtime_of(request)
    tenant_id = sso_sign_ins.tenant_of(state)
    if tenant_id is None:
        return _to_page(runtime.settings, error="state_not_valid")
    wall, browser = Wall(tenant_id), request.cookies.get(_cookie(runtime.settings, state))
    try:
        async with _inside(request, wall) as session:
            sign_in = await sso_sign_ins.come_back(session, state, browser)
            returns_to = sign_in.returns_to
            connection = await session.fetch(SsoConnection, sign_in.connection_id)
            client = client_of(runtime, connection)
    except SsoRefused as refused:
        return _to_page(runtime.settings, error=refused.code)
    try:
        shown = await login.who_returned(issuers_of(request), client, returned, Begun(state, browser or ""))
        async with _inside(request, wall) as session:
            member = await sso_admission.admit(session, await session.fetch(SsoConnection, connection.id), shown)
            if returns_to is None:
                token = await sso_sign_ins.hand_over(session, sign_in.id, member, factor=shown.factor)
            else:
                token = (await sso_sign_ins.enter(session, sign_in.id, member, factor=shown.factor)).token
        if session.ended_credentials:
            request.app.state.credentials.forget_all()
    except SsoRefused as refused:
        await _note(request, wall, connection, refused.code)
        if returns_to is not None:
            return browsers.back_to(returns_to, sso_error=refused.code)
        return _to_page(runtime.settings, error=refused.code)
    if returns_to is not None:
        return browsers.browser_of(request).keep(browsers.back_to(returns_to), token)
    return _to_page(runtime.settings, token=token)


def issuers_of(request: Request) -> Issuers:
    issuers: Issuers = request.app.state.issuers
    return issuers


def redirect_uri(settings: Settings) -> str:
    """What is registered at the provider: one address for all of an installation."""
    return f"{settings.base_url}/v1/sso/callback"


def client_of(runtime: Runtime, connection: SsoConnection) -> Client:
    return Client(
        connection=connection,
        secret=client_secret(connection, runtime.keyring),
        redirect_uri=redirect_uri(runtime.settings),
    )


def _inside(request: Request, wall: Wall) -> AbstractAsyncContextManager[TenantSession]:
    return tenant_session(runtime_of(request).database, wall, actor=NOBODY, context=circumstances(request))


async def _note(request: Request, wall: Wall, connection: SsoConnection, reason: str) -> None:
    async with _inside(request, wall) as session:
        emit(session, "sso_connection.sign_in_refused", connection, {"reason": reason})


def _cookie(settings: Settings, state: str) -> str:
    """``__Host-`` makes browsers refuse it from any other host, and without https (RFC 6265bis, section 4.1.3.2)."""
    prefix = "__Host-" if settings.base_url.startswith("https://") else ""
    return prefix + sso_sign_ins.cookie_of(state)


def _to_page(settings: Settings, *, token: str = "", error: str = "") -> RedirectResponse:
    link = settings.link("sso", token)
    return _to(link if token else f"{link.removesuffix('token=')}error={quote(error, safe='')}")


def _to(url: str) -> RedirectResponse:
    return RedirectResponse(url, status_code=303)
