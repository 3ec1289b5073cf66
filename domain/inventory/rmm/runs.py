"""One pull of a connection: how far it has come, and what became of it. Its pages are kept like the files of an import."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import col, select

from domain.clock import now, rfc3339
from domain.errors import Conflict
from domain.events import emit
from domain.inventory.fleet_imports import FleetImport
from domain.inventory.import_runs import ImportStatus
from domain.inventory.rmm.connections import MOST_REFUSALS, DisabledReason, RmmConnection, switch_off
from domain.jobs import PULL_INVENTORY, Errand, enqueue_once
from domain.outbound.tools import Trouble
from domain.tenancy import (
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_list,
    json_object,
    json_or_unknown,
    listed_by,
    one_of,
    tenant_table,
)


class RunStatus(StrEnum):
    queued = "queued"
    pulling = "pulling"
    waiting = "waiting"
    """For the tool, which asked us to, or to try again after a failure."""
    importing = "importing"
    """All pages are here; the import for the whole tenant has them."""
    completed = "completed"
    failed = "failed"


UNFINISHED = (RunStatus.queued, RunStatus.pulling, RunStatus.waiting, RunStatus.importing)
TO_BE_PULLED = (RunStatus.queued, RunStatus.pulling, RunStatus.waiting)


class RmmRun(TenantOwned, table=True):
    __tablename__ = "rmm_run"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("rmm_connection", "connection_id"),
        belongs_to_tenants("fleet_import"),
        listed_by("rmm_run", "connection_id"),
        Index(
            "uq_rmm_run_unfinished",
            "tenant_id",
            "connection_id",
            unique=True,
            postgresql_where=text("status not in ('completed', 'failed')"),
        ),
        Index("ix_rmm_run_fleet_import_id", "tenant_id", "fleet_import_id"),
    )
    noun: ClassVar[str] = "rmm_run"

    connection_id: UUID
    status: RunStatus = one_of(RunStatus)
    scheduled: bool = False
    made_by: UUID | None = None
    options: dict[str, Any] = json_object()
    """In whose name it is done, until it is."""
    place: str | None = None
    """Where the next page is, in the product's terms."""
    pages: int = 0
    """How many were kept. It counts up in the transaction that keeps one, so no page is taken twice."""
    devices: int = 0
    pulled: bool = False
    """Every page is here."""
    attempt: int = 0
    """How often it was put off and gone on with."""
    failures: int = 0
    """How often in a row the tool did not answer as it should, since the last page."""
    resume_at: datetime | None = instant(default=None)
    error: dict[str, Any] | None = json_or_unknown()
    """While it waits: why. Once it has failed: why it did."""
    left_out: list[dict[str, str]] = json_list()
    """The documents it had to do without, and why: what they tell of the devices stays as it was known before."""
    counts: dict[str, int] = json_object()
    """What the import came to."""
    fleet_import_id: UUID | None = None
    finished_at: datetime | None = instant(default=None)


async def start(session: TenantSession, connection: RmmConnection, *, scheduled: bool) -> RmmRun:
    """A new run, left to the worker. Conflict while another one is under way."""
    if connection.archived_at is not None or not connection.enabled:
        raise Conflict("This connection is switched off; enable it first.", code="disabled")
    under_way = select(col(RmmRun.id)).where(col(RmmRun.connection_id) == connection.id, col(RmmRun.status).in_(UNFINISHED))
    await session.fetch(RmmConnection, connection.id, lock=True)
    if (await session.execute(under_way)).scalar() is not None:
        raise Conflict("A run of this connection is under way; see its runs.", code="under_way")
    run = await session.save(
        RmmRun(
            connection_id=connection.id,
            status=RunStatus.queued,
            scheduled=scheduled,
            made_by=session.actor.member_id,
            options={"actor": session.actor.named(), "context": dict(session.context)},
        )
    )
    emit(session, "rmm_run.started", run, {"connection_id": connection.id, "scheduled": scheduled})
    connection.last_run_at = now()
    await queue(session, [run])
    return run


async def queue(session: TenantSession, runs: list[RmmRun]) -> None:
    """A job for each, and no second one for where each of them stands."""
    moment = now()
    await enqueue_once(
        session,
        PULL_INVENTORY,
        [
            Errand(
                key=job_key(run),
                ids={"run_id": run.id},
                after=max(run.resume_at - moment, timedelta(0)) if run.resume_at else None,
            )
            for run in runs
        ],
    )


def job_key(run: RmmRun) -> str:
    return f"rmm:{run.id}:{run.attempt}"


async def fail(session: TenantSession, run: RmmRun, code: str, detail: str) -> None:
    """End a run that cannot be carried out, and say why, on its connection as well."""
    run.status = RunStatus.failed
    run.error = {"code": code, "detail": detail}
    run.finished_at = now()
    run.resume_at = None
    run.options = {}
    connection = await session.fetch(RmmConnection, run.connection_id, lock=True)
    connection.refusals += code == Trouble.credentials
    connection.last_error = {**run.error, "at": rfc3339(run.finished_at)}
    await session.flush()
    emit(session, "rmm_run.failed", run, {"connection_id": run.connection_id, "error": run.error})
    if connection.refusals >= MOST_REFUSALS and connection.enabled:
        await switch_off(session, connection, DisabledReason.credentials)


async def settle(session: TenantSession, taken: FleetImport) -> None:
    """An import for the whole tenant has ended: so has the run that brought it, if one did."""
    if taken.connection_id is None:
        return
    found = select(RmmRun).where(col(RmmRun.fleet_import_id) == taken.id, col(RmmRun.status) == RunStatus.importing)
    run = (await session.execute(found)).scalar_one_or_none()
    if run is None:
        return
    if taken.status is ImportStatus.failed:
        error = taken.error or {}
        await fail(session, run, error.get("code", "import_failed"), error.get("detail", "The import failed."))
        return
    run.status = RunStatus.completed
    run.counts = dict(taken.counts)
    run.finished_at = now()
    run.options = {}
    connection = await session.fetch(RmmConnection, run.connection_id, lock=True)
    connection.last_success_at, connection.last_error, connection.refusals = run.finished_at, None, 0
    await session.flush()
    told = {"connection_id": run.connection_id, "fleet_import_id": taken.id, "devices": run.devices, "counts": run.counts}
    emit(session, "rmm_run.completed", run, {**told, "left_out": run.left_out})
