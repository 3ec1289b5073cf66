"""The rows of subscriptions, apart from their verbs: billing years read them, and the verbs begin billing years."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field, col, select

from billing.accounts import Account
from domain.errors import NotFound
from domain.tenancy import OrganizationOwned, TenantSession, listed_by, one_of, organization_table


class Payer(StrEnum):
    msp = "msp"
    """The tenant, on one invoice for all."""
    practice = "practice"
    """The organization itself: by card, or by invoice where no Stripe is."""


class Renewal(StrEnum):
    billing_year = "billing_year"
    analysis_year = "analysis_year"
    """On the anniversary of the last sealed analysis, so that the next one falls into a fresh year."""


class State(StrEnum):
    """As Stripe has them."""

    incomplete = "incomplete"
    trialing = "trialing"
    active = "active"
    past_due = "past_due"
    unpaid = "unpaid"
    paused = "paused"
    canceled = "canceled"


class Subscription(OrganizationOwned, table=True):
    __table_args__ = organization_table(
        ForeignKeyConstraint(["tenant_id", "account_id"], ["billing_account.tenant_id", "billing_account.id"]),
        Index(
            "ix_subscription_live",
            "tenant_id",
            "organization_id",
            unique=True,
            postgresql_where=text("ended_on is null"),
        ),
        listed_by("subscription", "account_id"),
    )
    noun: ClassVar[str] = "subscription"

    account_id: UUID
    paid_by: Payer = one_of(Payer)
    renewal: Renewal = one_of(Renewal, default=Renewal.billing_year)
    plan: str = Field(max_length=64)
    locations: int
    rate: int
    """Cents a year for each location."""
    rate_until: date | None = None
    """Until when the rate is agreed; null: it follows the price list at each renewal."""
    state: State = one_of(State)
    starts_on: date
    period_start: date | None = None
    period_end: date | None = None
    """The first day that the running billing year does not cover; of its account, for readers who may not see that one."""
    cancel_at_period_end: bool = False
    ended_on: date | None = None
    """The first day on which it was no more."""
    quote_id: UUID | None = None


async def live_subscription(session: TenantSession, organization_id: UUID, *, lock: bool = False) -> Subscription | None:
    """The organization's subscription that has not ended."""
    statement = select(Subscription).where(
        col(Subscription.organization_id) == organization_id, col(Subscription.ended_on).is_(None)
    )
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def latest_subscription(session: TenantSession, organization_id: UUID) -> Subscription:
    """The live one, else the last that ended; NotFound when there was none."""
    statement = select(Subscription).where(col(Subscription.organization_id) == organization_id)
    ordered = statement.order_by(col(Subscription.ended_on).desc().nulls_first(), col(Subscription.id).desc()).limit(1)
    found = (await session.execute(ordered)).scalar_one_or_none()
    if found is None:
        raise NotFound("subscription")
    return found


async def on_account(session: TenantSession, account: Account) -> Sequence[Subscription]:
    """Every live subscription that an account pays for, oldest first."""
    statement = select(Subscription).where(col(Subscription.account_id) == account.id, col(Subscription.ended_on).is_(None))
    return list((await session.execute(statement.order_by(col(Subscription.id)))).scalars())
