"""Service accounts: names for machines that stand for no person, each with a member who answers for it.

They work for the account as a whole, so a principal that is narrowed to some organizations may not even look at them.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, DoorRoute, Inside, may, merged, not_narrowed, patch_of, this
from api.pages import Listing, Page, PagedAndSorted
from domain.access import Permission
from domain.people import service_accounts
from domain.people.revocation import forget_credentials
from domain.people.service_accounts import ServiceAccount, ServiceAccountFields

router = APIRouter(route_class=DoorRoute, tags=["people"], dependencies=[Depends(not_narrowed)])
Reader = Annotated[Inside, may(Permission.service_accounts_read)]
Writer = Annotated[Inside, may(Permission.service_accounts_write)]
ThisAccount = Annotated[ServiceAccount, this(ServiceAccount)]


class ServiceAccountOut(BaseModel):
    id: UUID
    name: str
    description: str | None
    scopes: list[str]
    organization_ids: list[UUID] | None
    group_ids: list[UUID] | None
    """The organizations that it is narrowed to, and groups of them; null for both means all that its sponsor reaches."""
    sponsor_id: UUID
    """The member who answers for it: it may never do more than they may."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


ACCOUNTS = Listing(
    ServiceAccountOut,
    ServiceAccount,
    sorts={"name": col(ServiceAccount.name), "created_at": col(ServiceAccount.created_at)},
    where=col(ServiceAccount.archived_at).is_(None),
)


@router.get("/service-accounts", response_model=Page[ServiceAccountOut])
async def list_service_accounts(by: Reader, window: PagedAndSorted) -> Response:
    return await ACCOUNTS.page(by, window)


@router.post("/service-accounts", status_code=201, response_model=ServiceAccountOut)
async def open_service_account(by: Writer, fields: ServiceAccountFields) -> ServiceAccount:
    """You answer for it, and it never may more than you may. Give it keys with `POST .../api-keys`."""
    return by.tag(await service_accounts.open_account(by.session, fields, maker=by.principal))


@router.get("/service-accounts/{service_account_id}", response_model=ServiceAccountOut)
async def read_service_account(by: Reader, account: ThisAccount) -> ServiceAccount:
    return account


@router.patch(
    "/service-accounts/{service_account_id}", response_model=ServiceAccountOut, openapi_extra=patch_of(ServiceAccountFields)
)
async def change_service_account(by: Writer, account: ThisAccount, changes: Changes) -> ServiceAccount:
    fields = merged(ServiceAccountFields, account, changes)
    changed = await service_accounts.change_account(by.session, account, fields, by=by.principal)
    await forget_credentials(by.session, account.id)
    return changed


@router.post("/service-accounts/{service_account_id}/sponsorship", status_code=201, response_model=ServiceAccountOut)
async def sponsor_service_account(by: Writer, account: ThisAccount) -> ServiceAccount:
    """Answer for it from now on, as when its sponsor leaves. You must be allowed all that it may do."""
    sponsored = await service_accounts.take_over(by.session, account, by=by.principal)
    await forget_credentials(by.session, account.id)
    return by.tag(sponsored)


@router.delete("/service-accounts/{service_account_id}", status_code=204)
async def close_service_account(by: Writer, account: ThisAccount) -> None:
    """End it and all its keys at once."""
    await service_accounts.close_account(by.session, account)
    await forget_credentials(by.session, account.id)
