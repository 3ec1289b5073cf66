"""Large imports, done by the worker: batch by batch, each in a transaction of its own that also counts up how far it has
come. A worker that is killed leaves the batches it has finished; the next one reads the same files and goes on behind them.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlmodel import col, func

from domain import sweeping
from domain.clock import now
from domain.database import tenant_session
from domain.errors import PaymentRequired
from domain.events import emit
from domain.inventory.device_matching import same
from domain.inventory.devices import Device
from domain.inventory.held_rows import held_devices, let_go
from domain.inventory.import_intake import Intake, in_batches
from domain.inventory.import_reports import Report, complete, keep_rows
from domain.inventory.import_runs import ImportFile, ImportRow, ImportRun, ImportStatus
from domain.inventory.importing import Export, described, intake_of, read_export
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import ImportedDevice, ParsedImport, UnreadableImport
from domain.inventory.imports.parsing import check_parts
from domain.inventory.imports.source import SOURCES, TableSource
from domain.inventory.imports.times import zone_named
from domain.inventory.kinds import DeviceKind
from domain.inventory.organizations import Organization
from domain.inventory.rmm_sites import RmmSite
from domain.inventory.sent_files import SentFile, refuse_what_is_no_export
from domain.jobs import IMPORT, Errand, enqueue_once
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Actor, TenantSession, Wall

LARGE = 512 * 1024
"""Bytes of all documents together; a larger import is the worker's. So is a table of more than ``MANY`` lines."""
MANY = 1_000
ROWS_AT_ONCE = 2_000
"""Rows in one transaction."""
SET_ASIDE = "The import failed again and again for a fault of ours. What it had done is kept; send it again to do the rest."


class TakenOver(Exception):
    """Another worker has gone on with this import, because this one had not been heard of for too long."""


def is_large(export: Export) -> bool:
    """Whether an import is left to the worker. Nothing is read for that: a file is looked at, and no more."""
    lines = isinstance(SOURCES[export.source], TableSource) and any(file.content.count(b"\n") > MANY for file in export.files)
    return lines or sum(len(file.content) for file in export.files) > LARGE


async def queue_import(session: TenantSession, organization: Organization, export: Export) -> ImportRun:
    """Keep what was sent, and leave it to the worker."""
    check_request(export)
    run = await session.save(
        ImportRun(
            organization_id=organization.id,
            source=export.source,
            made_by=session.actor.member_id,
            as_of=export.as_of or now(),
            status=ImportStatus.queued,
            counts=Report(export.source, now(), []).counts,
            files=[file.described() for file in export.files],
            options=options_of(session, export),
        )
    )
    await keep_files(session, run.id, export.files)
    await queue(session, [run.id])
    return run


def check_request(export: Export) -> None:
    """What can be refused at once of an import that is left to the worker. Raises UnreadableImport and UnsupportedMedia."""
    refuse_what_is_no_export(export.files)
    check_parts(export.source, [file.part for file in export.files])
    export.mapping.checked()
    zone_named(export.timezone)


def options_of(session: TenantSession, export: Export) -> dict[str, Any]:
    """How the files are to be read, and in whose name."""
    return {
        "timezone": export.timezone,
        "columns": dict(export.mapping.columns),
        "date_format": export.mapping.date_format,
        "actor": session.actor.named(),
        "context": dict(session.context),
    }


async def keep_files(session: TenantSession, import_id: UUID, files: Sequence[SentFile]) -> None:
    for file in files:
        await session.save(ImportFile(import_id=import_id, part=file.part, name=file.name, content=file.content))


async def queue(session: TenantSession, import_ids: Sequence[UUID]) -> None:
    await enqueue_once(session, IMPORT, [Errand(key=f"import:{id}", ids={"import_id": id}) for id in import_ids])


