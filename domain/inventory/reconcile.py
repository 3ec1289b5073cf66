"""Joins what management software measured with what a person recorded about the same machine.

Measured on or off wins over what was written down, and each disagreement is listed for a person to look at. A measured
"unknown" says nothing: it never replaces a recorded fact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.inventory.imports.normal_form import ImportedDevice
from domain.known import is_known


@dataclass(frozen=True, slots=True)
class Recorded:
    """One asset as a person recorded it. ``site`` is the name of its location in the management software."""

    id: str
    hostname: str | None
    site: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Record and measurement disagree about a fact. ``used`` is what the analysis goes by."""

    asset_id: str
    fact: str
    recorded: Any
    measured: Any
    used: Any


@dataclass(frozen=True, slots=True)
class Reconciled:
    """``facts`` by asset id. ``unmatched`` are devices that no asset names, or that could be more than one."""

    facts: Mapping[str, Mapping[str, Any]]
    matched: Mapping[str, ImportedDevice]
    unmatched: tuple[ImportedDevice, ...]
    conflicts: tuple[Conflict, ...]


def reconcile(recorded: Iterable[Recorded], devices: Sequence[ImportedDevice]) -> Reconciled:
    """The join: by host name in any case, and by site where names are equal. Two on one side that cannot be told apart
    are not joined at all, because a wrong machine's encryption is worse than none."""
    assets = list(recorded)
    matched = _matches(assets, devices)
    facts: dict[str, Mapping[str, Any]] = {}
    conflicts: list[Conflict] = []
    for asset in assets:
        device = matched.get(asset.id)
        if device is None:
            facts[asset.id] = dict(asset.facts)
            continue
        facts[asset.id], found = merge(asset.id, asset.facts, measured_facts(device))
        conflicts += found
    taken = {id(device) for device in matched.values()}
    return Reconciled(
        facts=facts,
        matched=matched,
        unmatched=tuple(device for device in devices if id(device) not in taken),
        conflicts=tuple(sorted(conflicts, key=lambda conflict: (conflict.asset_id, conflict.fact))),
    )


def measured_facts(device: ImportedDevice) -> dict[str, Any]:
    """What one device says in the words of the vocabulary; what it does not know is left out."""
    said = {
        "os_name": device.os_name,
        "os_edition": device.os_edition,
        "os_build": device.os_build,
        "os_key": device.os_key,
        "os_candidates": list(device.os_candidates) or None,
        "last_seen": device.last_seen,
        "serial": device.serial,
        "encryption_at_rest": {"on": "volume", "off": "none"}.get(device.encryption),
        "endpoint_protection": _protection(device),
    }
    return {name: value for name, value in said.items() if is_known(value)}


def merge(asset_id: str, recorded: Mapping[str, Any], measured: Mapping[str, Any]) -> tuple[dict[str, Any], list[Conflict]]:
    """Measured facts over recorded ones. The operating system is taken as a whole, so that a measured name never stands
    beside a recorded build. A recorded "database" and a measured "volume" agree that the disk is encrypted."""
    facts = {name: value for name, value in recorded.items() if name not in _SYSTEM or "os_name" not in measured}
    conflicts: list[Conflict] = []
    for name, value in measured.items():
        said = recorded.get(name)
        if name in _SWITCHES and is_known(said):
            if agree(name, said, value):
                continue
            conflicts.append(Conflict(asset_id, name, recorded=said, measured=value, used=value))
        facts[name] = value
    return facts, conflicts


def agree(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a switch say the same: a disk encrypted in whatever way is encrypted."""
    if name == "encryption_at_rest":
        return (one == "none") == (other == "none")
    return one == other


_SYSTEM = ("os_name", "os_edition", "os_build", "os_key", "os_candidates")
_SWITCHES = ("encryption_at_rest", "endpoint_protection")


def _protection(device: ImportedDevice) -> str | None:
    """An expired licence, or definitions that are out of date, protect no better than a product that has expired."""
    if device.av_definitions == "expired" or (device.av == "on" and device.av_definitions == "outdated"):
        return "expired"
    return {"on": "on", "off": "none"}.get(device.av)


def _matches(assets: list[Recorded], devices: Sequence[ImportedDevice]) -> dict[str, ImportedDevice]:
    by_name: dict[str, tuple[list[Recorded], list[ImportedDevice]]] = {}
    for asset in assets:
        if asset.hostname and asset.hostname.strip():
            by_name.setdefault(_same(asset.hostname), ([], []))[0].append(asset)
    for device in devices:
        if _same(device.hostname) in by_name:
            by_name[_same(device.hostname)][1].append(device)
    matched: dict[str, ImportedDevice] = {}
    for named, seen in by_name.values():
        if len(named) == len(seen) == 1:
            matched[named[0].id] = seen[0]
            continue
        for asset in named:
            here = [device for device in seen if asset.site is not None and _same(device.site) == _same(asset.site)]
            rivals = [other for other in named if _same(other.site) == _same(asset.site)]
            if len(here) == 1 and len(rivals) == 1:
                matched[asset.id] = here[0]
    return matched


def _same(text: str | None) -> str:
    return (text or "").strip().casefold()
