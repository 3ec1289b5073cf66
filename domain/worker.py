"""The worker: takes jobs from the queue in Postgres and does them. Start as many as you like.

A job runs at least once: when its worker is killed its heartbeat stops, and another worker takes it up within seconds. So
every handler must bear being run again. One worker at a time also does the chores that belong to nobody's request.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from domain import audit_exports, audit_partitions
from domain.database import NOT_WAITING_FOR_THE_DISK
from domain.errors import place_of
from domain.inventory import fleet_importing, import_jobs
from domain.inventory.rmm import pulling
from domain.jobs import (
    CLEAR_OUT,
    EVALUATE,
    EXPORT_AUDIT_LOG,
    FAN_OUT,
    FLEET_IMPORT,
    IMPORT,
    LOOK_AT_TICKET,
    NOTE_FOR_PERSON,
    POLL_TICKETS,
    PULL_INVENTORY,
    RENDER_REPORT,
    RESET_PASSWORD,
    REVIEW_AGREEMENTS,
    SEND,
    SEND_AGAIN,
    SEND_MAIL,
    TELL_TICKET,
    TEST_CONNECTION,
)
from domain.outbound import attempts, dispatch, sending
from domain.outbound.mail import deliver_mail, sweep_mail
from domain.people import clearing_out
from domain.people.kept_answers import forget_old_answers
from domain.people.oauth_tokens import sweep_tokens
from domain.people.personal_notes import note_for_person
from domain.people.recovery import write_reset_letter
from domain.people.sso_sign_ins import forget_old_sign_ins
from domain.remediation import clocks
from domain.remediation.reminding import remind_all
from domain.runtime import Runtime
from domain.sra import re_evaluating, report_files
from domain.sra.deciding import reopen_all_expired
from domain.sra.staleness import watch_all
from domain.tenancy import NOBODYS_TENANT, Wall
from domain.ticketing import hearing, polling, telling, trying
from domain.vendors import reminders, standings

log = structlog.get_logger()

Handler = Callable[[Runtime, Mapping[str, Any]], Awaitable[None]]

JOBS: dict[str, Handler] = {
    FAN_OUT: dispatch.fan_out,
    SEND: sending.send,
    SEND_AGAIN: sending.send,
    RENDER_REPORT: report_files.render_report,
    EVALUATE: re_evaluating.evaluate_again,
    EXPORT_AUDIT_LOG: audit_exports.write_export,
    SEND_MAIL: deliver_mail,
    IMPORT: import_jobs.carry_out,
    FLEET_IMPORT: fleet_importing.carry_out,
    REVIEW_AGREEMENTS: standings.review_agreements,
    NOTE_FOR_PERSON: note_for_person,
    RESET_PASSWORD: write_reset_letter,
    TELL_TICKET: telling.tell,
    LOOK_AT_TICKET: hearing.look,
    POLL_TICKETS: polling.poll,
    TEST_CONNECTION: trying.try_out,
    PULL_INVENTORY: pulling.pull,
    CLEAR_OUT: clearing_out.clear_out,
}
"""Every kind of job and what does it. The payload is what ``domain.jobs.enqueue`` was given, with the tenant's id."""

AT_ONCE: Mapping[str, int] = {
    RENDER_REPORT: 2,
    EVALUATE: 32,
    REVIEW_AGREEMENTS: 32,
    SEND_MAIL: 8,
    IMPORT: 2,
    FLEET_IMPORT: 2,
    PULL_INVENTORY: 8,
    TELL_TICKET: 64,
    LOOK_AT_TICKET: 32,
    POLL_TICKETS: 16,
    SEND_AGAIN: 32,
}
"""How many jobs of a kind may be taken at once over all workers, where many would eat up memory, be taken for a flood by a
mail server, wait for endpoints and products that are dead, or leave no place for others. Others are not bounded."""
IN_TURN: Mapping[str, int] = {EVALUATE: 2, REVIEW_AGREEMENTS: 2}
"""How many jobs of a kind one worker runs at once; those that it has taken beyond that wait their turn. Short jobs that come by
the thousand are taken in heaps: the queue lets a fifth of a second pass between one taking and the next."""

