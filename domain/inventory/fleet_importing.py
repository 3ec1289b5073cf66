"""Sorting an export for the whole tenant by site, and carrying out the import of each organization.

The worker does it in steps that each end in a commit: sort every row, once; then one organization after the other, as any
large import. So it can be killed anywhere and goes on where it was.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from domain import sweeping
from domain.bulk import insert_rows
from domain.clock import now
from domain.coverage import may_begin
from domain.database import tenant_session
from domain.errors import PaymentRequired
from domain.events import emit
from domain.inventory.device_matching import same
from domain.inventory.fleet_imports import FleetImport, FleetRow
from domain.inventory.held_rows import held_form, let_go
from domain.inventory.import_intake import tell_the_rest
from domain.inventory.import_jobs import (
    SET_ASIDE,
    ImportWork,
    check_request,
    export_of,
    files_of,
    forget_files,
    keep_files,
    options_of,
    set_aside,
)
from domain.inventory.import_reports import Report
from domain.inventory.import_runs import ImportRun, ImportStatus, RowOutcome
from domain.inventory.importing import Export, described, intake_of, read_export
from domain.inventory.imports.normal_form import ImportedDevice, ParsedImport, UnreadableImport
from domain.inventory.organizations import Organization
from domain.inventory.raw_rows import storable_row
from domain.inventory.rmm.runs import settle
from domain.inventory.rmm_sites import Place, RmmSite, SiteMap, sites_of
from domain.inventory.sent_files import refuse_what_is_no_export
from domain.jobs import FLEET_IMPORT, IMPORT, Errand, enqueue_once
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

UNMAPPED = "Nobody has said whose this site is. Map it at /rmm-sites, and its devices come in."
IGNORED = "The mapping of sites leaves this site out."


async def queue_fleet_import(session: TenantSession, export: Export, *, connection_id: UUID | None = None) -> FleetImport:
    """Keep what was sent, or pulled through a connection, and leave it to the worker."""
    check_request(export)
    run = await session.save(
        FleetImport(
            source=export.source,
            connection_id=connection_id,
            made_by=session.actor.member_id,
            as_of=export.as_of or now(),
            status=ImportStatus.queued,
            files=[file.described() for file in export.files],
            options=options_of(session, export),
        )
    )
    await keep_files(session, run.id, export.files)
    await queue(session, [run.id])
    return run


async def queue(session: TenantSession, ids: Sequence[UUID]) -> None:
    await enqueue_once(session, FLEET_IMPORT, [Errand(key=f"fleet:{id}", ids={"fleet_import_id": id}) for id in ids])


@dataclass(slots=True)
class Sorted:
    """Which rows are whose. ``report`` tells of those that are nobody's."""

    report: Report
    by_organization: dict[UUID, list[ImportedDevice]] = field(default_factory=dict[UUID, list[ImportedDevice]])
    places: dict[Place, RmmSite] = field(default_factory=dict[Place, RmmSite])
    """What each site that the export names was taken for."""
    waiting: dict[UUID, int] = field(default_factory=dict[UUID, int])
    met: dict[UUID, RmmSite] = field(default_factory=dict[UUID, RmmSite])
    new: list[RmmSite] = field(default_factory=list[RmmSite])

    def locations_of(self, organization_id: UUID) -> dict[str, UUID]:
        """Folded name of the site -> location, where the mapping names one."""
        return {
            site: entry.location_id
            for (_, site), entry in self.places.items()
            if entry.organization_id == organization_id and entry.location_id is not None
        }


async def sort_rows(session: TenantSession, export: Export, parsed: ParsedImport, *, as_of: datetime) -> Sorted:
    """Give every row to the organization of its site. Sites that are not in the mapping are put there, to be mapped."""
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"rmm-sites:{session.tenant_id}")
    known = SiteMap.of(await sites_of(session, export.source))
    live = set((await session.execute(select(col(Organization.id)).where(col(Organization.archived_at).is_(None)))).scalars())
    result = Sorted(Report(export.source, as_of, described(export, parsed)))
    entries = dict(known.entries)
    for row in parsed.rows:
        place = same(row.company), same(row.site)
        entry = result.places.get(place)
        if entry is None:
            entry = SiteMap(entries).find(row.company, row.site)
            if entry is None:
                entry = _noted(export.source, row)
                entries[entry.place] = entry
                result.new.append(entry)
            result.places[place] = entry
            result.met[entry.id] = entry
        if entry.organization_id is not None and entry.organization_id in live:
            result.by_organization.setdefault(entry.organization_id, []).append(row)
        else:
            _leave_out(result, entry, row)
    tell_the_rest(result.report, parsed)
    return result


def _noted(source: str, row: ImportedDevice) -> RmmSite:
    """A client that the tool has not shown before; where it has no clients, a site."""
    company = (row.company or "").strip()[:200] or None
    site = None if company else ((row.site or "").strip()[:200] or NO_SITE)
    return RmmSite(source=source, company=company, site=site)


