"""Brings events to webhook endpoints: fans them out into deliveries, attempts each one, and finds those left behind.

No transaction is open while a request is under way, so a slow receiver holds no lock and no connection. The price: a
worker that dies between sending and noting the answer sends again. Hence at least once, under the same ``webhook-id``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.events import Event
from domain.jobs import DELIVER
from domain.outbound import deliveries, payloads, retries
from domain.outbound.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, Due
from domain.outbound.egress import Answer, EgressPolicy, egress_under
from domain.outbound.endpoints import FAILING_FOR, DisabledReason, WebhookEndpoint, live_secrets, switch_off
from domain.outbound.event_types import TEST
from domain.outbound.retries import Outcome
from domain.outbound.signing import sign
from domain.people.tenants import tenants_in_turn
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, TenantSession, Wall
from domain.ticketing import listening

OVERDUE = timedelta(seconds=30)
SET_ASIDE_FOR = timedelta(hours=1)
EVENTS_AT_ONCE = 1_000
DELIVERIES_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A request ready to be sent: nothing of it needs the database any more."""

    tenant_id: UUID
    delivery_id: UUID
    version: int
    at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes


async def fan_out(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every commit with events that an endpoint or a ticket may listen to. A large import is fanned out
    piece by piece; one that is cut short begins again from the start, and what is there already stays as it is."""
    first, last = payload["after_sequence"], payload["up_to_sequence"]
    for start in range(first, last, EVENTS_AT_ONCE):
        async with tenant_session(runtime.database, Wall(UUID(payload["tenant_id"])), actor=SYSTEM) as session:
            end = min(start + EVENTS_AT_ONCE, last)
            await deliveries.fan_out(session, after_sequence=start, up_to_sequence=end)
    await listening.catch_up(runtime, UUID(payload["tenant_id"]))


async def deliver(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every attempt."""
    attempt = await _prepare(runtime, payload)
    if attempt is not None:
        answer = await egress_under(EgressPolicy.of(runtime.settings)).post(attempt.url, attempt.headers, attempt.body)
        await _record(runtime, attempt, answer)


async def _prepare(runtime: Runtime, payload: Mapping[str, Any]) -> Attempt | None:
    """None when there is nothing to send: the job is older than the delivery's state, or the endpoint is off."""
    tenant_id, delivery_id = UUID(payload["tenant_id"]), UUID(payload["delivery_id"])
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        delivery = await session.fetch(Delivery, delivery_id)
        if delivery.status is not DeliveryStatus.pending or delivery.version != payload["version"]:
            return None
        endpoint = await session.fetch(WebhookEndpoint, delivery.endpoint_id)
        if endpoint.archived_at is not None or not (endpoint.enabled or delivery.event_kind == TEST):
            delivery.status = DeliveryStatus.failed
            delivery.next_attempt_at = None
            return None
        body = payloads.body(await event_of(session, delivery))
        at = now()
        secrets = live_secrets(endpoint, runtime.keyring, at)
        signed = sign(secrets, webhook_id=str(delivery.event_id), timestamp=at, body=body)
        return Attempt(
            tenant_id=tenant_id,
            delivery_id=delivery.id,
            version=delivery.version,
            at=at,
            url=endpoint.url,
            headers={**signed, "content-type": "application/json"},
            body=body,
        )


async def event_of(session: TenantSession, delivery: Delivery) -> Event:
    """The event that a delivery brings. It is there: the database holds the two together."""
    wanted = select(Event).where(col(Event.at) == delivery.event_at, col(Event.id) == delivery.event_id)
    return (await session.execute(wanted)).scalar_one()


async def _record(runtime: Runtime, attempt: Attempt, answer: Answer) -> None:
    """Note what came of it. Only the attempt that was due moves the delivery on; a late one is noted and no more."""
    async with tenant_session(runtime.database, Wall(attempt.tenant_id), actor=SYSTEM) as session:
        delivery = await session.fetch(Delivery, attempt.delivery_id, lock=True)
        endpoint = await session.fetch(WebhookEndpoint, delivery.endpoint_id)
        session.add(
            DeliveryAttempt(
                delivery_id=delivery.id,
                at=attempt.at,
                response_status=answer.status,
                response_body=answer.body_excerpt if answer.status is not None else None,
                duration_ms=answer.duration_ms,
                failure=answer.failure.code.value if answer.failure else None,
                detail=answer.failure.detail if answer.failure else None,
            )
        )
        was_due = delivery.status is DeliveryStatus.pending and delivery.version == attempt.version
        if was_due or answer.ok:
            await _move_on(session, delivery, answer)
        await _judge(session, delivery, endpoint, answer)


async def _move_on(session: TenantSession, delivery: Delivery, answer: Answer) -> None:
    delivery.attempts += 1
    delivery.next_attempt_at = None
    came_to = retries.outcome(answer, attempts_made=delivery.attempts)
    if came_to is Outcome.delivered:
        delivery.status = DeliveryStatus.delivered
        delivery.delivered_at = now()
    elif came_to is Outcome.retry and delivery.event_kind != TEST:
        moment = now()
        delivery.next_attempt_at = retries.next_attempt(delivery.attempts, answer, moment)
        assert delivery.next_attempt_at is not None, "an outcome of retry has a next attempt"
        await session.flush()
        retry = Due(delivery.id, delivery.version, troubled=True)
        await deliveries.queue(session, [retry], after=delivery.next_attempt_at - moment)
    else:
        delivery.status = DeliveryStatus.failed


async def _judge(session: TenantSession, delivery: Delivery, endpoint: WebhookEndpoint, answer: Answer) -> None:
    """Remember since when an endpoint has only failed, and switch it off when it asks for that or fails for too long."""
    if answer.ok:
        if endpoint.failing_since is not None:
            await session.refresh(endpoint, with_for_update=True)
            endpoint.failing_since = None
    elif retries.outcome(answer, attempts_made=delivery.attempts) is Outcome.gone:
        await switch_off(session, endpoint, DisabledReason.gone)
    elif delivery.event_kind == TEST:
        return
    elif endpoint.failing_since is None:
        await session.refresh(endpoint, with_for_update=True)
        endpoint.failing_since = endpoint.failing_since or now()
    elif now() - endpoint.failing_since >= FAILING_FOR:
        await switch_off(session, endpoint, DisabledReason.failing)


_OVERDUE = """
    select d.id, d.version, w.failing_since is not null as troubled
    from delivery d join webhook_endpoint w on w.tenant_id = d.tenant_id and w.id = d.endpoint_id
    where d.tenant_id = $1 and d.status = 'pending' and d.next_attempt_at < now() - $2::interval
    order by d.next_attempt_at limit $3"""

_SET_ASIDE = "select dedupe_key from pgqueuer where entrypoint = $1 and status = 'failed' and dedupe_key = any($2::text[])"


async def sweep(runtime: Runtime) -> None:
    """Queue again what is due and has no job, as after a loss of the queue.

    Tenants are visited in turn, each inside its own wall. A delivery whose job was set aside after
    it had failed again and again in our own code is left alone for an hour, and then tried anew.
    """
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
        await connection.exec_driver_sql(
            "delete from pgqueuer where entrypoint = $1 and status = 'failed' and updated < now() - $2::interval",
            (DELIVER, SET_ASIDE_FOR),
        )
    for tenant_id in await tenants_in_turn(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await _queue_overdue(session)


async def _queue_overdue(session: TenantSession) -> None:
    connection = await session.driver()
    rows = await connection.fetch(_OVERDUE, session.tenant_id, OVERDUE, DELIVERIES_AT_ONCE)
    if rows:
        overdue = [Due(each["id"], each["version"], each["troubled"]) for each in rows]
        found = await connection.fetch(_SET_ASIDE, DELIVER, [each.key for each in overdue])
        set_aside = {each["dedupe_key"] for each in found}
        await deliveries.queue(session, [each for each in overdue if each.key not in set_aside])
