"""Which column of a table, or custom field of an asset tool, holds what: by the caller's mapping, else by its heading.

Tools let people rename columns, so headings are compared on letters and digits only. A mapped column always wins over
a heading that merely looks right; a column mapped to nothing is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.inventory.imports.normal_form import UnreadableImport
from domain.inventory.imports.texts import letters
from domain.inventory.imports.times import DateFormat, date_format


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What the caller knows about a file. ``columns``: heading (or Datto UDF name) to a field of ``FIELDS``, or None
    to ignore that column. ``date_format``: such as ``MM/DD/YYYY hh:mm AM/PM``."""

    columns: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    date_format: str | None = None

    def checked(self) -> "CheckedMapping":
        """Raises UnreadableImport for a field that does not exist or a format that cannot be read."""
        unknown = sorted({name for name in self.columns.values() if name is not None and name not in FIELDS})
        if unknown:
            raise UnreadableImport(
                "unknown_field",
                f"A column is mapped to a field that does not exist. The fields are: {', '.join(FIELDS)}.",
                pointer="/mapping/columns",
            )
        return CheckedMapping(
            {letters(heading): name for heading, name in self.columns.items()},
            date_format(self.date_format) if self.date_format else None,
        )


@dataclass(frozen=True, slots=True)
class CheckedMapping:
    columns: Mapping[str, str | None]
    date_format: DateFormat | None

    def headings_for(self, name: str) -> list[str]:
        return [heading for heading, mapped in self.columns.items() if mapped == name]


def columns_of(headings: Iterable[str], mapping: CheckedMapping) -> dict[str, int]:
    """Position of the column for each field that the table has. Of equal headings the first counts."""
    positions: dict[str, int] = {}
    for position, heading in enumerate(headings):
        positions.setdefault(letters(heading), position)
    found: dict[str, int] = {}
    for name, aliases in FIELDS.items():
        free = [alias for alias in aliases if alias not in mapping.columns]
        for alias in (*mapping.headings_for(name), *free):
            if alias in positions:
                found[name] = positions[alias]
                break
    return found


def _aliases(*headings: str) -> tuple[str, ...]:
    return tuple(map(letters, headings))


FIELDS: Mapping[str, tuple[str, ...]] = {
    "source_id": _aliases(
        "Device ID",
        "Device UID",
        "Asset ID",
        "Agent ID",
        "Computer ID",
        "Machine ID",
        "Endpoint ID",
        "UUID",
        "GUID",
        "UID",
        "ID",
    ),
    "hostname": _aliases(
        "Hostname",
        "Host name",
        "Computer name",
        "Device name",
        "Machine name",
        "System name",
        "Endpoint name",
        "Asset name",
        "Workstation name",
        "PC name",
        "Agent name",
        "Computer",
        "Name",
        "Device",
        "Endpoint",
        "Machine",
        "Workstation",
        "Host",
    ),
    "os_name": _aliases(
        "Operating system",
        "Operating system name",
        "OS name",
        "OS",
        "Windows version",
        "OS description",
        "Operating system version",
    ),
    "os_edition": _aliases("OS edition", "Edition", "Windows edition"),
    "os_build": _aliases("OS build", "OS build number", "Build number", "Build", "OS version", "OS version number"),
    "os_release": _aliases("OS release", "Release ID", "Display version", "Feature update", "Feature release"),
    "last_seen": _aliases(
        "Last seen",
        "Last seen date",
        "Last contact",
        "Last check-in",
        "Last check in time",
        "Last online",
        "Last communication",
        "Last heartbeat",
        "Last sync",
        "Last synced at",
        "Last reported",
        "Last active",
        "Last connected",
        "Last response",
    ),
    "encryption": _aliases(
        "BitLocker",
        "BitLocker status",
        "Encryption",
        "Encryption status",
        "Encrypted",
        "Disk encryption",
        "Disk encryption status",
        "Drive encryption",
        "Drive encrypted",
        "Encryption at rest",
        "FileVault",
        "Is encrypted",
    ),
    "av": _aliases(
        "Antivirus status",
        "Antivirus",
        "AV status",
        "AV",
        "Anti-virus status",
        "Anti-virus",
        "Antivirus state",
        "Endpoint protection",
        "Endpoint protection status",
        "Virus protection",
        "Malware protection",
    ),
    "av_definitions": _aliases(
        "Antivirus definitions",
        "AV definitions",
        "Definition status",
        "AV definition status",
        "Virus definitions",
        "Antivirus signatures",
        "Signature status",
    ),
    "serial": _aliases(
        "Serial number",
        "Serial",
        "Serial no",
        "S/N",
        "SN",
        "BIOS serial number",
        "BIOS serial",
        "Service tag",
        "System serial number",
        "Device serial number",
    ),
    "site": _aliases(
        "Site",
        "Site name",
        "Location",
        "Location name",
        "Office",
        "Office name",
        "Branch",
        "Client site",
    ),
    "company": _aliases(
        "Company",
        "Company name",
        "Client",
        "Client name",
        "Customer",
        "Customer name",
        "Organization",
        "Organization name",
        "Organisation",
        "Practice",
        "Account name",
    ),
}  # fmt: skip  one line per heading would hide the table
REPORTED_WHEN_MISSING = ("os_name", "last_seen", "encryption", "av", "serial", "site")
"""Fields whose absence a technician should know of: without them, devices stay unknown in that respect."""
