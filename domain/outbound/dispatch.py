"""Fans events out into deliveries, and finds those deliveries that were left behind."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.clock import now
from domain.database import tenant_session
from domain.jobs import SEND, SEND_AGAIN
from domain.outbound import deliveries
from domain.people.tenants import tenants_in_turn
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, TenantSession, Wall
from domain.ticketing import listening

OVERDUE = timedelta(seconds=30)
SET_ASIDE_FOR = timedelta(hours=1)
EVENTS_AT_ONCE = 1_000


async def fan_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every commit with events that an endpoint or a ticket may listen to. A large import is fanned out
    piece by piece; one that is cut short begins again from the start, and what is there already stays as it is."""
    first, last = payload["after_sequence"], payload["up_to_sequence"]
    for start in range(first, last, EVENTS_AT_ONCE):
        wall = Wall(UUID(payload["tenant_id"]))
        async with tenant_session(runtime.database, wall, actor=SYSTEM, may_be_repeated=True) as session:
            end = min(start + EVENTS_AT_ONCE, last)
            await deliveries.fan_out(session, after_sequence=start, up_to_sequence=end)
    await listening.catch_up(runtime, UUID(payload["tenant_id"]))


_OVERDUE = """
    select w.id, w.failing_since is not null as troubled from webhook_endpoint w
    where w.tenant_id = $1 and coalesce(w.runs_until, now()) <= now() and exists (
        select 1 from delivery d where d.tenant_id = w.tenant_id and d.endpoint_id = w.id and d.status = 'pending'
        and d.next_attempt_at < now() - $2::interval)"""

_SET_ASIDE = """
    select distinct split_part(dedupe_key, ':', 2) from pgqueuer
    where entrypoint = any($1::text[]) and status = 'failed' and split_part(dedupe_key, ':', 2) = any($2::text[])"""


async def sweep(runtime: Runtime) -> None:
    """Wake endpoints for which something is due and nobody sends, as after a loss of the queue.

    Tenants are visited in turn, each inside its own wall. An endpoint whose job was set aside after it had failed again and
    again in our own code is left alone for an hour, and then tried anew.
    """
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
        await connection.exec_driver_sql(
            "delete from pgqueuer where entrypoint = any($1::text[]) and status = 'failed' and updated < now() - $2::interval",
            ([SEND, SEND_AGAIN], SET_ASIDE_FOR),
        )
    for tenant_id in await tenants_in_turn(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await _wake_overdue(session)


async def _wake_overdue(session: TenantSession) -> None:
    connection = await session.driver()
    rows = await connection.fetch(_OVERDUE, session.tenant_id, OVERDUE)
    if rows:
        found = await connection.fetch(_SET_ASIDE, [SEND, SEND_AGAIN], [str(each["id"]) for each in rows])
        set_aside = {UUID(each[0]) for each in found}
        minute = f"sweep:{int(now().timestamp() // 60)}"
        for troubled in (False, True):
            ids = [each["id"] for each in rows if each["troubled"] is troubled and each["id"] not in set_aside]
            await deliveries.wake(session, ids, because=minute, again=troubled)
