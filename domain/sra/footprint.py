"""The footprint of an analysis: what it was made over, frozen with the seal, so that a later day can be held against it.

Things with what makes them another thing, and for every rule the subjects on which it fired or could not be decided. It is
plain JSON, the same for the same facts.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlmodel import col, select

from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.known import as_list, is_mapping
from domain.sra.evaluation import Evaluation
from domain.sra.world import Thing, World
from domain.sra.world_rows import Surroundings
from domain.tenancy import TenantSession

Footprint = Mapping[str, Any]

FLOW_IDENTITY = ("method", "source_asset", "destination", "direction", "account_type", "recipient_type", "vendor", "encrypted")
"""A flow with another of these is another way of sending images."""


async def footprint_of(
    session: TenantSession, organization: Organization, around: Surroundings, result: Evaluation
) -> dict[str, Any]:
    """The footprint of an organization as its rows stand now."""
    rows = select(Location).where(col(Location.organization_id) == organization.id, col(Location.archived_at).is_(None))
    locations = {str(each.id): each.name for each in (await session.execute(rows.order_by(col(Location.id)))).scalars()}
    return {
        "on": around.world.today.isoformat(),
        "owner": organization.legal_name or organization.name,
        "things": _things(around.world, around.names, around.support_ends),
        "locations": locations,
        "incidents": {each.id: str(each.facts.get("discovered_on") or "") for each in around.world.incidents},
        "touched": {
            each.id: [f"asset:{asset}" for asset in as_list(each.facts.get("assets")) or []]
            for each in around.world.incidents
            if each.facts.get("assets")
        },
        "outcomes": {
            rule: {"fired": list(found.fired), "undetermined": list(found.undetermined)}
            for rule, found in sorted(result.outcomes.items())
            if found.fired or found.undetermined
        },
    }


def _things(world: World, names: Mapping[str, str], support_ends: Mapping[str, date]) -> dict[str, dict[str, Any]]:
    """What is in use: active assets, flows that run, vendors that work here."""
    things: dict[str, dict[str, Any]] = {}
    for asset in world.assets:
        if asset.facts.get("status", "active") == "active":
            ref = f"asset:{asset.id}"
            ends = support_ends.get(asset.id)
            things[ref] = {
                "name": names.get(ref, ref),
                "kind": asset.kind,
                "software": _software(asset),
                "support_ends_on": ends.isoformat() if ends else None,
            }
    for flow in world.flows:
        if flow.facts.get("active", True) is not False:
            ref = f"flow:{flow.id}"
            identity = {name: flow.facts.get(name) for name in FLOW_IDENTITY}
            things[ref] = {"name": names.get(ref, ref), "kind": "flow", "identity": identity}
    working = {str(each.facts.get("vendor")) for each in world.engagements if not each.facts.get("ended_on")}
    for vendor in world.vendors:
        if vendor.id in working and vendor.facts.get("status", "active") == "active":
            ref = f"vendor:{vendor.id}"
            things[ref] = {"name": names.get(ref, ref), "kind": "vendor"}
    return dict(sorted(things.items()))


def _software(asset: Thing) -> list[str]:
    """The products on it by name; a new version of a product is no new product."""
    listed = as_list(asset.facts.get("software")) or []
    return sorted({str(each["name"]) for each in listed if is_mapping(each) and each.get("name")})
