"""Applications of partners: registered here, with everything that OAuth may do for them.

They are the account's as a whole, so a principal that is narrowed to some organizations may not even look at them.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy import String, cast, func, type_coerce
from sqlmodel import col

from api.door import Changes, DoorRoute, Inside, may, merged, not_narrowed, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, constant
from api.v1.api_keys import KeyRotationFields
from domain.access import Permission
from domain.people import oauth_clients
from domain.people.oauth_clients import ClientKind, OAuthClient, OAuthClientChanges, OAuthClientFields

router = APIRouter(route_class=DoorRoute, tags=["people"], dependencies=[Depends(not_narrowed)])
Reader = Annotated[Inside, may(Permission.oauth_clients_read)]
Writer = Annotated[Inside, may(Permission.oauth_clients_write)]
ThisClient = Annotated[OAuthClient, this(OAuthClient)]


class OAuthClientOut(BaseModel):
    id: UUID
    client_id: str
    """What it calls itself at the authorization server. No secret."""
    name: str
    description: str | None
    kind: ClientKind
    redirect_uris: list[str]
    origins: list[str]
    scopes: list[str]
    """The most that it may ask for; what it gets is never more than its user has and agrees to."""
    organization_ids: list[UUID] | None
    group_ids: list[UUID] | None
    """The organizations that it is narrowed to, and groups of them; null for both means all that its user reaches."""
    client_credentials: bool
    sponsor_id: UUID
    """The member who answers for it: what it does for itself is never more than they may."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class NewOAuthClientOut(OAuthClientOut):
    client_secret: str | None
    """Shown this once; null for a public client, which has none."""


class ClientSecretOut(BaseModel):
    client_id: str
    client_secret: str
    """Shown this once."""


def _client_id() -> Any:
    digits = [
        func.replace(cast(col(each), String), constant("'-'"), constant("''"))
        for each in (OAuthClient.tenant_id, OAuthClient.id)
    ]
    return constant("'bwc_'").op("||")(digits[0]).op("||")(constant("'_'")).op("||")(digits[1])


CLIENTS = Listing(
    OAuthClientOut,
    OAuthClient,
    sorts={"name": col(OAuthClient.name), "created_at": col(OAuthClient.created_at)},
    where=col(OAuthClient.archived_at).is_(None),
    columns={"client_id": type_coerce(_client_id(), String)},
)


@router.get("/oauth-clients", response_model=Page[OAuthClientOut])
async def list_oauth_clients(by: Reader, window: PagedAndSorted) -> Response:
    return await CLIENTS.page(by, window)


@router.post("/oauth-clients", status_code=201, response_model=NewOAuthClientOut)
async def register_oauth_client(by: Writer, fields: OAuthClientFields) -> NewOAuthClientOut:
    """Register an application. You answer for it; give it no scope that you have not yourself."""
    client, secret = await oauth_clients.register(by.session, fields, by=by.principal)
    by.tag(client)
    return NewOAuthClientOut(**{name: getattr(client, name) for name in OAuthClientOut.model_fields}, client_secret=secret)


@router.get("/oauth-clients/{oauth_client_id}", response_model=OAuthClientOut)
async def read_oauth_client(by: Reader, client: ThisClient) -> OAuthClient:
    return client


@router.patch("/oauth-clients/{oauth_client_id}", response_model=OAuthClientOut, openapi_extra=patch_of(OAuthClientChanges))
async def change_oauth_client(by: Writer, client: ThisClient, changes: Changes) -> OAuthClient:
    """Its kind is fixed. Tokens shrink with its scopes and organizations at once, and never grow."""
    fields = merged(OAuthClientChanges, client, changes)
    return await oauth_clients.change_client(by.session, client, fields, by=by.principal)


@router.post("/oauth-clients/{oauth_client_id}/secret-rotation", status_code=201)
async def rotate_oauth_client_secret(by: Writer, client: ThisClient, fields: KeyRotationFields) -> ClientSecretOut:
    """A new secret. The old one goes on for the overlap, so that nothing stands still meanwhile."""
    overlap = timedelta(seconds=fields.overlap_seconds)
    secret = await oauth_clients.rotate_secret(by.session, client, overlap=overlap, by=by.principal)
    return ClientSecretOut(client_id=client.client_id, client_secret=secret)


@router.post("/oauth-clients/{oauth_client_id}/sponsorship", status_code=201, response_model=OAuthClientOut)
async def sponsor_oauth_client(by: Writer, client: ThisClient) -> OAuthClient:
    """Answer for it from now on, as when its sponsor leaves. You must be allowed all that it may do."""
    return by.tag(await oauth_clients.take_over(by.session, client, by=by.principal))


@router.delete("/oauth-clients/{oauth_client_id}", status_code=204)
async def withdraw_oauth_client(by: Writer, client: ThisClient) -> None:
    """End it and every token of it at once."""
    await oauth_clients.withdraw(by.session, client, by=by.principal)
