"""Deliveries: one event on its way to one endpoint. The queue can be rebuilt from these rows.

The surprising fact: no job is about a delivery. A job wakes an endpoint, and whoever sends there takes all that is due; so
one that is woken twice sends once, and an endpoint that is dead holds up a single job, however much waits for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field, col, select

from domain.clock import new_id, now
from domain.errors import Conflict, Invalid
from domain.events import Event, append_events, emit
from domain.jobs import SEND, SEND_AGAIN, Errand, enqueue_once
from domain.outbound import payloads
from domain.outbound.endpoints import WebhookEndpoint, expect_kept
from domain.outbound.event_types import TEST
from domain.outbound.filters import passes
from domain.tenancy import TenantOwned, TenantSession, belongs_to_tenants, instant, one_of, tenant_table

RECOVERED_AT_ONCE = 10_000


class DeliveryStatus(StrEnum):
    pending = "pending"
    delivered = "delivered"
    failed = "failed"
    """Nothing more will be tried: the attempts are used up, or the endpoint is switched off."""


class Delivery(TenantOwned, table=True):
    __table_args__ = tenant_table(
        belongs_to_tenants("webhook_endpoint", "endpoint_id"),
        ForeignKeyConstraint(["tenant_id", "event_at", "event_id"], ["event.tenant_id", "event.at", "event.id"]),
        UniqueConstraint("tenant_id", "endpoint_id", "event_id"),
        Index("ix_delivery_endpoint", "tenant_id", "endpoint_id", "event_sequence", "id"),
        Index("ix_delivery_due", "tenant_id", "endpoint_id", "next_attempt_at", postgresql_where=text("status = 'pending'")),
        Index("ix_delivery_pending", "tenant_id", "next_attempt_at", postgresql_where=text("status = 'pending'")),
    )
    noun: ClassVar[str] = "delivery"

    endpoint_id: UUID
    event_id: UUID
    """Sent as ``webhook-id``: the same over all attempts, so a receiver can drop what it has seen."""
    event_at: datetime = instant()
    event_kind: str
    event_sequence: int = Field(sa_type=BigInteger)
    organization_id: UUID | None = None
    status: DeliveryStatus = one_of(DeliveryStatus, default=DeliveryStatus.pending)
    attempts: int = 0
    """Since it was last begun; a resend begins anew."""
    next_attempt_at: datetime | None = instant(default=None)
    delivered_at: datetime | None = instant(default=None)


@dataclass(frozen=True)
class Recovery:
    """How many deliveries began anew. ``go_on_from`` is the time up to which there was no more; None when that is all."""

    recovered: int
    go_on_from: datetime | None


_NEW_ID = """
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid"""
# A UUID version 7 made by Postgres 15: a random one whose first six octets are the time, and whose version says so.

_INTO_DELIVERY = f"""
    insert into delivery (tenant_id, id, created_at, updated_at, version, endpoint_id, event_id, event_at, event_kind,
        event_sequence, organization_id, status, attempts, next_attempt_at)
    select e.tenant_id, {_NEW_ID}, now(), now(), 1, w.id, e.id, e.at, e.kind, e.sequence, e.organization_id, 'pending', 0, now()
    from event e join webhook_endpoint w on w.tenant_id = e.tenant_id"""  # noqa: S608  our own text

_LISTENS = f"""
    w.enabled and w.archived_at is null and e.kind <> '{TEST}' and (
        jsonb_array_length(w.event_types) = 0
        or w.event_types ? e.kind or w.event_types ? (split_part(e.kind, '.', 1) || '.*'))
    and (jsonb_array_length(w.organization_ids) + jsonb_array_length(w.group_ids) = 0
        or w.organization_ids ? e.organization_id::text
        or exists (select 1 from grouped_organization g where g.tenant_id = e.tenant_id
            and g.organization_id = e.organization_id and w.group_ids ? g.group_id::text))"""  # noqa: S608  our own text

_CONDITIONAL = "select exists (select 1 from webhook_endpoint where tenant_id = $1 and condition is not null)"

_PAIRS = f"""
    select w.id as endpoint_id, e.id as event_id from event e join webhook_endpoint w on w.tenant_id = e.tenant_id
    where e.tenant_id = $1 and e.sequence > $2 and e.sequence <= $3 and w.condition is not null and {_LISTENS}"""  # noqa: S608  our own text

_FAN_OUT = f"""
    with made as ({_INTO_DELIVERY}
        where e.tenant_id = $1 and e.sequence > $2 and e.sequence <= $3 and {_LISTENS}
            and (w.condition is null or (w.id, e.id) in (select * from unnest($4::uuid[], $5::uuid[])))
        order by e.sequence
        on conflict (tenant_id, endpoint_id, event_id) do nothing
        returning tenant_id, endpoint_id)
    select w.id, w.failing_since is not null as troubled from webhook_endpoint w
    where w.tenant_id = $1 and w.id in (select endpoint_id from made)"""  # noqa: S608  our own text

_MISSED = f"""
    e.tenant_id = $1 and w.id = $2 and e.at >= $3 and e.at < $4 and {_LISTENS} and not exists (
        select 1 from delivery d where d.tenant_id = e.tenant_id and d.endpoint_id = w.id and d.event_id = e.id
        and d.status <> 'failed')"""  # noqa: S608  our own text

_LIST_MISSED = f"""
    select e.id, e.at from event e join webhook_endpoint w on w.tenant_id = e.tenant_id where {_MISSED}
    order by e.at, e.sequence limit $5"""  # noqa: S608  our own text

_RECOVER = f"""
    {_INTO_DELIVERY}
    where {_MISSED} and e.id = any($5::uuid[])
    order by e.sequence
    on conflict (tenant_id, endpoint_id, event_id) do update
        set status = 'pending', attempts = 0, next_attempt_at = now(), updated_at = now(), version = delivery.version + 1
        where delivery.status = 'failed'
    returning id"""  # noqa: S608  our own text

_TEST = f"""
    {_INTO_DELIVERY}
    where e.tenant_id = $1 and w.id = $2 and e.id = $3
    returning id"""


async def fan_out(session: TenantSession, *, after_sequence: int, up_to_sequence: int) -> None:
    """One delivery for each of these events and each endpoint that listens to it; those that are there stay as they are."""
    connection = await session.driver()
    endpoints, events = list[UUID](), list[UUID]()
    if await connection.fetchval(_CONDITIONAL, session.tenant_id):
        pairs = await connection.fetch(_PAIRS, session.tenant_id, after_sequence, up_to_sequence)
        between = (col(Event.sequence) > after_sequence, col(Event.sequence) <= up_to_sequence)
        passed = await _passing(session, [(each["endpoint_id"], each["event_id"]) for each in pairs], *between)
        endpoints, events = [each[0] for each in passed], [each[1] for each in passed]
    rows = await connection.fetch(_FAN_OUT, session.tenant_id, after_sequence, up_to_sequence, endpoints, events)
    reason = f"{after_sequence}-{up_to_sequence}"
    await wake(session, [each["id"] for each in rows if not each["troubled"]], because=reason)
    await wake(session, [each["id"] for each in rows if each["troubled"]], because=reason, again=True)


async def _passing(
    session: TenantSession, pairs: Sequence[tuple[UUID, UUID]], *where: ColumnElement[bool]
) -> list[tuple[UUID, UUID]]:
    """Those pairs of endpoint and event of which the endpoint's condition holds; ``where`` finds the events."""
    if not pairs:
        return []
    named = {endpoint for endpoint, _ in pairs}
    endpoints = (await session.execute(select(WebhookEndpoint).where(col(WebhookEndpoint.id).in_(named)))).scalars().all()
    conditions = {each.id: (each.condition, each.free_text) for each in endpoints}
    events = {each.id: each for each in (await session.execute(select(Event).where(*where))).scalars().all()}
    passed: list[tuple[UUID, UUID]] = []
    for endpoint_id, event_id in pairs:
        condition, free_text = conditions[endpoint_id]
        if condition is None or passes(condition, payloads.thin(events[event_id], free_text=free_text)):
            passed.append((endpoint_id, event_id))
    return passed


