"""Deliveries: one event on its way to one endpoint, with every attempt. The queue can be rebuilt from these rows.

The surprising fact: a delivery's ``version`` names the attempt that is due. A job carries the version it was queued for
and does nothing once that has passed, so a delivery that was queued twice is still sent once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from domain.clock import now
from domain.errors import Conflict, Invalid
from domain.events import append_events, emit
from domain.jobs import DELIVER, Errand, enqueue_once
from domain.outbound.endpoints import WebhookEndpoint, expect_kept
from domain.outbound.event_types import TEST
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


class DeliveryAttempt(TenantOwned, table=True):
    __tablename__ = "delivery_attempt"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("delivery"), Index("ix_delivery_attempt", "tenant_id", "delivery_id", "id")
    )
    noun: ClassVar[str] = "delivery_attempt"

    delivery_id: UUID
    at: datetime = instant()
    response_status: int | None = None
    response_body: str | None = None
    duration_ms: int
    failure: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Due:
    """An attempt to be queued. ``troubled``: its endpoint has only failed of late."""

    id: UUID
    version: int
    troubled: bool = False

    @property
    def key(self) -> str:
        """What no two jobs share while they wait or run."""
        return f"{DELIVER}:{self.id}:{self.version}"


@dataclass(frozen=True)
class Recovery:
    """How many deliveries began anew, and whether those are all that were missed."""

    recovered: int
    complete: bool


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
        or w.event_types ? e.kind or w.event_types ? (split_part(e.kind, '.', 1) || '.*'))"""

_FAN_OUT = f"""
    with made as ({_INTO_DELIVERY}
        where e.tenant_id = $1 and e.sequence > $2 and e.sequence <= $3 and {_LISTENS}
        order by e.sequence
        on conflict (tenant_id, endpoint_id, event_id) do nothing
        returning tenant_id, id, version, endpoint_id, event_sequence)
    select made.id, made.version, w.failing_since is not null as troubled from made
    join webhook_endpoint w on w.tenant_id = made.tenant_id and w.id = made.endpoint_id order by made.event_sequence"""  # noqa: S608  our own text

_RECOVER = f"""
    {_INTO_DELIVERY}
    where e.tenant_id = $1 and w.id = $2 and e.at >= $3 and e.at < $4 and {_LISTENS} and not exists (
        select 1 from delivery d where d.tenant_id = e.tenant_id and d.endpoint_id = w.id and d.event_id = e.id
        and d.status <> 'failed')
    order by e.sequence limit $5
    on conflict (tenant_id, endpoint_id, event_id) do update
        set status = 'pending', attempts = 0, next_attempt_at = now(), updated_at = now(), version = delivery.version + 1
        where delivery.status = 'failed'
    returning id, version"""  # noqa: S608  our own text

_TEST = f"""
    {_INTO_DELIVERY}
    where e.tenant_id = $1 and w.id = $2 and e.id = $3
    returning id, version"""


async def fan_out(session: TenantSession, *, after_sequence: int, up_to_sequence: int) -> None:
    """One delivery for each of these events and each endpoint that listens to it; those that are there stay as they are."""
    connection = await session.driver()
    rows = await connection.fetch(_FAN_OUT, session.tenant_id, after_sequence, up_to_sequence)
    await queue(session, [Due(each["id"], each["version"], each["troubled"]) for each in rows])


async def recover(session: TenantSession, endpoint: WebhookEndpoint, *, since: datetime, until: datetime) -> Recovery:
    """Begin a delivery for each event of this time that the endpoint listens to and missed: never made, or failed.

    What was delivered, or is on its way, stays as it is. At most 10,000 at once: ask again until it is complete.
    """
    if since >= until:
        raise Invalid.one("/until", "before_since", "The time must end after it began.")
    _expect_listening(endpoint)
    connection = await session.driver()
    rows = await connection.fetch(_RECOVER, session.tenant_id, endpoint.id, since, until, RECOVERED_AT_ONCE)
    await queue(session, [Due(each["id"], each["version"]) for each in rows])
    return Recovery(len(rows), complete=len(rows) < RECOVERED_AT_ONCE)


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
    await queue(session, [Due(delivery.id, delivery.version)])
    return delivery


async def send_test(session: TenantSession, endpoint: WebhookEndpoint) -> Delivery:
    """A real event to this endpoint alone, whatever it listens to, and also while it is switched off."""
    expect_kept(endpoint)
    emit(session, TEST, endpoint)
    event_id = UUID(session.events[-1]["id"])
    # A delivery refers to its event, so the events of this transaction are written a little earlier than usual.
    await append_events(session)
    connection = await session.driver()
    rows = await connection.fetch(_TEST, session.tenant_id, endpoint.id, event_id)
    delivery = await session.fetch(Delivery, rows[0]["id"])
    await queue(session, [Due(delivery.id, delivery.version)])
    return delivery


async def queue(session: TenantSession, due: Iterable[Due], *, after: timedelta | None = None) -> None:
    """A job for each of these deliveries. Those to endpoints in trouble wait behind the others, so that one dead host
    with a long backlog holds up nobody else."""
    errands = [
        Errand(
            key=each.key,
            ids={"delivery_id": each.id, "version": each.version},
            after=after,
            priority=-1 if each.troubled else 0,
        )
        for each in due
    ]
    await enqueue_once(session, DELIVER, errands)


def _expect_listening(endpoint: WebhookEndpoint) -> None:
    if not endpoint.listens:
        raise Conflict("This endpoint is switched off. Enable it first.", code="endpoint_off")
