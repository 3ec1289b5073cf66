"""Tells tickets what happened to their tasks: one change after the other, each until the product has taken it.

No transaction is open while a product is spoken to. What could have been done just before a worker died is looked for
before it is done again: a ticket by its external id, a comment by its mark.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.events import emit
from domain.jobs import TELL_TICKET, Errand, enqueue_once
from domain.outbound.egress import EgressPolicy, egress_under
from domain.outbound.tools import ToolFailed, Trouble, Web, asked
from domain.people.members import Member
from domain.people.tenants import Person
from domain.remediation.tasks import Task, TaskComment
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall
from domain.ticketing import troubles
from domain.ticketing.connections import Connection, connector_of
from domain.ticketing.connector import Changes, Connector, Draft, RemoteTicket, TicketState, marked
from domain.ticketing.losses import lose
from domain.ticketing.mappings import mapping_for
from domain.ticketing.tickets import ChangeKind, ChangeStatus, Ticket, TicketChange
from domain.ticketing.wording import priority_of, state_of_task, text_of, title_of, verified_sentence

LEASE = timedelta(seconds=120)
"""Longer than everything that is asked of a product for one change, each with its own deadline."""
EARLY = timedelta(seconds=1)
"""The queue counts a wait from the beginning of the transaction that asked for it, which is a little before the row's."""
WAITS = tuple(timedelta(seconds=each) for each in (5, 30, 120, 600, 1800))
"""Between attempts, the last one again and again: a product that is down for days loses nothing."""
REFUSALS = 4
"""How often a product may refuse a change before it is left behind. A ticket that cannot be made is not left behind."""


@dataclass(frozen=True)
class Turn:
    """One change with all that it takes to tell it: nothing of it needs the database any more."""

    ticket_id: UUID
    change_id: UUID
    begun_before: datetime | None
    tell: Callable[[Connector], Awaitable[RemoteTicket | None]]
    connector: Connector


