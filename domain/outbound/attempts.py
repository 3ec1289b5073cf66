"""Attempts: each request that went to an endpoint, with what was sent, what came back and how long it took.

What was said on both sides is kept for as long as the operator wants; that there was an attempt, when, and what came of it is
kept like the rest of the trail. The values of a customer's own headers are never kept at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, text

from domain.bulk import insert_rows
from domain.clock import now
from domain.database import tenant_session
from domain.outbound.egress import Answer
from domain.outbound.own_headers import MASK
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantOwned, TenantSession, Wall, belongs_to_tenants, instant, json_or_unknown, tenant_table

FORGOTTEN_AT_ONCE = 5_000


class DeliveryAttempt(TenantOwned, table=True):
    __tablename__ = "delivery_attempt"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("delivery"),
        belongs_to_tenants("webhook_endpoint", "endpoint_id"),
        Index("ix_delivery_attempt", "tenant_id", "delivery_id", "id"),
        Index("ix_delivery_attempt_endpoint", "tenant_id", "endpoint_id", "at"),
        Index(
            "ix_delivery_attempt_bodies",
            "tenant_id",
            "at",
            postgresql_where=text("request_body is not null or response_body is not null"),
        ),
    )
    noun: ClassVar[str] = "delivery_attempt"

    delivery_id: UUID
    endpoint_id: UUID | None = None
    """Null for attempts of before there were statistics."""
    at: datetime = instant()
    request_headers: dict[str, str] | None = json_or_unknown()
    request_body: str | None = None
    response_status: int | None = None
    response_body: str | None = None
    duration_ms: int
    failure: str | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request that was made, with its answer."""

    delivery_id: UUID
    version: int
    """Of the delivery, as it was when the request was prepared."""
    made_before: int
    is_test: bool
    at: datetime
    headers: Mapping[str, str]
    body: bytes
    answer: Answer


async def note(
    session: TenantSession, endpoint_id: UUID, made: Iterable[Attempt], *, own_headers: Iterable[str], bodies: bool
) -> None:
    """Write attempts down, with what was said on both sides if ``bodies`` are kept."""
    masked = frozenset(own_headers)
    await insert_rows(session, DeliveryAttempt, [_row(endpoint_id, each, masked, bodies=bodies) for each in made])


def _row(endpoint_id: UUID, made: Attempt, masked: frozenset[str], *, bodies: bool) -> dict[str, Any]:
    answer = made.answer
    said: dict[str, Any] = {}
    if bodies:
        said = {
            "request_headers": {name: MASK if name in masked else value for name, value in made.headers.items()},
            "request_body": made.body.decode(),
            "response_body": answer.body_excerpt if answer.status is not None else None,
        }
    return {
        **said,
        "delivery_id": made.delivery_id,
        "endpoint_id": endpoint_id,
        "at": made.at,
        "response_status": answer.status,
        "duration_ms": answer.duration_ms,
        "failure": answer.failure.code.value if answer.failure else None,
        "detail": answer.failure.detail if answer.failure else None,
    }


_FORGET = """
    update delivery_attempt set request_headers = null, request_body = null, response_body = null
    where tenant_id = $1 and id in (
        select id from delivery_attempt
        where tenant_id = $1 and at < $2 and (request_body is not null or response_body is not null) limit $3)"""


async def forget_what_was_said(runtime: Runtime) -> None:
    """Drop headers and bodies that were kept long enough. The time, the status and the duration stay."""
    end = now() - timedelta(days=runtime.settings.webhook_bodies_days)
    for tenant_id in await all_tenants(runtime.database):
        done = FORGOTTEN_AT_ONCE
        while done == FORGOTTEN_AT_ONCE:
            async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
                said = await (await session.driver()).execute(_FORGET, session.tenant_id, end, FORGOTTEN_AT_ONCE)
                done = int(said.rsplit(" ", 1)[-1])
