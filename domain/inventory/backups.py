"""Backups: one job that copies some assets to one target, and when it was last seen to work."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
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
