"""Deliveries: one event on its way to one endpoint, with every attempt. The queue can be rebuilt from these rows."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from domain.tenancy import TenantOwned, belongs_to_tenants, instant, one_of, tenant_table


class DeliveryStatus(StrEnum):
    pending = "pending"
    delivered = "delivered"
    failed = "failed"


class Delivery(TenantOwned, table=True):
    __table_args__ = tenant_table(
        belongs_to_tenants("webhook_endpoint", "endpoint_id"),
        ForeignKeyConstraint(["tenant_id", "event_at", "event_id"], ["event.tenant_id", "event.at", "event.id"]),
        UniqueConstraint("tenant_id", "endpoint_id", "event_id"),
        Index("ix_delivery_endpoint", "tenant_id", "endpoint_id", "id"),
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
