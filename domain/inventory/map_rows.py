"""The network map read from rows: what was in use and which flows were active on a given day, as far as that is recorded.
What is not dated, such as whether a flow is encrypted, is as it is known today.

Every end of a flow is on the map: also a device that has been retired since, and an end that nobody has named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col, select

from domain.inventory.device_os import support
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.kinds import AssetStatus, EndKind, SystemKind
from domain.inventory.locations import Location
from domain.inventory.map import MapEdge, MapNode, NetworkMap
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.systems import System
from domain.known import as_date, flag
from domain.tenancy import OrganizationOwned, TenantSession
from domain.vendors.vendors import Vendor

HOSTED_BY_NATURE = frozenset({SystemKind.pms_cloud, SystemKind.cloud_archive, SystemKind.vendor_service})
Owned = TypeVar("Owned", bound=OrganizationOwned)


@dataclass
class _Map:
    """The map while it is put together; ``elsewhere`` are the rows that are drawn only where a flow touches them."""

    nodes: dict[str, MapNode] = field(default_factory=dict[str, MapNode])
    elsewhere: dict[str, MapNode] = field(default_factory=dict[str, MapNode])
    strangers: dict[str, str] = field(default_factory=dict[str, str])
    """The ends that are only a name, by that name."""

    def node(self, id: str) -> str:
        if id not in self.nodes:
            self.nodes[id] = self.elsewhere[id]
        return id


async def read_map(session: TenantSession, organization: Organization, *, as_of: date) -> NetworkMap:
    """Every asset in use and the flows active on ``as_of``, and whatever else they touch."""
    places = {each.id: each.name for each in await _rows(session, Location, organization)}
    drawn = _Map()
    for device in await _rows(session, Device, organization):
        (drawn.nodes if _was_there(device, as_of) else drawn.elsewhere)[str(device.id)] = _device(device, places, as_of)
    for system in await _rows(session, System, organization):
        (drawn.nodes if _was_there(system, as_of) else drawn.elsewhere)[str(system.id)] = _system(system, places)
    for partner in await _rows(session, Partner, organization):
        drawn.elsewhere[str(partner.id)] = _outside(str(partner.id), partner.name, partner.kind.value)
    flows = [flow for flow in await _rows(session, Flow, organization) if _was_active(flow, as_of)]
    for vendor in await _vendors(session, flows):
        drawn.elsewhere[str(vendor.id)] = _outside(str(vendor.id), vendor.name, "vendor")
    edges = tuple(_edge(flow, _end(flow, "source", drawn), _end(flow, "destination", drawn)) for flow in flows)
    return NetworkMap(title=organization.name, as_of=as_of, nodes=tuple(drawn.nodes.values()), edges=edges)


async def _rows(session: TenantSession, kind: type[Owned], organization: Organization) -> list[Owned]:
    """All rows, archived ones too, by name: the numbers of the flows are those of this order."""
    name: Any = vars(kind)["name"]
    statement = select(kind).where(col(kind.organization_id) == organization.id).order_by(name, col(kind.id))
    return list((await session.execute(statement)).scalars())


async def _vendors(session: TenantSession, flows: list[Flow]) -> list[Vendor]:
    touched = {each for flow in flows for each in (flow.source_vendor_id, flow.destination_vendor_id) if each is not None}
    if not touched:
        return []
    return list((await session.execute(select(Vendor).where(col(Vendor.id).in_(touched)))).scalars())


def _was_there(asset: Device | System, day: date) -> bool:
    """One of which nobody says when it came has always been there."""
    added, gone = as_date(asset.facts.get("added_on")), as_date(asset.facts.get("disposed_on"))
    if (added is not None and day < added) or (asset.archived_at is not None and asset.archived_at.date() <= day):
        return False
    return asset.status == AssetStatus.active or (gone is not None and day < gone)


def _was_active(flow: Flow, day: date) -> bool:
    """A flow without dates has always been; one that is only said to be inactive is not drawn on any day."""
    if flow.archived_at is not None or (flow.active_until is None and flag(flow.facts, "active") is False):
        return False
    return (flow.active_since is None or flow.active_since <= day) and (flow.active_until is None or day <= flow.active_until)


def _device(device: Device, places: Mapping[UUID, str], as_of: date) -> MapNode:
    found = support(
        kind=device.kind,
        keys=device.os_candidates,
        os_name=device.os_name,
        manufacturer_date=device.facts.get("manufacturer_supported_until"),
        on=as_of,
    )
    return MapNode(
        id=str(device.id),
        name=_name(device),
        kind=device.kind.value,
        location=places.get(device.location_id) if device.location_id else None,
        segment=_text(device.facts, "segment"),
        stores_ephi=flag(device.facts, "stores_ephi"),
        os_support=found.value,
    )


def _system(system: System, places: Mapping[UUID, str]) -> MapNode:
    place = places.get(system.location_id) if system.location_id else None
    hosted = system.hosted_by_vendor
    if hosted is None:
        hosted = system.kind in HOSTED_BY_NATURE or (place is None and system.vendor_id is not None)
    return MapNode(
        id=str(system.id),
        name=_name(system),
        kind=system.kind.value,
        location=place,
        segment=_text(system.facts, "segment"),
        stores_ephi=flag(system.facts, "stores_ephi"),
        os_support="not_applicable",
        hosted=hosted,
    )


def _name(asset: Device | System) -> str:
    if asset.archived_at is not None:
        return f"{asset.name} (archived)"
    return asset.name if asset.status == AssetStatus.active else f"{asset.name} ({asset.status})"


def _end(flow: Flow, side: str, drawn: _Map) -> str:
    """The id of the node at one end of a flow, which is on the map from now on."""
    kind: EndKind | None = getattr(flow, f"{side}_kind")
    if kind is None:
        return _unknown_end(f"{flow.id}-{side}", drawn)
    if kind is EndKind.patient:
        drawn.elsewhere.setdefault("patient", _outside("patient", "Patients", "patient"))
        return drawn.node("patient")
    if kind is EndKind.other:
        name: str = getattr(flow, f"{side}_name") or "Not named"
        id = drawn.strangers.setdefault(name, f"other-{len(drawn.strangers) + 1}")
        drawn.elsewhere.setdefault(id, _outside(id, name, "other"))
        return drawn.node(id)
    return drawn.node(str(getattr(flow, f"{side}_{kind.value}_id")))


def _unknown_end(id: str, drawn: _Map) -> str:
    """Each a node of its own: two ends that nobody has named need not be the same thing."""
    drawn.nodes[id] = MapNode(id=id, name="Not recorded", kind="unknown", stores_ephi=None, os_support="unknown")
    return id


def _outside(id: str, name: str, kind: str) -> MapNode:
    return MapNode(id=id, name=name, kind=kind, stores_ephi=None, os_support="not_applicable", outside=True)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None


def _edge(flow: Flow, source: str, destination: str) -> MapEdge:
    return MapEdge(
        id=str(flow.id),
        source=source,
        destination=destination,
        method=flow.method.value if flow.method else None,
        encrypted=flow.encrypted,
        logged=flow.audit_logged,
        crosses_internet=flow.crosses_internet,
        purpose=flow.purpose,
        direction=flow.direction.value if flow.direction else None,
        label=flow.name,
    )
