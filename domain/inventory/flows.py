"""Flows: one movement of images or other ePHI between two ends. The map and a third of the threat rules read them."""

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from domain.inventory.kinds import Direction, EndKind, FlowMethod
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    belongs_to,
    belongs_to_tenants,
    json_object,
    one_of,
    organization_table,
)


class FlowEnd(SQLModel):
    """One end of a flow: an ``id`` for a device, system, partner or vendor, a ``name`` for ``other``."""

    kind: EndKind
    id: UUID | None = None
    name: str | None = Field(default=None, max_length=255)


class FlowCore(Fields):
    name: str = Field(min_length=1, max_length=255)
    method: FlowMethod | None = one_of(FlowMethod, default=None)
    direction: Direction | None = one_of(Direction, default=None)
    encrypted: bool | None = Field(default=None, description="Encrypted in transit; null is unknown.")
    tls_version: str | None = Field(default=None, max_length=10)
    audit_logged: bool | None = None
    crosses_internet: bool | None = Field(default=None, description="Leaves the premises.")
    purpose: str | None = Field(default=None, max_length=60)
    vendor_id: UUID | None = Field(default=None, description="The vendor whose service carries it.")
    active_since: date | None = None
    active_until: date | None = None
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class FlowFields(FlowCore):
    source: FlowEnd | None = None
    destination: FlowEnd | None = None


class Flow(FlowCore, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to("device", "source_device_id"),
        belongs_to("system", "source_system_id"),
        belongs_to("partner", "source_partner_id"),
        belongs_to_tenants("vendor", "source_vendor_id"),
        belongs_to("device", "destination_device_id"),
        belongs_to("system", "destination_system_id"),
        belongs_to("partner", "destination_partner_id"),
        belongs_to_tenants("vendor", "destination_vendor_id"),
        belongs_to_tenants("vendor"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index("ix_flow_organization", "tenant_id", "organization_id", "name", "id"),
    )
    noun: ClassVar[str] = "flow"

    source_kind: EndKind | None = one_of(EndKind, default=None)
    source_device_id: UUID | None = None
    source_system_id: UUID | None = None
    source_partner_id: UUID | None = None
    source_vendor_id: UUID | None = None
    source_name: str | None = None
    destination_kind: EndKind | None = one_of(EndKind, default=None)
    destination_device_id: UUID | None = None
    destination_system_id: UUID | None = None
    destination_partner_id: UUID | None = None
    destination_vendor_id: UUID | None = None
    destination_name: str | None = None
