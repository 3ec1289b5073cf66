"""Webhook endpoints: where a tenant wants to hear of events, with signing secrets, tests and recovery.

An endpoint hears the whole tenant, so a principal that is narrowed to some organizations may not even look at it.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response
from pydantic import AwareDatetime, BaseModel
from sqlmodel import Field, col

from api.door import Changes, DoorRoute, Inside, may, merged, not_narrowed, patch_of, this
from api.pages import Listing, Page, Paged
from api.v1.deliveries import DeliveryOut, WebhookPayload
from domain.access import Permission
from domain.clock import now
from domain.outbound import deliveries, endpoints, payloads
from domain.outbound.deliveries import Delivery
from domain.outbound.destinations import EgressPolicy
from domain.outbound.endpoints import EndpointFields, WebhookEndpoint
from domain.outbound.event_types import event_types
from domain.tenancy import Fields

router = APIRouter(route_class=DoorRoute, tags=["webhooks"], dependencies=[Depends(not_narrowed)])
Reader = Annotated[Inside, may(Permission.webhooks_read)]
Writer = Annotated[Inside, may(Permission.webhooks_write)]
ThisEndpoint = Annotated[WebhookEndpoint, this(WebhookEndpoint)]

told = APIRouter()
"""What we send, for the ``webhooks`` of the contract. It is served by the receivers, never by us."""


@told.post("event", status_code=204, operation_id="hear_event", tags=["webhooks"])
async def hear_event(
    payload: WebhookPayload,
    webhook_id: Annotated[str, Header(description="The event's id: the same over all attempts. Drop what you have seen.")],
    webhook_timestamp: Annotated[int, Header(description="Seconds since 1970, of this attempt.")],
    webhook_signature: Annotated[
        str, Header(description="One signature per valid secret: `v1,<base64>`, separated by spaces.")
    ],
) -> None:
    """An event, signed as [Standard Webhooks](https://www.standardwebhooks.com) lays down. Answer with any 2xx within 15
    seconds. Anything else is tried again over three days; 410 switches the endpoint off. Events may come twice, and in
    another order: go by ``sequence``."""


class EndpointOut(BaseModel):
    id: UUID
    url: str
    description: str | None
    event_types: list[str]
    """An empty list hears everything."""
    enabled: bool
    disabled_reason: str | None
    """``gone`` or ``failing`` when we switched it off; null when a person did, or while it is on."""
    failing_since: datetime | None
    """Since when every attempt has failed."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class NewEndpointOut(EndpointOut):
    secret: str
    """Verifies what we send, as Standard Webhooks lays down. Shown this once."""


class RotationFields(Fields):
    grace_seconds: int = Field(default=86_400, ge=0, le=604_800, description="How long the old secret signs as well.")


class RotationOut(BaseModel):
    secret: str
    """Shown this once."""
    old_secrets_until: datetime


class RecoveryFields(Fields):
    since: AwareDatetime
    until: AwareDatetime | None = Field(default=None, description="Now, if absent.")


class RecoveryOut(BaseModel):
    recovered: int
    """How many deliveries began anew."""
    complete: bool
    """False when there were more than could be begun at once: ask again."""


class EventTypeOut(BaseModel):
    kind: str
    description: str
    payload: dict[str, Any] = Field(description="JSON Schema of what is sent.")
    example: WebhookPayload


ENDPOINTS = Listing(
    EndpointOut,
    WebhookEndpoint,
    sorts={"created_at": col(WebhookEndpoint.created_at)},
    where=col(WebhookEndpoint.archived_at).is_(None),
)


@router.get("/event-types", response_model=Page[EventTypeOut])
async def list_event_types(by: Reader, window: Paged) -> dict[str, Any]:
    """Every kind of event, in alphabetical order, with the schema and an example of what is sent."""
    known = [each for each in event_types().values() if window.after is None or each.kind > window.after]
    page = known[: window.limit]
    data = [
        {
            "kind": each.kind,
            "description": each.description,
            "payload": payloads.schema(each),
            "example": payloads.example(each),
        }
        for each in page
    ]
    return {"data": data, "next": page[-1].kind if len(known) > window.limit else None}


@router.get("/webhook-endpoints", response_model=Page[EndpointOut])
async def list_webhook_endpoints(by: Reader, window: Paged) -> Response:
    """Where this tenant listens, the oldest first."""
    return await ENDPOINTS.page(by, window)


@router.post("/webhook-endpoints", status_code=201, response_model=NewEndpointOut)
async def register_webhook_endpoint(by: Writer, fields: EndpointFields) -> NewEndpointOut:
    """Listen somewhere. The answer holds the signing secret, which is never shown again."""
    endpoint, secret = await endpoints.register(
        by.session, fields, policy=EgressPolicy.of(by.runtime.settings), keyring=by.runtime.keyring
    )
    by.tag(endpoint)
    return NewEndpointOut(**{name: getattr(endpoint, name) for name in EndpointOut.model_fields}, secret=secret)


@router.get("/webhook-endpoints/{webhook_endpoint_id}", response_model=EndpointOut)
async def read_webhook_endpoint(by: Reader, endpoint: ThisEndpoint) -> WebhookEndpoint:
    return endpoint


@router.patch("/webhook-endpoints/{webhook_endpoint_id}", response_model=EndpointOut, openapi_extra=patch_of(EndpointFields))
async def change_webhook_endpoint(by: Writer, endpoint: ThisEndpoint, changes: Changes) -> WebhookEndpoint:
    """Change where and what is heard. ``{"enabled": true}`` switches an endpoint on again that we switched off."""
    fields = merged(EndpointFields, endpoint, changes)
    return await endpoints.change_endpoint(by.session, endpoint, fields, policy=EgressPolicy.of(by.runtime.settings))


@router.delete("/webhook-endpoints/{webhook_endpoint_id}", status_code=204)
async def archive_webhook_endpoint(by: Writer, endpoint: ThisEndpoint) -> None:
    """Listen there no more. Past deliveries stay readable; the secrets are gone for good."""
    await endpoints.remove(by.session, endpoint)


@router.post("/webhook-endpoints/{webhook_endpoint_id}/test", status_code=202, response_model=DeliveryOut)
async def test_webhook_endpoint(by: Writer, endpoint: ThisEndpoint) -> Delivery:
    """Send a real, signed ``webhook.test`` event to this endpoint alone, once, also while it is switched off.
    ``GET /deliveries/{id}`` shows what came of it."""
    return await deliveries.send_test(by.session, endpoint)


@router.post("/webhook-endpoints/{webhook_endpoint_id}/secret-rotation", status_code=201, response_model=RotationOut)
async def rotate_webhook_secret(by: Writer, endpoint: ThisEndpoint, fields: RotationFields) -> RotationOut:
    """Make a new signing secret, shown this once. During the grace both sign, so no delivery fails to verify."""
    grace = timedelta(seconds=fields.grace_seconds)
    secret = await endpoints.rotate_secret(by.session, endpoint, grace=grace, keyring=by.runtime.keyring)
    return RotationOut(secret=secret, old_secrets_until=now() + grace)


@router.post("/webhook-endpoints/{webhook_endpoint_id}/recovery", status_code=202, response_model=RecoveryOut)
async def recover_webhook_deliveries(by: Writer, endpoint: ThisEndpoint, fields: RecoveryFields) -> RecoveryOut:
    """Begin a delivery for every event of a time that this endpoint listens to and has missed. Nothing that was
    delivered, or is on its way, is sent again."""
    until = fields.until or now()
    done = await deliveries.recover(by.session, endpoint, since=fields.since, until=until)
    return RecoveryOut(recovered=done.recovered, complete=done.complete)
