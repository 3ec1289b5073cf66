"""Listens to the tenant's events, as a webhook would, for what tickets have to be told and for what makes one.

The events are the outbox: nothing in the verbs of tasks knows of tickets. An event that is heard twice is told once.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.events import Event
from domain.remediation import working
from domain.remediation.tasks import Task, TaskPriority, TaskStatus
from domain.remediation.treating import tasks_of
from domain.runtime import Runtime
from domain.sra.findings import Finding
from domain.sra.levels import Level
from domain.tenancy import SYSTEM, TenantSession, Wall
from domain.ticketing.connections import Connection
from domain.ticketing.connector import TicketState
from domain.ticketing.mappings import Automatic
from domain.ticketing.mappings import Mapping as TicketMapping
from domain.ticketing.tickets import ChangeKind, Ticket, ask_to_tell, open_ticket

EVENTS_AT_ONCE = 500
HEARD = (
    "finding.opened", "finding.reopened", "task.archived", "task.commented", "task.completed", "task.created",
    "task.reopened", "task.updated", "task.verified",
)  # fmt: skip
_TOLD_FIELDS = frozenset({"title", "description", "priority", "due_on", "finding_ids"})
_PRIORITY_OF = {
    Level.very_high: TaskPriority.urgent,
    Level.high: TaskPriority.high,
    Level.moderate: TaskPriority.normal,
    Level.low: TaskPriority.low,
    Level.very_low: TaskPriority.low,
}

_ANY_NEWS = """
    select exists (select 1 from ticketing_place p join event e on e.tenant_id = p.tenant_id and e.sequence > p.sequence
        where p.tenant_id = $1)"""

_TAKE_PLACE = "select sequence from ticketing_place where tenant_id = $1 for update skip locked"

_MOVE_PLACE = "update ticketing_place set sequence = $2 where tenant_id = $1"

_INSERT = """
    insert into ticket_change (tenant_id, id, created_at, updated_at, version, organization_id, ticket_id, sequence, part,
        kind, about, status)
    values ($1, gen_random_uuid(), now(), now(), 1, $2, $3, $4, $5, $6, $7::jsonb, 'waiting')
    on conflict (tenant_id, ticket_id, sequence, part) do nothing"""

_WAKE = """
    update ticket set next_attempt_at = coalesce(next_attempt_at, $3), updated_at = now(), version = version + 1
    where tenant_id = $1 and id = $2"""

_UNTOLD = """
    select c.id from task_comment c
    where c.tenant_id = $1 and c.task_id = $2 and c.created_at > $4 and c.created_at <= $5
      and not exists (select 1 from ticket_change x where x.tenant_id = c.tenant_id and x.ticket_id = $3
        and x.about->>'comment_id' = c.id::text)
      and not exists (select 1 from ticket_comment k where k.tenant_id = c.tenant_id and k.ticket_id = $3
        and k.comment_id = c.id)
    order by c.id"""


async def catch_up(runtime: Runtime, tenant_id: UUID) -> None:
    """Note what the tenant's events mean for its tickets, from the one that was heard last to the newest.

    Jobs of several commits may come in any order, and at once. So whoever comes first hears all that is there, in order;
    the others find the place taken and leave, and whoever has it looks once more when it has given it up.
    """
    while True:
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            if not await _hear_some(session):
                return


async def _hear_some(session: TenantSession) -> bool:
    """False when there was nothing, or another worker is at it."""
    driver = await session.driver()
    if not await driver.fetchval(_ANY_NEWS, session.tenant_id):
        return False
    place = await driver.fetchval(_TAKE_PLACE, session.tenant_id)
    if place is None:
        return False
    connections = await _alive(session)
    wanted = select(Event).where(col(Event.sequence) > place).order_by(col(Event.sequence)).limit(EVENTS_AT_ONCE)
    last = place
    for event in (await session.execute(wanted)).scalars().all():
        last = event.sequence
        if event.kind in HEARD:
            await _hear(session, event, connections)
    await driver.execute(_MOVE_PLACE, session.tenant_id, last)
    return True


async def _hear(session: TenantSession, event: Event, connections: set[UUID]) -> None:
    if event.subject_type == "finding":
        await _plan_for(session, event, connections)
        return
    if event.kind == "task.created":
        await _open_automatically(session, event, connections)
    await _tell(session, event, connections)


async def _alive(session: TenantSession) -> set[UUID]:
    """Every connection that is kept. One that is switched off is only paused: what happens meanwhile waits for it."""
    kept = select(Connection.id).where(col(Connection.archived_at).is_(None))
    return set((await session.execute(kept)).scalars())


async def _mappings(session: TenantSession, event: Event, connections: set[UUID]) -> list[TicketMapping]:
    """What makes tickets by itself in the organization of an event."""
    alive = select(TicketMapping).where(
        col(TicketMapping.organization_id) == event.organization_id,
        col(TicketMapping.connection_id).in_(connections),
        col(TicketMapping.archived_at).is_(None),
        col(TicketMapping.automatic) != Automatic.nothing,
    )
    return list((await session.execute(alive)).scalars())


async def _plan_for(session: TenantSession, event: Event, connections: set[UUID]) -> None:
    """A risk that is bad enough makes a task, unless one treats it already; the task then makes its tickets."""
    mappings = [each for each in await _mappings(session, event, connections) if each.automatic is Automatic.findings]
    if not mappings:
        return
    finding = await session.fetch(Finding, event.subject_id)
    least = min(each.least_level.rank for each in mappings)
    if finding.level_rank < least or await tasks_of(session, finding):
        return
    draft = working.TaskDraft(
        title=finding.title[:300],
        description=finding.remediation[:10_000] or None,
        priority=_PRIORITY_OF[finding.level],
        ref=f"finding:{finding.id}:{event.sequence}",
    )
    await working.plan_for(session, finding, draft)


async def _open_automatically(session: TenantSession, event: Event, connections: set[UUID]) -> None:
    for mapping in await _mappings(session, event, connections):
        task = await session.fetch(Task, event.subject_id)
        if task.archived_at is None and not await _had_one(session, task, mapping.connection_id):
            await open_ticket(session, task, mapping.connection_id)


async def _had_one(session: TenantSession, task: Task, connection_id: UUID) -> bool:
    any_at_all = select(Ticket.id).where(
        col(Ticket.tenant_id) == session.tenant_id,
        col(Ticket.task_id) == task.id,
        col(Ticket.connection_id) == connection_id,
    )
    return (await session.execute(any_at_all.limit(1))).scalar_one_or_none() is not None


async def _tell(session: TenantSession, event: Event, connections: set[UUID]) -> None:
    """Note for each live ticket of a task what it has to hear. What a ticket itself brought about is not told back to it."""
    alive = select(Ticket).where(
        col(Ticket.task_id) == event.subject_id,
        col(Ticket.connection_id).in_(connections),
        col(Ticket.gone_at).is_(None),
    )
    for ticket in (await session.execute(alive)).scalars().all():
        if event.actor.get("kind") == "connection" and event.actor.get("id") == str(ticket.connection_id):
            continue
        if event.at < ticket.created_at:
            continue
        said = await _comments(session, event, ticket)
        done = _doing(event)
        parts = [(ChangeKind.comment, about) for about in said] + done
        await _note(session, ticket, event.sequence, parts)


async def _comments(session: TenantSession, event: Event, ticket: Ticket) -> list[dict[str, Any]]:
    if event.kind not in ("task.commented", "task.completed", "task.verified"):
        return []
    driver = await session.driver()
    rows = await driver.fetch(_UNTOLD, session.tenant_id, ticket.task_id, ticket.id, ticket.created_at, event.at)
    return [{"comment_id": str(each["id"])} for each in rows]


def _doing(event: Event) -> list[tuple[ChangeKind, dict[str, Any]]]:
    match event.kind:
        case "task.completed" | "task.archived":
            return [(ChangeKind.state, {"state": TicketState.done.value})]
        case "task.reopened":
            return [(ChangeKind.state, {"state": TicketState.open.value})]
        case "task.verified":
            return [(ChangeKind.comment, {"sentence": "verified"})]
        case "task.updated":
            return _updating(event.changes)
        case _:
            return []


def _updating(changes: Mapping[str, Any]) -> list[tuple[ChangeKind, dict[str, Any]]]:
    parts: list[tuple[ChangeKind, dict[str, Any]]] = []
    fields = sorted(_TOLD_FIELDS & changes.keys())
    if fields:
        parts.append((ChangeKind.update, {"fields": fields}))
    status = changes.get("status")
    if isinstance(status, dict) and status.get("to") == TaskStatus.in_progress.value:  # pyright: ignore[reportUnknownMemberType]  JSON
        parts.append((ChangeKind.state, {"state": TicketState.in_progress.value}))
    return parts


async def _note(session: TenantSession, ticket: Ticket, sequence: int, parts: list[tuple[ChangeKind, dict[str, Any]]]) -> None:
    if not parts:
        return
    driver = await session.driver()
    for part, (kind, about) in enumerate(parts):
        await driver.execute(
            _INSERT, session.tenant_id, ticket.organization_id, ticket.id, sequence, part, kind.value, json.dumps(about)
        )
    await driver.execute(_WAKE, session.tenant_id, ticket.id, now())
    await ask_to_tell(session, ticket, up_to=sequence)
