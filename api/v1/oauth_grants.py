"""What members have granted to applications of partners: each member sees and ends their own."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy import Select, and_, func
from sqlmodel import col

from api.door import DoorRoute, Inside, inside_of, may, not_narrowed, this
from api.pages import Listing, Page, Paged, filters_of
from api.v1.oauth_clients import ThisClient
from domain.access import Permission
from domain.people import oauth_grants
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_grants import OAuthGrant
from domain.tenancy import NOBODYS_TENANT

router = APIRouter(route_class=DoorRoute, tags=["people"])
Anybody = Annotated[Inside, Depends(inside_of)]
Reader = Annotated[Inside, may(Permission.oauth_clients_read)]
ThisGrant = Annotated[OAuthGrant, this(OAuthGrant)]


class OAuthGrantOut(BaseModel):
    id: UUID
    oauth_client_id: UUID
    client_name: str
    member_id: UUID
    scopes: list[str]
    """Those that were agreed to. What is left of them is never more than the member and the application have now."""
    created_at: datetime
    expires_at: datetime
    """When the member is asked again at the latest."""
    last_used_at: datetime | None
    """To five minutes."""


def _with_client(statement: Select[Any]) -> Select[Any]:
    same = and_(col(OAuthClient.tenant_id) == col(OAuthGrant.tenant_id), col(OAuthClient.id) == col(OAuthGrant.oauth_client_id))
    return statement.join(OAuthClient, same)


GRANTS = Listing(
    OAuthGrantOut,
    OAuthGrant,
    sorts={"created_at": col(OAuthGrant.created_at)},
    filters=filters_of(OAuthGrant, "member_id", "oauth_client_id"),
    columns={"client_name": col(OAuthClient.name)},
    joins=_with_client,
    where=and_(
        col(OAuthGrant.ended_at).is_(None),
        col(OAuthGrant.expires_at) > func.now(),
        col(OAuthGrant.code_used_at).is_not(None),
        col(OAuthClient.archived_at).is_(None),
    ),
)


@router.get("/me/oauth-grants", response_model=Page[OAuthGrantOut])
async def list_own_oauth_grants(by: Anybody, window: Paged) -> Response:
    """The applications that act for you, as long as they do. An application does not see this."""
    oauth_grants.refuse_applications(by.principal)
    return await GRANTS.page(by, window, member_id=by.principal.actor.member_id or NOBODYS_TENANT)


@router.delete("/me/oauth-grants/{oauth_grant_id}", status_code=204)
async def revoke_own_oauth_grant(by: Anybody, grant: ThisGrant) -> None:
    """Let an application act for you no more. Every token that it has from you ends at once."""
    await oauth_grants.revoke_own(by.session, grant, by=by.principal)


@router.get("/oauth-clients/{oauth_client_id}/grants", response_model=Page[OAuthGrantOut], dependencies=[Depends(not_narrowed)])
async def list_oauth_grants(by: Reader, client: ThisClient, window: Paged) -> Response:
    """For whom an application acts at present."""
    return await GRANTS.page(by, window, oauth_client_id=client.id)
