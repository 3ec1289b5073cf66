"""Papers: invoices and quotes as PDF, set by the engine of the report, the same bytes for the same data."""

import contextlib
import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import typst
from sqlmodel import col, select

from billing.accounts import Account
from billing.invoices import Invoice, InvoiceStatus
from billing.plans import price_list
from billing.prices import in_words, tax_on
from billing.quotes import Brand, Quote
from domain.inventory.organizations import Organization
from domain.people.tenants import Tenant, own
from domain.sra.report.fonts import printable
from domain.sra.report.lines import brand
from domain.sra.report.typesetting import ARCHIVE_ONLY, MAIN, STANDARDS, said, typeset
from domain.tenancy import TenantSession

TEMPLATE = Path(__file__).with_name("paper.typ")
OURS = "Bitewing"
COLOUR = "#1f5f7a"


@dataclass(frozen=True)
class Row:
    description: str
    quantity: str
    unit: str
    amount: str


@dataclass(frozen=True)
class Paper:
    """What stands on a sheet, in words."""

    title: str
    description: str
    brand: str
    colour: str
    number: str
    to: Sequence[str]
    facts: Sequence[tuple[str, str]]
    """Such as the day it is due."""
    rows: Sequence[Row]
    sums: Sequence[tuple[str, str]]
    total: tuple[str, str]
    notes: Sequence[str]
    signature: Sequence[tuple[str, str]]
    """Lines to be filled in, or already filled, by whoever accepts."""
    made_on: date


def set_paper(paper: Paper) -> bytes:
    """The PDF. Takes part of a second of one processor: call it in a thread."""
    plain = functools.partial(printable, plain_only=True)
    shown = {**asdict(paper), "made_on": paper.made_on.isoformat()}
    at = datetime.combine(paper.made_on, time(), UTC)
    files = {MAIN: TEMPLATE.read_bytes()}
    for say in (printable, plain):
        with contextlib.suppress(typst.TypstError):
            return typeset(files, _said(shown, say), root=TEMPLATE.parent, standards=STANDARDS, at=at)
    return typeset(files, _said(shown, plain), root=TEMPLATE.parent, standards=ARCHIVE_ONLY, at=at)


def _said(shown: dict[str, Any], say: Any) -> dict[str, Any]:
    return {**said(shown, say), "colour": shown["colour"]}


async def invoice_paper(session: TenantSession, invoice: Invoice, *, seller: str | None) -> Paper:
    """``seller``: whom it is paid to, in the words of the installation."""
    tenant = await own(session)
    account = await session.fetch(Account, invoice.account_id)
    total = in_words(invoice.total_cents, invoice.currency)
    state = {
        InvoiceStatus.paid: f"Paid on {invoice.paid_on}",
        InvoiceStatus.open: f"Due on {invoice.due_on}" if invoice.due_on else "Charged to your card",
        InvoiceStatus.void: "Void",
        InvoiceStatus.uncollectible: "Not collected",
    }[invoice.status]
    covered = f"{invoice.period_start} to {invoice.period_end - timedelta(days=1)}"
    facts = [("Issued", str(invoice.issued_on)), ("Covers", covered), ("State", state)]
    sums = [("Sum", in_words(invoice.subtotal_cents, invoice.currency)), (_tax_words(account), _tax(invoice))]
    if 0 < invoice.paid_cents < invoice.total_cents:
        facts.append(("Still open", in_words(invoice.open_cents, invoice.currency)))
    return Paper(
        title=f"Invoice {invoice.number}",
        description=f"Invoice {invoice.number} over {total}",
        brand=OURS,
        colour=COLOUR,
        number=invoice.number or "",
        to=await payer_lines(session, tenant, account),
        facts=facts,
        rows=[
            Row(
                description=each["description"],
                quantity=str(each["quantity"]),
                unit=in_words(each["unit_cents"], invoice.currency),
                amount=in_words(each["amount_cents"], invoice.currency),
            )
            for each in invoice.lines
        ],
        sums=sums,
        total=("Total", total),
        notes=[
            *([f"Pay to {seller}, and name {invoice.number}."] if seller and invoice.status is InvoiceStatus.open else []),
            "A year's price is divided by days: the parts of a year always add up to its price.",
        ],
        signature=[],
        made_on=invoice.issued_on,
    )


