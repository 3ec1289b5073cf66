"""The parts of a network."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import segments
from domain.inventory.segments import Segment, SegmentFields
from domain.records import archive, change

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.segments_read)]
Writer = Annotated[Inside, may(Permission.segments_write)]
ThisSegment = Annotated[Segment, this(Segment)]


class SegmentOut(BaseModel):
    id: UUID
    organization_id: UUID
    location_id: UUID | None
    name: str
    subnet: str | None
    isolated: bool | None
    note: str | None
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


SEGMENTS = Listing(
    SegmentOut,
    Segment,
    sorts={"name": col(Segment.name), "created_at": col(Segment.created_at)},
    filters=filters_of(Segment, "organization_id", "location_id", "ref"),
    where=col(Segment.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/segments", response_model=Page[SegmentOut])
async def list_segments(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    location_id: UUID | None = None,
    ref: str | None = None,
) -> Response:
    return await SEGMENTS.page(by, window, organization_id=organization.id, location_id=location_id, ref=ref)


@router.post("/organizations/{organization_id}/segments", status_code=201, response_model=SegmentOut)
async def mark_off_segment(by: Writer, organization: ThisOrganization, fields: SegmentFields) -> Segment:
    """Devices name their segment by its name, in the fact ``segment``."""
    return by.tag(await segments.mark_off(by.session, organization, fields))


@router.get("/segments/{segment_id}", response_model=SegmentOut)
async def read_segment(by: Reader, segment: ThisSegment) -> Segment:
    return segment


@router.patch("/segments/{segment_id}", response_model=SegmentOut, openapi_extra=patch_of(SegmentFields))
async def change_segment(by: Writer, segment: ThisSegment, changes: Changes) -> Segment:
    return await change(by.session, segment, merged(SegmentFields, segment, changes))


@router.delete("/segments/{segment_id}", status_code=204)
async def archive_segment(by: Writer, segment: ThisSegment) -> None:
    await archive(by.session, segment)