async def carry_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind a large import."""
    with sweeping.put_off():
        await _carry_out(ImportWork(runtime, UUID(payload["tenant_id"]), UUID(payload["import_id"])))


async def _carry_out(work: "ImportWork") -> None:
    export = await work.begin()
    if export is None:
        return
    assert export.as_of is not None
    if work.held_site is not None:
        await work.take_held(export, work.held_site)
        return
    try:
        parsed = await asyncio.to_thread(read_export, export, export.as_of)
    except UnreadableImport as refusal:
        await work.fail(refusal.specific_code, refusal.detail, pointer=refusal.faults[0].pointer)
        return
    report = Report(export.source, export.as_of, described(export, parsed))
    await work.take(intake_of(work.organization_id, export, parsed, report), parsed)


class ImportWork:
    """One import in the hands of this worker."""

    def __init__(self, runtime: Runtime, tenant_id: UUID, run_id: UUID) -> None:
        self._runtime = runtime
        self._wall = Wall(tenant_id)
        self._run_id = run_id
        self._actor, self._context = SYSTEM, dict[str, Any]()
        self._done = 0
        self.organization_id: UUID
        self.held_site: UUID | None = None
        """The site whose devices had waited, where the import takes in these instead of a file."""

    async def begin(self) -> Export | None:
        """What is to be done; None when it has been done already."""
        async with self._mine() as (session, run):
            if run.status not in (ImportStatus.queued, ImportStatus.running):
                return None
            run.status = ImportStatus.running
            self._done, self.organization_id = run.rows_done, run.organization_id
            self._actor, self._context = actor_of(run.options), run.options["context"]
            held = run.options.get("held_site")
            if held is not None:
                self.held_site = UUID(held)
                return Export(run.source, (), as_of=run.as_of)
            return export_of(run.source, run.as_of, run.options, await files_of(session, run.id))

    async def take_held(self, export: Export, site_id: UUID) -> None:
        """What had waited comes in. It is a part of an export, which shows nothing gone."""
        async with self._mine() as (session, run):
            rows = await held_devices(session, site_id)
            site = await session.fetch(RmmSite, site_id)
            report = Report(run.source, run.as_of, run.files)
        parsed = ParsedImport(export.source, tuple(rows))
        intake = intake_of(self.organization_id, export, parsed, report)
        intake.doubtful, intake.is_whole = True, False
        if site.location_id is not None:
            intake.places = {same(row.site): site.location_id for row in rows}
        await self.take(intake, parsed)

    async def take(self, intake: Intake, parsed: ParsedImport) -> None:
        """Carry it out from where it stands, or end it where the plan covers no more."""
        try:
            await self._take(intake, parsed)
        except PaymentRequired as refusal:
            await self.fail(refusal.specific_code, refusal.detail)

    async def _take(self, intake: Intake, parsed: ParsedImport) -> None:
        if self._done:
            await self._recall(intake)
        place = 0
        for batch in in_batches(parsed.rows, ROWS_AT_ONCE):
            place += len(batch)
            if place > self._done:
                await self._take_batch(intake, batch, len(parsed.rows))
        async with self._mine() as (session, run):
            await intake.close(session, parsed)
            await keep_rows(session, run, intake.report)
            run.files, run.options = intake.report.files, {}
            await complete(session, run, intake.report)
            if self.held_site is not None:
                await let_go(session, self.held_site)
            await forget_files(session, run.id)

    async def fail(self, code: str, detail: str, *, pointer: str | None = None) -> None:
        async with self._mine() as (session, run):
            await fail(session, run, code, detail, pointer=pointer)

    async def _take_batch(self, intake: Intake, batch: Sequence[ImportedDevice], total: int) -> None:
        async with self._mine() as (session, run):
            await intake.take(session, batch)
            await keep_rows(session, run, intake.report)
            intake.report.rows.clear()
            run.rows_done += len(batch)
            run.rows_total = total
            run.counts = dict(intake.report.counts)
        self._done += len(batch)

    async def _recall(self, intake: Intake) -> None:
        """What the worker before this one had found out."""
        async with self._mine() as (session, _):
            await recall(session, self._run_id, intake)

    @asynccontextmanager
    async def _mine(self) -> AsyncGenerator[tuple[TenantSession, ImportRun]]:
        """A transaction that holds the import, as long as nobody else has gone on with it."""
        async with tenant_session(self._runtime.database, self._wall, actor=self._actor, context=self._context) as session:
            run = await session.fetch(ImportRun, self._run_id, lock=True)
            if self._done and run.rows_done != self._done:
                raise TakenOver
            yield session, run


async def recall(session: TenantSession, run_id: UUID, intake: Intake) -> None:
    """Fill the intake with what the rows that are written already say."""
    report = intake.report
    written = col(ImportRow.import_run_id) == run_id
    counted = select(col(ImportRow.outcome), func.count()).where(written).group_by(col(ImportRow.outcome))
    for outcome, number in await session.execute(counted):
        report.counts[outcome] = number
        report.told += number
    disagreeing = select(col(ImportRow.conflicts)).where(written, col(ImportRow.conflicts) != [])
    for conflicts in (await session.execute(disagreeing.order_by(col(ImportRow.position)))).scalars():
        report.conflicts += conflicts
    of_rows = select(col(ImportRow.subject_id)).where(written, col(ImportRow.subject_id).is_not(None))
    intake.seen.update(id for id in (await session.execute(of_rows)).scalars() if id is not None)
    unclassified = select(col(Device.hostname)).where(
        col(Device.id).in_(of_rows), col(Device.kind) == DeviceKind.unclassified, col(Device.archived_at).is_(None)
    )
    report.unmatched += [name for name in (await session.execute(unclassified)).scalars() if name]


async def fail(session: TenantSession, run: ImportRun, code: str, detail: str, *, pointer: str | None = None) -> None:
    """End an import that cannot be carried out, and say why."""
    run.status = ImportStatus.failed
    run.error = {"code": code, "detail": detail, "pointer": pointer}
    run.options = {}
    run.finished_at = now()
    await session.flush()
    await forget_files(session, run.id)
    emit(session, "import.failed", run, {"source": run.source, "status": run.status, "error": run.error})


async def files_of(session: TenantSession, import_id: UUID) -> list[SentFile]:
    statement = select(ImportFile).where(col(ImportFile.import_id) == import_id).order_by(col(ImportFile.id))
    return [SentFile(file.part, file.name, file.content) for file in (await session.execute(statement)).scalars()]


async def forget_files(session: TenantSession, import_id: UUID) -> None:
    await session.execute(delete(ImportFile).where(col(ImportFile.import_id) == import_id))


def export_of(source: str, as_of: Any, options: Mapping[str, Any], files: Sequence[SentFile]) -> Export:
    mapping = ColumnMapping(options["columns"], options["date_format"])
    return Export(source, files, as_of=as_of, timezone=options["timezone"], mapping=mapping)


def actor_of(options: Mapping[str, Any]) -> Actor:
    """Whoever sent it: what the worker does is done in their name."""
    named = options["actor"]
    ids = {name: UUID(named[name]) if named[name] else None for name in ("id", "member_id")}
    return Actor(named["kind"], **ids)


async def sweep(runtime: Runtime) -> None:
    """Queue again what has no job, as after a loss of the queue; end what was set aside after it had failed again and again."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            unfinished = select(col(ImportRun.id)).where(
                col(ImportRun.status).in_([ImportStatus.queued, ImportStatus.running]),
                or_(col(ImportRun.fleet_import_id).is_(None), func.jsonb_exists(col(ImportRun.options), "held_site")),
            )
            ids = list((await session.execute(unfinished)).scalars())
            for run_id in await set_aside(session, IMPORT, {f"import:{id}": id for id in ids}):
                run = await session.fetch(ImportRun, run_id, lock=True)
                await fail(session, run, "set_aside", SET_ASIDE)
                ids.remove(run_id)
            await queue(session, ids)


async def set_aside(session: TenantSession, job: str, keys: Mapping[str, UUID]) -> list[UUID]:
    """Which of these the queue has given up, by the keys of their jobs. The queue forgets them with that."""
    connection = await session.driver()
    gone = await connection.fetch(
        "delete from pgqueuer where entrypoint = $1 and status = 'failed' and dedupe_key = any($2::text[]) "
        "returning dedupe_key",
        job,
        list(keys),
    )
    return [keys[each["dedupe_key"]] for each in gone]
