"""The inventory as the report prints it: each asset with the facts that matter, where they are from, and what nobody knows."""

from collections.abc import Mapping
from datetime import date

from domain.inventory.device_os import support
from domain.inventory.kinds import DeviceKind
from domain.inventory.map import OsSupport
from domain.sra.report.rows import Asset, FactLine
from domain.sra.report.traces import Traces, printed
from domain.sra.report.words import phrase
from domain.sra.world import Thing
from domain.sra.world_rows import Surroundings

PRINTED = (
    "encryption_at_rest", "endpoint_protection", "login_mode", "auto_logoff_minutes", "mfa", "audit_logging",
    "internet_exposed", "physical_security", "last_patch_on", "criticality", "software", "dicom_tls_profile",
)  # fmt: skip
ASKED_OF_EVERY_HOLDER = ("encryption_at_rest",)


def report_assets(traces: Traces, locations: Mapping[str, str]) -> tuple[tuple[Asset, ...], tuple[Asset, ...]]:
    """Devices and systems of a world, each sorted by name."""
    around = traces.around
    unknown = _unknown(around)
    made = [(around.kinds[f"asset:{thing.id}"], _asset(thing, traces, locations, unknown)) for thing in around.world.assets]
    ordered = sorted(made, key=lambda pair: (pair[1].name.casefold(), pair[1].id))
    return (
        tuple(asset for noun, asset in ordered if noun == "device"),
        tuple(asset for noun, asset in ordered if noun == "system"),
    )


def _asset(
    thing: Thing,
    traces: Traces,
    locations: Mapping[str, str],
    unknown: Mapping[str, tuple[str, ...]],
) -> Asset:
    facts, around = thing.facts, traces.around
    noun = around.kinds[f"asset:{thing.id}"]
    return Asset(
        id=thing.id,
        name=around.names[f"asset:{thing.id}"],
        kind=thing.kind,
        location=locations.get(str(facts.get("location"))),
        segment=facts.get("segment"),
        owner=facts.get("owner"),
        os_name=" ".join(str(facts[each]) for each in ("os_name", "os_edition", "os_build") if facts.get(each)) or None,
        os_support="not_applicable" if noun == "system" else _os_support(thing, around.world.today),
        os_support_ends_on=around.support_ends.get(thing.id),
        stores_ephi=facts.get("stores_ephi"),
        facts=tuple(
            FactLine(name=phrase(name) or name, value=printed(facts[name]), source=traces.source(thing.id, name))
            for name in PRINTED
            if name in facts
        ),
        unknown=unknown.get(thing.id, ()),
    )


def _os_support(thing: Thing, today: date) -> OsSupport:
    facts = thing.facts
    return support(
        kind=DeviceKind(thing.kind),
        keys=facts.get("os_candidates") or ([facts["os_key"]] if facts.get("os_key") else []),
        os_name=facts.get("os_name"),
        manufacturer_date=facts.get("manufacturer_supported_until"),
        on=today,
    ).value


def _unknown(around: Surroundings) -> dict[str, tuple[str, ...]]:
    """Facts that every holder of ePHI must have on record and this one has not."""
    found: dict[str, tuple[str, ...]] = {}
    for thing in around.world.assets:
        missing = tuple(name for name in ASKED_OF_EVERY_HOLDER if name not in thing.facts and thing.facts.get("stores_ephi"))
        asked = ("stores_ephi",) if "stores_ephi" not in thing.facts else missing
        if asked:
            found[thing.id] = asked
    return found
