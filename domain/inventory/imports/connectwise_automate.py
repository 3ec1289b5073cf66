"""ConnectWise Automate: the Computer list.

It names the virus scanner and the date of its definitions, not whether it runs.
"""

from collections.abc import Callable
from datetime import timedelta

from domain.inventory.imports.documents import at
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import letters, text_of
from domain.inventory.imports.times import Clock
from domain.inventory.imports.words import NO_ANTIVIRUS_FACT, Antivirus

MARKS = frozenset({"ComputerName", "OperatingSystemName", "RemoteAgentLastContact", "VirusScanner"})
_DEFINITIONS_LAST = timedelta(days=14)
_NO_SCANNER = frozenset({"nonedetected", "none", "notdetected"})


def reader(clock: Clock) -> Callable[[dict[str, Json]], Draft]:
    def draft(computer: dict[str, Json]) -> Draft:
        return Draft(
            source_id=computer.get("Id"),
            hostnames=(computer.get("ComputerName"),),
            os_name=computer.get("OperatingSystemName"),
            os_build=computer.get("OperatingSystemVersion"),
            last_seen=(computer.get("RemoteAgentLastContact"), computer.get("LastHeartbeat")),
            antivirus=_antivirus(computer, clock),
            serials=(computer.get("SerialNumber"),),
            sites=(at(computer, "Location", "Name"), at(computer, "Client", "Name")),
            companies=(at(computer, "Client", "Name"),),
        )

    return draft


def _antivirus(computer: dict[str, Json], clock: Clock) -> Antivirus:
    scanner = letters(text_of(at(computer, "VirusScanner", "Name")))
    if not scanner or scanner == "unknown":
        return NO_ANTIVIRUS_FACT
    if scanner in _NO_SCANNER:
        return Antivirus("off", "unknown")
    defined_at = clock.read(computer.get("AntivirusDefinitionDate")).at
    if defined_at is None:
        return Antivirus("on", "unknown")
    return Antivirus("on", "outdated" if clock.as_of - defined_at > _DEFINITIONS_LAST else "current")
