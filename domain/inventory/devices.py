"""Devices: everything with a plug, from the sensor to the server, with what is known about it and from where."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from domain.inventory.kinds import AssetStatus, DeviceKind, Encryption
from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    instant,
    json_list,
    json_object,
    listed_by,
    one_of,
    organization_table,
)


class DeviceFields(Fields):
    """What a caller may say about a device. Absent means unknown."""

    name: str = Field(min_length=1, max_length=255)
    kind: DeviceKind = one_of(DeviceKind)
    status: AssetStatus = one_of(AssetStatus, default=AssetStatus.active)
    location_id: UUID | None = None
    hostname: str | None = Field(default=None, max_length=255)
    serial: str | None = Field(default=None, max_length=255)
    owner: str | None = Field(default=None, max_length=200, description="Who answers for it; a role, not a patient.")
    os_name: str | None = Field(default=None, max_length=200)
    os_edition: str | None = Field(default=None, max_length=100)
    os_build: str | None = Field(default=None, max_length=100)
    encryption_at_rest: Encryption | None = one_of(Encryption, default=None)
    last_seen_at: datetime | None = instant(default=None)
    ref: str | None = Field(default=None, max_length=200, description="Your own identifier.")
    facts: dict[str, Any] = json_object()


class Device(DeviceFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to("location"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index(
            "uq_device_source",
            "tenant_id",
            "organization_id",
            "source",
            "source_id",
            unique=True,
            postgresql_where=text("source_id is not null"),
        ),
        Index("ix_device_organization", "tenant_id", "organization_id", "name", "id"),
        Index("ix_device_hostname", "tenant_id", "organization_id", text("lower(hostname)")),
        listed_by("device", "name"),
        listed_by("device", "kind"),
        listed_by("device", "os_supported_until"),
    )
    noun: ClassVar[str] = "device"

    os_key: str | None = None
    """``product:release_cycle`` of the lifecycle catalogue, when exactly one row fits."""
    os_candidates: list[str] = json_list()
    os_supported_until: date | None = None
    source: str | None = None
    """Which RMM or survey the row came from, with its id there: the key of the next import."""
    source_id: str | None = None
    stale_since: datetime | None = instant(default=None)
    """Set when a later import from the same source no longer lists it. Never deleted for that."""


async def enroll(session: TenantSession, organization: Organization, fields: DeviceFields) -> Device:
    """Put a device on the inventory of an organization."""
    return await create(session, Device(**fields.model_dump(), organization_id=organization.id))
