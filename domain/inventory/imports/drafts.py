"""From what a source says about one device to the normal form: the one place where values are cleaned and judged.

A source's own file only picks fields (a ``Draft``); everything that must be the same for all sources happens here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from domain.inventory.imports.normal_form import ImportedDevice, Json, Rejected, Skipped, Switch
from domain.inventory.imports.serials import first_serial
from domain.inventory.imports.texts import clean, first_text
from domain.inventory.imports.times import Clock
from domain.inventory.imports.words import NO_ANTIVIRUS_FACT, Antivirus
from domain.inventory.operating_systems import OperatingSystems

LONGEST_HOSTNAME = 255


@dataclass(slots=True)
class Draft:
    """Fields as they came. Where a source has several for one thing, they are listed in order of preference."""

    hostnames: Sequence[Json]
    source_id: Json = None
    os_name: Json = None
    os_edition: Json = None
    os_build: Json = None
    os_release: Json = None
    last_seen: Sequence[Json] = ()
    encryption: Switch = "unknown"
    antivirus: Antivirus = NO_ANTIVIRUS_FACT
    serials: Sequence[Json] = ()
    sites: Sequence[Json] = ()
    companies: Sequence[Json] = ()
    status: Literal["active", "retired"] = "active"
    skip: str | None = None
    last_patch_on: date | None = None
    beside: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """What the other documents say of it that no fact is made of: kept with its raw row, for people to read."""
    warnings: list[str] = field(default_factory=list[str])


def finish(
    draft: Draft,
    *,
    row: int,
    raw: Mapping[str, Json],
    clock: Clock,
    operating_systems: OperatingSystems,
    has_ids: bool,
) -> ImportedDevice | Rejected | Skipped:
    """``has_ids``: the source gives every device an identity of its own, so that a row without one is rejected."""
    warnings = draft.warnings

    def text(*values: Json) -> str | None:
        said = first_text(*values)
        if not said:
            return None
        cleaned, found = clean(said)
        if found:
            warnings.extend(found)
        return cleaned or None

    source_id = text(draft.source_id)
    if source_id is None and has_ids:
        return rejected(row, "missing_source_id")
    hostname = text(*draft.hostnames)
    if hostname is None:
        return rejected(row, "missing_hostname")
    if len(hostname) > LONGEST_HOSTNAME:
        return rejected(row, "hostname_too_long")
    if draft.skip:
        return Skipped(row, hostname, draft.skip, SKIPPED[draft.skip])
    system = operating_systems.recognise(
        text(draft.os_name),
        build=text(draft.os_build),
        edition=text(draft.os_edition),
        release=text(draft.os_release),
    )
    if not system.recognised:
        warnings.append("os_unrecognised")
    said = next((value for value in draft.last_seen if value is not None and value != ""), None)
    last_seen, found = clock.read(said)
    warnings.extend(found)
    serial, found = first_serial(*draft.serials)
    warnings.extend(found)
    return ImportedDevice(
        row=row,
        source_id=source_id,
        hostname=hostname,
        os_name=system.name,
        os_edition=system.edition,
        os_build=system.build,
        os_key=system.key,
        os_candidates=system.candidates,
        last_seen=last_seen,
        encryption=draft.encryption,
        av=draft.antivirus.state,
        av_definitions=draft.antivirus.definitions,
        serial=serial,
        site=text(*draft.sites),
        company=text(*draft.companies),
        status=draft.status,
        last_patch_on=draft.last_patch_on,
        warnings=tuple(sorted(set(warnings))) if warnings else (),
        raw=raw,
    )


def rejected(row: int, reason: str, *, part: str = "devices") -> Rejected:
    return Rejected(row, reason, REJECTED[reason], part)


REJECTED: Mapping[str, str] = {
    "column_count": "The row has more or fewer cells than the heading; a separator or a quote is missing or too many.",
    "hostname_too_long": "The host name is longer than 255 characters.",
    "missing_hostname": "The row names no host.",
    "missing_source_id": "The record has no identity in its source, so it could not be found again next time.",
    "not_an_object": "The record is not a JSON object.",
    "repeated_header": "The row repeats the heading.",
    "too_deep": "The record is nested deeper than any device record is.",
    "unreadable_bytes": "A byte in this row is no text in any encoding known here; save the file as CSV in UTF-8.",
    "unclosed_quote": "A quote opens in this row and is never closed.",
}
SKIPPED: Mapping[str, str] = {
    "deleted": "The device was deleted in its source.",
    "not_approved": "The device has not been approved for management yet.",
    "special_site": "The site is one the tool keeps for itself, not a place of the practice.",
}
