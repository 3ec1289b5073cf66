"""Webhook endpoints: where a tenant wants to hear of events, with signing secrets, tests and recovery.

An endpoint hears the whole tenant, so a principal that is narrowed to some organizations may not even look at it.
"""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
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
from domain.outbound.endpoints import EndpointChanges, NewEndpointFields, WebhookEndpoint
from domain.outbound.event_types import event_types
from domain.outbound.signing_keys import SignatureKind
from domain.outbound.statistics import statistics
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
        str, Header(description="One signature per valid key, separated by spaces: `v1,<base64>` or `v1a,<base64>`.")
    ],
) -> None:
    """An event, signed as [Standard Webhooks](https://www.standardwebhooks.com) lays down. Answer with any 2xx within 15
    seconds. Anything else is tried again over three days; 410 switches the endpoint off.

    Order is not promised: events may come twice, several at once, and in another order than they happened, most of all when
    one was tried again. Drop what you have seen by its ``webhook-id``. ``sequence`` counts up in the order in which a
    tenant's changes were made for good: take nothing over that is older than the last you know of the same ``subject``, or
    fetch the subject, which is always right. It may have gaps for you, because you do not hear every event;
    ``GET /events?after=`` has them all in order. Receivers that do all this:
    [in Python](/docs/receivers/receiver.py), [in TypeScript](/docs/receivers/receiver.ts)."""


class PublicKeyOut(BaseModel):
    key: str = Field(description="`whpk_` and the ed25519 key in base64, as Standard Webhooks writes it.")
    until: datetime | None = Field(description="When it signs no more; null for the newest.")


class EndpointOut(BaseModel):
    id: UUID
    url: str
    description: str | None
    event_types: list[str]
    """An empty list hears everything."""
    organization_ids: list[UUID]
    group_ids: list[UUID]
    condition: str | None
    free_text: bool
    at_once: int
    throttle_per_second: int | None
    header_names: list[str]
    """Headers of your own. Their values are never shown."""
    signature: SignatureKind
    """What a new key is; those before it may be of the other kind."""
    public_keys: list[PublicKeyOut]
    """For signatures `v1a`: the newest first."""
    enabled: bool
    disabled_reason: str | None
    """``gone`` or ``failing`` when we switched it off; null when a person did, or while it is on."""
    failing_since: datetime | None
    """Since when every attempt has failed."""
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class NewEndpointOut(EndpointOut):
    secret: str | None
    """Verifies what we send, as Standard Webhooks lays down. Shown this once; null for `v1a`, where a public key verifies."""


class RotationFields(Fields):
    grace_seconds: int = Field(default=86_400, ge=0, le=604_800, description="How long the old keys sign as well.")
    signature: SignatureKind | None = Field(default=None, description="The kind of the new key; the same as before if absent.")


class RotationOut(BaseModel):
    secret: str | None
    """Shown this once; null for `v1a`, where a public key verifies."""
    public_keys: list[PublicKeyOut]
    old_secrets_until: datetime | None
    """Null when no old one signs any more."""


class RecoveryFields(Fields):
    since: AwareDatetime
    until: AwareDatetime | None = Field(default=None, description="Now, if absent.")


class RecoveryOut(BaseModel):
    recovered: int
    """How many deliveries began anew."""
    complete: bool
    """False when there were more events than can be looked at once: ask again, since `go_on_from`."""
    go_on_from: datetime | None


class FiguresOut(BaseModel):
    attempts: int
    succeeded: int
    failed: int
    success_rate: float | None = Field(description="From 0 to 1; null where there was no attempt.")
    p50_ms: int | None = Field(description="Half of the attempts took no longer.")
    p95_ms: int | None


class DayOut(FiguresOut):
    day: date = Field(description="In UTC. Days without an attempt are left out.")


class StatisticsOut(FiguresOut):
    since: datetime
    pending: int = Field(description="Deliveries that are still to be made.")
    last_success_at: datetime | None = Field(description="Also of before `since`.")
    by_day: list[DayOut]


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
async def register_webhook_endpoint(by: Writer, fields: NewEndpointFields) -> NewEndpointOut:
    """Listen somewhere. The answer holds the signing secret, which is never shown again, or the public key."""
    endpoint, secret = await endpoints.register(
        by.session, fields, policy=EgressPolicy.of(by.runtime.settings), keyring=by.runtime.keyring
    )
    by.tag(endpoint)
    return NewEndpointOut(**_shown(endpoint).model_dump(), secret=secret)


@router.get("/webhook-endpoints/{webhook_endpoint_id}", response_model=EndpointOut)
async def read_webhook_endpoint(by: Reader, endpoint: ThisEndpoint) -> WebhookEndpoint:
    return endpoint


@router.patch("/webhook-endpoints/{webhook_endpoint_id}", response_model=EndpointOut, openapi_extra=patch_of(EndpointChanges))
async def change_webhook_endpoint(by: Writer, endpoint: ThisEndpoint, changes: Changes) -> WebhookEndpoint:
    """Change where and what is heard. ``{"enabled": true}`` switches an endpoint on again that we switched off. ``headers``
    are set anew as a whole, and only when they are said; a URL on another host wants them said again."""
    fields = merged(EndpointChanges, endpoint, changes)
    policy = EgressPolicy.of(by.runtime.settings)
    return await endpoints.change_endpoint(by.session, endpoint, fields, policy=policy, keyring=by.runtime.keyring)


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
    """Make a new signing key, whose secret is shown this once. During the grace old and new ones sign, so no delivery fails
    to verify."""
    done = await endpoints.rotate_key(
        by.session,
        endpoint,
        signature=fields.signature,
        grace=timedelta(seconds=fields.grace_seconds),
        keyring=by.runtime.keyring,
    )
    keys = _shown(endpoint).public_keys
    return RotationOut(secret=done.secret, public_keys=keys, old_secrets_until=done.old_keys_until)


@router.get("/webhook-endpoints/{webhook_endpoint_id}/statistics", response_model=StatisticsOut)
async def read_webhook_statistics(
    by: Reader, endpoint: ThisEndpoint, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> dict[str, Any]:
    """How an endpoint has done in the last days: how many attempts, how many succeeded, how long they took; day by day."""
    return asdict(await statistics(by.session, endpoint.id, days=days))


@router.post("/webhook-endpoints/{webhook_endpoint_id}/recovery", status_code=202, response_model=RecoveryOut)
async def recover_webhook_deliveries(by: Writer, endpoint: ThisEndpoint, fields: RecoveryFields) -> RecoveryOut:
    """Begin a delivery for every event of a time that this endpoint listens to and has missed. Nothing that was
    delivered, or is on its way, is sent again."""
    until = fields.until or now()
    done = await deliveries.recover(by.session, endpoint, since=fields.since, until=until)
    return RecoveryOut(recovered=done.recovered, complete=done.go_on_from is None, go_on_from=done.go_on_from)


def _shown(endpoint: WebhookEndpoint) -> EndpointOut:
    return EndpointOut.model_validate(endpoint, from_attributes=True)
