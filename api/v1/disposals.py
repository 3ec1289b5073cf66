"""Disposal of devices and their media, and how long images are kept where a practice is."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Inside, ThisOrganization, door_router, may, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory.devices import Device
from domain.inventory.organizations import Organization
from domain.remediation import disposals
from domain.remediation.disposals import YEARS_OF_RECORDS, Disposal, DisposalFields, Sanitization, retention_of

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.devices_read)]
Writer = Annotated[Inside, may(Permission.devices_write)]
ThisDevice = Annotated[Device, this(Device)]
ThisDisposal = Annotated[Disposal, this(Disposal)]


class DisposalOut(BaseModel):
    id: UUID
    organization_id: UUID
    device_id: UUID
    disposed_on: date
    media_type: str
    method: Sanitization
    tool: str | None
    verification: str
    performed_by: str
    vendor_id: UUID | None
    certificate_id: UUID | None
    held_images: bool | None
    last_entry_on: date | None
    images_of_minors: bool | None
    legal_hold: bool
    second_copy: str | None
    second_copy_verified_on: date | None
    images_may_go: str
    """Why the images on it were allowed to go."""
    retain_until: date
    created_at: datetime


class RetentionOut(BaseModel):
    state: str | None
    adult_years: int | None
    """Null: not known, or not verified."""
    runs_from: str | None
    minor_rule: str | None
    citation: str | None
    source: str | None
    verification: str | None
    note: str | None
    explanation: str
    automatic_purge: bool
    """Always false: nothing is removed by a date alone, least of all where no period is known."""
    compliance_records_years: int


DISPOSALS = Listing(
    DisposalOut,
    Disposal,
    sorts={"disposed_on": col(Disposal.disposed_on), "created_at": col(Disposal.created_at)},
    filters=filters_of(Disposal, "organization_id", "device_id"),
)


@router.get("/organizations/{organization_id}/retention", response_model=RetentionOut)
async def read_retention(by: Reader, organization: ThisOrganization) -> RetentionOut:
    """How long the practice's State has dental images kept, with its source and how far that is verified."""
    found = retention_of(organization)
    state = found.state
    return RetentionOut(
        state=state.code if state else organization.state,
        adult_years=found.years,
        runs_from=state.runs_from if state else None,
        minor_rule=state.minor_rule if state else None,
        citation=state.citation if state else None,
        source=state.source if state else None,
        verification=state.verification if state else None,
        note=state.note if state else None,
        explanation=found.explanation,
        automatic_purge=False,
        compliance_records_years=YEARS_OF_RECORDS,
    )


@router.get("/organizations/{organization_id}/disposals", response_model=Page[DisposalOut])
async def list_disposals(by: Reader, organization: ThisOrganization, window: PagedAndSorted) -> Response:
    return await DISPOSALS.page(by, window, organization_id=organization.id)


@router.post("/devices/{device_id}/disposal", status_code=201, response_model=DisposalOut)
async def dispose_of_device(by: Writer, device: ThisDevice, fields: DisposalFields) -> Disposal:
    """Record how it was made unreadable. Refused while images on it may have to be kept and no second copy is verified."""
    organization = await by.session.fetch(Organization, device.organization_id)
    return by.tag(await disposals.dispose(by.session, device, organization, fields))


@router.get("/disposals/{disposal_id}", response_model=DisposalOut)
async def read_disposal(by: Reader, disposal: ThisDisposal) -> Disposal:
    return disposal
