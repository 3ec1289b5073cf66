"""Charges: what changes in the middle of a billing year costs, to the day. They wait for the account's next invoice.

A credit is a charge below zero. It waits until an invoice is large enough to take it: no invoice is below zero, and nothing
is paid back by itself.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field, col, select

from billing.accounts import Account
from billing.prices import Period, in_words, remainder
from domain.tenancy import TenantOwned, TenantSession, tenant_table


class Charge(TenantOwned, table=True):
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(["tenant_id", "account_id"], ["billing_account.tenant_id", "billing_account.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        Index("ix_charge_waiting", "tenant_id", "account_id", "invoice_id", "id"),
    )
    noun: ClassVar[str] = "charge"

    organization_id: UUID | None = None
    account_id: UUID
    description: str = Field(max_length=1_000)
    quantity: int
    unit_cents: int
    """For one location; below zero in a credit."""
    amount_cents: int
    first_day: date
    last_day: date
    invoice_id: UUID | None = None
    stripe_invoice_item_id: str | None = None

    def line(self) -> dict[str, Any]:
        """As it stands on an invoice."""
        return {
            "description": self.description,
            "organization_id": str(self.organization_id) if self.organization_id else None,
            "quantity": self.quantity,
            "unit_cents": self.unit_cents,
            "amount_cents": self.amount_cents,
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
        }


def rest_of_year(
    account: Account, what: str, *, organization_id: UUID | None, locations: int, rate: int, on: date
) -> Charge | None:
    """The days from ``on`` to the end of the account's billing year, for so many locations more (or fewer, below zero)."""
    period = account.period
    if locations == 0 or period is None or on >= period.end:
        return None
    sign = 1 if locations > 0 else -1
    unit = sign * remainder(rate, period, on)
    return Charge(
        organization_id=organization_id,
        account_id=account.id,
        description=_explained(what, period, locations, rate, on),
        quantity=abs(locations),
        unit_cents=unit,
        amount_cents=abs(locations) * unit,
        first_day=on,
        last_day=period.end - timedelta(days=1),
    )


def _explained(what: str, period: Period, locations: int, rate: int, on: date) -> str:
    counted = f"{abs(locations)} location{'s' if abs(locations) != 1 else ''}"
    days = f"{(period.end - on).days} of {period.days} days"
    return f"{what}: {'credit for ' if locations < 0 else ''}{counted}, {days} of {in_words(rate)} a year"


async def waiting(session: TenantSession, account: Account) -> Sequence[Charge]:
    """The charges that no invoice has taken yet, oldest first."""
    statement = select(Charge).where(col(Charge.account_id) == account.id, col(Charge.invoice_id).is_(None))
    return list((await session.execute(statement.order_by(col(Charge.id)))).scalars())


def that_fit(charges: Sequence[Charge], *, beside: int = 0) -> list[Charge]:
    """Everything that is owed, and of the credits, oldest first, those that leave the sum at nought or above."""
    total = beside + sum(each.amount_cents for each in charges if each.amount_cents >= 0)
    taken = [each for each in charges if each.amount_cents >= 0]
    for each in charges:
        if each.amount_cents < 0 <= total + each.amount_cents:
            total += each.amount_cents
            taken.append(each)
    return sorted(taken, key=lambda charge: charge.id)
