"""Outside parties that images go to or come from."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.inventory import partners
from domain.inventory.kinds import PartnerKind
from domain.inventory.partners import Partner, PartnerFields
from domain.records import archive, change

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.partners_read)]
Writer = Annotated[Inside, may(Permission.partners_write)]
ThisPartner = Annotated[Partner, this(Partner)]


class PartnerOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    kind: PartnerKind
    email: str | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


PARTNERS = Listing(
    PartnerOut,
    Partner,
    sorts={"name": col(Partner.name), "kind": col(Partner.kind), "created_at": col(Partner.created_at)},
    filters={**filters_of(Partner, "organization_id", "kind", "ref"), "q": part_of("q", Partner.name, Partner.email)},
    where=col(Partner.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/partners", response_model=Page[PartnerOut])
async def list_partners(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    kind: PartnerKind | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """``q`` finds a part of the name or address."""
    return await PARTNERS.page(by, window, organization_id=organization.id, kind=kind, ref=ref, q=q)


@router.post("/organizations/{organization_id}/partners", status_code=201, response_model=PartnerOut)
async def introduce_partner(by: Writer, organization: ThisOrganization, fields: PartnerFields) -> Partner:
    return by.tag(await partners.introduce(by.session, organization, fields))


@router.get("/partners/{partner_id}", response_model=PartnerOut)
async def read_partner(by: Reader, partner: ThisPartner) -> Partner:
    return partner


@router.patch("/partners/{partner_id}", response_model=PartnerOut, openapi_extra=patch_of(PartnerFields))
async def change_partner(by: Writer, partner: ThisPartner, changes: Changes) -> Partner:
    return await change(by.session, partner, merged(PartnerFields, partner, changes))


@router.delete("/partners/{partner_id}", status_code=204)
async def archive_partner(by: Writer, partner: ThisPartner) -> None:
    await archive(by.session, partner)
