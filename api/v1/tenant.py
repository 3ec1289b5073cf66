"""The account itself: its name, brand and settings."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from api.door import Changes, Inside, check_if_match, door_router, may, merged, patch_of
from domain.access import Permission
from domain.people import tenants
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


@router.patch("/tenant", response_model=AccountOut, openapi_extra=patch_of(TenantFields))
async def change_tenant(by: Writer, request: Request, changes: Changes) -> Tenant:
    tenant = by.tag(await tenants.own(by.session, lock=True))
    check_if_match(request, tenant)
    return await tenants.change_tenant(by.session, tenant, merged(TenantFields, tenant, changes))
