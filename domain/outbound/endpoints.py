"""Webhook endpoints: where a tenant wants to hear of events, and the sealed secrets that sign what is sent there.

A secret is made by us, shown once and kept sealed to its row. While one is rotated the old one signs as well, so the
receiver can change over without losing a delivery.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import httpx
from sqlalchemy import func
from sqlmodel import Field, col, select

from domain.access import Role
from domain.clock import now, rfc3339
from domain.errors import Conflict
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressPolicy, check_url
from domain.outbound.event_types import check_filters
from domain.outbound.mail import send_mail
from domain.outbound.signing import new_secret
from domain.people.members import Member
from domain.people.tenants import Person
from domain.records import archive
from domain.tenancy import Archivable, Fields, TenantOwned, TenantSession, instant, json_list, tenant_table

MOST_ENDPOINTS = 50
MOST_SECRETS = 5
LONGEST_GRACE = timedelta(days=7)
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
    enabled: bool = True


class WebhookEndpoint(EndpointFields, TenantOwned, Archivable, table=True):
    __tablename__ = "webhook_endpoint"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table()
    noun: ClassVar[str] = "webhook_endpoint"

    secrets: list[dict[str, str | None]] = json_list()
    """``{"sealed": <ciphertext>, "until": <time or null>}``, the newest first; several during a rotation."""
    disabled_reason: str | None = None
    failing_since: datetime | None = instant(default=None)

    @property
    def listens(self) -> bool:
        return self.enabled and self.archived_at is None


async def register(
    session: TenantSession, fields: EndpointFields, *, policy: EgressPolicy, keyring: KeyRing
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, and its secret, which is never seen again."""
    check_url(fields.url, policy)
    await _check(session, fields)
    rows = select(func.count()).select_from(WebhookEndpoint).where(col(WebhookEndpoint.archived_at).is_(None))
    if (await session.execute(rows)).scalar_one() >= MOST_ENDPOINTS:
        raise Conflict(f"A tenant has at most {MOST_ENDPOINTS} webhook endpoints; archive one first.", code="too_many")
    endpoint = WebhookEndpoint(**fields.model_dump(), tenant_id=session.tenant_id)
    secret = _add_secret(endpoint, keyring)
    await session.save(endpoint)
    emit(session, "webhook_endpoint.created", endpoint, _for_the_trail(fields))
    return endpoint, secret


async def change_endpoint(
    session: TenantSession, endpoint: WebhookEndpoint, fields: EndpointFields, *, policy: EgressPolicy
) -> WebhookEndpoint:
    """Set what a caller may say. Switching it on again, or another URL, begins with a clean slate."""
    before = EndpointFields(**{name: getattr(endpoint, name) for name in EndpointFields.model_fields})
    if fields == before:
        return endpoint
    await _check(session, fields)
    if fields.url != before.url or (fields.enabled and not before.enabled):
        check_url(fields.url, policy)
        endpoint.failing_since = None
        endpoint.disabled_reason = None
    for name, value in fields.model_dump().items():
        setattr(endpoint, name, value)
    await session.flush()
    changed = differences(_for_the_trail(before), _for_the_trail(fields))
    if fields.url != before.url:
        changed["url"] = {"from": _origin(before.url), "to": _origin(fields.url)}
    emit(session, "webhook_endpoint.updated", endpoint, changed)
    return endpoint


async def rotate_secret(session: TenantSession, endpoint: WebhookEndpoint, *, grace: timedelta, keyring: KeyRing) -> str:
    """A new secret. Those before it sign as well until ``grace`` is over, and no longer than they would have anyway."""
    await session.refresh(endpoint, with_for_update=True)
    expect_kept(endpoint)
    moment = now()
    end = moment + grace
    kept = [
        {**each, "until": rfc3339(min(_until(each) or end, end))} for each in endpoint.secrets if grace and _lives(each, moment)
    ]
    if len(kept) >= MOST_SECRETS:
        detail = f"{MOST_SECRETS} secrets sign at once already. Wait, or rotate with a grace of 0 to end the old ones."
        raise Conflict(detail, code="too_many_secrets")
    endpoint.secrets = kept
    secret = _add_secret(endpoint, keyring)
    await session.flush()
    emit(session, "webhook_endpoint.secret_rotated", endpoint, {"old_secrets_until": end if kept else None})
    return secret


async def remove(session: TenantSession, endpoint: WebhookEndpoint) -> None:
    """Archive an endpoint. Its deliveries stay readable; its secrets are gone for good."""
    endpoint.secrets = []
    await archive(session, endpoint)


async def switch_off(session: TenantSession, endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    """Send nothing more there until a person switches it on again."""
    await session.refresh(endpoint, with_for_update=True)
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


def live_secrets(endpoint: WebhookEndpoint, keyring: KeyRing, moment: datetime) -> Sequence[str]:
    """Every secret that signs at this moment, the newest first. Raises KeyRingError."""
    return [
        keyring.decrypt_text(each["sealed"] or "", context=_context(endpoint))
        for each in endpoint.secrets
        if _lives(each, moment)
    ]


def expect_kept(endpoint: WebhookEndpoint) -> None:
    """Raises Conflict for an archived endpoint, which has no secrets any more."""
    if endpoint.archived_at is not None:
        raise Conflict("This endpoint is archived.", code="archived")


async def _check(session: TenantSession, fields: EndpointFields) -> None:
    fields.event_types = check_filters(fields.event_types)
    await keep_patients_out(session, {"description": fields.description})


def _add_secret(endpoint: WebhookEndpoint, keyring: KeyRing) -> str:
    secret = new_secret()
    sealed = keyring.encrypt(secret, context=_context(endpoint))
    endpoint.secrets = [{"sealed": sealed, "until": None}, *endpoint.secrets]
    return secret


def _context(endpoint: WebhookEndpoint) -> str:
    return f"webhook_endpoint:{endpoint.tenant_id}:{endpoint.id}"


def _until(secret: dict[str, str | None]) -> datetime | None:
    until = secret["until"]
    return datetime.fromisoformat(until) if until else None


def _lives(secret: dict[str, str | None], moment: datetime) -> bool:
    until = _until(secret)
    return until is None or until > moment


def _for_the_trail(fields: EndpointFields) -> dict[str, Any]:
    return {**fields.model_dump(), "url": _origin(fields.url)}


def _origin(url: str) -> str:
    """A URL may carry a token in its path or query; the audit trail keeps only where it leads."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}/..."
