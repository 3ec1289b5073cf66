"""The ways in for vendors and technicians, with what each reaches."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import remote_accesses
from domain.inventory.remote_accesses import RemoteAccess, RemoteAccessFields
from domain.records import archive

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.remote_accesses_read)]
Writer = Annotated[Inside, may(Permission.remote_accesses_write)]
ThisRemoteAccess = Annotated[RemoteAccess, this(RemoteAccess)]


class RemoteAccessOut(BaseModel):
    id: UUID
    organization_id: UUID
    vendor_id: UUID | None
    name: str
    targets: list[UUID] | None
    """Null is unknown; an empty list is "nothing"."""
    enabled: bool | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


REMOTE_ACCESSES = Listing(
    RemoteAccessOut,
    RemoteAccess,
    sorts={"name": col(RemoteAccess.name), "created_at": col(RemoteAccess.created_at)},
    filters=filters_of(RemoteAccess, "organization_id", "vendor_id", "enabled", "ref"),
    where=col(RemoteAccess.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/remote-accesses", response_model=Page[RemoteAccessOut])
async def list_remote_accesses(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    vendor_id: UUID | None = None,
    enabled: bool | None = None,
    ref: str | None = None,
) -> Response:
    return await REMOTE_ACCESSES.page(
        by, window, organization_id=organization.id, vendor_id=vendor_id, enabled=enabled, ref=ref
    )


@router.post("/organizations/{organization_id}/remote-accesses", status_code=201, response_model=RemoteAccessOut)
async def note_remote_access(by: Writer, organization: ThisOrganization, fields: RemoteAccessFields) -> RemoteAccess:
    """Note a way in. What it reaches are devices and systems of the same organization."""
    return by.tag(await remote_accesses.open_way(by.session, organization, fields))


@router.get("/remote-accesses/{remote_access_id}", response_model=RemoteAccessOut)
async def read_remote_access(by: Reader, remote_access: ThisRemoteAccess) -> RemoteAccess:
    return remote_access


@router.patch("/remote-accesses/{remote_access_id}", response_model=RemoteAccessOut, openapi_extra=patch_of(RemoteAccessFields))
async def change_remote_access(by: Writer, remote_access: ThisRemoteAccess, changes: Changes) -> RemoteAccess:
    fields = merged(RemoteAccessFields, remote_access, changes)
    return await remote_accesses.alter_way(by.session, remote_access, fields)


@router.delete("/remote-accesses/{remote_access_id}", status_code=204)
async def archive_remote_access(by: Writer, remote_access: ThisRemoteAccess) -> None:
    await archive(by.session, remote_access)
