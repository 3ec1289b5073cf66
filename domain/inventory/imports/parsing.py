"""The one way in for exports of devices: bytes of a named source become the normal form, or a refusal that says why."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from domain.inventory.imports import generic_csv
from domain.inventory.imports.columns import CheckedMapping, ColumnMapping
from domain.inventory.imports.documents import at, holds_unstorable, is_too_deep, read_json, storable
from domain.inventory.imports.drafts import finish, rejected
from domain.inventory.imports.duplicates import without_duplicates
from domain.inventory.imports.normal_form import (
    ImportedDevice,
    Json,
    ParsedImport,
    Rejected,
    Remark,
    Skipped,
    TableFacts,
    UnreadableImport,
)
from domain.inventory.imports.source import SOURCES, Beside, JsonSource, Part, Source, TableSource
from domain.inventory.imports.tables import read_table
from domain.inventory.imports.times import Clock, zone_named
from domain.inventory.operating_systems import OperatingSystems


def parse(
    source: str,
    parts: Mapping[str, bytes],
    *,
    as_of: datetime,
    operating_systems: OperatingSystems,
    timezone: str = "UTC",
    mapping: ColumnMapping | None = None,
) -> ParsedImport:
    """The devices of one export. ``as_of`` is the moment the export was made, in UTC if it names no zone.

    A single document may go by any name. A row that cannot be read is rejected alone; UnreadableImport is raised when
    nothing can be: an unknown source, a file in the wrong form, or another source's file.
    """
    kind = SOURCES.get(source)
    if kind is None:
        raise UnreadableImport(
            "unknown_source", f"There is no such import source; there are: {', '.join(SOURCES)}.", pointer="/source"
        )
    documents = _named_parts(kind, parts)
    checked = (mapping or ColumnMapping()).checked()
    clock = Clock(
        as_of=as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC),
        zone=zone_named(timezone),
        own_unit=kind.unit if isinstance(kind, JsonSource) else "any",
        date_format=checked.date_format,
    )
    if isinstance(kind, TableSource):
        return _parse_table(kind, documents["devices"], clock, checked, operating_systems)
    return _parse_json(kind, documents, clock, checked, operating_systems)


def _parse_json(
    source: JsonSource,
    documents: Mapping[str, bytes],
    clock: Clock,
    mapping: CheckedMapping,
    operating_systems: OperatingSystems,
) -> ParsedImport:
    devices_part, *others = source.parts
    document = read_json(documents["devices"], part="devices")
    records = _list_in(source, devices_part, document)
    _check_marks(source, records)
    faulty: list[Rejected] = []
    lists: dict[str, list[Json]] = {}
    details: dict[str, Mapping[str, Json]] = {}
    for part in others:
        if part.name in documents:
            beside = read_json(documents[part.name], part=part.name)
            if part.by_id:
                details[part.name] = _details_in(source, part, beside)
            else:
                lists[part.name] = _list_in(source, part, beside)
                faulty += _not_objects(part.name, lists[part.name])
    draft_of = source.reader(Beside(lists, details, clock, mapping))
    must_be_cleaned = any(holds_unstorable(document) for document in documents.values())
    devices: list[ImportedDevice] = []
    skipped: list[Skipped] = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            faulty.append(rejected(number, "not_an_object"))
            continue
        if is_too_deep(record):
            faulty.append(rejected(number, "too_deep"))
            continue
        draft = draft_of(record)
        raw = {**record, **draft.beside} if draft.beside else record
        outcome = finish(
            draft,
            row=number,
            raw=storable(raw) if must_be_cleaned else raw,
            clock=clock,
            operating_systems=operating_systems,
            has_ids=True,
        )
        _sort(outcome, devices, faulty, skipped)
    kept, duplicates = without_duplicates(devices)
    return ParsedImport(
        source=source.name,
        rows=kept,
        rejected=tuple(faulty),
        skipped=tuple(skipped),
        duplicates=duplicates,
        remarks=_completeness(document, len(records)),
    )


def _parse_table(
    source: TableSource, data: bytes, clock: Clock, mapping: CheckedMapping, operating_systems: OperatingSystems
) -> ParsedImport:
    table = read_table(data, part="devices")
    columns = generic_csv.Columns(table, mapping)
    facts = TableFacts(table.encoding, table.delimiter, table.data_rows, columns.missing if columns.names_hosts else ())
    if not columns.names_hosts:
        if data.lstrip()[:1] in (b"[", b"{"):
            raise UnreadableImport(
                "not_this_source", "This is JSON; a table of separated values is expected here.", pointer="/devices"
            )
        reason = Remark("missing_column:hostname", "No column names the hosts; rename one to Hostname or map it.", "/devices")
        return ParsedImport(source.name, rows=(), unreadable=reason, table=facts)
    faulty = list(table.rejected)
    devices: list[ImportedDevice] = []
    skipped: list[Skipped] = []
    for row in table.rows:
        outcome = finish(
            source.draft(columns, row),
            row=row.number,
            raw=columns.raw(row),
            clock=clock,
            operating_systems=operating_systems,
            has_ids=False,
        )
        _sort(outcome, devices, faulty, skipped)
    kept, duplicates = without_duplicates(devices)
    return ParsedImport(
        source=source.name,
        rows=kept,
        rejected=tuple(sorted(faulty, key=lambda row: row.row)),
        skipped=tuple(skipped),
        duplicates=duplicates,
        table=facts,
    )


def _sort(
    outcome: ImportedDevice | Rejected | Skipped,
    devices: list[ImportedDevice],
    faulty: list[Rejected],
    skipped: list[Skipped],
) -> None:
    if isinstance(outcome, ImportedDevice):
        devices.append(outcome)
    elif isinstance(outcome, Rejected):
        faulty.append(outcome)
    else:
        skipped.append(outcome)


def check_parts(source: str, names: Iterable[str]) -> None:
    """Refuses parts that this source does not have, before anything is read. Raises UnreadableImport."""
    _named_parts(SOURCES[source], dict.fromkeys(names, b""))


def _named_parts(source: Source, parts: Mapping[str, bytes]) -> Mapping[str, bytes]:
    names = [part.name for part in source.parts]
    if len(parts) == 1 and not set(parts) & set(names):
        return {"devices": next(iter(parts.values()))}
    strange = sorted(set(parts) - set(names))
    if strange:
        raise UnreadableImport(
            "unknown_part",
            f"{source.title} is imported from these parts: {', '.join(names)}.",
            pointer=f"/{strange[0]}",
        )
    if "devices" not in parts:
        raise UnreadableImport(
            "missing_part",
            f"The list of devices is missing; {source.title} needs the part devices.",
            pointer="/devices",
        )
    return parts


def _list_in(source: JsonSource, part: Part, document: Json) -> list[Json]:
    """The list where the source has it; a bare list is accepted, since scripts like to unwrap the pages."""
    found = document if isinstance(document, list) else at(document, part.list_at or "results")
    if not isinstance(found, list):
        place = f"a list in the member {part.list_at}" if part.list_at else "a list"
        raise UnreadableImport(
            "not_this_source", f"This is no {source.title} export: {place} is expected here.", pointer=f"/{part.name}"
        )
    return found


def _details_in(source: JsonSource, part: Part, document: Json) -> Mapping[str, Json]:
    if not isinstance(document, dict):
        raise UnreadableImport(
            "not_this_source",
            f"This is no {source.title} export: an object from device id to its detail is expected here.",
            pointer=f"/{part.name}",
        )
    return document


def _check_marks(source: JsonSource, records: Iterable[Json]) -> None:
    """Refuses another source's file by name. A file nobody knows is read, and its rows say what they lack."""
    members = {name for record in records if isinstance(record, dict) for name in record}
    if members & source.marks:
        return
    of_part = {part.name: len(part.marks & members) for part in source.parts if part.marks & members}
    if of_part and "deviceId" in members:
        likely_part = max(of_part, key=lambda name: of_part[name])
        raise UnreadableImport(
            "not_the_devices",
            f"This is the part {likely_part} of a {source.title} export, not its devices. Send both in one import: the devices "
            f"as the part devices, this document as the part {likely_part}.",
            pointer="/devices",
        )
    others = [other for other in SOURCES.values() if isinstance(other, JsonSource) and len(other.marks & members) > 1]
    if others:
        likely = max(others, key=lambda other: len(other.marks & members))
        raise UnreadableImport(
            "not_this_source",
            f"This is no {source.title} export; it looks like one of {likely.title} (source {likely.name}).",
            pointer="/devices",
        )


def _not_objects(part: str, rows: Iterable[Json]) -> list[Rejected]:
    return [
        rejected(number, "not_an_object", part=part) for number, row in enumerate(rows, start=1) if not isinstance(row, dict)
    ]


def _completeness(document: Json, count: int) -> tuple[Remark, ...]:
    """Says so when the export is one page of several: the devices of the others would look as if they were gone."""
    totals = (
        at(document, "pageDetails", "totalCount"),
        at(document, "totalItems"),
        at(document, "total_items"),
        at(document, "total"),
        at(document, "meta", "total_entries"),
    )
    total = max((number for number in totals if isinstance(number, int)), default=0)
    if total <= count:
        return ()
    return (Remark("incomplete_export", f"The export holds {count} of {total} devices; export every page.", "/devices"),)
