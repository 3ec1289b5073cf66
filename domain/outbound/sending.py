"""Sends what is due at one endpoint: one job at a time for each, over all workers, so that its pace is kept.

No transaction is open while requests are under way, so a slow receiver holds no lock and no connection. The price: a
worker that dies between sending and noting the answers sends again. Hence at least once, under the same ``webhook-id``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from domain.clock import now
from domain.database import tenant_session
from domain.events import Event
from domain.outbound import attempts, payloads, retries
from domain.outbound.attempts import Attempt
from domain.outbound.deliveries import Delivery, DeliveryStatus, wake
from domain.outbound.egress import Egress, EgressLine, EgressPolicy, egress_under
from domain.outbound.endpoints import FAILING_FOR, DisabledReason, WebhookEndpoint, switch_off
from domain.outbound.event_types import TEST
from domain.outbound.own_headers import open_headers
from domain.outbound.retries import Outcome
from domain.outbound.signing import sign
from domain.outbound.signing_keys import live_keys
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

ROUND = 100
"""Deliveries that are taken at once, and noted at once."""
BEGIN_WITHIN = timedelta(seconds=5)
"""What of a round has not begun by then is left for the next one."""
RUN_FOR = timedelta(seconds=5)
"""Then another job goes on, so that workers can end and no endpoint keeps one for itself."""
LEASE = timedelta(seconds=60)
"""Longer than a round, with the deadline of its last request."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """A delivery that is due: nothing of it needs the database any more."""

    id: UUID
    version: int
    attempts: int
    event_id: UUID
    is_test: bool
    body: bytes


@dataclass
class Pace:
    """How fast an endpoint may be sent to."""

    interval: float
    free_at: float = 0.0

    async def turn(self, *, by: float) -> bool:
        """Wait for one's turn. False, at once, where that would come too late; nothing is taken then."""
        if self.interval:
            mine = max(time.monotonic(), self.free_at)
            if mine > by:
                return False
            self.free_at = mine + self.interval
            await asyncio.sleep(mine - time.monotonic())
        return True

    async def rest(self) -> None:
        """Wait until the next turn, which may be another job's."""
        if self.interval:
            await asyncio.sleep(self.free_at - time.monotonic())


@dataclass(kw_only=True)
class Round:
    """What is sent before anything is noted."""

    url: str
    keys: Sequence[str]
    own_headers: Mapping[str, str]
    at_once: int
    pace: Pace
    due: deque[Due]
    made: list[Attempt] = field(default_factory=list[Attempt])

    @property
    def only_failed(self) -> bool:
        return not any(each.answer.ok for each in self.made)


class Lines:
    """The connections of one run, each used by one request after the other."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._free: list[EgressLine] = []

    def take(self) -> EgressLine:
        return self._free.pop() if self._free else self._egress.line()

    def give_back(self, line: EgressLine) -> None:
        self._free.append(line)

    async def close(self) -> None:
        for line in self._free:
            await line.close()


async def send(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind every request: take what is due, send it, note what came of it and take what is due then, until
    nothing is. Whoever finds another at it leaves: that one looks again before it ends, so nothing is left behind."""
    wall, endpoint_id, run = Wall(UUID(payload["tenant_id"])), UUID(payload["endpoint_id"]), UUID(payload["run"])
    end = time.monotonic() + RUN_FOR.total_seconds()
    lines = Lines(egress_under(EgressPolicy.of(runtime.settings)))
    current: Round | None = None
    try:
        while True:
            async with tenant_session(runtime.database, wall, actor=SYSTEM, may_be_repeated=True) as session:
                endpoint = await session.fetch(WebhookEndpoint, endpoint_id, lock=True)
                if current is not None:
                    await _record(session, runtime, endpoint, current.made)
                    if current.only_failed or time.monotonic() > end:
                        await _leave(session, endpoint, hand_on_from=run)
                        return
                current = await _begin(session, runtime, endpoint, run, current.pace if current else None)
            if current is None:
                return
            await _send(current, lines)
            await current.pace.rest()
    finally:
        await lines.close()


# --- taking what is due -----------------------------------------------------------------------------------------------

_TAKE = "update webhook_endpoint set runner = $3, runs_until = $4 where tenant_id = $1 and id = $2"
# Written past the session, which would count up the row's version: that is for what a person changes.

_GIVE_UP = """
    update delivery set status = 'failed', next_attempt_at = null, updated_at = now(), version = version + 1
    where tenant_id = $1 and endpoint_id = $2 and status = 'pending' and (event_kind <> $3 or $4)"""

_NEXT = """
    select extract(epoch from next)::float8 as at, next - now() as wait from (
        select to_timestamp(ceil(extract(epoch from min(next_attempt_at)) * 10) / 10) as next
        from delivery where tenant_id = $1 and endpoint_id = $2 and status = 'pending') as first where next is not null"""
# In tenths of a second, so that many deliveries which are due at about the same time share one job.


async def _begin(
    session: TenantSession, runtime: Runtime, endpoint: WebhookEndpoint, run: UUID, pace: Pace | None
) -> Round | None:
    """None when there is nothing to send, or another job is at it. Raises KeyRingError."""
    if endpoint.runner not in (None, run) and endpoint.runs_until is not None and endpoint.runs_until > now():
        return None
    driver = await session.driver()
    if not endpoint.listens:
        gone = endpoint.archived_at is not None
        await driver.execute(_GIVE_UP, session.tenant_id, endpoint.id, TEST, gone)
    due = await _due(session, endpoint)
    if not due:
        await _leave(session, endpoint)
        return None
    await driver.execute(_TAKE, session.tenant_id, endpoint.id, run, now() + LEASE)
    return Round(
        url=endpoint.url,
        keys=live_keys(endpoint, runtime.keyring, now()),
        own_headers=open_headers(endpoint, runtime.keyring),
        at_once=endpoint.at_once,
        pace=pace or Pace(1 / endpoint.throttle_per_second if endpoint.throttle_per_second else 0.0),
        due=deque(due),
    )


