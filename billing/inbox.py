"""The inbox for Stripe's events: verified, kept once, answered at once, and worked off by a job.

An event is only a reason to look: its object is read again at Stripe and copied. So events that come twice, late, in
another order, or before our own transaction has committed, do no harm.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel, col, select

from billing.acceptance import begin_what_waits
from billing.accounts import Account
from billing.gateway import Gateway, StripeRefused, reached
from billing.mirror import copy_invoice, copy_subscription
from billing.stripe_quotes import copy_quote, copy_schedule_of
from domain.clock import now
from domain.database import tenant_session
from domain.errors import NotFound
from domain.jobs import enqueue
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, TenantSession, Wall, instant

HANDLE = "billing.handle_event"
KEPT = timedelta(days=30)
READ_AS: Mapping[str, str] = {
    "invoice": "invoices",
    "subscription": "subscriptions",
    "checkout.session": "checkout.sessions",
    "quote": "quotes",
    "subscription_schedule": "subscription_schedules",
}
"""What is read again, by the kind of object that an event is about. Other kinds are kept and need nothing."""


class StripeEvent(SQLModel, table=True):
    """One event. Outside the wall: whose it is, only its object tells."""

    __tablename__ = "stripe_event"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise

    id: str = Field(primary_key=True, max_length=255)
    kind: str = Field(max_length=100)
    object_kind: str = Field(max_length=100)
    object_id: str | None = Field(default=None, max_length=255)
    received_at: datetime = instant(default_factory=now)
    handled_at: datetime | None = instant(default=None)


async def take_in(session: TenantSession, event: Mapping[str, Any]) -> None:
    """Keep an event that was not seen before, and have it worked off."""
    about: Mapping[str, Any] = event["data"]["object"]
    connection = await session.driver()
    kept = await connection.fetchval(
        "insert into stripe_event (id, kind, object_kind, object_id, received_at) values ($1, $2, $3, $4, now()) "
        "on conflict (id) do nothing returning id",
        event["id"], event["type"], about.get("object", "")[:100], about.get("id"),
    )  # fmt: skip
    if kept is not None:
        enqueue(session, HANDLE, event_id=kept)


class NotThereYet(Exception):
    """The event is about an account that our own transaction has not committed yet: to be tried again."""


async def act_on(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind an event."""
    if runtime.settings.stripe_api_key is None:
        return
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        statement = select(StripeEvent).where(col(StripeEvent.id) == payload["event_id"])
        event = (await session.execute(statement)).scalar_one_or_none()
    if event is None or event.handled_at is not None:
        return
    if event.object_kind in READ_AS and event.object_id:
        async with reached(runtime.settings) as gateway:
            await look_again(runtime, gateway, event.object_kind, event.object_id)
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        connection = await session.driver()
        await connection.execute("update stripe_event set handled_at = now() where id = $1", event.id)


async def look_again(runtime: Runtime, gateway: Gateway, kind: str, id: str) -> list[str]:
    """Read an object at Stripe and bring our copy up to it; what was different. What is not ours is left alone."""
    try:
        said = await gateway.read(READ_AS[kind], id)
    except StripeRefused:
        return []
    if kind == "checkout.session":
        return await look_again(runtime, gateway, "subscription", said["subscription"]) if said["subscription"] else []
    if not said["customer"]:
        return []
    customer = await gateway.read("customers", said["customer"])
    names: Mapping[str, str] = customer.get("metadata") or {}
    try:
        tenant_id, account_id = UUID(names["bitewing_tenant"]), UUID(names["bitewing_account"])
    except (KeyError, ValueError):
        return []
    return await copy(runtime, tenant_id, account_id, kind, said)


async def copy(runtime: Runtime, tenant_id: UUID, account_id: UUID, kind: str, said: Mapping[str, Any]) -> list[str]:
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        try:
            account = await session.fetch(Account, account_id, lock=True)
        except NotFound:
            raise NotThereYet from None
        if account.stripe_customer_id is None:
            account.stripe_customer_id = said["customer"]
        if kind == "quote":
            return await copy_quote(session, said)
        if kind == "subscription_schedule":
            return await copy_schedule_of(session, said)
        if kind == "subscription":
            if said["schedule"] is not None:
                await begin_what_waits(session, ledger=account.ledger)
                await session.refresh(account)
            return await copy_subscription(session, account, said)
        return await copy_invoice(session, account, said)


async def forget_old_events(runtime: Runtime) -> None:
    """The chore: what was worked off long ago is of no use."""
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        connection = await session.driver()
        await connection.execute("delete from stripe_event where handled_at < now() - $1::interval", KEPT)
