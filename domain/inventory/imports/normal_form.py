"""The one form in which every import source ends: what was read, what was not, and why.

Unknown is a value of its own here: a source that says nothing about encryption or antivirus yields ``unknown``,
never ``off``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

from domain.errors import Fault, Invalid

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Switch: TypeAlias = Literal["on", "off", "unknown"]
Definitions: TypeAlias = Literal["current", "outdated", "expired", "unknown"]


class UnreadableImport(Invalid):
    """A file (or the way it was asked to be read) from which nothing can be taken.

    ``specific_code`` is stable and meant for programs, ``detail`` is one sentence for the technician. Neither repeats
    the content of the file.
    """

    title = "The import cannot be read"

    def __init__(self, code: str, detail: str, *, pointer: str = "/file") -> None:
        super().__init__([Fault(pointer, code, detail)], code=code)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImportedDevice:
    """One device as one source reports it. Times are UTC in whole seconds; ``row`` counts as the file does."""

    row: int
    source_id: str | None
    hostname: str
    os_name: str | None
    os_edition: str | None
    os_build: str | None
    os_key: str | None
    """``product:release_cycle`` of the lifecycle table; None when no row, or more than one, fits."""
    os_candidates: tuple[str, ...]
    """Every lifecycle row that fits: empty, one (then it is ``os_key``) or several when edition or build is missing."""
    last_seen: datetime | None
    encryption: Switch
    av: Switch
    av_definitions: Definitions
    serial: str | None
    site: str | None
    status: Literal["active", "retired"]
    warnings: tuple[str, ...]
    raw: Mapping[str, Json]
    company: str | None = None
    """The client that the tool files the device under; None where the tool knows sites only."""
    last_patch_on: date | None = None

    def as_json(self) -> dict[str, Json]:
        """The documented normal form, without the raw row: optional members appear only when they say something."""
        form: dict[str, Json] = {
            "source_id": self.source_id,
            "hostname": self.hostname,
            "os_name": self.os_name,
            "os_edition": self.os_edition,
            "os_build": self.os_build,
            "os_key": self.os_key,
            "last_seen": None if self.last_seen is None else self.last_seen.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "encryption": self.encryption,
            "av": self.av,
            "av_definitions": self.av_definitions,
            "serial": self.serial,
            "site": self.site,
        }
        if len(self.os_candidates) > 1:
            form["os_candidates"] = len(self.os_candidates)
        if self.last_patch_on is not None:
            form["last_patch_on"] = self.last_patch_on.isoformat()
        if self.status != "active":
            form["status"] = self.status
        if self.warnings:
            form["warnings"] = list(self.warnings)
        return form


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be taken, alone; every other row of the file still counts."""

    row: int
    reason: str
    detail: str
    part: str = "devices"

    def as_json(self) -> dict[str, Json]:
        return {"row": self.row, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that was read and left out on purpose: not managed yet, or not a device of the practice."""

    row: int
    hostname: str
    reason: str
    detail: str

    def as_json(self) -> dict[str, Json]:
        return {"row": self.row, "hostname": self.hostname, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A row dropped because another row of the same file tells of the same device, more recently."""

    row: int
    kept_row: int
    hostname: str
    same: Literal["source_id", "hostname_serial", "hostname_site"]

    def as_json(self) -> dict[str, Json]:
        return {"row": self.row, "kept_row": self.kept_row, "hostname": self.hostname, "same": self.same}


@dataclass(frozen=True, slots=True)
class TableFacts:
    """How a CSV file was read. ``rows`` counts the data rows, good and bad, without blank lines."""

    encoding: str
    delimiter: str
    rows: int
    missing_columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        form: dict[str, Json] = {"encoding": self.encoding, "delimiter": self.delimiter, "rows": self.rows}
        if self.missing_columns:
            form["missing_columns"] = list(self.missing_columns)
        return form


@dataclass(frozen=True, slots=True)
class Remark:
    """Something true of the whole file or survey that a technician should read: code, sentence and place."""

    code: str
    detail: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class ParsedImport:
    """All that one import says. With ``unreadable`` set nothing was taken, and it says why."""

    source: str
    rows: tuple[ImportedDevice, ...]
    rejected: tuple[Rejected, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    unreadable: Remark | None = None
    table: TableFacts | None = None
    remarks: tuple[Remark, ...] = ()

    def as_json(self) -> dict[str, Json]:
        form: dict[str, Json] = {"source": self.source, "devices": [device.as_json() for device in self.rows]}
        if self.rejected:
            form["rejected"] = [row.as_json() for row in self.rejected]
        if self.skipped:
            form["skipped"] = [row.as_json() for row in self.skipped]
        if self.duplicates:
            form["duplicates"] = [row.as_json() for row in self.duplicates]
        if self.table is not None:
            form["file"] = self.table.as_json()
        if self.unreadable is not None:
            form["rejected_file"] = self.unreadable.code
        return form


WARNINGS: Mapping[str, str] = {
    "bad_date": "The date of the last contact cannot be read; the device counts as never seen.",
    "cell_truncated": "A text of more than 4,096 characters was cut.",
    "control_chars": "Invisible control or direction characters were removed from a text.",
    "epoch_ms": "The time was given in milliseconds, which is not this source's unit; it was converted.",
    "epoch_s": "The time was given in seconds, which is not this source's unit; it was converted.",
    "epoch_us": "The time was given in microseconds, which is not this source's unit; it was converted.",
    "formula_like": "A text begins like a spreadsheet formula; it was kept as text.",
    "junk_serial": "A serial number is a manufacturer's placeholder and was not used.",
    "last_seen_in_future": "The last contact lies more than a day in the future; the device counts as never seen.",
    "os_unrecognised": "The operating system, or its build, is not in the lifecycle table: its support is unknown.",
    "serial_conflict": "Another device of this file has the same serial number under another host name.",
}
"""One sentence for every code in ``ImportedDevice.warnings``."""
