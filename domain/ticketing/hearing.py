"""Hears what became of tickets: a callback or the poll says which to look at, the ticket itself says what happened.

A callback is only ever a hint. Whatever it claims, the ticket is fetched, compared with what was known of it, and only
the difference moves the task: so what we told a ticket ourselves is no news when it comes back.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.jobs import LOOK_AT_TICKET, Errand, enqueue_once
from domain.outbound.egress import EgressPolicy, egress_under
from domain.outbound.tools import ToolFailed, Trouble, Web, asked
from domain.remediation import elsewhere
from domain.remediation.tasks import Task
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Actor, TenantSession, Wall
from domain.ticketing import troubles
from domain.ticketing.connections import Connection, connector_of
from domain.ticketing.connector import Connector, Hint, RemoteComment, RemoteTicket, TicketState
from domain.ticketing.losses import lose
from domain.ticketing.tickets import Ticket, TicketComment

LOOKS = 5
"""How often a look may find that the ticket was told something meanwhile."""
AGAIN_AFTER = timedelta(minutes=1)
"""After a look that failed, because the product was away; twice as long each time."""
AGAIN_WITHIN = timedelta(hours=1)

_HEARD_BEFORE = """
    insert into heard_callback (tenant_id, id, created_at, updated_at, version, connection_id, key)
    values ($1, gen_random_uuid(), now(), now(), 1, $2, $3) on conflict (tenant_id, connection_id, key) do nothing"""


async def heed(session: TenantSession, connection: Connection, hints: Sequence[Hint]) -> int:
    """Have a look at the tickets that a verified callback names, if they are ours; how many looks that makes."""
    driver = await session.driver()
    looks = 0
    for hint in hints:
        if await driver.execute(_HEARD_BEFORE, session.tenant_id, connection.id, hint.key) != "INSERT 0 1":
            continue
        for ticket in await _named(session, connection, hint):
            await ask_to_look(session, ticket.id, because=hint.key)
            looks += 1
    return looks


async def _named(session: TenantSession, connection: Connection, hint: Hint) -> Sequence[Ticket]:
    alive = select(Ticket).where(col(Ticket.connection_id) == connection.id, col(Ticket.gone_at).is_(None))
    if hint.ticket_id is not None:
        return (await session.execute(alive.where(col(Ticket.remote_id) == hint.ticket_id))).scalars().all()
    try:
        own = UUID(hint.external_id or "")
    except ValueError:
        return ()
    return (await session.execute(alive.where(col(Ticket.id) == own))).scalars().all()


async def ask_to_look(session: TenantSession, ticket_id: UUID, *, because: str) -> None:
    errand = Errand(key=f"{LOOK_AT_TICKET}:{ticket_id}:{because}"[:300], ids={"ticket_id": ticket_id})
    await enqueue_once(session, LOOK_AT_TICKET, [errand])


async def look(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every look at a ticket."""
    wall, ticket_id, tries = Wall(UUID(payload["tenant_id"])), UUID(payload["ticket_id"]), payload.get("tries", 0)
    for _ in range(LOOKS):
        async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
            ticket = await session.fetch(Ticket, ticket_id)
            connection = await session.fetch(Connection, ticket.connection_id)
            if ticket.gone_at is not None or ticket.remote_id is None or not connection.enabled:
                return
            known = await _known_comments(session, ticket)
            web = Web(egress_under(EgressPolicy.of(runtime.settings)), connection.base_url)
            connector = connector_of(connection, runtime.keyring, web)
            seen_at = ticket.version
        remote, comments, failure = await _see(connector, ticket.remote_id, known)
        actor = Actor("connection", connection.id)
        async with tenant_session(runtime.database, wall, actor=actor) as session:
            if failure is not None:
                await troubles.note_failure(session, connection.id, failure)
                await _look_again(session, ticket_id, tries)
            elif await _apply(session, ticket_id, seen_at, connector, remote, comments):
                await troubles.note_success(session, connection.id)
            else:
                continue
        return
    # It is told one thing after the other. What happened there must not wait until somebody asks again.
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        await _look_again(session, ticket_id, tries)


async def _look_again(session: TenantSession, ticket_id: UUID, tries: int) -> None:
    wait = min(AGAIN_AFTER * 2 ** min(tries, 10), AGAIN_WITHIN)
    key = f"{LOOK_AT_TICKET}:{ticket_id}:again:{int((now() + wait).timestamp() // AGAIN_AFTER.total_seconds())}"
    ids = {"ticket_id": ticket_id, "tries": tries + 1}
    await enqueue_once(session, LOOK_AT_TICKET, [Errand(key=key, ids=ids, after=wait, priority=-1)])


async def _see(
    connector: Connector, remote_id: str, known: frozenset[str]
) -> tuple[RemoteTicket | None, Sequence[RemoteComment], ToolFailed | None]:
    """The ticket and what was said there since; no ticket when it is gone."""
    try:
        remote = await asked(connector.get(remote_id))
        if remote.gone:
            return None, (), None
        return remote, await asked(connector.comments(remote_id, known)), None
    except ToolFailed as failure:
        return None, (), None if failure.trouble is Trouble.gone else failure


async def _known_comments(session: TenantSession, ticket: Ticket) -> frozenset[str]:
    rows = select(TicketComment.remote_id).where(
        col(TicketComment.tenant_id) == session.tenant_id, col(TicketComment.ticket_id) == ticket.id
    )
    return frozenset((await session.execute(rows)).scalars())


async def _apply(
    session: TenantSession,
    ticket_id: UUID,
    seen_at: int,
    connector: Connector,
    remote: RemoteTicket | None,
    comments: Sequence[RemoteComment],
) -> bool:
    """False when the ticket was told something since it was looked at: then the look is out of date."""
    ticket = await session.fetch(Ticket, ticket_id, lock=True)
    if ticket.version != seen_at:
        return False
    if remote is None:
        await lose(session, ticket)
        return True
    task = await session.fetch(Task, ticket.task_id, lock=True)
    for each in comments:
        await _take_comment(session, ticket, task, each)
    was, is_now = ticket.state, connector.state_of(remote)
    ticket.remote_status, ticket.url, ticket.looked_at = remote.status, remote.url, now()
    if is_now is not None:
        ticket.state = is_now
        await _move(session, task, was, is_now)
    return True


async def _take_comment(session: TenantSession, ticket: Ticket, task: Task, remote: RemoteComment) -> None:
    known = TicketComment(organization_id=ticket.organization_id, ticket_id=ticket.id, remote_id=remote.id)
    if remote.ours is None and task.archived_at is None:
        known.comment_id = await elsewhere.said(session, task, remote.text, author=remote.author)
    session.add(known)


async def _move(session: TenantSession, task: Task, was: TicketState | None, is_now: TicketState) -> None:
    """Closing a ticket means that the work is done, never that it is verified: that is for the practice to say."""
    if was is is_now:
        return
    if is_now is TicketState.done:
        await elsewhere.done(session, task)
    elif was is TicketState.done:
        await elsewhere.reopened(session, task)
    if is_now is TicketState.in_progress:
        await elsewhere.taken_up(session, task)
