"""Keys for machines: made within their maker's rights, shown once, revoked at once."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Inside, door_router, may, this
from api.pages import Listing, Page, Paged, filters_of
from domain.access import Permission
from domain.errors import Forbidden
from domain.people import api_keys
from domain.people.api_keys import ApiKey, ApiKeyFields

router = door_router("people")
Reader = Annotated[Inside, may(Permission.api_keys_read)]
Writer = Annotated[Inside, may(Permission.api_keys_write)]
ThisKey = Annotated[ApiKey, this(ApiKey)]


class ApiKeyOut(BaseModel):
    id: UUID
    name: str
    prefix: str
    """The key's first characters, to tell two apart."""
    scopes: list[str]
    member_id: UUID
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class NewApiKeyOut(ApiKeyOut):
    key: str
    """The key itself. Shown this once."""


KEYS = Listing(ApiKeyOut, ApiKey, sorts={"created_at": col(ApiKey.created_at)}, filters=filters_of(ApiKey, "member_id"))


@router.get("/api-keys", response_model=Page[ApiKeyOut])
async def list_api_keys(by: Reader, window: Paged) -> Response:
    """Every key of this tenant, revoked ones too, oldest first; one's own for those narrowed to some organizations."""
    narrowed = by.principal.organization_ids is not None
    return await KEYS.page(by, window, member_id=by.principal.actor.member_id if narrowed else None)


@router.post("/api-keys", status_code=201, response_model=NewApiKeyOut)
async def make_api_key(by: Writer, fields: ApiKeyFields) -> NewApiKeyOut:
    """Make a key for yourself. Without scopes it may do all that you may."""
    member_id = by.principal.actor.member_id
    if member_id is None:
        raise Forbidden("Only a member, or a key of a member, can make a key.")
    key, text = await api_keys.issue(by.session, fields, maker=by.principal, member_id=member_id)
    return NewApiKeyOut(**{name: getattr(key, name) for name in ApiKeyOut.model_fields}, key=text)


@router.get("/api-keys/{api_key_id}", response_model=ApiKeyOut)
async def read_api_key(by: Reader, key: ThisKey) -> ApiKey:
    api_keys.refuse_further_reaching(key, by.principal)
    return key


@router.delete("/api-keys/{api_key_id}", status_code=204)
async def revoke_api_key(by: Writer, key: ThisKey) -> None:
    """End a key at once. It stays in the list, because the audit trail names it."""
    api_keys.refuse_further_reaching(key, by.principal)
    await api_keys.revoke(by.session, key)
