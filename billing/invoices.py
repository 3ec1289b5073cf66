"""Invoices: written here when there is no Stripe, else the copy of what Stripe wrote. Once issued, only its payment changes."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, col, func, select

from billing.accounts import Account, Collection, Ledger
from billing.charges import Charge
from billing.plans import price_list
from billing.prices import Period, tax_on
from domain.clock import today
from domain.errors import Conflict, Invalid
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.tenancy import Fields, TenantOwned, TenantSession, json_list, listed_by, one_of, tenant_table


class InvoiceStatus(StrEnum):
    """As Stripe has them."""

    draft = "draft"
    open = "open"
    paid = "paid"
    uncollectible = "uncollectible"
    void = "void"


class Invoice(TenantOwned, table=True):
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(["tenant_id", "account_id"], ["billing_account.tenant_id", "billing_account.id"]),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "stripe_invoice_id"),
        Index("ix_invoice_account", "tenant_id", "account_id", "status", "id"),
        listed_by("invoice", "issued_on"),
    )
    noun: ClassVar[str] = "invoice"

    organization_id: UUID | None = None
    """The organization that pays for itself; null when the tenant pays."""
    account_id: UUID
    number: str | None = Field(default=None, max_length=100)
    status: InvoiceStatus = one_of(InvoiceStatus)
    currency: str = Field(max_length=3)
    issued_on: date
    due_on: date | None = None
    """Null when a card is charged."""
    period_start: date
    period_end: date
    """The first day that it does not cover."""
    lines: list[dict[str, Any]] = json_list()
    subtotal_cents: int
    tax_cents: int = 0
    total_cents: int
    paid_cents: int = 0
    paid_on: date | None = None
    overdue_since: date | None = None
    """The day it fell due, or on which a card was refused; null while nothing is wrong."""
    stripe_invoice_id: str | None = None

    @property
    def open_cents(self) -> int:
        return self.total_cents - self.paid_cents


class Payment(TenantOwned, table=True):
    """Money that came in for an invoice, as somebody recorded it. With Stripe there are none: Stripe knows."""

    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
    )
    noun: ClassVar[str] = "payment"

    organization_id: UUID | None = None
    invoice_id: UUID
    amount_cents: int
    received_on: date
    method: str | None = Field(default=None, max_length=60)
    reference: str | None = Field(default=None, max_length=200)


class PaymentFields(Fields):
    amount_cents: int | None = Field(default=None, ge=1, le=10**9, description="Absent: all that is open.")
    received_on: date | None = Field(default=None, description="Absent: today.")
    method: str | None = Field(default=None, max_length=60, description="Such as check, ach or wire.")
    reference: str | None = Field(default=None, max_length=200, description="Such as the number of a check.")


async def issue(
    session: TenantSession,
    account: Account,
    *,
    lines: Sequence[Mapping[str, Any]] = (),
    charges: Sequence[Charge] = (),
    period: Period,
    on: date,
) -> Invoice:
    """Write an invoice over lines and waiting charges. In Stripe's ledger it is a draft until Stripe has written it."""
    every = [*map(dict, lines), *(each.line() for each in charges)]
    subtotal = sum(int(each["amount_cents"]) for each in every)
    assert subtotal >= 0, "credits wait until they fit"
    manual = account.ledger is Ledger.manual
    tax = tax_on(subtotal, account.tax_rate) if manual else 0
    invoice = await session.save(
        Invoice(
            organization_id=account.organization_id,
            account_id=account.id,
            number=await _next_number(session, on) if manual else None,
            status=InvoiceStatus.open if manual else InvoiceStatus.draft,
            currency=price_list().currency,
            issued_on=on,
            due_on=on + timedelta(days=price_list().net_days) if account.collection is Collection.invoice else None,
            period_start=period.start,
            period_end=period.end,
            lines=every,
            subtotal_cents=subtotal,
            tax_cents=tax,
            total_cents=subtotal + tax,
        )
    )
    for each in charges:
        each.invoice_id = invoice.id
    await session.flush()
    if manual:
        tell_of(session, invoice)
        if invoice.total_cents == 0:
            settle(session, invoice, on)
    return invoice


def tell_of(session: TenantSession, invoice: Invoice) -> None:
    said = {"number": invoice.number, "total_cents": invoice.total_cents, "due_on": invoice.due_on}
    emit(session, "invoice.issued", invoice, said)


async def open_invoices(session: TenantSession, account: Account) -> Sequence[Invoice]:
    statement = select(Invoice).where(col(Invoice.account_id) == account.id, col(Invoice.status) == InvoiceStatus.open)
    return list((await session.execute(statement.order_by(col(Invoice.issued_on), col(Invoice.id)))).scalars())


async def record_payment(session: TenantSession, invoice: Invoice, fields: PaymentFields) -> Payment:
    """Note that money came in. Refused for what Stripe collects: its ledger is the truth there."""
    await session.refresh(invoice, with_for_update=True)
    if invoice.stripe_invoice_id is not None or invoice.status is InvoiceStatus.draft:
        raise Conflict("Stripe collects this invoice and records its payment.", code="collected_by_stripe")
    if invoice.status is not InvoiceStatus.open:
        raise Conflict(f"This invoice is {invoice.status.value}; nothing is open on it.", code="not_open")
    await keep_patients_out(session, {"reference": fields.reference, "method": fields.method})
    amount = fields.amount_cents or invoice.open_cents
    if amount > invoice.open_cents:
        raise Invalid.one("/amount_cents", "too_much", f"Only {invoice.open_cents} cents are open on this invoice.")
    received_on = fields.received_on or today()
    if received_on > today():
        raise Invalid.one("/received_on", "in_the_future", "Record a payment once it has come in.")
    payment = await session.save(
        Payment(
            organization_id=invoice.organization_id,
            invoice_id=invoice.id,
            amount_cents=amount,
            received_on=received_on,
            method=fields.method,
            reference=fields.reference,
        )
    )
    invoice.paid_cents += amount
    emit(session, "payment.recorded", payment, {"invoice_id": invoice.id, "amount_cents": amount, "received_on": received_on})
    if invoice.open_cents == 0:
        settle(session, invoice, received_on)
    await session.flush()
    return payment


def settle(session: TenantSession, invoice: Invoice, on: date) -> None:
    """Nothing is open any more."""
    invoice.status, invoice.paid_on, invoice.overdue_since = InvoiceStatus.paid, on, None
    emit(session, "invoice.paid", invoice, {"number": invoice.number, "total_cents": invoice.total_cents, "paid_on": on})


async def _next_number(session: TenantSession, on: date) -> str:
    """``2026-0001`` and on: without a gap for each tenant and year, because whoever writes one takes turns."""
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"invoice:{session.tenant_id}")
    statement = select(func.count()).where(col(Invoice.number).startswith(f"{on.year}-"))
    return f"{on.year}-{(await session.execute(statement)).scalar_one() + 1:04d}"