async def recover(session: TenantSession, endpoint: WebhookEndpoint, *, since: datetime, until: datetime) -> Recovery:
    """Begin a delivery for each event of this time that the endpoint listens to and missed: never made, or failed.

    What was delivered, or is on its way, stays as it is. At most 10,000 events at once: go on from the time that is given.
    """
    if since >= until:
        raise Invalid.one("/until", "before_since", "The time must end after it began.")
    _expect_listening(endpoint)
    connection = await session.driver()
    found = await connection.fetch(_LIST_MISSED, session.tenant_id, endpoint.id, since, until, RECOVERED_AT_ONCE)
    go_on_from: datetime | None = None
    if len(found) == RECOVERED_AT_ONCE:
        # What one import did bears one time. A time is taken as a whole, so that whoever goes on from there gets further.
        first, go_on_from = found[0]["at"], found[-1]["at"]
        if first == go_on_from:
            go_on_from = first + timedelta(microseconds=1)
            found = await connection.fetch(_LIST_MISSED, session.tenant_id, endpoint.id, first, go_on_from, None)
        else:
            found = [each for each in found if each["at"] < go_on_from]
    missed = [each["id"] for each in found]
    if endpoint.condition is not None and found:
        kept = (col(Event.at) >= found[0]["at"], col(Event.at) <= found[-1]["at"], col(Event.id).in_(missed))
        missed = [each for _, each in await _passing(session, [(endpoint.id, each) for each in missed], *kept)]
    rows = await connection.fetch(_RECOVER, session.tenant_id, endpoint.id, since, until, missed)
    if rows:
        await wake(session, [endpoint.id], because=f"recovery:{new_id()}")
    return Recovery(len(rows), go_on_from=go_on_from)