async def quote_paper(session: TenantSession, quote: Quote) -> Paper:
    """With the tenant's brand or ours. Each line explains itself: locations, rate, years."""
    assert quote.rate is not None and quote.list_rate is not None and quote.finalized_on is not None
    tenant = await own(session)
    name, colour = tenant_brand(tenant) if quote.brand is Brand.tenant else (OURS, COLOUR)
    plan = price_list().plan(quote.plan)
    currency = price_list().currency
    yearly = quote.rate * quote.locations
    tax = tax_on(yearly, quote.tax_rate)
    total = (yearly + tax) * quote.years
    to = [tenant.name]
    if quote.organization_id is not None:
        organization = await session.fetch(Organization, quote.organization_id)
        to = [organization.legal_name or organization.name]
    to += [line for line in (quote.recipient_name, quote.recipient_email) if line]
    many = f"{quote.locations} location{'s' if quote.locations != 1 else ''}"
    rows = [
        Row(f"{plan.name}, year {year}: {many} x {in_words(quote.rate, currency)} a year", str(quote.locations),
            in_words(quote.rate, currency), in_words(yearly, currency))
        for year in range(1, quote.years + 1)
    ]  # fmt: skip
    facts = [
        ("Quote", f"{quote.number}, revision {quote.revision}"),
        ("Made on", str(quote.finalized_on)),
        ("Valid until", str(quote.valid_until)),
        ("Begins", str(quote.starts_on) if quote.starts_on else "on the day of acceptance"),
        ("Term", f"{quote.years} year{'s' if quote.years != 1 else ''}, invoiced yearly, {price_list().net_days} days net"),
        *([("Providers", str(quote.providers))] if quote.providers else []),
    ]
    notes = [plan.description, f"What counts as a location: {plan.location}"]
    if quote.organization_id is None:
        notes.append(f"A commitment: {many} are paid for from the first day, used or not. More are added at the same rate.")
    if quote.discount_percent:
        listed = in_words(quote.list_rate, currency)
        notes.append(f"{quote.discount_percent} % off the list price of {listed} a location: {quote.discount_reason}")
    notes += [quote.note] if quote.note else []
    sums = [("Each year, without tax", in_words(yearly, currency))]
    if quote.tax_rate:
        sums.append((f"Tax each year, {quote.tax_rate / 100:g} %", in_words(tax, currency)))
    else:
        # Without a rate of ours, tax is nothing that a quote could promise: Stripe, as the ledger, works it out later.
        notes.append("Tax is not included. Where it is due, each invoice adds it.")
    term = f"Total for {quote.years} year{'s' if quote.years != 1 else ''}"
    said = quote.acceptance
    return Paper(
        title=f"Quote {quote.number}",
        description=f"Quote {quote.number} over {in_words(total, currency)}",
        brand=name,
        colour=colour,
        number=quote.number or "",
        to=to,
        facts=facts,
        rows=rows,
        sums=sums,
        total=(term if quote.tax_rate else f"{term}, without tax", in_words(total, currency)),
        notes=notes,
        signature=[("Name", said.get("name", "")), ("Title", said.get("title", "")), ("Date", str(said.get("at", ""))[:10])],
        made_on=quote.finalized_on,
    )


def _tax(invoice: Invoice) -> str:
    return in_words(invoice.tax_cents, invoice.currency)


def _tax_words(account: Account) -> str:
    return f"Tax {account.tax_rate / 100:g} %" if account.tax_rate else "Tax"


async def payer_lines(session: TenantSession, tenant: Tenant, account: Account) -> list[str]:
    """Whom a paper is for."""
    name = account.billing_name or tenant.name
    if account.organization_id is not None and account.billing_name is None:
        statement = select(Organization).where(col(Organization.id) == account.organization_id)
        organization = (await session.execute(statement)).scalar_one()
        name = organization.legal_name or organization.name
    return [name, *(account.billing_address or "").splitlines(), *([account.billing_email] if account.billing_email else [])]


def tenant_brand(tenant: Tenant) -> tuple[str, str]:
    """The tenant's own name and colour."""
    own_brand = brand(tenant)
    return own_brand.name, own_brand.colour or COLOUR