async def tell(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every change: tell the ticket everything that waits, in order, and stop at the first failure."""
    wall, ticket_id = Wall(UUID(payload["tenant_id"])), UUID(payload["ticket_id"])
    while True:
        async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
            turn = await _take_turn(session, runtime, ticket_id)
        if turn is None:
            return
        failure: ToolFailed | None = None
        remote: RemoteTicket | None = None
        try:
            remote = await asked(turn.tell(turn.connector))
        except ToolFailed as error:
            failure = error
        async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
            went_on = await _record(session, turn, remote, failure)
        if not went_on:
            return


async def _take_turn(session: TenantSession, runtime: Runtime, ticket_id: UUID) -> Turn | None:
    """The oldest change that waits, and the right to tell it. None when there is nothing to do, or another worker does it:
    that one looks again before it ends, so nothing is left behind."""
    ticket = await session.fetch(Ticket, ticket_id, lock=True)
    moment = now()
    if ticket.gone_at is not None or ticket.next_attempt_at is None or ticket.next_attempt_at > moment + EARLY:
        return None
    if ticket.leased_until is not None and ticket.leased_until > moment:
        return None
    connection = await session.fetch(Connection, ticket.connection_id)
    if not connection.enabled:
        return None  # It stays due: the sweep finds it when the connection is switched on again.
    change = await _oldest_waiting(session, ticket)
    if change is None:
        ticket.next_attempt_at = None
        return None
    web = Web(egress_under(EgressPolicy.of(runtime.settings)), connection.base_url)
    connector = connector_of(connection, runtime.keyring, web)
    turn = Turn(
        ticket_id=ticket.id,
        change_id=change.id,
        begun_before=change.begun_at,
        tell=await _telling(session, runtime, connector, ticket, change),
        connector=connector,
    )
    change.begun_at = moment
    ticket.leased_until = moment + LEASE
    return turn


async def _oldest_waiting(session: TenantSession, ticket: Ticket) -> TicketChange | None:
    waiting = (
        select(TicketChange)
        .where(col(TicketChange.ticket_id) == ticket.id, col(TicketChange.status) == ChangeStatus.waiting)
        .order_by(col(TicketChange.sequence), col(TicketChange.part))
        .limit(1)
    )
    return (await session.execute(waiting)).scalar_one_or_none()


async def _telling(
    session: TenantSession, runtime: Runtime, connector: Connector, ticket: Ticket, change: TicketChange
) -> Callable[[Connector], Awaitable[RemoteTicket | None]]:
    """What to do at the product, with everything read that it takes."""
    task = await session.fetch(Task, ticket.task_id)
    begun = change.begun_at
    if change.kind is ChangeKind.create:
        mapping = await mapping_for(session, ticket.connection_id, ticket.organization_id)
        if mapping is None:
            return _refusing("The organization is not mapped on this connection any more.")
        draft = Draft(
            external_id=ticket.external_id,
            title=title_of(task),
            text=await text_of(session, task, base_url=runtime.settings.base_url, external_id=ticket.external_id),
            target=mapping.target,
            priority=await priority_of(session, task, mapping, connector),
            due_on=task.due_on,
        )
        return lambda to: _create(to, draft, begun, state_of_task(task))
    remote_id = ticket.remote_id
    if remote_id is None:
        return _refusing("There is no ticket yet.")
    if change.kind is ChangeKind.state:
        state = TicketState(change.about["state"])
        return lambda to: _set_state(to, remote_id, state)
    if change.kind is ChangeKind.comment:
        text = marked(await _words_of(session, task, change), change.about.get("comment_id") or change.id)
        return lambda to: _comment(to, remote_id, text, begun=begun is not None)
    changes = await _changes(session, connector, task, ticket, change)
    return lambda to: _update(to, remote_id, changes)


async def _changes(session: TenantSession, connector: Connector, task: Task, ticket: Ticket, change: TicketChange) -> Changes:
    fields: list[str] = change.about["fields"]
    mapping = await mapping_for(session, ticket.connection_id, ticket.organization_id)
    priority = None
    if mapping is not None and {"priority", "finding_ids"} & set(fields):
        priority = await priority_of(session, task, mapping, connector)
    text = None
    if {"description", "finding_ids"} & set(fields):
        text = await text_of(session, task, base_url=None, external_id=ticket.external_id)
    return Changes(
        title=title_of(task) if "title" in fields else None,
        text=text,
        priority=priority,
        due_on=task.due_on if "due_on" in fields else None,
    )


async def _words_of(session: TenantSession, task: Task, change: TicketChange) -> str:
    if "comment_id" not in change.about:
        return verified_sentence(task)
    comment = await session.fetch(TaskComment, UUID(change.about["comment_id"]))
    if comment.author_id is None:
        return comment.text
    named = select(Person.name).join(Member, col(Member.person_id) == col(Person.id)).where(col(Member.id) == comment.author_id)
    name = (await session.execute(named)).scalar_one_or_none()
    return f"{name}: {comment.text}" if name else comment.text


# --- at the product ---------------------------------------------------------------------------------------------------


def _refusing(detail: str) -> Callable[[Connector], Awaitable[RemoteTicket | None]]:
    async def refuse(_: Connector) -> RemoteTicket | None:
        raise ToolFailed(Trouble.refused, detail)

    return refuse


async def _create(connector: Connector, draft: Draft, begun: datetime | None, state: TicketState) -> RemoteTicket:
    """Search before create: never two, also when an earlier attempt made one and died before it could say so."""
    remote = await connector.find_by_external_id(draft.external_id)
    if remote is None:
        settled = begun is None or now() - begun >= connector.settles_after
        if not settled:
            detail = "An earlier attempt may have made it: waiting until the product's search would show it."
            raise ToolFailed(Trouble.busy, detail, wait=connector.settles_after)
        remote = await connector.create(draft)
    if state is not TicketState.open:
        return await _set_state(connector, remote.id, state) or remote
    return remote


async def _set_state(connector: Connector, id: str, state: TicketState) -> RemoteTicket:
    """A ticket that is in this state already, in whatever words, is left alone."""
    remote = await connector.get(id)
    word = connector.word_for(state)
    if remote.gone or connector.state_of(remote) is state or word is None:
        return remote
    await connector.update(id, Changes(status=word))
    return await connector.get(id)


async def _comment(connector: Connector, id: str, text: str, *, begun: bool) -> RemoteTicket | None:
    """Some products take what is said on a ticket that was deleted, where nobody reads it: such a ticket is shown."""
    remote = await connector.get(id)
    if remote.gone:
        return remote
    if begun:
        there = {each.ours for each in await connector.comments(id)}
        if _mark_of(text) in there:
            return None
    await connector.comment(id, text)
    return None


def _mark_of(text: str) -> str:
    return text.rsplit("[bitewing:", 1)[-1].rstrip("]")


async def _update(connector: Connector, id: str, changes: Changes) -> RemoteTicket | None:
    remote = await connector.get(id)
    if remote.gone:
        return remote
    await connector.update(id, changes)
    return None


# --- what came of it --------------------------------------------------------------------------------------------------


async def _record(session: TenantSession, turn: Turn, remote: RemoteTicket | None, failure: ToolFailed | None) -> bool:
    """Note what came of a change; True when the next one may be told at once."""
    ticket = await session.fetch(Ticket, turn.ticket_id, lock=True)
    change = await session.fetch(TicketChange, turn.change_id)
    ticket.leased_until = None
    if failure is not None:
        return await _record_failure(session, ticket, change, failure)
    if remote is not None and remote.gone:
        await lose(session, ticket)
        return False
    change.status = ChangeStatus.told
    change.told_at = now()
    change.detail = None
    ticket.attempts = 0
    ticket.trouble = ticket.trouble_detail = None
    ticket.next_attempt_at = now()
    if remote is not None:
        _take_over(ticket, turn.connector, remote)
        if change.kind is ChangeKind.create:
            emit(session, "ticket.opened", ticket, {"task_id": ticket.task_id, "connection_id": ticket.connection_id})
    await troubles.note_success(session, ticket.connection_id)
    return True


def _take_over(ticket: Ticket, connector: Connector, remote: RemoteTicket) -> None:
    """The product's state after we told it something: so that its own callback about that is no news."""
    ticket.remote_id = remote.id
    ticket.url = remote.url
    ticket.remote_status = remote.status
    ticket.state = connector.state_of(remote)
    ticket.looked_at = now()


async def _record_failure(session: TenantSession, ticket: Ticket, change: TicketChange, failure: ToolFailed) -> bool:
    making = change.kind is ChangeKind.create
    ticket.attempts += 1
    ticket.trouble, ticket.trouble_detail = failure.trouble.value, failure.detail
    change.detail = failure.detail
    await troubles.note_failure(session, ticket.connection_id, failure)
    if failure.trouble is Trouble.gone and not making:
        await lose(session, ticket)
        return False
    if failure.trouble is Trouble.refused and not making and ticket.attempts >= REFUSALS:
        change.status = ChangeStatus.refused
        ticket.attempts = 0
        ticket.next_attempt_at = now()
        emit(session, "ticket.change_refused", ticket, {"task_id": ticket.task_id, "kind": change.kind.value})
        return True
    wait = max(WAITS[min(ticket.attempts, len(WAITS)) - 1], failure.wait or timedelta(0))
    ticket.next_attempt_at = now() + wait
    key = f"{TELL_TICKET}:{ticket.id}:{change.sequence}:{ticket.attempts}:{int(ticket.next_attempt_at.timestamp())}"
    await enqueue_once(session, TELL_TICKET, [Errand(key=key, ids={"ticket_id": ticket.id}, after=wait, priority=-1)])
    return False