NO_SITE = "(no site)"
"""Where the tool says neither client nor site."""


def _leave_out(result: Sorted, entry: RmmSite, row: ImportedDevice) -> None:
    raw, _ = storable_row(row.raw)
    held = None
    if entry.ignored:
        code, detail = "ignored_site", IGNORED
    else:
        code, detail = "unmapped_site", UNMAPPED
        held = held_form(replace(row, raw=raw))
        result.waiting[entry.id] = result.waiting.get(entry.id, 0) + 1
    report = result.report
    report.tell(RowOutcome.skipped, row=row.row, code=code, detail=detail, label=row.hostname, warnings=row.warnings, raw=raw)
    report.rows[-1] |= {"site_id": entry.id, "held": held}


async def carry_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind an import for the whole tenant."""
    with sweeping.put_off():
        await _FleetWork(runtime, UUID(payload["tenant_id"]), UUID(payload["fleet_import_id"])).do()


async def rehearse(session: TenantSession, export: Export) -> dict[str, Any]:
    """What would become of an export: the counts, by organization as well, and the sites that nobody has mapped."""
    refuse_what_is_no_export(export.files)
    as_of = export.as_of or now()
    parsed = await asyncio.to_thread(read_export, export, as_of)
    found = await sort_rows(session, export, parsed, as_of=as_of)
    counts = dict(found.report.counts)
    organizations: list[dict[str, Any]] = []
    for organization_id, rows in found.by_organization.items():
        part = replace(parsed, rows=tuple(rows), rejected=(), skipped=(), duplicates=())
        intake = intake_of(organization_id, export, part, Report(export.source, as_of, []))
        intake.places = found.locations_of(organization_id)
        await intake.take(session, part.rows)
        counts = {name: number + intake.report.counts.get(name, 0) for name, number in counts.items()}
        organizations.append({"organization_id": organization_id, "counts": intake.report.counts})
    unmapped = [
        {"company": site.company, "site": site.site, "waiting": found.waiting[site.id]}
        for site in found.met.values()
        if site.id in found.waiting
    ]
    return {"counts": counts, "organizations": organizations, "unmapped": unmapped, "waiting": sum(found.waiting.values())}


async def sweep(runtime: Runtime) -> None:
    """Queue again what has no job, as after a loss of the queue; end what was set aside."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            unfinished = col(FleetImport.status).in_([ImportStatus.queued, ImportStatus.running])
            ids = list((await session.execute(select(col(FleetImport.id)).where(unfinished))).scalars())
            for run_id in await set_aside(session, FLEET_IMPORT, {f"fleet:{id}": id for id in ids}):
                run = await session.fetch(FleetImport, run_id, lock=True)
                await fail(session, run, "set_aside", SET_ASIDE)
                ids.remove(run_id)
            await queue(session, ids)


class _FleetWork:
    """One import for the whole tenant in the hands of this worker."""

    def __init__(self, runtime: Runtime, tenant_id: UUID, run_id: UUID) -> None:
        self._runtime = runtime
        self._tenant_id = tenant_id
        self._run_id = run_id

    async def do(self) -> None:
        async with self._session() as session:
            run = await session.fetch(FleetImport, self._run_id, lock=True)
            if run.status not in (ImportStatus.queued, ImportStatus.running):
                return
            run.status = ImportStatus.running
            export = export_of(run.source, run.as_of, run.options, await files_of(session, run.id))
            options = run.options
        assert export.as_of is not None
        try:
            parsed = await asyncio.to_thread(read_export, export, export.as_of)
        except UnreadableImport as refusal:
            async with self._session() as session:
                run = await session.fetch(FleetImport, self._run_id, lock=True)
                await fail(session, run, refusal.specific_code, refusal.detail, pointer=refusal.faults[0].pointer)
            return
        async with self._session() as session:
            run = await session.fetch(FleetImport, self._run_id, lock=True)
            if not run.is_sorted:
                await _keep_sorted(session, run, await sort_rows(session, export, parsed, as_of=export.as_of), options)
            places, children = run.places, await children_of(session, run.id)
        for child in children:
            if "held_site" in child.options:
                continue
            await self._take(child, export, parsed, places)
        async with self._session() as session:
            await _complete(session, await session.fetch(FleetImport, self._run_id, lock=True))

    async def _take(self, child: ImportRun, export: Export, parsed: ParsedImport, places: Sequence[Mapping[str, Any]]) -> None:
        owner = str(child.organization_id)
        mine = {(each["company"], each["site"]): each for each in places if each["organization_id"] == owner}
        rows = tuple(row for row in parsed.rows if (same(row.company), same(row.site)) in mine)
        part = replace(parsed, rows=rows, rejected=(), skipped=(), duplicates=())
        work = ImportWork(self._runtime, self._tenant_id, child.id)
        if await work.begin() is None:
            return
        try:
            async with self._session() as session:
                await may_begin(session, await session.fetch(Organization, child.organization_id))
        except PaymentRequired as refusal:
            await work.fail(refusal.specific_code, refusal.detail)
            return
        intake = intake_of(child.organization_id, export, part, Report(child.source, child.as_of, child.files))
        intake.places = {site: UUID(each["location_id"]) for (_, site), each in mine.items() if each["location_id"]}
        await work.take(intake, part)

    def _session(self) -> Any:
        return tenant_session(self._runtime.database, Wall(self._tenant_id), actor=SYSTEM)


