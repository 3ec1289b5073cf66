"""Backup jobs: what each copies, where to, and when it last worked."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import backups
from domain.inventory.backups import Backup, BackupFields
from domain.records import archive

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.backups_read)]
Writer = Annotated[Inside, may(Permission.backups_write)]
ThisBackup = Annotated[Backup, this(Backup)]


class BackupOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    target_device_id: UUID | None
    target_system_id: UUID | None
    covers: list[UUID] | None
    """Null is unknown; an empty list is "nothing"."""
    active: bool
    last_success_at: datetime | None
    last_restore_test_on: date | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


BACKUPS = Listing(
    BackupOut,
    Backup,
    sorts={"name": col(Backup.name), "created_at": col(Backup.created_at)},
    filters=filters_of(Backup, "organization_id", "active", "ref"),
    where=col(Backup.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/backups", response_model=Page[BackupOut])
async def list_backups(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    active: bool | None = None,
    ref: str | None = None,
) -> Response:
    return await BACKUPS.page(by, window, organization_id=organization.id, active=active, ref=ref)


@router.post("/organizations/{organization_id}/backups", status_code=201, response_model=BackupOut)
async def set_up_backup(by: Writer, organization: ThisOrganization, fields: BackupFields) -> Backup:
    """Note a backup job. What it covers and its target are devices and systems of the same organization."""
    return by.tag(await backups.set_up(by.session, organization, fields))


@router.get("/backups/{backup_id}", response_model=BackupOut)
async def read_backup(by: Reader, backup: ThisBackup) -> Backup:
    return backup


@router.patch("/backups/{backup_id}", response_model=BackupOut, openapi_extra=patch_of(BackupFields))
async def change_backup(by: Writer, backup: ThisBackup, changes: Changes) -> Backup:
    return await backups.adjust(by.session, backup, merged(BackupFields, backup, changes))


@router.delete("/backups/{backup_id}", status_code=204)
async def archive_backup(by: Writer, backup: ThisBackup) -> None:
    await archive(by.session, backup)
