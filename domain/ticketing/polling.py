"""The safety net: asks each product now and then what changed, and finds what was left behind by lost jobs and callbacks."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.jobs import POLL_TICKETS, TELL_TICKET, Errand, enqueue_once
from domain.outbound.egress import EgressPolicy, egress_under
from domain.outbound.tools import ToolFailed, Web, asked
from domain.people.tenants import tenants_in_turn
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall
from domain.ticketing import listening, troubles
from domain.ticketing.connections import Connection, connector_of
from domain.ticketing.connector import RemoteTicket
from domain.ticketing.hearing import ask_to_look
from domain.ticketing.tickets import Ticket

OVERLAP = timedelta(minutes=2)
"""Clocks differ, and a product's search may lag behind."""
OVERDUE = timedelta(seconds=30)
UNSEEN = timedelta(days=1)
"""A ticket that nobody has looked at for so long is looked at: no list of changes shows that it is gone. Not where its task is
over for good, or every ticket there ever was would be asked for each day."""
AT_ONCE = 500
REMEMBERED = timedelta(days=2)

_DUE = """
    update ticketing_connection set next_poll_at = now() + make_interval(secs => poll_seconds)
    where tenant_id = $1 and enabled and archived_at is null and (next_poll_at is null or next_poll_at <= now())
    returning id, extract(epoch from now())::bigint as moment"""

_OVERDUE = """
    select t.id, extract(epoch from t.next_attempt_at)::bigint as moment from ticket t
    join ticketing_connection c on c.tenant_id = t.tenant_id and c.id = t.connection_id and c.enabled
    where t.tenant_id = $1 and t.next_attempt_at < now() - $2::interval
      and (t.leased_until is null or t.leased_until < now())
    order by t.next_attempt_at limit $3"""

_UNSEEN = """
    select t.id from ticket t
    join ticketing_connection c on c.tenant_id = t.tenant_id and c.id = t.connection_id and c.enabled
    join task k on k.tenant_id = t.tenant_id and k.id = t.task_id and k.archived_at is null and k.status <> 'verified'
    where t.tenant_id = $1 and t.gone_at is null and t.remote_id is not null and t.looked_at < now() - $2::interval
    limit $3"""

_POLLED = "update ticketing_connection set polled_up_to = $3 where tenant_id = $1 and id = $2"


async def sweep(runtime: Runtime) -> None:
    """Ask for the polls that are due, and for what should have been done long ago. Tenants are visited in turn."""
    for tenant_id in await tenants_in_turn(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await _sweep_one(session)
        await listening.catch_up(runtime, tenant_id)


async def _sweep_one(session: TenantSession) -> None:
    driver = await session.driver()
    due = await driver.fetch(_DUE, session.tenant_id)
    polls = [Errand(key=f"{POLL_TICKETS}:{each['id']}:{each['moment']}", ids={"connection_id": each["id"]}) for each in due]
    await enqueue_once(session, POLL_TICKETS, polls)
    late = await driver.fetch(_OVERDUE, session.tenant_id, OVERDUE, AT_ONCE)
    tells = [Errand(key=f"{TELL_TICKET}:{each['id']}:late:{each['moment']}", ids={"ticket_id": each["id"]}) for each in late]
    await enqueue_once(session, TELL_TICKET, tells)
    for each in await driver.fetch(_UNSEEN, session.tenant_id, UNSEEN, AT_ONCE):
        await ask_to_look(session, each["id"], because=f"day:{now():%Y-%m-%d}")
    await driver.execute(
        "delete from heard_callback where tenant_id = $1 and created_at < now() - $2::interval", session.tenant_id, REMEMBERED
    )


async def poll(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Ask a product what changed since it was last asked, and look at those of our tickets."""
    wall, connection_id = Wall(UUID(payload["tenant_id"])), UUID(payload["connection_id"])
    moment = now()
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        connection = await session.fetch(Connection, connection_id)
        if not connection.enabled:
            return
        web = Web(egress_under(EgressPolicy.of(runtime.settings)), connection.base_url)
        connector = connector_of(connection, runtime.keyring, web)
        since = (connection.polled_up_to or connection.created_at) - OVERLAP
    failure: ToolFailed | None = None
    changed: Sequence[RemoteTicket] = ()
    try:
        changed = await asked(connector.changed_since(since))
    except ToolFailed as error:
        failure = error
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        if failure is not None:
            # What changed meanwhile is asked for again next time: only a success moves the time on.
            await troubles.note_failure(session, connection_id, failure)
            return
        await troubles.note_success(session, connection_id)
        alive = select(Ticket.id).where(
            col(Ticket.tenant_id) == session.tenant_id,
            col(Ticket.connection_id) == connection_id,
            col(Ticket.gone_at).is_(None),
            col(Ticket.remote_id).in_([each.id for each in changed]),
        )
        for ticket_id in (await session.execute(alive)).scalars().all():
            await ask_to_look(session, ticket_id, because=f"poll:{int(moment.timestamp())}")
        await (await session.driver()).execute(_POLLED, session.tenant_id, connection_id, moment)