async def children_of(session: TenantSession, run_id: UUID) -> list[ImportRun]:
    """The imports of the organizations."""
    statement = select(ImportRun).where(col(ImportRun.fleet_import_id) == run_id).order_by(col(ImportRun.id))
    return list((await session.execute(statement)).scalars())


async def _keep_sorted(session: TenantSession, run: FleetImport, found: Sorted, options: dict[str, Any]) -> None:
    for site in found.new:
        await session.save(site)
        emit(session, "rmm_site.created", site, {"source": site.source, "company": site.company, "site": site.site})
    blank = {"site_id": None, "held": None}
    names = FleetRow.model_fields.keys()
    rows = ({name: value for name, value in {**blank, **row}.items() if name in names} for row in found.report.rows)
    for site_id in found.met:
        await let_go(session, site_id)
    await insert_rows(session, FleetRow, rows, fleet_import_id=run.id)
    moment = now()
    for site in found.met.values():
        site.waiting, site.last_seen_at = found.waiting.get(site.id, 0), moment
    for organization_id in found.by_organization:
        await session.save(
            ImportRun(
                organization_id=organization_id,
                fleet_import_id=run.id,
                source=run.source,
                made_by=run.made_by,
                as_of=run.as_of,
                status=ImportStatus.queued,
                files=found.report.files,
                options=options,
            )
        )
    run.is_sorted = True
    run.files = found.report.files
    run.waiting = sum(found.waiting.values())
    run.counts = dict(found.report.counts)
    run.rows_total = found.report.told + sum(map(len, found.by_organization.values()))
    run.places = [
        {
            "company": company,
            "site": site,
            "organization_id": str(entry.organization_id) if entry.organization_id in found.by_organization else None,
            "location_id": str(entry.location_id) if entry.location_id else None,
        }
        for (company, site), entry in found.places.items()
    ]
    await session.flush()


async def _complete(session: TenantSession, run: FleetImport) -> None:
    if run.status is not ImportStatus.running:
        return
    for child in await children_of(session, run.id):
        run.counts = {name: run.counts.get(name, 0) + child.counts.get(name, 0) for name in {*run.counts, *child.counts}}
    run.status = ImportStatus.completed
    run.rows_done = run.rows_total or 0
    run.options = {}
    run.finished_at = now()
    await session.flush()
    await forget_files(session, run.id)
    told = {"source": run.source, "status": run.status, "counts": run.counts, "waiting": run.waiting}
    emit(session, "fleet_import.completed", run, told)
    await settle(session, run)


async def fail(session: TenantSession, run: FleetImport, code: str, detail: str, *, pointer: str | None = None) -> None:
    """End an import that cannot be carried out, and say why."""
    run.status = ImportStatus.failed
    run.error = {"code": code, "detail": detail, "pointer": pointer}
    run.options = {}
    run.finished_at = now()
    await session.flush()
    await forget_files(session, run.id)
    emit(session, "fleet_import.failed", run, {"source": run.source, "status": run.status, "error": run.error})
    await settle(session, run)


async def take_held(session: TenantSession, site: RmmSite) -> ImportRun | None:
    """The devices that waited for this site come in: an import of its organization, done by the worker."""
    if site.organization_id is None or not site.waiting:
        return None
    newest = select(FleetImport).join(FleetRow, col(FleetRow.fleet_import_id) == col(FleetImport.id))
    newest = newest.where(col(FleetRow.site_id) == site.id, col(FleetRow.held).is_not(None))
    of = (await session.execute(newest.order_by(col(FleetImport.id).desc()).limit(1))).scalar_one_or_none()
    if of is None:
        return None
    run = await session.save(
        ImportRun(
            organization_id=site.organization_id,
            fleet_import_id=of.id,
            source=of.source,
            made_by=session.actor.member_id,
            as_of=of.as_of,
            status=ImportStatus.queued,
            files=of.files,
            options={"held_site": str(site.id), "actor": session.actor.named(), "context": dict(session.context)},
        )
    )
    await enqueue_once(session, IMPORT, [Errand(key=f"import:{run.id}", ids={"import_id": run.id})])
    return run
