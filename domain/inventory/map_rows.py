"""The network map read from rows: what is on it today, and the flows that were active on a given day."""

from datetime import date
from uuid import UUID

from sqlmodel import col, or_, select

from domain.inventory.device_os import support
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.kinds import AssetStatus, DeviceKind, EndKind
from domain.inventory.locations import Location
from domain.inventory.map import MapEdge, MapNode, NetworkMap
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.systems import System
from domain.tenancy import TenantSession
from domain.vendors.vendors import Vendor

AT_THE_VENDOR = "Hosted by vendors"


async def read_map(session: TenantSession, organization: Organization, *, as_of: date) -> NetworkMap:
    """Every active asset, the outside parties that a flow touches, and the flows active on ``as_of``."""
    places = {
        each.id: each.name
        for each in (await session.execute(select(Location).where(col(Location.organization_id) == organization.id))).scalars()
    }
    nodes = {
        **{str(each.id): _device(each, places, as_of) for each in await _devices(session, organization)},
        **{str(each.id): _system(each, places) for each in await _systems(session, organization)},
    }
    outside = await _names_outside(session, organization)
    edges: list[MapEdge] = []
    for flow in await _flows(session, organization, as_of):
        source, destination = (_end(flow, end, nodes, outside) for end in ("source", "destination"))
        edges.append(_edge(flow, source, destination))
    return NetworkMap(title=organization.name, as_of=as_of, nodes=tuple(nodes.values()), edges=tuple(edges))


async def _devices(session: TenantSession, organization: Organization) -> list[Device]:
    statement = select(Device).where(
        col(Device.organization_id) == organization.id,
        col(Device.archived_at).is_(None),
        col(Device.status) == AssetStatus.active,
        col(Device.kind) != DeviceKind.unclassified,
    )
    return list((await session.execute(statement.order_by(col(Device.name), col(Device.id)))).scalars())


async def _systems(session: TenantSession, organization: Organization) -> list[System]:
    statement = select(System).where(
        col(System.organization_id) == organization.id,
        col(System.archived_at).is_(None),
        col(System.status) == AssetStatus.active,
    )
    return list((await session.execute(statement.order_by(col(System.name), col(System.id)))).scalars())


async def _flows(session: TenantSession, organization: Organization, as_of: date) -> list[Flow]:
    statement = select(Flow).where(
        col(Flow.organization_id) == organization.id,
        col(Flow.archived_at).is_(None),
        or_(col(Flow.active_since).is_(None), col(Flow.active_since) <= as_of),
        or_(col(Flow.active_until).is_(None), col(Flow.active_until) >= as_of),
    )
    flows = (await session.execute(statement.order_by(col(Flow.name), col(Flow.id)))).scalars()
    return [flow for flow in flows if flow.facts.get("active") is not False]


async def _names_outside(session: TenantSession, organization: Organization) -> dict[UUID, tuple[str, str]]:
    """Partners and vendors by id: their name and what they are."""
    partners = (await session.execute(select(Partner).where(col(Partner.organization_id) == organization.id))).scalars()
    vendors = (await session.execute(select(Vendor))).scalars()
    return {
        **{each.id: (each.name, each.kind.value) for each in partners},
        **{each.id: (each.name, "vendor") for each in vendors},
    }


def _device(device: Device, places: dict[UUID, str], as_of: date) -> MapNode:
    found = support(
        kind=device.kind,
        keys=device.os_candidates,
        os_name=device.os_name,
        manufacturer_date=device.facts.get("manufacturer_supported_until"),
        on=as_of,
    )
    return MapNode(
        id=str(device.id),
        name=device.name,
        kind=device.kind.value,
        location=places.get(device.location_id) if device.location_id else None,
        segment=device.facts.get("segment"),
        stores_ephi=device.facts.get("stores_ephi"),
        os_support=found.value,
    )


def _system(system: System, places: dict[UUID, str]) -> MapNode:
    place = places.get(system.location_id) if system.location_id else None
    return MapNode(
        id=str(system.id),
        name=system.name,
        kind=system.kind.value,
        location=place or (AT_THE_VENDOR if system.vendor_id else None),
        stores_ephi=system.facts.get("stores_ephi"),
        os_support="not_applicable",
        hosted=bool(system.hosted_by_vendor),
    )


def _end(flow: Flow, end: str, nodes: dict[str, MapNode], outside: dict[UUID, tuple[str, str]]) -> str:
    """The node at one end of a flow; one is added for what is not on the inventory, also for an end nobody knows."""
    kind: EndKind | None = getattr(flow, f"{end}_kind")
    identifier: UUID | None = getattr(flow, f"{end}_{kind.value}_id", None) if kind else None
    if identifier is not None and str(identifier) in nodes:
        return str(identifier)
    if identifier is not None and identifier in outside:
        name, what = outside[identifier]
        return _add(nodes, f"outside:{identifier}", name, what)
    if identifier is not None:
        return _add(nodes, f"gone:{identifier}", "No longer on the inventory", "unknown")
    if kind is EndKind.patient:
        return _add(nodes, "outside:patient", "Patient", "patient")
    said: str | None = getattr(flow, f"{end}_name")
    if said:
        return _add(nodes, f"outside:{said}", said, "other")
    return _add(nodes, "unknown", "Not known", "unknown")


def _add(nodes: dict[str, MapNode], id: str, name: str, kind: str) -> str:
    if id not in nodes:
        nodes[id] = MapNode(id=id, name=name, kind=kind, stores_ephi=None, os_support="not_applicable", outside=True)
    return id


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