async def _due(session: TenantSession, endpoint: WebhookEndpoint) -> list[Due]:
    """The oldest deliveries that are due; of an endpoint in trouble, as many as can be tried at once."""
    due = (
        select(Delivery, Event)
        .join(Event, (col(Event.at) == col(Delivery.event_at)) & (col(Event.id) == col(Delivery.event_id)))
        .where(
            col(Delivery.endpoint_id) == endpoint.id,
            col(Delivery.status) == DeliveryStatus.pending,
            col(Delivery.next_attempt_at) <= func.clock_timestamp(),
        )
        .order_by(col(Delivery.next_attempt_at), col(Delivery.event_sequence))
        .limit(endpoint.at_once if endpoint.failing_since else ROUND)
    )
    return [
        Due(
            id=delivery.id,
            version=delivery.version,
            attempts=delivery.attempts,
            event_id=delivery.event_id,
            is_test=delivery.event_kind == TEST,
            body=payloads.body(event, free_text=endpoint.free_text),
        )
        for delivery, event in (await session.execute(due)).all()
    ]


async def _leave(session: TenantSession, endpoint: WebhookEndpoint, *, hand_on_from: UUID | None = None) -> None:
    """Let others send, and have the endpoint woken when the next delivery is due: at once where one is left."""
    driver = await session.driver()
    await driver.execute(_TAKE, session.tenant_id, endpoint.id, None, None)
    following = await driver.fetchrow(_NEXT, session.tenant_id, endpoint.id)
    if following is not None:
        wait = max(following["wait"], timedelta(0))
        because = f"after:{hand_on_from}" if hand_on_from and not wait else f"at:{following['at']:.1f}"
        await wake(session, [endpoint.id], because=because, after=wait, again=endpoint.failing_since is not None)


# --- sending ----------------------------------------------------------------------------------------------------------


async def _send(current: Round, lines: Lines) -> None:
    """Send what can be begun in time, as many at once as the endpoint allows; nothing more once it says that it is gone."""
    end = time.monotonic() + BEGIN_WITHIN.total_seconds()

    async def one_after_the_other() -> None:
        line = lines.take()
        try:
            while current.due and time.monotonic() < end:
                due = current.due.popleft()
                if not await current.pace.turn(by=end):
                    current.due.appendleft(due)
                    return
                attempt = await _attempt(current, due, line)
                current.made.append(attempt)
                if retries.outcome(attempt.answer, attempts_made=due.attempts + 1) is Outcome.gone:
                    current.due.clear()
        finally:
            lines.give_back(line)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(current.at_once, len(current.due))):
            group.create_task(one_after_the_other())


async def _attempt(current: Round, due: Due, line: EgressLine) -> Attempt:
    at = now()
    signed = sign(current.keys, webhook_id=str(due.event_id), timestamp=at, body=due.body)
    headers = {**current.own_headers, **signed, "content-type": "application/json"}
    return Attempt(
        delivery_id=due.id,
        version=due.version,
        made_before=due.attempts,
        is_test=due.is_test,
        at=at,
        headers=headers,
        body=due.body,
        answer=await line.post(current.url, headers, due.body),
    )


# --- what came of it --------------------------------------------------------------------------------------------------

_MOVE_ON = """
    update delivery set attempts = attempts + 1, status = $4, next_attempt_at = $5, delivered_at = coalesce($6, delivered_at),
        updated_at = now(), version = version + 1
    where tenant_id = $1 and id = $2 and (version = $3 and status = 'pending' or $4 = 'delivered')"""
# Only the attempt that was due moves a delivery on; of one that was resent meanwhile, a success counts all the same.


async def _record(session: TenantSession, runtime: Runtime, endpoint: WebhookEndpoint, made: Sequence[Attempt]) -> None:
    bodies = runtime.settings.webhook_bodies_days > 0
    await attempts.note(session, endpoint.id, made, own_headers=endpoint.header_names, bodies=bodies)
    moment = now()
    moves = [(session.tenant_id, each.delivery_id, each.version, *_came_to(each, moment)) for each in made]
    await (await session.driver()).executemany(_MOVE_ON, moves)
    await _judge(session, endpoint, made)


def _came_to(made: Attempt, moment: datetime) -> tuple[str, datetime | None, datetime | None]:
    """The delivery's status, the time of its next attempt, and when it arrived."""
    count = made.made_before + 1
    came_to = retries.outcome(made.answer, attempts_made=count)
    if came_to is Outcome.delivered:
        return DeliveryStatus.delivered.value, None, moment
    if came_to is Outcome.retry and not made.is_test:
        return DeliveryStatus.pending.value, retries.next_attempt(count, made.answer, moment), None
    return DeliveryStatus.failed.value, None, None


async def _judge(session: TenantSession, endpoint: WebhookEndpoint, made: Sequence[Attempt]) -> None:
    """Remember since when an endpoint has only failed, and switch it off when it asks for that or fails for too long."""
    if any(retries.outcome(each.answer, attempts_made=1) is Outcome.gone for each in made):
        await switch_off(session, endpoint, DisabledReason.gone)
    elif any(each.answer.ok for each in made):
        endpoint.failing_since = None
    elif all(each.is_test for each in made):
        return
    elif endpoint.failing_since is None:
        endpoint.failing_since = now()
    elif now() - endpoint.failing_since >= FAILING_FOR:
        await switch_off(session, endpoint, DisabledReason.failing)