CHORE_LOCK = 0x62_69_74_65_77_69_6E_67
"""The advisory lock that the one worker holds which does the chores: "bitewing" in ASCII."""
KEPT_LOG = timedelta(days=7)
LOOK_AGAIN = timedelta(seconds=0.02)
"""How soon to look for more jobs where some are left, or one is due in a moment."""


@dataclass(frozen=True)
class Chore:
    """Something to be done again and again, by one worker among all."""

    name: str
    every: timedelta
    do: Callable[[Runtime], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How the worker goes about it. The defaults are for real life; tests are in a hurry."""

    jobs_at_once: int = 256
    """Mostly of webhooks, which do nothing but wait for their receivers."""
    look: timedelta = timedelta(seconds=2)
    """How often to look for jobs of killed workers. New jobs announce themselves."""
    heartbeat_timeout: timedelta = timedelta(seconds=10)
    attempts: int = 6
    """How often a job may fail in our own code before it is set aside, to be looked at."""
    first_delay: timedelta = timedelta(seconds=1)
    """Before a failed job is tried again; four times as long each time."""
    reconnect: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Duties:
    """What the worker does: its kinds of jobs, how many of each at once, and its chores."""

    jobs: Mapping[str, Handler]
    at_once: Mapping[str, int]
    chores: Sequence[Chore]


class JobSetAside(Exception):
    """A job failed too often. It stays in the queue as failed, and its message names nothing but the kind of error."""


async def work(runtime: Runtime, stop: asyncio.Event, *, pace: Pace | None = None, more: Duties | None = None) -> None:
    """Do jobs and chores, our own and those that a room above brings as ``more``, until ``stop`` is set; then finish what has
    begun. Outlives a database that goes away."""
    pace = pace or Pace()
    duties = _all_duties(more)
    log.info("worker.ready", kinds=len(duties.jobs))
    while not stop.is_set():
        try:
            await _work_on_one_connection(runtime, stop, pace, duties)
        except Exception as error:
            # Whatever it was, a worker that gives up helps nobody: the queue waits in the database.
            log.warning("worker.interrupted", error=type(error).__name__, where=place_of(error))
            await _pause(stop, pace.reconnect)


def _all_duties(more: Duties | None) -> Duties:
    if more is None:
        return Duties(jobs=JOBS, at_once=AT_ONCE, chores=CHORES)
    return Duties(jobs={**JOBS, **more.jobs}, at_once={**AT_ONCE, **more.at_once}, chores=(*CHORES, *more.chores))


async def _work_on_one_connection(runtime: Runtime, stop: asyncio.Event, pace: Pace, duties: Duties) -> None:
    connection = await runtime.database.connect()
    try:
        await connection.execute(f"SET {NOT_WAITING_FOR_THE_DISK}")
        queue = Queries(AsyncpgDriver(connection))
        manager = QueueManager(queue)
        manager.min_dequeue_poll_interval = LOOK_AGAIN
        for name, handler in duties.jobs.items():
            register = manager.entrypoint(
                name, concurrency_limit=duties.at_once.get(name, 0), accepts_context=False, on_failure="hold"
            )
            register(_careful(runtime, name, handler, pace))
        beside = [
            asyncio.create_task(_end(manager, stop)),
            asyncio.create_task(_do_chores(runtime, queue, manager.shutdown, duties.chores)),
        ]
        try:
            await manager.run(
                dequeue_timeout=pace.look,
                batch_size=max(1, pace.jobs_at_once // 4),
                max_concurrent_tasks=pace.jobs_at_once,
                shutdown_on_listener_failure=True,
                heartbeat_timeout=pace.heartbeat_timeout,
            )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    finally:
        with contextlib.suppress(Exception):
            await connection.close(timeout=2)


async def _end(manager: QueueManager, stop: asyncio.Event) -> None:
    await stop.wait()
    manager.shutdown.set()


def _careful(runtime: Runtime, name: str, handler: Handler, pace: Pace) -> Callable[[Job], Awaitable[None]]:
    """A handler whose failures are logged by their kind, never their content, and tried again for a while."""
    turns = asyncio.Semaphore(IN_TURN.get(name, pace.jobs_at_once))

    async def run(job: Job) -> None:
        try:
            async with turns:
                await handler(runtime, json.loads(job.payload or b"{}"))
            return
        except Exception as error:
            failed, where = type(error).__name__, place_of(error)
        # Raised out here so that the error itself, which may quote data, is neither logged nor kept by the queue.
        if job.attempts + 1 >= pace.attempts:
            log.error("job.set_aside", job=name, job_id=job.id, error=failed, where=where)
            raise JobSetAside(failed)
        log.warning("job.failed", job=name, job_id=job.id, attempt=job.attempts + 1, error=failed, where=where)
        raise RetryRequested(delay=pace.first_delay * 4**job.attempts, reason=failed)

    return run


async def _do_chores(runtime: Runtime, queue: Queries, ended: asyncio.Event, chores: Sequence[Chore]) -> None:
    """Become the worker that does the chores once nobody else is. The lock falls with the connection."""
    due = {chore.name: 0.0 for chore in chores}
    mine = False
    while not ended.is_set():
        if not mine:
            rows = await queue.driver.fetch("select pg_try_advisory_lock($1::bigint) as mine", CHORE_LOCK)
            mine = rows[0]["mine"] is True
        for chore in chores:
            if mine and time.monotonic() >= due[chore.name]:
                due[chore.name] = time.monotonic() + chore.every.total_seconds()
                try:
                    await chore.do(runtime)
                except Exception as error:
                    log.error("chore.failed", chore=chore.name, error=type(error).__name__, where=place_of(error))
        await _pause(ended, timedelta(seconds=1) if mine else timedelta(seconds=5))


async def prune_queue_log(runtime: Runtime) -> None:
    """Forget what became of jobs long ago; the queue itself keeps that for ever."""
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
        for table in ("pgqueuer_log", "pgqueuer_statistics"):
            await connection.exec_driver_sql(f"delete from {table} where created < now() - $1::interval", (KEPT_LOG,))  # noqa: S608  our own names


async def _pause(ended: asyncio.Event, length: timedelta) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), length.total_seconds())


CHORES: tuple[Chore, ...] = (
    Chore("webhooks.sweep", timedelta(minutes=1), dispatch.sweep),
    Chore("webhooks.forget", timedelta(hours=1), attempts.forget_what_was_said),
    Chore("imports.sweep", timedelta(minutes=1), import_jobs.sweep),
    Chore("tickets.sweep", timedelta(minutes=1), polling.sweep),
    Chore("fleet_imports.sweep", timedelta(minutes=1), fleet_importing.sweep),
    Chore("queue.prune_log", timedelta(hours=1), prune_queue_log),
    Chore("rmm.sweep", timedelta(minutes=1), pulling.sweep),
    Chore("mail.sweep", timedelta(hours=1), sweep_mail),
    Chore("audit_log.months", audit_partitions.EVERY, audit_partitions.make_months_ahead),
    Chore("answers.forget", timedelta(hours=1), forget_old_answers),
    Chore("sso_sign_ins.forget", timedelta(minutes=1), forget_old_sign_ins),
    Chore("oauth.sweep", timedelta(hours=1), sweep_tokens),
    Chore("agreements.remind", timedelta(minutes=10), reminders.remind_all),
    Chore("agreements.review", timedelta(minutes=10), standings.review_daily),
    Chore("clocks.tell", timedelta(hours=1), clocks.tell_all),
    Chore("acceptances.reopen", timedelta(hours=1), reopen_all_expired),
    Chore("analyses.watch", timedelta(minutes=1), watch_all),
    Chore("transfers.clear_out", timedelta(minutes=10), clearing_out.clear_out_for_good),
    Chore("tasks.remind", timedelta(minutes=10), remind_all),
)
