"""Backups: one job that copies some assets to one target, and when it was last seen to work."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.errors import Invalid
from domain.inventory.organizations import Organization
from domain.inventory.references import ASSET, refuse_absent
from domain.records import change, create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    instant,
    json_object,
    json_or_unknown,
    organization_table,
)


class BackupFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    target_device_id: UUID | None = None
    target_system_id: UUID | None = None
    covers: list[UUID] | None = json_or_unknown()
    """Ids of the devices and systems it copies."""
    active: bool = True
    last_success_at: datetime | None = instant(default=None)
    last_restore_test_on: date | None = None
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class Backup(BackupFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to("device", "target_device_id"),
        belongs_to("system", "target_system_id"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
    )
    noun: ClassVar[str] = "backup"


async def set_up(session: TenantSession, organization: Organization, fields: BackupFields) -> Backup:
    """Note a backup job."""
    await _refuse_what_is_not_there(session, organization.id, fields, covered=frozenset())
    return await create(session, Backup(**fields.model_dump(), organization_id=organization.id))


async def adjust(session: TenantSession, backup: Backup, fields: BackupFields) -> Backup:
    await _refuse_what_is_not_there(session, backup.organization_id, fields, covered=frozenset(map(str, backup.covers or ())))
    return await change(session, backup, fields)


async def _refuse_what_is_not_there(
    session: TenantSession, organization_id: UUID, fields: BackupFields, *, covered: frozenset[str]
) -> None:
    """What it covered before is not looked at again: an archived server must not stop a change of the schedule."""
    if fields.target_device_id and fields.target_system_id:
        raise Invalid.one("/target_system_id", "one_target", "A job has one target: a device or a system.")
    named = [
        (f"/covers/{place}", asset_id, ASSET)
        for place, asset_id in enumerate(fields.covers or ())
        if str(asset_id) not in covered
    ]
    await refuse_absent(session, organization_id, named)
