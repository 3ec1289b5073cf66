"""Importing what a management tool knows of the machines of an organization: one export, one transaction, a few statements.

Everything is decided here, over all rows at once; a dry run decides the same and writes nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import ClassVar
from uuid import UUID

from sqlmodel import col, func, select

from domain.bulk import insert_rows, read_rows, update_rows
from domain.clock import now
from domain.errors import Invalid
from domain.events import differences, emit
from domain.free_text import CODE, keep_patients_out
from domain.inventory.claims import Card
from domain.inventory.device_matching import match_devices, same
from domain.inventory.devices import Device
from domain.inventory.import_reports import Report, keep_report
from domain.inventory.import_runs import ImportRun, RowOutcome
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import ParsedImport, UnreadableImport
from domain.inventory.imports.parsing import parse
from domain.inventory.kinds import DeviceKind
from domain.inventory.locations import Location
from domain.inventory.measured_devices import blank_device, measure
from domain.inventory.operating_systems import OperatingSystems
from domain.inventory.organizations import Organization
from domain.inventory.raw_rows import WARNING, may_hold_patients, may_name_a_patient, storable_row
from domain.inventory.sent_files import SentFile, refuse_what_is_no_export
from domain.sra.catalogue import catalogue
from domain.tenancy import TenantSession

MOST_ROWS = 50_000
LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Export:
    """What was sent, and how it is to be read. ``as_of`` is when it was made; None: it says so itself, or just now."""

    source: str
    files: Sequence[SentFile]
    as_of: datetime | None = None
    timezone: str = "UTC"
    mapping: ColumnMapping = field(default_factory=ColumnMapping)
    dry_run: bool = False


@dataclass(slots=True)
class Subject:
    """A device that something happened to: thousands of rows are too many to be made into objects."""

    noun: ClassVar[str] = "device"
    id: UUID
    organization_id: UUID


async def import_export(session: TenantSession, organization: Organization, export: Export) -> Report:
    """Bring the inventory up to what the export says. Raises UnreadableImport when nothing of it can be read."""
    refuse_what_is_no_export(export.files)
    as_of = export.as_of or now()
    parsed = await asyncio.to_thread(_parsed, export, as_of)
    await one_import_at_a_time(session, organization)
    ours = col(Device.organization_id) == organization.id
    cards = [Card(values, is_new=False) for values in await read_rows(session, Device, ours, lock=not export.dry_run)]
    locations = await read_rows(session, Location, col(Location.organization_id) == organization.id, lock=False)
    sites = {each["id"]: each["rmm_site"] for each in locations}
    doubtful = any(may_hold_patients(file.content) for file in export.files)
    found = await asyncio.to_thread(match_devices, export.source, parsed.rows, cards, sites)
    report = Report(export.source, as_of, _described(export, parsed))
    decided = _Decided(
        report,
        {same(site): id for id, site in sites.items() if site},
        doubtful,
        await _refused(session, parsed) if doubtful else {},
    )
    await asyncio.to_thread(_decide, decided, parsed, found, organization.id)
    _tell_the_rest(report, parsed)
    gone = _gone(export.source, cards, decided) if await _is_whole_and_latest(session, organization, report, parsed) else []
    for card in gone:
        card.values["stale_since"] = as_of
    report.unmatched = sorted(
        {card.values["hostname"] for card in decided.cards if card.values["kind"] == DeviceKind.unclassified}
    )
    if not export.dry_run:
        await _write(session, [*decided.cards, *gone])
        await keep_report(session, organization, report)
    return report


async def one_import_at_a_time(session: TenantSession, organization: Organization) -> None:
    """Two imports for one organization at once would both find the same machine missing, and add it twice."""
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"import:{organization.id}")


@dataclass(slots=True)
class _Decided:
    report: Report
    location_of: Mapping[str, UUID]
    doubtful: bool
    """Something in the files looks as if it could name a patient, so each row is looked at."""
    refused: Mapping[int, str]
    """Positions of rows that seem to name a patient, with the sentence that says so."""
    cards: list[Card] = field(default_factory=list[Card])


@cache
def _operating_systems() -> OperatingSystems:
    return OperatingSystems(catalogue().os_lifecycles)


def _parsed(export: Export, as_of: datetime) -> ParsedImport:
    parsed = parse(
        export.source,
        {file.part: file.content for file in export.files},
        as_of=as_of,
        operating_systems=_operating_systems(),
        timezone=export.timezone,
        mapping=export.mapping,
    )
    if parsed.unreadable is not None:
        raise UnreadableImport(parsed.unreadable.code, parsed.unreadable.detail, pointer=parsed.unreadable.pointer)
    if len(parsed.rows) > MOST_ROWS:
        raise UnreadableImport("too_many_rows", f"One import may hold at most {MOST_ROWS} devices.", pointer="/devices")
    return parsed


async def _refused(session: TenantSession, parsed: ParsedImport) -> dict[int, str]:
    """Host names and the like that seem to name a patient, unless the tenant has chosen to let them pass."""
    refused: dict[int, str] = {}
    for place, device in enumerate(parsed.rows):
        said = {"hostname": device.hostname, "os_name": device.os_name, "site": device.site, "source_id": device.source_id}
        if may_name_a_patient("\n".join(text for text in said.values() if text)):
            try:
                await keep_patients_out(session, said)
            except Invalid as refusal:
                refused[place] = refusal.faults[0].detail
    return refused


def _decide(decided: _Decided, parsed: ParsedImport, found: Mapping[int, Card], organization_id: UUID) -> None:
    report = decided.report
    for place, device in enumerate(parsed.rows):
        raw, was_removed = storable_row(device.raw) if decided.doubtful else (device.raw, False)
        warnings = [*device.warnings, *([WARNING] if was_removed else ())]
        if place in decided.refused:
            detail = decided.refused[place]
            report.tell(RowOutcome.rejected, row=device.row, code=CODE, detail=detail, warnings=warnings)
            continue
        if device.source_id is not None and len(device.source_id) > LONGEST_ID:
            detail = f"The id of the device in its source is longer than {LONGEST_ID} characters."
            report.tell(RowOutcome.rejected, row=device.row, code="source_id_too_long", detail=detail, label=device.hostname)
            continue
        card = found.get(place) or blank_device(organization_id)
        subject = Subject(card.values["id"], organization_id)
        if card.values["archived_at"] is not None:
            detail = "The device was archived here and stays so. Restore it, or remove it from the source."
            outcome, code = RowOutcome.skipped, "archived"
        else:
            measure(card, device, source=report.source, as_of=report.as_of, location_of=decided.location_of)
            decided.cards.append(card)
            report.conflicts += [each.as_json(f"asset:{card.values['id']}") for each in card.disagreements]
            outcome, code, detail = _outcome(card), None, None
        report.tell(
            outcome,
            row=device.row,
            code=code,
            detail=detail,
            subject=subject,
            label=device.hostname,
            warnings=warnings,
            raw=raw,
        )


def _outcome(card: Card) -> RowOutcome:
    if card.is_new:
        return RowOutcome.created
    return RowOutcome.updated if card.is_changed else RowOutcome.unchanged


def _tell_the_rest(report: Report, parsed: ParsedImport) -> None:
    """The rows that were not taken, and what is true of the file as a whole."""
    for each in parsed.rejected:
        pointer = None if each.part == "devices" else f"/{each.part}"
        report.tell(RowOutcome.rejected, row=each.row, pointer=pointer, code=each.reason, detail=each.detail)
    for each in parsed.skipped:
        report.tell(RowOutcome.skipped, row=each.row, code=each.reason, detail=each.detail, label=each.hostname)
    for each in parsed.duplicates:
        detail = f"Row {each.kept_row} tells of the same device, more recently."
        report.tell(RowOutcome.duplicate, row=each.row, code=each.same, detail=detail, label=each.hostname)
    for each in parsed.remarks:
        report.tell(RowOutcome.skipped, pointer=each.pointer or None, code=each.code, detail=each.detail)


def _gone(source: str, cards: Sequence[Card], decided: _Decided) -> list[Card]:
    """Devices that this source has listed before and does not list now. They are marked and never removed."""
    seen = {id(card) for card in decided.cards}
    return [
        card
        for card in cards
        if card.values["source"] == source
        and id(card) not in seen
        and card.values["stale_since"] is None
        and card.values["archived_at"] is None
    ]


async def _is_whole_and_latest(
    session: TenantSession, organization: Organization, report: Report, parsed: ParsedImport
) -> bool:
    """Only a whole export that is not older than the last one can show that a device has gone."""
    statement = select(func.max(ImportRun.as_of)).where(
        col(ImportRun.organization_id) == organization.id, col(ImportRun.source) == report.source
    )
    last = (await session.execute(statement)).scalar()
    return not parsed.remarks and (last is None or last <= report.as_of)


async def _write(session: TenantSession, cards: Sequence[Card]) -> None:
    new = [card for card in cards if card.is_new]
    known = [card for card in cards if not card.is_new and card.is_to_be_written]
    await insert_rows(session, Device, (card.values for card in new))
    await update_rows(session, Device, (card.values for card in known))
    for card in new:
        said = {name: value for name, value in card.told().items() if value not in (None, [], {})}
        emit(session, "device.created", Subject(card.values["id"], card.values["organization_id"]), said)
    for card in filter(lambda card: card.is_changed, known):
        said = differences(card.told_before(), card.told())
        emit(session, "device.updated", Subject(card.values["id"], card.values["organization_id"]), said)


def _described(export: Export, parsed: ParsedImport) -> list[dict[str, object]]:
    table = {} if parsed.table is None else parsed.table.as_json()
    return [{**file.described(), **table} for file in export.files]
