"""Everything with a plug: per organization, and over the whole fleet."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import bindparam, func
from sqlmodel import col, or_

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import devices
from domain.inventory.devices import Device, DeviceFields
from domain.inventory.kinds import AssetStatus, DeviceKind, Encryption
from domain.records import archive, change

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.devices_read)]
Writer = Annotated[Inside, may(Permission.devices_write)]
ThisDevice = Annotated[Device, this(Device)]


class DeviceOut(BaseModel):
    id: UUID
    organization_id: UUID
    location_id: UUID | None
    name: str
    kind: DeviceKind
    status: AssetStatus
    hostname: str | None
    serial: str | None
    owner: str | None
    os_name: str | None
    os_edition: str | None
    os_build: str | None
    os_key: str | None
    os_supported_until: date | None
    encryption_at_rest: Encryption | None
    last_seen_at: datetime | None
    stale_since: datetime | None
    source: str | None
    source_id: str | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


DEVICES = Listing(
    DeviceOut,
    Device,
    sorts={"name": col(Device.name), "kind": col(Device.kind), "created_at": col(Device.created_at)},
    filters={
        **filters_of(Device, "organization_id", "location_id", "kind", "status", "encryption_at_rest", "ref"),
        "os_ended": col(Device.os_supported_until) <= func.current_date(),
        "os_supported": col(Device.os_supported_until) > func.current_date(),
        "os_unknown": col(Device.os_supported_until).is_(None),
        "encryption_unknown": col(Device.encryption_at_rest).is_(None),
        "q": or_(
            col(Device.name).icontains(bindparam("q")),
            col(Device.hostname).icontains(bindparam("q")),
            col(Device.serial).icontains(bindparam("q")),
        ),
    },
    where=col(Device.archived_at).is_(None),
)


async def page_of_devices(
    by: Reader,
    window: PagedAndSorted,
    kind: DeviceKind | None = None,
    organization_id: UUID | None = None,
    location_id: UUID | None = None,
    status: AssetStatus | None = None,
    os_support: Literal["ended", "supported", "unknown"] | None = None,
    encryption_at_rest: Encryption | Literal["unknown"] | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """The fleet of this tenant over all organizations. ``q`` finds a part of the name, host name or serial."""
    return await DEVICES.page(
        by,
        window,
        kind=kind,
        organization_id=organization_id,
        location_id=location_id,
        status=status,
        ref=ref,
        q=q,
        os_ended=os_support == "ended" or None,
        os_supported=os_support == "supported" or None,
        os_unknown=os_support == "unknown" or None,
        encryption_unknown=encryption_at_rest == "unknown" or None,
        encryption_at_rest=None if encryption_at_rest == "unknown" else encryption_at_rest,
    )


router.get("/devices", response_model=Page[DeviceOut], name="list_fleet")(page_of_devices)


@router.get("/organizations/{organization_id}/devices", response_model=Page[DeviceOut])
async def list_devices(
    by: Reader, organization: ThisOrganization, window: PagedAndSorted, kind: DeviceKind | None = None, q: str | None = None
) -> Response:
    return await DEVICES.page(by, window, organization_id=organization.id, kind=kind, q=q)


@router.post("/organizations/{organization_id}/devices", status_code=201, response_model=DeviceOut)
async def enroll_device(by: Writer, organization: ThisOrganization, fields: DeviceFields) -> Device:
    return by.tag(await devices.enroll(by.session, organization, fields))


@router.get("/devices/{device_id}", response_model=DeviceOut)
async def read_device(by: Reader, device: ThisDevice) -> Device:
    return device


@router.patch("/devices/{device_id}", response_model=DeviceOut, openapi_extra=patch_of(DeviceFields))
async def change_device(by: Writer, device: ThisDevice, changes: Changes) -> Device:
    return await change(by.session, device, merged(DeviceFields, device, changes))


@router.delete("/devices/{device_id}", status_code=204)
async def archive_device(by: Writer, device: ThisDevice) -> None:
    await archive(by.session, device)
