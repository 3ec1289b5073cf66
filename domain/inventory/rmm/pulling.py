"""Pulling an inventory: page after page is kept, each in a transaction of its own that also counts up how far the run has
come; when all are here they go, as the documents of one export, into an import for the whole tenant.

So a run that is asked to wait is put off and not slept through, a killed worker's is gone on with, and one that fails leaves
nothing behind but its reason: the inventory never sees half an answer.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.errors import Conflict
from domain.inventory.fleet_importing import queue_fleet_import
from domain.inventory.import_jobs import SET_ASIDE, actor_of, files_of, forget_files, keep_files, set_aside
from domain.inventory.importing import Export
from domain.inventory.imports.documents import LARGEST_FILE
from domain.inventory.imports.source import SOURCES, Part
from domain.inventory.rmm import runs
from domain.inventory.rmm.connections import RmmConnection, source_of
from domain.inventory.rmm.runs import TO_BE_PULLED, RmmRun, RunStatus
from domain.inventory.rmm.schedules import next_run
from domain.inventory.rmm.source import Page, RmmSource
from domain.inventory.sent_files import SentFile
from domain.jobs import PULL_INVENTORY
from domain.keyring import KeyRingError
from domain.outbound.destinations import EgressPolicy
from domain.outbound.tools import ToolFailed, Trouble
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

PAUSES: Sequence[timedelta] = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
"""Before a page is asked for again that the tool could not give. After the last of them the run has failed."""
PAUSE_WHEN_BUSY = timedelta(minutes=1)
LONGEST = timedelta(days=1)
"""A run that has not come to its end after so long has failed: the next one would bring newer facts."""
MOST_PAGES = 5_000


class TakenOver(Exception):
    """Another worker has gone on with this run, because this one had not been heard of for too long."""


class Ended(Exception):
    """The run is over, as it is when somebody switches its connection off."""


async def pull(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind a run."""
    try:
        await _Pull(runtime, UUID(payload["tenant_id"]), UUID(payload["run_id"])).do()
    except Ended:
        return


