"""Where an organization sees patients."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import locations
from domain.inventory.locations import Location, LocationFields
from domain.records import archive, change

router = door_router("organizations")
Reader = Annotated[Inside, may(Permission.locations_read)]
Writer = Annotated[Inside, may(Permission.locations_write)]
ThisLocation = Annotated[Location, this(Location)]


class LocationOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    operatories: int | None
    state: str | None
    rmm_site: str | None
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


LOCATIONS = Listing(
    LocationOut,
    Location,
    sorts={"name": col(Location.name), "created_at": col(Location.created_at)},
    filters=filters_of(Location, "organization_id", "rmm_site", "ref"),
    where=col(Location.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/locations", response_model=Page[LocationOut])
async def list_locations(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    rmm_site: str | None = None,
    ref: str | None = None,
) -> Response:
    return await LOCATIONS.page(by, window, organization_id=organization.id, rmm_site=rmm_site, ref=ref)


@router.post("/organizations/{organization_id}/locations", status_code=201, response_model=LocationOut)
async def open_location(by: Writer, organization: ThisOrganization, fields: LocationFields) -> Location:
    return by.tag(await locations.open_location(by.session, organization, fields))


@router.get("/locations/{location_id}", response_model=LocationOut)
async def read_location(by: Reader, location: ThisLocation) -> Location:
    return location


@router.patch("/locations/{location_id}", response_model=LocationOut, openapi_extra=patch_of(LocationFields))
async def change_location(by: Writer, location: ThisLocation, changes: Changes) -> Location:
    return await change(by.session, location, merged(LocationFields, location, changes))


@router.delete("/locations/{location_id}", status_code=204)
async def archive_location(by: Writer, location: ThisLocation) -> None:
    await archive(by.session, location)
