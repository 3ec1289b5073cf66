"""Accounts: who pays. A tenant's own account pays for every organization that joins it, on one invoice; an organization that
pays for itself has an account of its own.

An account has one billing year, and everything on it is renewed together.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, col, select

from billing.prices import Period
from domain.errors import Conflict
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.jobs import enqueue
from domain.settings import Settings
from domain.tenancy import Fields, TenantOwned, TenantSession, one_of, tenant_table


class Ledger(StrEnum):
    """Where invoices are written: here, or by Stripe."""

    manual = "manual"
    stripe = "stripe"


class Collection(StrEnum):
    """By an invoice that somebody pays within the net days, or by a card that Stripe charges."""

    invoice = "invoice"
    card = "card"


class AccountFields(Fields):
    billing_name: str | None = Field(default=None, max_length=200)
    billing_email: str | None = Field(
        default=None, max_length=320, schema_extra={"pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"}, description="Gets invoices."
    )
    billing_address: str | None = Field(default=None, max_length=500)
    billing_postal_code: str | None = Field(default=None, max_length=20)
    billing_country: str | None = Field(
        default=None,
        schema_extra={"pattern": r"^[A-Z]{2}$"},
        description="As ISO 3166-1 has it, such as `US`. Where Stripe works out the tax it is needed, with the postal code.",
    )
    tax_rate: int = Field(default=0, ge=0, le=3_000, description="In hundredths of a percent, for invoices without Stripe.")


class Account(AccountFields, TenantOwned, table=True):
    __tablename__ = "billing_account"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        UniqueConstraint("tenant_id", "organization_id", postgresql_nulls_not_distinct=True),
    )
    noun: ClassVar[str] = "billing_account"

    organization_id: UUID | None = None
    """The organization that pays for itself; null for the tenant's own account."""
    ledger: Ledger = one_of(Ledger, default=Ledger.manual)
    collection: Collection = one_of(Collection, default=Collection.invoice)
    anchor: date | None = None
    """The day from which billing years are counted; null until the first has begun."""
    period_start: date | None = None
    period_end: date | None = None
    """The first day that the running billing year does not cover."""
    next_statement_on: date | None = None
    """When what changed during the year is invoiced, monthly."""
    commitment: int = 0
    """How many locations the tenant has committed itself to pay for."""
    commitment_rate: int | None = None
    """Cents a year that a quote has agreed for each of them; null: by the price list."""
    commitment_until: date | None = None
    stripe_customer_id: str | None = None
    stripe_subscription_id: str | None = None
    stripe_status: str | None = None
    stripe_bills_from: date | None = None
    """From which day on Stripe's subscription is invoiced; later than the year's first where that is paid for otherwise."""
    pushed: int = 0
    """How many times what is subscribed was told to Stripe: part of the keys of those calls."""

    @property
    def placed(self) -> bool:
        """Whether it is said where the payer is, as far as a tax can be worked out from it."""
        return self.billing_country is not None and (self.billing_country != "US" or self.billing_postal_code is not None)

    @property
    def period(self) -> Period | None:
        if self.period_start is None or self.period_end is None:
            return None
        return Period(self.period_start, self.period_end)


def ledger_of(settings: Settings) -> Ledger:
    """Where a new account's invoices are written."""
    return Ledger.manual if settings.stripe_api_key is None else Ledger.stripe


async def account_of(session: TenantSession, organization_id: UUID | None, *, lock: bool = False) -> Account | None:
    """The account of an organization that pays for itself; of the tenant for None."""
    own = col(Account.organization_id)
    statement = select(Account).where(own.is_(None) if organization_id is None else own == organization_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()


async def opened_account(
    session: TenantSession, organization_id: UUID | None, *, ledger: Ledger, collection: Collection = Collection.invoice
) -> Account:
    """The account, opened if there is none yet, and locked: whoever changes what is on it takes turns. How it is paid can
    change while no year of it runs."""
    connection = await session.driver()
    key = f"billing_account:{session.tenant_id}:{organization_id}"
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", key)
    account = await account_of(session, organization_id, lock=True)
    if account is None:
        account = await session.save(Account(organization_id=organization_id, ledger=ledger, collection=collection))
        emit(session, "billing_account.opened", account, {"collection": collection.value, "ledger": ledger.value})
    elif account.anchor is None and account.collection is not collection:
        account.collection = collection
        await session.flush()
    return account


def check_placed(account: Account | None, settings: Settings) -> None:
    """Refuse what would be invoiced with a tax that nobody can work out. A card's address is asked for where it is typed in."""
    if settings.stripe_tax and ledger_of(settings) is Ledger.stripe and (account is None or not account.placed):
        detail = (
            "The tax depends on where the payer is: say the account's country and postal code first, by /v1/billing/account."
        )
        raise Conflict(detail, code="address_missing")


async def amend(session: TenantSession, account: Account, fields: AccountFields) -> Account:
    """Change who gets the invoices and what stands on them."""
    before = {name: getattr(account, name) for name in AccountFields.model_fields}
    changed = differences(before, fields.model_dump())
    if changed:
        await keep_patients_out(session, {name: value["to"] for name, value in changed.items()})
        for name, value in changed.items():
            setattr(account, name, value["to"])
        await session.flush()
        emit(session, "billing_account.updated", account, changed)
        tell_stripe(session, account)
    return account


PUSH = "billing.push"
"""The job that tells Stripe what an account has come to."""


def tell_stripe(session: TenantSession, account: Account) -> None:
    """Have Stripe told, once this is committed, if its ledger is Stripe's."""
    if account.ledger is Ledger.stripe:
        enqueue(session, PUSH, account_id=account.id)
