"""Flows: one movement of images or other ePHI between two ends. The map and a third of the threat rules read them.

An end stands in the column of its kind, so that the database itself refuses another organization's device.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.inventory.kinds import Direction, EndKind, FlowMethod
from domain.inventory.organizations import Organization
from domain.inventory.references import Named, refuse_absent
from domain.records import change, create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    belongs_to_tenants,
    json_object,
    one_of,
    organization_table,
)

INVENTORIED = (EndKind.device, EndKind.system, EndKind.partner, EndKind.vendor)
"""Ends that are rows of their own, and are named by id."""


class FlowEnd(Fields):
    """One end of a flow: an ``id`` for a device, system, partner or vendor, a ``name`` for ``other``, neither for a
    patient."""

    kind: EndKind
    id: UUID | None = None
    name: str | None = Field(default=None, min_length=1, max_length=255)


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

    @property
    def source(self) -> dict[str, Any] | None:
        """The end as the contract has it, or None when nobody has said."""
        return self._end("source", self.source_kind)

    @property
    def destination(self) -> dict[str, Any] | None:
        return self._end("destination", self.destination_kind)

    def _end(self, side: str, kind: EndKind | None) -> dict[str, Any] | None:
        if kind is None:
            return None
        identifier = getattr(self, f"{side}_{kind}_id") if kind in INVENTORIED else None
        return {"kind": EndKind(kind), "id": identifier, "name": getattr(self, f"{side}_name")}


async def draw(session: TenantSession, organization: Organization, fields: FlowFields) -> Flow:
    """Put a flow on the map of an organization."""
    ends = _ends(fields)
    await _refuse_what_is_not_there(session, organization.id, ends)
    flow = Flow(**_core(fields), **_columns(ends), organization_id=organization.id)
    return await create(session, flow, also_said=_names(ends))


async def redraw(session: TenantSession, flow: Flow, fields: FlowFields) -> Flow:
    """Change a flow; an end that stays the same is not looked for again."""
    ends = _ends(fields)
    before = {"source": flow.source, "destination": flow.destination}
    moved = {side: end for side, end in ends.items() if (end.model_dump() if end else None) != before[side]}
    await _refuse_what_is_not_there(session, flow.organization_id, moved)
    return await change(session, flow, {**_core(fields), **_columns(ends)}, also_said=_names(moved))


def _core(fields: FlowFields) -> dict[str, Any]:
    return fields.model_dump(exclude={"source", "destination"})


def _ends(fields: FlowFields) -> dict[str, FlowEnd | None]:
    """Both ends, each whole and of one kind."""
    ends = {"source": fields.source, "destination": fields.destination}
    faults = [fault for side, end in ends.items() if end is not None for fault in _faults(side, end)]
    if fields.active_since and fields.active_until and fields.active_until < fields.active_since:
        faults.append(Fault("/active_until", "before_start", "A flow cannot end before it began."))
    if faults:
        raise Invalid(faults)
    return ends


def _faults(side: str, end: FlowEnd) -> list[Fault]:
    by_id, by_name = end.kind in INVENTORIED, end.kind is EndKind.other
    faults: list[Fault] = []
    if by_id != (end.id is not None):
        said = f"An end of kind {end.kind} is named by its id." if by_id else f"An end of kind {end.kind} has no id."
        faults.append(Fault(f"/{side}/id", "missing" if by_id else "not_expected", said))
    if by_name != (end.name is not None):
        said = "Say in words what the other end is." if by_name else f"An end of kind {end.kind} has no name of its own."
        faults.append(Fault(f"/{side}/name", "missing" if by_name else "not_expected", said))
    return faults


async def _refuse_what_is_not_there(session: TenantSession, organization_id: UUID, ends: Mapping[str, FlowEnd | None]) -> None:
    named: list[Named] = [
        (f"/{side}/id", end.id, frozenset({end.kind})) for side, end in ends.items() if end is not None and end.id is not None
    ]
    await refuse_absent(session, organization_id, named)


def _columns(ends: Mapping[str, FlowEnd | None]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for side, end in ends.items():
        columns[f"{side}_kind"] = end.kind if end else None
        columns[f"{side}_name"] = end.name if end else None
        for kind in INVENTORIED:
            columns[f"{side}_{kind}_id"] = end.id if end and end.kind is kind else None
    return columns


def _names(ends: Mapping[str, FlowEnd | None]) -> dict[str, Any]:
    """The words among the ends, as the caller sent them, for the check of free text."""
    return {side: {"name": end.name} for side, end in ends.items() if end is not None and end.name is not None}