async def sweep(runtime: Runtime) -> None:
    """Start what is due by its schedule, queue again what has no job, and end what was set aside."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await _start_due(session)
            unfinished = list((await session.execute(select(RmmRun).where(col(RmmRun.status).in_(TO_BE_PULLED)))).scalars())
            by_id = {run.id: run for run in unfinished}
            for run_id in await set_aside(session, PULL_INVENTORY, {runs.job_key(run): run.id for run in unfinished}):
                run = by_id.pop(run_id)
                await forget_files(session, run.id)
                await runs.fail(session, run, "set_aside", SET_ASIDE)
            await runs.queue(session, list(by_id.values()))


async def _start_due(session: TenantSession) -> None:
    moment = now()
    due = select(RmmConnection).where(
        col(RmmConnection.enabled), col(RmmConnection.archived_at).is_(None), col(RmmConnection.next_run_at) <= moment
    )
    for connection in (await session.execute(due.with_for_update(key_share=True, skip_locked=True))).scalars().all():
        connection.next_run_at = next_run(connection, moment)
        try:
            await runs.start(session, connection, scheduled=True)
        except Conflict:
            continue  # The run before it is not over yet.


class _Pull:
    """One run in the hands of this worker."""

    def __init__(self, runtime: Runtime, tenant_id: UUID, run_id: UUID) -> None:
        self._runtime = runtime
        self._wall = Wall(tenant_id)
        self._run_id = run_id
        self._actor, self._context = SYSTEM, dict[str, Any]()
        self._place: str | None = None
        self._pages = 0

    async def do(self) -> None:
        async with self._mine(first=True) as (session, run):
            run.status, run.resume_at, run.error = RunStatus.pulling, None, None
            self._actor, self._context = actor_of(run.options), run.options["context"]
            self._place, self._pages, pulled = run.place, run.pages, run.pulled
            connection = await session.fetch(RmmConnection, run.connection_id)
            try:
                source = source_of(connection, self._runtime.keyring, EgressPolicy.of(self._runtime.settings))
            except KeyRingError:
                detail = "The credentials cannot be opened with the keys that this installation has. Set them again."
                await runs.fail(session, run, Trouble.credentials, detail)
                return
        try:
            if not pulled:
                await self._pull_all(source)
        except ToolFailed as failure:
            await self._put_off(failure)
            return
        await self._hand_over(source, connection.id)

    async def _pull_all(self, source: RmmSource) -> None:
        await source.begin()
        while True:
            page = await source.page(self._place)
            await self._keep(page)
            if page.next is None:
                return
            if self._pages >= MOST_PAGES or page.next == self._place:
                raise ToolFailed(Trouble.wrong_answer, "Its list does not come to an end.")
            self._place = page.next

    async def _keep(self, page: Page) -> None:
        async with self._mine() as (session, run):
            files = [SentFile(part, f"{run.pages:06}", json.dumps(rows).encode()) for part, rows in page.parts.items() if rows]
            await keep_files(session, run.id, files)
            run.place, run.pages, run.pulled = page.next, run.pages + 1, page.next is None
            run.devices += len(page.parts.get("devices", ()))
            for part, failure in page.left_out.items():
                _leave_out(run, part, failure.trouble, failure.detail)
            run.failures = 0
        self._pages += 1

    async def _put_off(self, failure: ToolFailed) -> None:
        """Wait and go on, or end it. Waiting is the queue's: this worker does something else meanwhile."""
        async with self._mine() as (session, run):
            moment = now()
            wait = self._pause(run, failure)
            if wait is None or moment + wait - run.created_at > LONGEST:
                await forget_files(session, run.id)
                await runs.fail(session, run, failure.trouble.value, failure.detail)
                return
            if failure.trouble is Trouble.expired:
                await forget_files(session, run.id)
                run.place, run.pages, run.devices, run.left_out = None, 0, 0, []
            run.status, run.resume_at, run.attempt = RunStatus.waiting, moment + wait, run.attempt + 1
            run.error = {"code": failure.trouble.value, "detail": failure.detail}
            await runs.queue(session, [run])

    def _pause(self, run: RmmRun, failure: ToolFailed) -> timedelta | None:
        """None: there is no use in waiting."""
        if failure.trouble is Trouble.busy:
            return PAUSE_WHEN_BUSY if failure.wait is None else max(failure.wait, timedelta(seconds=1))
        if failure.trouble not in (Trouble.unreachable, Trouble.expired) or run.failures >= len(PAUSES):
            return None
        run.failures += 1
        return max(PAUSES[run.failures - 1], failure.wait or timedelta(0))

    async def _hand_over(self, source: RmmSource, connection_id: UUID) -> None:
        """All the pages become the documents of one export."""
        async with self._mine() as (session, run):
            pages: dict[str, list[bytes]] = {}
            for file in sorted(await files_of(session, run.id), key=lambda file: file.name):
                pages.setdefault(file.part, []).append(file.content)
            await forget_files(session, run.id)
            parts = {part.name: part for part in SOURCES[source.source].parts}
            files = [SentFile(name, f"{name}.json", _joined(parts[name], pages[name])) for name in parts if name in pages]
            if "devices" not in pages:
                detail = "It listed no devices. May these credentials see all clients?"
                await runs.fail(session, run, "no_devices", detail)
                return
            for file in [each for each in files if len(each.content) > LARGEST_FILE]:
                detail = (
                    f"It holds more than {LARGEST_FILE // (1024 * 1024)} MiB of one kind; that is more than one import takes."
                )
                if file.part == "devices":
                    await runs.fail(session, run, "too_large", detail)
                    return
                _leave_out(run, file.part, "too_large", detail)
                files.remove(file)
            export = Export(source.source, files, as_of=now(), mapping=source.mapping())
            run.fleet_import_id = (await queue_fleet_import(session, export, connection_id=connection_id)).id
            run.status = RunStatus.importing

    @asynccontextmanager
    async def _mine(self, *, first: bool = False) -> AsyncGenerator[tuple[TenantSession, RmmRun]]:
        """A transaction that holds the run, as long as it is to be pulled, by us, and its connection has not been switched
        off meanwhile."""
        async with tenant_session(self._runtime.database, self._wall, actor=self._actor, context=self._context) as session:
            run = await session.fetch(RmmRun, self._run_id, lock=True)
            if run.status not in TO_BE_PULLED:
                raise Ended
            if not first and run.pages != self._pages:
                raise TakenOver
            connection = await session.fetch(RmmConnection, run.connection_id)
            if connection.enabled and connection.archived_at is None:
                yield session, run
                return
            await forget_files(session, run.id)
            await runs.fail(session, run, "switched_off", "The connection was switched off while it ran.")
        raise Ended


def _leave_out(run: RmmRun, part: str, code: str, detail: str) -> None:
    run.left_out = [*run.left_out, {"part": part, "code": code, "detail": detail}]


def _joined(part: Part, pages: Sequence[bytes]) -> bytes:
    """One document of the pages' rows, in the form in which the tool would export them. Nothing is read for that."""
    inner = b",".join(page[1:-1] for page in pages)
    if part.by_id:
        return b"{" + inner + b"}"
    rows = b"[" + inner + b"]"
    return rows if part.list_at is None else json.dumps({part.list_at: None}).encode().replace(b"null", rows)
