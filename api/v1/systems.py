"""Software and cloud services."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.inventory import systems
from domain.inventory.kinds import AssetStatus, Encryption, SystemKind
from domain.inventory.systems import System, SystemFields
from domain.records import archive, change

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.systems_read)]
Writer = Annotated[Inside, may(Permission.systems_write)]
ThisSystem = Annotated[System, this(System)]


class SystemOut(BaseModel):
    id: UUID
    organization_id: UUID
    location_id: UUID | None
    vendor_id: UUID | None
    name: str
    kind: SystemKind
    status: AssetStatus
    hosted_by_vendor: bool | None
    owner: str | None
    product: str | None
    product_version: str | None
    encryption_at_rest: Encryption | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


SYSTEMS = Listing(
    SystemOut,
    System,
    sorts={"name": col(System.name), "kind": col(System.kind), "created_at": col(System.created_at)},
    filters={
        **filters_of(System, "organization_id", "kind", "status", "location_id", "vendor_id", "ref"),
        "q": part_of("q", System.name, System.product),
    },
    where=col(System.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/systems", response_model=Page[SystemOut])
async def list_systems(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    kind: SystemKind | None = None,
    status: AssetStatus | None = None,
    location_id: UUID | None = None,
    vendor_id: UUID | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """``q`` finds a part of the name or product."""
    return await SYSTEMS.page(
        by,
        window,
        organization_id=organization.id,
        kind=kind,
        status=status,
        location_id=location_id,
        vendor_id=vendor_id,
        ref=ref,
        q=q,
    )


@router.post("/organizations/{organization_id}/systems", status_code=201, response_model=SystemOut)
async def take_system_into_use(by: Writer, organization: ThisOrganization, fields: SystemFields) -> System:
    return by.tag(await systems.take_into_use(by.session, organization, fields))


@router.get("/systems/{system_id}", response_model=SystemOut)
async def read_system(by: Reader, system: ThisSystem) -> System:
    return system


@router.patch("/systems/{system_id}", response_model=SystemOut, openapi_extra=patch_of(SystemFields))
async def change_system(by: Writer, system: ThisSystem, changes: Changes) -> System:
    return await change(by.session, system, merged(SystemFields, system, changes))


@router.delete("/systems/{system_id}", status_code=204)
async def archive_system(by: Writer, system: ThisSystem) -> None:
    await archive(by.session, system)
