"""Beginnings: signing up, and finding out who one is."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from api.door import DoorRoute, Doorstep, DoorstepRoute, Inside, inside_even_withheld, runtime_of
from billing.trials import begin_trial
from domain.access import Permission, Role, Withheld
from domain.people import signup
from domain.people.tenants import Tenant, TenantKind

doorstep = APIRouter(route_class=DoorstepRoute, tags=["start"])
router = APIRouter(route_class=DoorRoute, tags=["start"])


class TenantOut(BaseModel):
    id: UUID
    name: str
    kind: TenantKind


class SignedUpOut(BaseModel):
    tenant: TenantOut
    member_id: UUID
    api_key: str
    """Shown this once."""


class MeOut(BaseModel):
    tenant_id: UUID
    kind: str
    id: UUID | None
    member_id: UUID | None
    role: Role
    permissions: list[Permission]
    withheld: Withheld | None
    """What a session has still to do before it may do anything else."""
    organization_ids: list[UUID] | None
    """The organizations this principal is narrowed to; null means all."""


@doorstep.post("/signup", status_code=201, response_model=SignedUpOut)
async def sign_up(session: Doorstep, request: Request, fields: signup.SignupFields) -> SignedUpOut:
    """Make a tenant and its owner. The answer holds the owner's first API key, which is never shown again."""
    made = await signup.sign_up(session, fields, runtime_of(request))
    await begin_trial(session, made.tenant)
    return SignedUpOut(tenant=tenant_out(made.tenant), member_id=made.member.id, api_key=made.api_key)


@router.get("/me", response_model=MeOut)
async def read_me(by: Annotated[Inside, Depends(inside_even_withheld)]) -> MeOut:
    """Who is calling, and what they may do."""
    principal = by.principal
    return MeOut(
        tenant_id=principal.tenant_id,
        kind=principal.actor.kind,
        id=principal.actor.id,
        member_id=principal.actor.member_id,
        role=principal.role,
        permissions=sorted(principal.permissions),
        withheld=principal.withheld,
        organization_ids=None if principal.organization_ids is None else sorted(principal.organization_ids),
    )


def tenant_out(tenant: Tenant) -> TenantOut:
    return TenantOut(id=tenant.id, name=tenant.name, kind=tenant.kind)
