"""Until when an operating system gets security updates, judged on one day."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from domain.inventory.operating_systems import OperatingSystems
from domain.sra.catalogue import OsLifecycle


class SupportDates:
    """More than one lifecycle row can fit when edition or build is missing. Where all of them give the same answer it
    counts; where they do not, the answer is left out. What has no row (a firewall, a NAS) goes by its maker's date.
    A row without an end date is in support.
    """

    def __init__(self, lifecycles: Mapping[str, OsLifecycle], systems: OperatingSystems, *, today: date) -> None:
        self._lifecycles = lifecycles
        self._systems = systems
        self._today = today

    def of(self, asset: Mapping[str, Any], *, warning_days: float) -> dict[str, Any]:
        """``ended``, ``ends_soon``, ``extended`` (paid updates are still sold), as far as known, with what they rest on."""
        keys = [key for key in self._keys(asset) if key in self._lifecycles]
        if keys:
            return self.of_keys(keys, warning_days=warning_days)
        supplied_until = asset.get("manufacturer_supported_until")
        if supplied_until is None:
            return {}
        return self._agreed([(date.fromordinal(supplied_until), None)], warning_days)

    def of_keys(self, keys: Iterable[str], *, warning_days: float) -> dict[str, Any]:
        rows = [self._lifecycles[key] for key in keys if key in self._lifecycles]
        if not rows:
            return {}
        ends = [(row.end_of_security_support or date.max, row.end_of_paid_extended_security) for row in rows]
        return {"lifecycles": sorted(row.key for row in rows)} | self._agreed(ends, warning_days)

    def _keys(self, asset: Mapping[str, Any]) -> list[str]:
        if "os_key" in asset:
            return [asset["os_key"]]
        found: list[str] = asset.get("os_candidates", [])
        if found:
            return found
        name = asset.get("os_name")
        return list(self._systems.recognise(name, build=asset.get("os_build"), edition=asset.get("os_edition")).candidates)

    def _agreed(self, ends: list[tuple[date, date | None]], warning_days: float) -> dict[str, Any]:
        today = self._today
        answers = {
            "ended": {end <= today for end, _ in ends},
            "ends_soon": {0 < (end - today).days <= warning_days for end, _ in ends},
            "extended": {paid is not None and paid > today for _, paid in ends},
            "supported_until": {end.isoformat() for end, _ in ends if end != date.max},
        }
        return {name: found.pop() for name, found in answers.items() if len(found) == 1}
