"""The account itself: its name, brand and settings."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel

from api.door import Changes, Inside, check_if_match, door_router, may, merged, not_narrowed, patch_of
from domain.access import Permission
from domain.people import account, tenants
from domain.people.tenants import Tenant, TenantFields, TenantKind

router = door_router("start")
Reader = Annotated[Inside, may(Permission.tenant_read)]
Writer = Annotated[Inside, may(Permission.tenant_write)]


class AccountOut(BaseModel):
    id: UUID
    name: str
    kind: TenantKind
    brand: dict[str, Any]
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@router.get("/tenant", response_model=AccountOut)
async def read_tenant(by: Reader) -> Tenant:
    return by.tag(await tenants.own(by.session))


@router.patch("/tenant", response_model=AccountOut, openapi_extra=patch_of(TenantFields), dependencies=[Depends(not_narrowed)])
async def change_tenant(by: Writer, request: Request, changes: Changes) -> Tenant:
    """Set the name, the brand and the settings. What the account demands of those who sign in (`mfa_required_roles`,
    `session_hours`, `session_idle_minutes`) needs a fresh proof of who you are."""
    tenant = by.tag(await tenants.own(by.session, lock=True))
    check_if_match(request, tenant)
    return await account.change_tenant(by.session, tenant, merged(TenantFields, tenant, changes))
