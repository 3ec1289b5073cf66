"""Keys for machines: made within their maker's rights, shown once, rotated with an overlap, revoked at once."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Changes, Inside, door_router, may, merged, not_narrowed, patch_of, this
from api.pages import Listing, Page, Paged, filters_of
from domain.access import Permission
from domain.errors import Forbidden
from domain.people import api_keys
from domain.people.api_keys import LONGEST_OVERLAP, ApiKey, ApiKeyChanges, ApiKeyFields
from domain.people.service_accounts import ServiceAccount
from domain.tenancy import NOBODYS_TENANT, Fields

router = door_router("people")
Reader = Annotated[Inside, may(Permission.api_keys_read)]
Writer = Annotated[Inside, may(Permission.api_keys_write)]
AccountWriter = Annotated[Inside, may(Permission.service_accounts_write)]
ThisKey = Annotated[ApiKey, this(ApiKey, seen_by=api_keys.seen_by)]
ThisAccount = Annotated[ServiceAccount, this(ServiceAccount)]
DAY = 24 * 3600


class ApiKeyOut(BaseModel):
    id: UUID
    name: str
    prefix: str
    """The key's first characters, to tell two apart."""
    scopes: list[str]
    organization_ids: list[UUID] | None
    group_ids: list[UUID] | None
    """The organizations that it is narrowed to, and groups of them; null for both means all that its holder reaches."""
    allowed_addresses: list[str]
    """Networks that the key may be used from; an empty list means any."""
    member_id: UUID | None
    """The member it acts for; null for a key of a service account."""
    service_account_id: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    successor_id: UUID | None
    """The key that took its place at a rotation."""
    last_used_at: datetime | None
    last_used_from: str | None
    created_at: datetime


class NewApiKeyOut(ApiKeyOut):
    key: str
    """The key itself. Shown this once."""


class KeyRotationFields(Fields):
    overlap_seconds: int = Field(
        default=DAY,
        ge=0,
        le=int(LONGEST_OVERLAP.total_seconds()),
        description="How long the old key goes on; 0 ends it with this call.",
    )


KEYS = Listing(
    ApiKeyOut,
    ApiKey,
    sorts={"created_at": col(ApiKey.created_at)},
    filters=filters_of(ApiKey, "member_id", "service_account_id"),
)


@router.get("/api-keys", response_model=Page[ApiKeyOut])
async def list_api_keys(
    by: Reader, window: Paged, member_id: UUID | None = None, service_account_id: UUID | None = None
) -> Response:
    """Every key of this tenant, revoked ones too, oldest first; one's own for those narrowed to some organizations."""
    narrowed = by.principal.organization_ids is not None
    if narrowed:
        # Nobody's id finds nothing, as a narrowed credential without a member has no keys of its own.
        member_id = by.principal.actor.member_id or NOBODYS_TENANT
    return await KEYS.page(by, window, member_id=member_id, service_account_id=service_account_id)


@router.post("/api-keys", status_code=201, response_model=NewApiKeyOut)
async def make_api_key(by: Writer, fields: ApiKeyFields) -> NewApiKeyOut:
    """Make a key for yourself. Without scopes it may do all that you may."""
    member_id = by.principal.actor.member_id
    if member_id is None:
        raise Forbidden("Only a member, or a key of a member, can make a key.")
    return _shown_once(*await api_keys.issue(by.session, fields, maker=by.principal, member_id=member_id))


@router.post(
    "/service-accounts/{service_account_id}/api-keys",
    status_code=201,
    response_model=NewApiKeyOut,
    dependencies=[Depends(not_narrowed)],
)
async def make_key_of_service_account(by: AccountWriter, account: ThisAccount, fields: ApiKeyFields) -> NewApiKeyOut:
    """Make a key for a service account. You must be allowed all that the account may do."""
    return _shown_once(*await api_keys.issue(by.session, fields, maker=by.principal, account=account))


@router.get("/api-keys/{api_key_id}", response_model=ApiKeyOut)
async def read_api_key(by: Reader, key: ThisKey) -> ApiKey:
    return key


@router.patch("/api-keys/{api_key_id}", response_model=ApiKeyOut, openapi_extra=patch_of(ApiKeyChanges))
async def change_api_key(by: Writer, key: ThisKey, changes: Changes) -> ApiKey:
    """Rename a key, or change the addresses it may be used from. What it may do is fixed: make another."""
    api_keys.refuse_strangers(key, by.principal)
    return await api_keys.change_key(by.session, key, merged(ApiKeyChanges, key, changes), by=by.principal)


@router.post("/api-keys/{api_key_id}/rotation", status_code=201, response_model=NewApiKeyOut)
async def rotate_api_key(by: Writer, key: ThisKey, fields: KeyRotationFields) -> NewApiKeyOut:
    """A new key in the place of this one. The old one goes on for the overlap, so that nothing stands still meanwhile."""
    account = await by.session.fetch(ServiceAccount, key.service_account_id) if key.service_account_id else None
    overlap = timedelta(seconds=fields.overlap_seconds)
    return _shown_once(*await api_keys.rotate(by.session, key, overlap=overlap, account=account, by=by.principal))


@router.delete("/api-keys/{api_key_id}", status_code=204)
async def revoke_api_key(by: Writer, key: ThisKey) -> None:
    """End a key at once. It stays in the list, because the audit trail names it."""
    await api_keys.revoke(by.session, key)


def _shown_once(key: ApiKey, text: str) -> NewApiKeyOut:
    return NewApiKeyOut(**{name: getattr(key, name) for name in ApiKeyOut.model_fields}, key=text)