async def resend(session: TenantSession, delivery: Delivery, endpoint: WebhookEndpoint) -> Delivery:
    """Begin a delivery anew, whatever became of it: at once, and with the whole schedule of attempts before it."""
    expect_kept(endpoint)
    if delivery.event_kind != TEST:
        _expect_listening(endpoint)
    await session.refresh(delivery, with_for_update=True)
    delivery.status = DeliveryStatus.pending
    delivery.attempts = 0
    delivery.next_attempt_at = now()
    await session.flush()
    await wake(session, [endpoint.id], because=f"resend:{delivery.id}:{delivery.version}")
    return delivery


async def send_test(session: TenantSession, endpoint: WebhookEndpoint) -> Delivery:
    """A real event to this endpoint alone, whatever it listens to, and also while it is switched off."""
    expect_kept(endpoint)
    emit(session, TEST, endpoint)
    event_id = UUID(session.events[-1]["id"])
    # A delivery refers to its event, so the events of this transaction are written a little earlier than usual.
    await append_events(session)
    connection = await session.driver()
    delivery_id = await connection.fetchval(_TEST, session.tenant_id, endpoint.id, event_id)
    await wake(session, [endpoint.id], because=f"test:{delivery_id}")
    return await session.fetch(Delivery, delivery_id)


async def wake(
    session: TenantSession,
    endpoint_ids: Iterable[UUID],
    *,
    because: str,
    after: timedelta | None = None,
    again: bool = False,
) -> None:
    """A job for each of these endpoints that sends what is due there. ``because`` keeps apart jobs that must not stand in for
    each other: one that is running may have looked already. ``again``: the endpoint has only failed of late, and waits behind
    the others, so that many dead hosts hold up nobody else."""
    job = SEND_AGAIN if again else SEND
    errands = [
        Errand(
            key=f"{SEND}:{each}:{because}", ids={"endpoint_id": each, "run": new_id()}, after=after, priority=-1 if again else 0
        )
        for each in endpoint_ids
    ]
    await enqueue_once(session, job, errands)


def _expect_listening(endpoint: WebhookEndpoint) -> None:
    if not endpoint.listens:
        raise Conflict("This endpoint is switched off. Enable it first.", code="endpoint_off")
