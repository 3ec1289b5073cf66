"""Dunning: whoever owes is told on fixed days around the due day, by an event and a letter, once each.

The row that remembers a reminder is unique for its invoice and day, and is written with its event and its letter in one
transaction: so it is neither sent twice nor lost.
"""

from datetime import date, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint

from billing.accounts import Account
from billing.invoices import Invoice, open_invoices
from billing.plans import price_list
from billing.prices import in_words
from domain.clock import new_id
from domain.events import emit
from domain.outbound.mail import send_mail
from domain.people.members import addresses_of_owners
from domain.people.tenants import own
from domain.tenancy import TenantOwned, TenantSession, tenant_table

CLAIM = (
    "insert into invoice_reminder (tenant_id, id, created_at, updated_at, version, organization_id, invoice_id, day, told_on) "
    "values ($1, $2, now(), now(), 1, $3, $4, $5, $6) on conflict (tenant_id, invoice_id, day) do nothing returning id"
)


class InvoiceReminder(TenantOwned, table=True):
    """That somebody was told of an invoice; ``day`` is counted from its due day."""

    __tablename__ = "invoice_reminder"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"]),
        UniqueConstraint("tenant_id", "invoice_id", "day"),
    )
    noun: ClassVar[str] = "invoice_reminder"

    organization_id: UUID | None = None
    invoice_id: UUID
    day: int
    told_on: date


async def remind(session: TenantSession, account: Account, *, on: date) -> None:
    """Send what is due by now. Of several days that were missed only the latest is told; the others are past."""
    for invoice in await open_invoices(session, account):
        due = invoice.due_on or invoice.overdue_since
        if due is None:
            continue
        days = [day for day in sorted(price_list().reminder_days) if due + timedelta(days=day) <= on]
        if days and await _claim(session, invoice, days[-1], on):
            await _tell(session, account, invoice, due, days[-1])


async def _claim(session: TenantSession, invoice: Invoice, day: int, on: date) -> bool:
    connection = await session.driver()
    row = await connection.fetchrow(CLAIM, session.tenant_id, new_id(), invoice.organization_id, invoice.id, day, on)
    return row is not None


async def _tell(session: TenantSession, account: Account, invoice: Invoice, due: date, day: int) -> None:
    said = {"number": invoice.number, "days_after_due": day, "open_cents": invoice.open_cents, "due_on": due}
    emit(session, "invoice.reminded", invoice, said)
    subject, text = _letter((await own(session)).name, invoice, due, day)
    for address in await recipients(session, account):
        key = f"invoice-reminder:{invoice.id}:{day}:{address}"
        await send_mail(session, to=address, subject=subject, text=text, key=key, organization_id=invoice.organization_id)


def _letter(tenant_name: str, invoice: Invoice, due: date, day: int) -> tuple[str, str]:
    number, amount = invoice.number or "", in_words(invoice.open_cents, invoice.currency)
    when = f"is due on {due.isoformat()}" if day <= 0 else f"was due on {due.isoformat()}"
    stops = due + timedelta(days=price_list().grace_days)
    subject = f"Invoice {number} {'is due soon' if day < 0 else 'is due today' if day == 0 else 'is overdue'}"
    text = (
        f"Hello,\n\n{amount} on invoice {number} for {tenant_name} {when}.\n\n"
        f"After {stops.isoformat()} no new analysis can be begun until it is paid. Everything that is there can always be "
        "read, finished and downloaded.\n\nIf you have just paid it, nothing is left to do.\n"
    )
    return subject, text


async def recipients(session: TenantSession, account: Account) -> list[str]:
    """Whoever the account names; else the owners of the tenant."""
    if account.billing_email:
        return [account.billing_email]
    return await addresses_of_owners(session)
