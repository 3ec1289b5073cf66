"""Webhook endpoints: where a tenant wants to hear of events, of which ones, in what form, and how fast.

What a caller says of an endpoint is checked here, and every change is on record; the keys that sign and the headers of the
customer's own have files of their own. One that only fails is switched off, and whoever runs the account is written to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import httpx
from sqlalchemy import func
from sqlmodel import Field, col, select

from domain.access import Role
from domain.errors import Conflict, Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.groups import Group
from domain.inventory.organizations import Organization
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressPolicy, check_url, leads_elsewhere
from domain.outbound.event_types import check_filters
from domain.outbound.filters import check_condition
from domain.outbound.mail import send_mail
from domain.outbound.own_headers import check_own_headers, seal_headers
from domain.outbound.signing_keys import SignatureKind, add_key, drop_keys, end_older_keys
from domain.people.lending import absent
from domain.people.members import Member
from domain.people.tenants import Person
from domain.records import archive
from domain.tenancy import (
    Archivable,
    Fields,
    TenantOwned,
    TenantSession,
    instant,
    json_list,
    json_object,
    json_or_unknown,
    one_of,
    tenant_table,
)

MOST_ENDPOINTS = 50
MOST_NARROWED_TO = 500
FAILING_FOR = timedelta(days=5)
"""After so long without a single success an endpoint is switched off."""


class DisabledReason(StrEnum):
    """Why we switched an endpoint off. Absent when a person did."""

    gone = "gone"
    """It answered 410: it wants no more."""
    failing = "failing"
    """Five days of failures without a success."""


class EndpointFields(Fields):
    url: str = Field(min_length=1, max_length=2000, description="https; it must lead to the public internet.")
    description: str | None = Field(default=None, max_length=500)
    event_types: list[str] = json_list()
    """Kinds such as ``finding.opened``, or ``finding.*``. An empty list hears everything."""
    organization_ids: list[UUID] = json_list()
    """Only events of these organizations, and of those in ``group_ids``. With both empty, events of all, and those that
    belong to none."""
    group_ids: list[UUID] = json_list()
    """Only events of organizations that are in one of these groups when the event is sent on, and of ``organization_ids``."""
    condition: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="A condition in CEL over `event`, which is the `data` of the payload, such as "
        '`event.changes.level.to == "very_high"`. Where it needs what an event does not have, it does not hold, and the event '
        "is not sent.",
    )
    free_text: bool = Field(
        default=False,
        description="Send what people typed as well, such as names and titles; else `changed` only names those fields. A text "
        "that looks as if it named a patient is never sent.",
    )
    at_once: int = Field(default=10, ge=1, le=50, description="How many requests may be under way at the same time.")
    throttle_per_second: int | None = Field(default=None, ge=1, le=1_000, description="At most so many requests a second.")
    enabled: bool = True


class NewEndpointFields(EndpointFields):
    signature: SignatureKind = Field(
        default=SignatureKind.v1, description="`v1`: a shared secret. `v1a`: ed25519, of which you get the public key."
    )
    headers: dict[str, str] = json_object()
    """Headers of your own to send along, such as ``Authorization``. Their values are never shown again."""


class EndpointChanges(EndpointFields):
    """Headers are set anew as a whole when they are said, and stay as they are otherwise."""

    headers: dict[str, str] | None = json_or_unknown()


class WebhookEndpoint(EndpointFields, TenantOwned, Archivable, table=True):
    __tablename__ = "webhook_endpoint"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table()
    noun: ClassVar[str] = "webhook_endpoint"

    signature: SignatureKind = one_of(SignatureKind, default=SignatureKind.v1)
    secrets: list[dict[str, str | None]] = json_list()
    """``{"sealed": <ciphertext>, "until": <time or null>, "public": <whpk_ or null>}``, the newest first."""
    public_keys: list[dict[str, str | None]] = json_list()
    """``{"key": <whpk_>, "until": <time or null>}``: the public halves of those secrets that have one."""
    header_names: list[str] = json_list()
    sealed_headers: str | None = None
    disabled_reason: str | None = None
    failing_since: datetime | None = instant(default=None)
    runner: UUID | None = None
    """The job that sends now: one at a time, so that what the endpoint allows is kept over all workers."""
    runs_until: datetime | None = instant(default=None)
    """When that job has certainly ended, or its worker has died."""

    @property
    def listens(self) -> bool:
        return self.enabled and self.archived_at is None


async def register(
    session: TenantSession, fields: NewEndpointFields, *, policy: EgressPolicy, keyring: KeyRing
) -> tuple[WebhookEndpoint, str | None]:
    """A new endpoint, and its secret, which is never seen again; None where a pair of keys signs."""
    check_url(fields.url, policy)
    await _check(session, fields)
    headers = check_own_headers(fields.headers)
    rows = select(func.count()).select_from(WebhookEndpoint).where(col(WebhookEndpoint.archived_at).is_(None))
    if (await session.execute(rows)).scalar_one() >= MOST_ENDPOINTS:
        raise Conflict(f"A tenant has at most {MOST_ENDPOINTS} webhook endpoints; archive one first.", code="too_many")
    said = fields.model_dump(exclude={"headers"})
    endpoint = WebhookEndpoint(**said, tenant_id=session.tenant_id)
    secret = add_key(endpoint, keyring)
    seal_headers(endpoint, headers, keyring)
    await session.save(endpoint)
    emit(session, "webhook_endpoint.created", endpoint, {**_for_the_trail(fields), "header_names": endpoint.header_names})
    return endpoint, secret


async def change_endpoint(
    session: TenantSession, endpoint: WebhookEndpoint, fields: EndpointChanges, *, policy: EgressPolicy, keyring: KeyRing
) -> WebhookEndpoint:
    """Set what a caller may say. Switching it on again, or another URL, begins with a clean slate."""
    before = EndpointFields(**{name: getattr(endpoint, name) for name in EndpointFields.model_fields})
    after = EndpointFields(**fields.model_dump(exclude={"headers"}))
    if after == before and fields.headers is None:
        return endpoint
    await _check(session, after)
    if after.url != before.url or (after.enabled and not before.enabled):
        check_url(after.url, policy)
        if endpoint.header_names and fields.headers is None and leads_elsewhere(before.url, after.url):
            # Or whoever may change an endpoint could read its secrets at a host of their own.
            detail = "Another host would get your headers. Say them again with the URL, or {} for none."
            raise Invalid.one("/headers", "missing", detail)
        endpoint.failing_since = None
        endpoint.disabled_reason = None
    for name in EndpointFields.model_fields:
        if getattr(after, name) != getattr(before, name):
            setattr(endpoint, name, getattr(after, name))
    changed = differences(_for_the_trail(before), _for_the_trail(after))
    if after.url != before.url:
        changed["url"] = {"from": _origin(before.url), "to": _origin(after.url)}
    if fields.headers is not None:
        names = endpoint.header_names
        seal_headers(endpoint, check_own_headers(fields.headers), keyring)
        changed["header_names"] = {"from": names, "to": endpoint.header_names}
    await session.flush()
    emit(session, "webhook_endpoint.updated", endpoint, changed)
    return endpoint


@dataclass(frozen=True)
class Rotation:
    """The new key: its secret, which is never seen again, or None for a pair; and until when the old ones sign as well."""

    secret: str | None
    old_keys_until: datetime | None


async def rotate_key(
    session: TenantSession,
    endpoint: WebhookEndpoint,
    *,
    signature: SignatureKind | None,
    grace: timedelta,
    keyring: KeyRing,
) -> Rotation:
    """A new key, of another kind where ``signature`` says so. Those before it sign as well until ``grace`` is over."""
    await session.refresh(endpoint, with_for_update=True)
    expect_kept(endpoint)
    end = end_older_keys(endpoint, grace=grace)
    endpoint.signature = signature or endpoint.signature
    secret = add_key(endpoint, keyring)
    await session.flush()
    emit(session, "webhook_endpoint.secret_rotated", endpoint, {"old_secrets_until": end, "signature": endpoint.signature})
    return Rotation(secret, end)


async def remove(session: TenantSession, endpoint: WebhookEndpoint) -> None:
    """Archive an endpoint. Its deliveries stay readable; its secrets are gone for good."""
    drop_keys(endpoint)
    endpoint.header_names, endpoint.sealed_headers = [], None
    await archive(session, endpoint)


async def switch_off(session: TenantSession, endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    """Send nothing more there until a person switches it on again. The caller has locked the endpoint's row."""
    if endpoint.enabled:
        endpoint.enabled = False
        endpoint.disabled_reason = reason.value
        await session.flush()
        changed = {"enabled": {"from": True, "to": False}, "disabled_reason": {"from": None, "to": reason.value}}
        emit(session, "webhook_endpoint.disabled", endpoint, changed)
        await _write_to_owners(session, endpoint, reason)


