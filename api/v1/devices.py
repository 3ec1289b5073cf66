"""Everything with a plug: per organization, and over the whole fleet."""

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy import String, and_, bindparam, case, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, Window, constant, filters_of, part_of
from domain.access import Permission
from domain.clock import today
from domain.inventory import devices
from domain.inventory.device_os import WITHOUT_SYSTEM, OsSupport, ended_and_supported
from domain.inventory.devices import Device, DeviceFields
from domain.inventory.groups import in_group
from domain.inventory.kinds import AssetStatus, DeviceKind, Encryption
from domain.records import archive

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
    """The row of the catalogue's lifecycles, when exactly one fits."""
    os_candidates: list[str]
    """Every row that fits; several when edition or build is not known."""
    os_support: OsSupport
    """Whether security updates still come, today; by the maker's date where there is no row."""
    os_supported_until: date | None
    """When all rows that fit agree on a day. Null also for a system whose end is not announced."""
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


def _support() -> Any:
    """``domain.inventory.device_os.support`` as SQL, so that a list can show it and be filtered by it."""
    candidates: Any = col(Device.os_candidates)
    recognised = func.jsonb_array_length(candidates) > constant("0")
    until: Any = col(Device.facts).op("->>")(constant("'manufacturer_supported_until'"))
    on: Any = bindparam("on", type_=String())
    systemless: Any = col(Device.kind).in_([constant(f"'{kind}'") for kind in sorted(WITHOUT_SYSTEM)])
    answers = {answer: constant(f"'{answer}'") for answer in OsSupport}
    return case(
        (and_(recognised, candidates.contained_by(bindparam("ended_keys", type_=JSONB))), answers[OsSupport.ended]),
        (and_(recognised, candidates.contained_by(bindparam("supported_keys", type_=JSONB))), answers[OsSupport.supported]),
        (recognised, answers[OsSupport.unknown]),
        (until <= on, answers[OsSupport.ended]),
        (until > on, answers[OsSupport.supported]),
        (and_(systemless, col(Device.os_name).is_(None)), answers[OsSupport.not_applicable]),
        else_=answers[OsSupport.unknown],
    )


DEVICES = Listing(
    DeviceOut,
    Device,
    sorts={"name": col(Device.name), "kind": col(Device.kind), "created_at": col(Device.created_at)},
    columns={"os_support": _support()},
    filters={
        **filters_of(Device, "organization_id", "location_id", "kind", "status", "encryption_at_rest", "ref"),
        "os_support": _support() == bindparam("os_support", type_=String()),
        "encryption_unknown": col(Device.encryption_at_rest).is_(None),
        "group_id": in_group(Device.organization_id),
        "os": part_of("os", Device.os_name),
        "q": part_of("q", Device.name, Device.hostname, Device.serial),
    },
    where=col(Device.archived_at).is_(None),
)


async def _wanted(
    kind: DeviceKind | None = None,
    location_id: UUID | None = None,
    status: AssetStatus | None = None,
    os: Annotated[str | None, Query(description="Finds a part of the name of the operating system: `os=windows`.")] = None,
    os_support: OsSupport | None = None,
    encryption_at_rest: Encryption | Literal["unknown"] | None = None,
    ref: str | None = None,
    q: Annotated[str | None, Query(description="Finds a part of the name, host name or serial.")] = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "location_id": location_id,
        "status": status,
        "os": os,
        "os_support": os_support,
        "encryption_unknown": encryption_at_rest == "unknown" or None,
        "encryption_at_rest": None if encryption_at_rest == "unknown" else encryption_at_rest,
        "ref": ref,
        "q": q,
    }


Wanted = Annotated[dict[str, Any], Depends(_wanted)]


async def _page(by: Inside, window: Window, wanted: dict[str, Any], **among: UUID | None) -> Response:
    return await DEVICES.page(by, window, bound=bound_today(), **among, **wanted)


def bound_today() -> dict[str, Any]:
    """The lifecycle keys that have ended and that are supported today, as the statement takes them."""
    ended, supported = ended_and_supported(today())
    return {"ended_keys": json.dumps(ended), "supported_keys": json.dumps(supported), "on": today().isoformat()}


@router.get("/devices", response_model=Page[DeviceOut])
async def list_fleet(
    by: Reader,
    window: PagedAndSorted,
    wanted: Wanted,
    organization_id: UUID | None = None,
    group_id: UUID | None = None,
) -> Response:
    """The devices of all organizations that the caller may see, or of those in a group."""
    return await _page(by, window, wanted, organization_id=organization_id, group_id=group_id)


@router.get("/organizations/{organization_id}/devices", response_model=Page[DeviceOut])
async def list_devices(by: Reader, organization: ThisOrganization, window: PagedAndSorted, wanted: Wanted) -> Response:
    return await _page(by, window, wanted, organization_id=organization.id)


@router.post("/organizations/{organization_id}/devices", status_code=201, response_model=DeviceOut)
async def enroll_device(by: Writer, organization: ThisOrganization, fields: DeviceFields) -> Device:
    return by.tag(await devices.enroll(by.session, organization, fields))


@router.get("/devices/{device_id}", response_model=DeviceOut)
async def read_device(by: Reader, device: ThisDevice) -> Device:
    return device


@router.patch("/devices/{device_id}", response_model=DeviceOut, openapi_extra=patch_of(DeviceFields))
async def change_device(by: Writer, device: ThisDevice, changes: Changes) -> Device:
    return await devices.describe(by.session, device, merged(DeviceFields, device, changes))


@router.delete("/devices/{device_id}", status_code=204)
async def archive_device(by: Writer, device: ThisDevice) -> None:
    await archive(by.session, device)
