"""The tenant's clients."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.inventory import organizations
from domain.inventory.groups import in_group
from domain.inventory.organizations import Organization, OrganizationFields
from domain.records import archive

router = door_router("organizations")
Reader = Annotated[Inside, may(Permission.organizations_read)]
Writer = Annotated[Inside, may(Permission.organizations_write)]


class OrganizationOut(BaseModel):
    id: UUID
    name: str
    legal_name: str | None
    state: str | None
    specialty: str | None
    contact_role: str | None
    contact_email: str | None
    security_official: str | None
    ref: str | None
    settings: dict[str, Any]
    prior_analysis: dict[str, Any] | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    paid_until: date | None
    covered_until: date | None
    """The last day on which something new can be begun; null: it lives on the tenant's trial, if that runs."""
    subscription_state: str | None
    plan: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    transferred_at: datetime | None
    """When it was handed over to another tenant, with all its records."""
    transferred_to: str | None


ORGANIZATIONS = Listing(
    OrganizationOut,
    Organization,
    sorts={"name": col(Organization.name), "created_at": col(Organization.created_at)},
    filters={
        **filters_of(Organization, "ref", "state"),
        "group_id": in_group(Organization.id),
        "q": part_of("q", Organization.name, Organization.legal_name),
    },
    where=col(Organization.archived_at).is_(None),
)


@router.get("/organizations", response_model=Page[OrganizationOut])
async def list_organizations(
    by: Reader,
    window: PagedAndSorted,
    ref: str | None = None,
    state: str | None = None,
    group_id: UUID | None = None,
    q: str | None = None,
) -> Response:
    """The clients of this tenant, by name. ``q`` finds a part of the name or legal name."""
    return await ORGANIZATIONS.page(by, window, ref=ref, state=state, group_id=group_id, q=q)


@router.post("/organizations", status_code=201, response_model=OrganizationOut)
async def take_on_organization(by: Writer, fields: OrganizationFields) -> Organization:
    """Add a client."""
    return by.tag(await organizations.take_on(by.session, fields))


@router.get("/organizations/{organization_id}", response_model=OrganizationOut)
async def read_organization(by: Reader, organization: ThisOrganization) -> Organization:
    return organization


@router.patch("/organizations/{organization_id}", response_model=OrganizationOut, openapi_extra=patch_of(OrganizationFields))
async def change_organization(by: Writer, organization: ThisOrganization, changes: Changes) -> Organization:
    return await organizations.amend(by.session, organization, merged(OrganizationFields, organization, changes))


@router.delete("/organizations/{organization_id}", status_code=204)
async def archive_organization(by: Writer, organization: ThisOrganization) -> None:
    """Archive a client. Its records are kept: 45 CFR 164.316(b)(2)(i) asks for six years."""
    await archive(by.session, organization)
