"""``/oauth/token``, ``/oauth/revoke`` and ``/oauth/introspect``: what applications do without their user."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
    list_to_scope,
    scope_to_list,
)
from authlib.oauth2.rfc7636 import (
    create_s256_code_challenge,  # pyright: ignore[reportUnknownVariableType]  authlib leaves it untyped
)
from authlib.oauth2.rfc7636.challenge import CODE_VERIFIER_PATTERN
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from api.door import runtime_of
from api.oauth.asking import known_scopes, program_router, read_form, required
from api.oauth.clients import Calling, called_by_client
from domain.keyring import fingerprint
from domain.people import oauth_exchanges, oauth_tokens
from domain.people.oauth_clients import ClientKind
from domain.people.oauth_exchanges import Issued, Reason, Refused

router = program_router()
_s256: Callable[[str], str] = create_s256_code_challenge  # pyright: ignore[reportUnknownVariableType]  so is this
Answer = Awaitable[Issued | Refused]
REFUSALS: Mapping[Reason, type[OAuth2Error]] = {
    Reason.invalid_grant: InvalidGrantError,
    Reason.invalid_scope: InvalidScopeError,
    Reason.unauthorized_client: UnauthorizedClientError,
}


@router.post("/oauth/token")
async def give_tokens(request: Request) -> JSONResponse:
    """Tokens for a code, for a refresh token, or for the application itself (RFC 6749 section 3.2)."""
    form = await read_form(request)
    wanted = required(form, "grant_type")
    async with called_by_client(request, form) as by:
        if wanted not in GRANT_TYPES:
            raise UnsupportedGrantTypeError(wanted if wanted.isascii() and wanted.isidentifier() else "")
        done = await GRANT_TYPES[wanted](by, form)
    # Only now, because what a refusal found out is kept: the end of a family whose token was used twice.
    if isinstance(done, Refused):
        raise REFUSALS[done.reason](done.why)
    answer = {
        "access_token": done.access,
        "token_type": "Bearer",
        "expires_in": done.expires_in,
        "refresh_token": done.refresh,
        "scope": list_to_scope(done.scopes),
    }
    return JSONResponse({name: value for name, value in answer.items() if value is not None})


async def _redeem_code(by: Calling, form: dict[str, str]) -> Issued | Refused:
    code, verifier = required(form, "code"), required(form, "code_verifier")
    if not CODE_VERIFIER_PATTERN.fullmatch(verifier):
        raise InvalidRequestError("A code_verifier has 43 to 128 letters, digits or -._~ (RFC 7636 section 4.1).")
    challenge = _s256(verifier)
    return await oauth_exchanges.redeem(
        by.session, by.client, code=code, redirect_uri=form.get("redirect_uri"), challenge=challenge
    )


async def _renew(by: Calling, form: dict[str, str]) -> Issued | Refused:
    refresh = required(form, "refresh_token")
    return await oauth_exchanges.renew(by.session, by.client, refresh=refresh, scopes=_scopes(form))


async def _act_for_itself(by: Calling, form: dict[str, str]) -> Issued | Refused:
    return await oauth_exchanges.act_for_itself(by.session, by.client, scopes=_scopes(form))


GRANT_TYPES: Mapping[str, Callable[[Calling, dict[str, str]], Answer]] = {
    "authorization_code": _redeem_code,
    "refresh_token": _renew,
    "client_credentials": _act_for_itself,
}


@router.post("/oauth/revoke")
async def take_back(request: Request) -> Response:
    """End a token of the calling application (RFC 7009); a refresh token with its whole family. One that is none: 200."""
    form = await read_form(request)
    async with called_by_client(request, form) as by:
        if not await oauth_exchanges.give_back(by.session, by.client, required(form, "token")):
            raise InvalidGrantError("This token was given to another client.")
    return Response(status_code=200)


@router.post("/oauth/introspect")
async def look_at_token(request: Request) -> JSONResponse:
    """What a token of the calling application is worth at this moment (RFC 7662). Another's is worth nothing here."""
    form = await read_form(request)
    async with called_by_client(request, form) as by:
        if by.client.kind is ClientKind.public:
            raise InvalidClientError("Only a client with a secret may ask what a token is worth.", status_code=401)
        found = await oauth_tokens.standing_of(by.session, fingerprint(required(form, "token")))
        if found is None or found.client.id != by.client.id:
            return JSONResponse({"active": False})
        told: dict[str, Any] = {
            "active": True,
            "scope": list_to_scope(found.scopes),
            "client_id": by.client.client_id,
            "token_type": "Bearer" if found.token.kind is oauth_tokens.TokenKind.access else None,
            "sub": str(found.grant.member_id) if found.grant else by.client.client_id,
            "iss": runtime_of(request).settings.base_url,
            "iat": int(found.token.created_at.timestamp()),
            "exp": int(found.token.expires_at.timestamp()),
        }
    return JSONResponse({name: value for name, value in told.items() if value is not None})


def _scopes(form: dict[str, str]) -> list[str] | None:
    return known_scopes(scope_to_list(form["scope"]) or []) if "scope" in form else None
