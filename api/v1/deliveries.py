"""Deliveries: what was sent to a webhook endpoint, what it answered, and sending it again."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlmodel import col, select

from api.door import DoorRoute, Inside, may, not_narrowed, this
from api.pages import Listing, Page, Paged, filters_of
from api.v1.events import EventOut
from domain.access import Permission
from domain.events import Event
from domain.outbound import deliveries, payloads
from domain.outbound.attempts import DeliveryAttempt
from domain.outbound.deliveries import Delivery, DeliveryStatus
from domain.outbound.endpoints import WebhookEndpoint

router = APIRouter(route_class=DoorRoute, tags=["webhooks"], dependencies=[Depends(not_narrowed)])
Reader = Annotated[Inside, may(Permission.webhooks_read)]
Writer = Annotated[Inside, may(Permission.webhooks_write)]
ThisEndpoint = Annotated[WebhookEndpoint, this(WebhookEndpoint)]
ThisDelivery = Annotated[Delivery, this(Delivery)]


class DeliveryOut(BaseModel):
    id: UUID
    endpoint_id: UUID
    event_id: UUID
    """Sent as ``webhook-id`` with every attempt."""
    event_kind: str
    event_sequence: int
    organization_id: UUID | None
    status: DeliveryStatus
    attempts: int
    """Since the delivery was begun or last resent."""
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


class AttemptOut(BaseModel):
    id: UUID
    at: datetime
    request_headers: dict[str, str] | None
    """What was sent; the values of your own headers are masked. Null when it is no longer kept, as are both bodies."""
    request_body: str | None
    response_status: int | None
    response_body: str | None
    """At most the first 16 kB."""
    duration_ms: int
    failure: str | None
    """Why there was no usable answer: a stable code."""
    detail: str | None


class WebhookPayload(BaseModel):
    """What is sent to an endpoint."""

    type: str
    timestamp: datetime
    data: EventOut


class DeliveryDetailOut(DeliveryOut):
    payload: WebhookPayload
    history: list[AttemptOut]
    """Every attempt ever made, the oldest first."""


DELIVERIES = Listing(
    DeliveryOut,
    Delivery,
    sorts={"event_sequence": col(Delivery.event_sequence)},
    filters=filters_of(Delivery, "endpoint_id", "status", "event_kind"),
)


@router.get("/webhook-endpoints/{webhook_endpoint_id}/deliveries", response_model=Page[DeliveryOut])
async def list_deliveries(
    by: Reader,
    endpoint: ThisEndpoint,
    window: Paged,
    status: DeliveryStatus | None = None,
    event_kind: str | None = None,
) -> Response:
    """What was, or is to be, sent to this endpoint; the newest event first."""
    newest_first = replace(window, sort="-event_sequence")
    return await DELIVERIES.page(by, newest_first, endpoint_id=endpoint.id, status=status, event_kind=event_kind)


@router.get("/deliveries/{delivery_id}", response_model=DeliveryDetailOut)
async def read_delivery(by: Reader, delivery: ThisDelivery) -> DeliveryDetailOut:
    """One delivery with what is sent, and with every attempt."""
    attempts = select(DeliveryAttempt).where(col(DeliveryAttempt.delivery_id) == delivery.id)
    history = (await by.session.execute(attempts.order_by(col(DeliveryAttempt.id)))).scalars()
    endpoint = await by.session.fetch(WebhookEndpoint, delivery.endpoint_id)
    wanted = select(Event).where(col(Event.at) == delivery.event_at, col(Event.id) == delivery.event_id)
    event = (await by.session.execute(wanted)).scalar_one()
    return DeliveryDetailOut(
        **{name: getattr(delivery, name) for name in DeliveryOut.model_fields},
        payload=WebhookPayload.model_validate_json(payloads.body(event, free_text=endpoint.free_text)),
        history=[AttemptOut.model_validate(each, from_attributes=True) for each in history],
    )


@router.post("/deliveries/{delivery_id}/resend", status_code=202, response_model=DeliveryOut)
async def resend_delivery(by: Writer, delivery: ThisDelivery) -> Delivery:
    """Send it again, at once and under the same ``webhook-id``, whatever became of it before."""
    endpoint = await by.session.fetch(WebhookEndpoint, delivery.endpoint_id)
    return await deliveries.resend(by.session, delivery, endpoint)
