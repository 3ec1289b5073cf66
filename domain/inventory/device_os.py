"""What operating system a device has, by the lifecycle table: what fits its name, edition and build, and whether it is
still supported.

More than one row fits where edition or build is missing. Then the system has no key of its own and no one date, but when
all of the rows have ended, it has certainly ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache

from domain.inventory.kinds import DeviceKind
from domain.inventory.operating_systems import OperatingSystems
from domain.known import as_date
from domain.sra.catalogue import OsLifecycle, catalogue


class OsSupport(StrEnum):
    """Whether security updates still come. ``unknown`` is never good."""

    supported = "supported"
    ended = "ended"
    unknown = "unknown"
    not_applicable = "not_applicable"
    """It has no system of its own, such as a sensor or a USB stick."""


WITHOUT_SYSTEM = frozenset(
    {DeviceKind.intraoral_sensor, DeviceKind.intraoral_camera, DeviceKind.handheld_xray, DeviceKind.removable_media}
)


@dataclass(frozen=True)
class RecognizedSystem:
    """The columns of a device that follow from what is said of its system."""

    os_key: str | None
    os_candidates: list[str]
    os_supported_until: date | None
    """The end of security updates, when all rows that fit agree on one. None also for a system without an end so far."""


def recognize(*, name: str | None, edition: str | None, build: str | None) -> RecognizedSystem:
    found = _systems().recognise(name, build=build, edition=edition)
    ends = {_end(key) for key in found.candidates}
    agreed = ends.pop() if len(ends) == 1 else None
    return RecognizedSystem(found.key, list(found.candidates), agreed)


@lru_cache(maxsize=8)
def ended_and_supported(on: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The keys of the lifecycle table, by whether security updates have ended on that day. No end date: they go on."""
    ends = {row.key: row.end_of_security_support or date.max for row in catalogue().os_lifecycles}
    ended = tuple(key for key, end in ends.items() if end <= on)
    return ended, tuple(key for key in ends if key not in ended)


def support(*, kind: DeviceKind, keys: Sequence[str], os_name: str | None, manufacturer_date: object, on: date) -> OsSupport:
    """Whether a device is supported on a day, by the rows that fit; by its maker's date when there is none."""
    known = [_end(key) or date.max for key in keys if key in catalogue().os_lifecycle_by_key]
    if not known:
        supplied_until = as_date(manufacturer_date)
        known = [supplied_until] if supplied_until else []
    if not known:
        return OsSupport.not_applicable if kind in WITHOUT_SYSTEM and os_name is None else OsSupport.unknown
    if all(end <= on for end in known):
        return OsSupport.ended
    return OsSupport.supported if all(end > on for end in known) else OsSupport.unknown


@cache
def _systems() -> OperatingSystems:
    return OperatingSystems(catalogue().os_lifecycles)


def _end(key: str) -> date | None:
    row: OsLifecycle | None = catalogue().os_lifecycle_by_key.get(key)
    return row.end_of_security_support if row else None
