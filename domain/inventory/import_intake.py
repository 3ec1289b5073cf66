"""One export on its way into the inventory of one organization, batch by batch.

Nothing of the database is held between two batches, because others write there meanwhile: each batch looks at the devices
that its rows could be about as they are now. A dry run decides the same and writes nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, String, bindparam, or_, select
from sqlmodel import col, func

from domain.bulk import insert_rows, read_rows, update_rows
from domain.coverage import may_hold
from domain.errors import Invalid
from domain.events import Told, emit_all
from domain.free_text import CODE, keep_patients_out
from domain.inventory.claims import Card
from domain.inventory.device_matching import match_devices, same
from domain.inventory.devices import Device
from domain.inventory.import_reports import Report
from domain.inventory.import_runs import ImportRun, ImportStatus, RowOutcome
from domain.inventory.imports.normal_form import ImportedDevice, ParsedImport
from domain.inventory.kinds import DeviceKind
from domain.inventory.locations import Location
from domain.inventory.measured_devices import blank_device, measure
from domain.inventory.raw_rows import WARNING, may_name_a_patient, storable_row
from domain.inventory.reviews import note_disagreements
from domain.tenancy import TenantSession

LONGEST_ID = 255


@dataclass(slots=True)
class Subject:
    """A device that something happened to: thousands of rows are too many to be made into objects."""

    noun: ClassVar[str] = "device"
    id: UUID
    organization_id: UUID


@dataclass(slots=True)
class Intake:
    """What is known of an import while its batches are taken. ``report`` grows with each of them."""

    organization_id: UUID
    report: Report
    ids: frozenset[str]
    """Every id that the export names, in whichever batch: a device that has one of them is that row's and no other's."""
    doubtful: bool
    """Something in the files looks as if it could name a patient, so each row is looked at."""
    dry_run: bool = False
    is_whole: bool = True
    """False where only a part of an export is taken, which cannot show that a device has gone."""
    places: Mapping[str, UUID] = field(default_factory=dict[str, UUID])
    """Locations that sites were mapped to for the whole tenant, by the folded name of the site."""
    seen: set[UUID] = field(default_factory=set[UUID])
    """Devices that the export tells of."""

    async def take(self, session: TenantSession, rows: Sequence[ImportedDevice]) -> None:
        """Bring the devices of these rows up to what the rows say. PaymentRequired when the plan does not cover so many."""
        session.context = {**session.context, "source": self.report.source}
        await one_import_at_a_time(session, self.organization_id)
        known = await read_rows(session, Device, *self._could_be(rows), lock=not self.dry_run)
        locations = await read_rows(session, Location, col(Location.organization_id) == self.organization_id, lock=False)
        sites = {each["id"]: each["rmm_site"] for each in locations}
        refused = await self._refused(session, rows) if self.doubtful else {}
        location_of = {**{same(site): id for id, site in sites.items() if site}, **self.places}
        cards = await asyncio.to_thread(self._decide, rows, known, sites, location_of, refused)
        await may_hold(session, self.organization_id, more_devices=sum(card.is_new for card in cards))
        if not self.dry_run:
            await write(session, cards)
            await note_disagreements(session, Device.noun, self.report.source, cards)

    async def close(self, session: TenantSession, parsed: ParsedImport) -> None:
        """The rows that were not taken, and the devices that have gone: what only the whole export can show. One that lists
        no device at all is broken, or filtered; it does not show that all have gone."""
        tell_the_rest(self.report, parsed)
        if self.is_whole and parsed.rows and not parsed.remarks and await self._is_latest(session):
            gone = await self._gone(session)
            for card in gone:
                card.values["stale_since"] = self.report.as_of
            if not self.dry_run:
                await write(session, gone)

    def _could_be(self, rows: Sequence[ImportedDevice]) -> Iterable[Any]:
        """Every device that one of the rows could be about. Whatever else makes them the same, the host name does too."""
        ids = [row.source_id for row in rows if row.source_id]
        names = {name for row in rows for name in (row.hostname.lower(), same(row.hostname))}
        by_id = (col(Device.source) == self.report.source) & col(Device.source_id).in_(_one_of(ids))
        by_name = func.lower(Device.hostname).in_(_one_of(names))
        return col(Device.organization_id) == self.organization_id, or_(by_id, by_name)

    async def _refused(self, session: TenantSession, rows: Sequence[ImportedDevice]) -> dict[int, str]:
        """Host names and the like that seem to name a patient, unless the tenant has chosen to let them pass."""
        refused: dict[int, str] = {}
        for place, row in enumerate(rows):
            said = {"hostname": row.hostname, "os_name": row.os_name, "site": row.site, "source_id": row.source_id}
            if may_name_a_patient("\n".join(text for text in said.values() if text)):
                try:
                    await keep_patients_out(session, said)
                except Invalid as refusal:
                    refused[place] = refusal.faults[0].detail
        return refused

    def _decide(
        self,
        rows: Sequence[ImportedDevice],
        known: Iterable[dict[str, Any]],
        sites: Mapping[UUID, str | None],
        location_of: Mapping[str, UUID],
        refused: Mapping[int, str],
    ) -> list[Card]:
        report = self.report
        there = [Card(values, is_new=False) for values in known]
        found = match_devices(report.source, rows, there, sites, promised=self.ids)
        decided: list[Card] = []
        for place, row in enumerate(rows):
            raw, was_removed = storable_row(row.raw) if self.doubtful else (row.raw, False)
            warnings = [*row.warnings, *([WARNING] if was_removed else ())]
            if place in refused:
                report.tell(RowOutcome.rejected, row=row.row, code=CODE, detail=refused[place], warnings=warnings)
                continue
            if row.source_id is not None and len(row.source_id) > LONGEST_ID:
                detail = f"The id of the device in its source is longer than {LONGEST_ID} characters."
                report.tell(RowOutcome.rejected, row=row.row, code="source_id_too_long", detail=detail, label=row.hostname)
                continue
            card = found.get(place) or blank_device(self.organization_id)
            self.seen.add(card.values["id"])
            code = detail = None
            if card.values["archived_at"] is not None:
                detail = "The device was archived here and stays so. Restore it, or remove it from the source."
                outcome, code = RowOutcome.skipped, "archived"
            else:
                measure(card, row, source=report.source, as_of=report.as_of, location_of=location_of)
                decided.append(card)
                outcome = _outcome(card)
                if card.values["kind"] == DeviceKind.unclassified:
                    report.unmatched.append(card.values["hostname"])
            report.tell(
                outcome,
                row=row.row,
                code=code,
                detail=detail,
                subject=Subject(card.values["id"], self.organization_id),
                label=row.hostname,
                warnings=warnings,
                conflicts=[each.as_json(f"asset:{card.values['id']}") for each in card.disagreements],
                raw=raw,
            )
        return decided

    async def _is_latest(self, session: TenantSession) -> bool:
        """Only an export that is not older than the last one can show that a device has gone."""
        statement = select(func.max(ImportRun.as_of)).where(
            col(ImportRun.organization_id) == self.organization_id,
            col(ImportRun.source) == self.report.source,
            col(ImportRun.status) == ImportStatus.completed,
        )
        last = (await session.execute(statement)).scalar()
        return last is None or last <= self.report.as_of

    async def _gone(self, session: TenantSession) -> list[Card]:
        """Devices that this source has listed before and does not list now. They are marked and never removed."""
        listed = (
            col(Device.organization_id) == self.organization_id,
            col(Device.source) == self.report.source,
            col(Device.stale_since).is_(None),
            col(Device.archived_at).is_(None),
        )
        missing = [id for id in (await session.execute(select(col(Device.id)).where(*listed))).scalars() if id not in self.seen]
        if not missing:
            return []
        rows = await read_rows(session, Device, *listed, col(Device.id).in_(missing), lock=not self.dry_run)
        return [Card(values, is_new=False) for values in rows]


async def one_import_at_a_time(session: TenantSession, organization_id: UUID) -> None:
    """Two imports for one organization at once would both find the same machine missing, and add it twice."""
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"import:{organization_id}")


def in_batches(rows: Sequence[ImportedDevice], size: int) -> Iterator[list[ImportedDevice]]:
    """The rows in the order of the file, but those of one host name together: which device a row is about depends on
    what other rows have that name, and on nothing else."""
    by_name: dict[str, list[ImportedDevice]] = {}
    for row in rows:
        by_name.setdefault(same(row.hostname), []).append(row)
    batch: list[ImportedDevice] = []
    for together in by_name.values():
        batch += together
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def tell_the_rest(report: Report, parsed: ParsedImport) -> None:
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


async def write(session: TenantSession, cards: Sequence[Card]) -> None:
    """The rows of these cards, and an event for each that says anything new."""
    new = [card for card in cards if card.is_new]
    known = [card for card in cards if not card.is_new and card.is_to_be_written]
    await insert_rows(session, Device, (card.values for card in new))
    await update_rows(session, Device, (card.values for card in known))
    emit_all(session, "device.created", Subject.noun, (_told(card, card.told_first()) for card in new))
    changed = (card for card in known if card.is_changed)
    emit_all(session, "device.updated", Subject.noun, (_told(card, card.changes()) for card in changed))


def _told(card: Card, changes: dict[str, Any]) -> Told:
    return Told(card.values["id"], card.values["organization_id"], changes)


def _outcome(card: Card) -> RowOutcome:
    if card.is_new:
        return RowOutcome.created
    return RowOutcome.updated if card.is_changed else RowOutcome.unchanged


def _one_of(texts: Iterable[str]) -> Any:
    """For ``in_``: as a sub-select Postgres hashes it; an array it would go through for each row, where it plans without
    looking at the parameters."""
    return select(func.unnest(bindparam(None, list(texts), type_=ARRAY(String))))
