"""Devices: everything with a plug, from the sensor to the server, with what is known about it and from where."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from domain.clock import today
from domain.coverage import may_hold
from domain.errors import Conflict
from domain.inventory.device_os import OsSupport, recognize, support
from domain.inventory.kinds import AssetStatus, DeviceKind, Encryption
from domain.inventory.organizations import Organization
from domain.inventory.references import DEVICE, VENDOR, refuse_absent
from domain.known import is_known
from domain.records import change, create
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

    @property
    def os_support(self) -> OsSupport:
        """Whether security updates still come, today."""
        return support(
            kind=self.kind,
            keys=self.os_candidates,
            os_name=self.os_name,
            manufacturer_date=self.facts.get("manufacturer_supported_until"),
            on=today(),
        )


REFERENCES = {"host": DEVICE, "sensor_attached": DEVICE, "vendor": VENDOR}
"""Facts of a device that hold the id of something else."""


async def enroll(session: TenantSession, organization: Organization, fields: DeviceFields) -> Device:
    """Put a device on the inventory of an organization. PaymentRequired for one more than its plan covers."""
    await may_hold(session, organization.id, more_devices=1)
    await _refuse_what_is_not_there(session, organization.id, fields, before={})
    device = Device(**fields.model_dump(), **_system(fields), organization_id=organization.id)
    return await create(session, device)


async def describe(session: TenantSession, device: Device, fields: DeviceFields) -> Device:
    """Change what is said of a device. What an import recognised, from more than we keep, stays until a person speaks
    of the operating system."""
    if fields.status is AssetStatus.disposed and device.status is not AssetStatus.disposed:
        detail = f"Say how it was made unreadable: POST /v1/devices/{device.id}/disposal."
        raise Conflict(detail, code="disposal_not_recorded")
    await _refuse_what_is_not_there(session, device.organization_id, fields, before=device.facts)
    spoken_of = any(getattr(fields, name) != getattr(device, name) for name in ("os_name", "os_edition", "os_build"))
    return await change(session, device, {**fields.model_dump(), **(_system(fields) if spoken_of else {})})


def _system(fields: DeviceFields) -> dict[str, Any]:
    found = recognize(name=fields.os_name, edition=fields.os_edition, build=fields.os_build)
    return {
        "os_key": found.os_key,
        "os_candidates": found.os_candidates,
        "os_supported_until": found.os_supported_until,
    }


async def _refuse_what_is_not_there(
    session: TenantSession, organization_id: UUID, fields: DeviceFields, *, before: Mapping[str, Any]
) -> None:
    named = [
        (f"/facts/{name}", str(fields.facts[name]), kinds)
        for name, kinds in REFERENCES.items()
        if is_known(fields.facts.get(name)) and fields.facts[name] != before.get(name)
    ]
    await refuse_absent(session, organization_id, named)
