"""Calls to Stripe, each written down before it is made: so a worker that is killed in between neither charges twice nor
forgets.

The row holds what is said and its id is the idempotency key. Whoever finds a row without an answer says the same again,
and Stripe answers as it did. Stripe forgets keys after a day; then what was made is looked for by the key in its metadata.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from billing.gateway import Gateway
from domain.clock import new_id, now
from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantOwned, Wall, instant, json_object, tenant_table

KEYS_LIVE = timedelta(hours=23)
DONE: Mapping[str, Collection[str]] = {
    "invoices.finalize_invoice": ("open", "paid", "uncollectible", "void"),
    "quotes.finalize_quote": ("open", "accepted", "canceled"),
    "quotes.accept": ("accepted",),
    "quotes.cancel": ("canceled",),
    "subscription_schedules.cancel": ("canceled",),
    "checkout.sessions.expire": ("expired",),
}
"""What cannot be done twice, and the states in which it is seen to be done."""
WRITE = (
    "insert into stripe_call (tenant_id, id, created_at, updated_at, version, purpose, verb, target, params) "
    "values ($1, $2, now(), now(), 1, $3, $4, $5, $6::jsonb) on conflict (tenant_id, purpose) do nothing"
)


class StripeCall(TenantOwned, table=True):
    __tablename__ = "stripe_call"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(UniqueConstraint("tenant_id", "purpose"))
    noun: ClassVar[str] = "stripe_call"

    purpose: str = Field(max_length=200)
    """What it is for, such as ``charge:<id>``: one purpose, one call."""
    verb: str = Field(max_length=100)
    target: str | None = None
    params: dict[str, Any] = json_object()
    answered_at: datetime | None = instant(default=None)
    result_id: str | None = None


@dataclass(frozen=True)
class Work:
    """One account in the hands of this worker."""

    runtime: Runtime
    gateway: Gateway
    tenant_id: UUID
    account_id: UUID

    async def once(self, purpose: str, verb: str, params: Mapping[str, Any], *, target: str | None = None) -> str:
        return await once(self.runtime, self.gateway, self.tenant_id, purpose, verb, params, target=target)

    @property
    def tax(self) -> dict[str, Any]:
        """Prices are without tax or with it as the price list says; whether Stripe works it out, the settings."""
        return {"automatic_tax": {"enabled": True}} if self.runtime.settings.stripe_tax else {}

    @property
    def names(self) -> dict[str, str]:
        """By which everything at Stripe is known to be ours."""
        return {"bitewing_tenant": str(self.tenant_id), "bitewing_account": str(self.account_id)}


async def once(
    runtime: Runtime,
    gateway: Gateway,
    tenant_id: UUID,
    purpose: str,
    verb: str,
    params: Mapping[str, Any],
    *,
    target: str | None = None,
) -> str:
    """Make the call for a purpose, if it was not made yet; the id of what it made or changed."""
    call = await _written(runtime, tenant_id, purpose, verb, target, params)
    if call.result_id is not None:
        return call.result_id
    found = await _made_before(gateway, call)
    if found is None:
        found = (await gateway.call(call.verb, call.target, call.params, key=str(call.id)))["id"]
    assert found is not None
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        row = await session.fetch(StripeCall, call.id, lock=True)
        row.answered_at, row.result_id = now(), found
    return found


async def _written(
    runtime: Runtime, tenant_id: UUID, purpose: str, verb: str, target: str | None, params: Mapping[str, Any]
) -> StripeCall:
    """The row, committed: ours, or that of a worker before us, whose words then count."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        id = new_id()
        said = dict(params)
        if verb.endswith("create"):
            said["metadata"] = {**said.get("metadata", {}), "bitewing_call": str(id)}
        connection = await session.driver()
        await connection.execute(WRITE, tenant_id, id, purpose, verb, target, json.dumps(said))
        statement = select(StripeCall).where(col(StripeCall.purpose) == purpose)
        return (await session.execute(statement)).scalar_one()


async def _made_before(gateway: Gateway, call: StripeCall) -> str | None:
    """What an unanswered call made so long ago that Stripe has forgotten its key."""
    if now() - call.created_at < KEYS_LIVE:
        return None
    service, _, act = call.verb.rpartition(".")
    if call.verb in DONE and call.target is not None:
        return call.target if (await gateway.read(service, call.target))["status"] in DONE[call.verb] else None
    if act != "create":
        return None
    since = {"gte": int(call.created_at.timestamp()) - 60}
    async for each in gateway.each(service, created=since):
        names: dict[str, str] = each.get("metadata") or {}
        if names.get("bitewing_call") == str(call.id):
            return each["id"]
    return None