async def _write_to_owners(session: TenantSession, endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    """By another way than the one that is broken. The URL may hold a token, so the letter says only where it leads."""
    seats = (
        select(Person.email)
        .join(Member, col(Member.person_id) == col(Person.id))
        .where(col(Member.role).in_([Role.owner, Role.admin]), col(Member.archived_at).is_(None))
    )
    why = {
        DisabledReason.gone: "It answered 410 Gone, which asks us to stop.",
        DisabledReason.failing: f"Every delivery of the last {FAILING_FOR.days} days failed.",
    }[reason]
    text = (
        f"Bitewing sends nothing more to the webhook endpoint {_origin(endpoint.url)}\n\n{why}\n\n"
        "Events are kept. Once the receiver works again, enable the endpoint and recover the time that it missed:\n"
        f"PATCH /v1/webhook-endpoints/{endpoint.id} and POST /v1/webhook-endpoints/{endpoint.id}/recovery\n"
    )
    for email in (await session.execute(seats)).scalars().all():
        key = f"webhook_endpoint.disabled:{endpoint.id}:{endpoint.version}:{email}"
        await send_mail(session, to=email, subject="A webhook endpoint was switched off", text=text, key=key)


def expect_kept(endpoint: WebhookEndpoint) -> None:
    """Raises Conflict for an archived endpoint, which has no secrets any more."""
    if endpoint.archived_at is not None:
        raise Conflict("This endpoint is archived.", code="archived")


async def _check(session: TenantSession, fields: EndpointFields) -> None:
    fields.event_types = check_filters(fields.event_types)
    fields.organization_ids = list(dict.fromkeys(fields.organization_ids))
    fields.group_ids = list(dict.fromkeys(fields.group_ids))
    if len(fields.organization_ids) + len(fields.group_ids) > MOST_NARROWED_TO:
        detail = f"Name at most {MOST_NARROWED_TO} organizations and groups; a group may hold many more."
        raise Invalid.one("/organization_ids", "too_long", detail)
    faults = [
        *await absent(session, Organization, fields.organization_ids, "organization"),
        *await absent(session, Group, fields.group_ids, "group"),
    ]
    if faults:
        raise Invalid(faults)
    if fields.condition is not None:
        check_condition(fields.condition)
    await keep_patients_out(session, {"description": fields.description, "condition": fields.condition})


def _for_the_trail(fields: EndpointFields) -> dict[str, Any]:
    return {**fields.model_dump(mode="json", exclude={"headers"}), "url": _origin(fields.url)}


def _origin(url: str) -> str:
    """A URL may carry a token in its path or query; the audit trail keeps only where it leads."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}/..."
