"""Which application calls: its client id, and the secret of one that has a secret (RFC 6749 section 2.3)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from fastapi import Request

from api.door import circumstances, runtime_of
from api.oauth.asking import required
from domain.database import tenant_session
from domain.people.oauth_clients import ClientKind, OAuthClient, client_called, has_secret, read_client_id
from domain.tenancy import NOBODY, TenantSession, Wall


@dataclass(frozen=True)
class Calling:
    """An application that has shown who it is, with the transaction inside its tenant's wall."""

    session: TenantSession
    client: OAuthClient


@asynccontextmanager
async def called_by_client(request: Request, form: dict[str, str]) -> AsyncGenerator[Calling]:
    """One transaction for a known application, committed at the end; :class:`InvalidClientError` for any other."""
    client_id, secret = _shown(request, form)
    known = read_client_id(client_id)
    if known is None:
        raise _unknown()
    async with tenant_session(
        runtime_of(request).database, Wall(known[0]), actor=NOBODY, context=circumstances(request)
    ) as session:
        client = await client_called(session, client_id)
        if client is None or not _is_authentic(client, secret):
            raise _unknown()
        await _spend(request, client)
        request.state.tenant_id = session.tenant_id
        yield Calling(session, client)
    if session.ended_credentials:
        request.app.state.credentials.forget_all()


def _shown(request: Request, form: dict[str, str]) -> tuple[str, str | None]:
    """The client id and perhaps a secret, shown in one way only."""
    if "authorization" not in request.headers:
        return required(form, "client_id"), form.get("client_secret")
    name, secret = _basic(request)
    if "client_secret" in form or form.get("client_id", name) != name:
        raise InvalidRequestError("Show the client id and its secret in one way: in the header or in the body.")
    return name, secret


def _basic(request: Request) -> tuple[str, str]:
    found: Any
    try:
        found = extract_basic_authorization({"Authorization": request.headers["authorization"]})
    except ValueError:
        raise _unknown() from None
    if found[0] is None or found[1] is None:
        raise _unknown()
    return found


def _is_authentic(client: OAuthClient, secret: str | None) -> bool:
    if client.kind is ClientKind.public:
        return secret is None
    return secret is not None and has_secret(client, secret)


async def _spend(request: Request, client: OAuthClient) -> None:
    """An application without a secret may be anybody, so its requests count for their address."""
    if client.kind is ClientKind.public:
        await request.app.state.limits.spend(request, "address", request.state.address)
    else:
        await request.app.state.limits.spend(request, "credential", client.id)


def _unknown() -> InvalidClientError:
    return InvalidClientError("There is no such client, or it is not the one it says.", status_code=401)
