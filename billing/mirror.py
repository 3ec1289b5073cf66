"""The copy of what Stripe's ledger says: subscriptions and invoices, by their Stripe ids.

An object is always read again before it is copied, so it does not matter in which order, how often or how late events
come: the copy is what Stripe says now. Copying the same twice changes nothing.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from billing import standing
from billing.accounts import Account, Collection, tell_stripe
from billing.billing_years import charge_first_part, next_statement
from billing.charges import Charge
from billing.invoices import Invoice, InvoiceStatus, tell_of
from billing.prices import years_after
from billing.subscription_rows import on_account
from domain.clock import today
from domain.events import emit
from domain.tenancy import TenantSession

GONE = frozenset({"canceled", "incomplete_expired"})


async def copy_subscription(session: TenantSession, account: Account, said: Mapping[str, Any]) -> list[str]:
    """Bring an account up to its subscription at Stripe; what was different."""
    if account.stripe_subscription_id not in {None, said["id"]}:
        return []
    before = (account.stripe_subscription_id, account.stripe_status, account.period_start, account.period_end)
    items = said["items"]["data"]
    account.stripe_subscription_id, account.stripe_status = said["id"], said["status"]
    if items and said["status"] not in {*GONE, "incomplete"}:
        start, end = (day_of(items[0][f"current_period_{edge}"]) for edge in ("start", "end"))
        if account.anchor is None:
            await _begin(session, account, start, end, anchor=day_of(said["billing_cycle_anchor"]))
        elif account.period_end is None or end > account.period_end:
            account.period_start, account.period_end = start, end
            account.next_statement_on = next_statement(account, today())
    ended = []
    if said["status"] in GONE:
        ended = list(await on_account(session, account))
        for each in ended:
            each.ended_on = day_of(said.get("ended_at") or said["created"])
            emit(session, "subscription.canceled", each, {"ended_on": each.ended_on})
        account.stripe_subscription_id = account.anchor = account.period_start = account.period_end = None
        account.next_statement_on = None
    await session.flush()
    await standing.refresh(session, account, on=today(), also=ended)
    after = (account.stripe_subscription_id, account.stripe_status, account.period_start, account.period_end)
    return [] if before == after else [f"subscription {said['id']}"]


async def _begin(session: TenantSession, account: Account, start: date, end: date, *, anchor: date) -> None:
    """The first year, which a card has begun. Where its renewals follow something else than this day (the analysis), Stripe
    has charged nothing for the days until then: that is ours to do."""
    whole = anchor <= start
    account.anchor = start if whole else years_after(anchor, -1)
    account.period_start, account.period_end = account.anchor, end
    account.stripe_bills_from = start if whole else end
    account.next_statement_on = next_statement(account, today())
    await session.flush()
    emit(session, "billing_account.year_began", account, {"period_start": start, "period_end": end})
    if not whole:
        await charge_first_part(session, account, on=start)
        tell_stripe(session, account)


async def copy_invoice(session: TenantSession, account: Account, said: Mapping[str, Any]) -> list[str]:
    """Bring our copy of an invoice up to Stripe's; what was different. Drafts are still being written and are left alone."""
    if said["status"] in {None, "draft"}:
        return []
    invoice = await _ours(session, said)
    if invoice is None:
        invoice = Invoice(
            organization_id=account.organization_id,
            account_id=account.id,
            status=InvoiceStatus.draft,
            currency=said["currency"],
            issued_on=today(),
            period_start=today(),
            period_end=today(),
            subtotal_cents=0,
            total_cents=0,
        )
        session.add(invoice)
    before = {name: getattr(invoice, name) for name in _COPIED}
    was = invoice.status
    _copy(invoice, account, said)
    changed = before != {name: getattr(invoice, name) for name in _COPIED}
    await session.flush()
    await _mark_charges(session, invoice, said)
    if was is InvoiceStatus.draft and invoice.status is not InvoiceStatus.void:
        tell_of(session, invoice)
    if invoice.status is InvoiceStatus.paid and was is not InvoiceStatus.paid:
        paid = {"number": invoice.number, "total_cents": invoice.total_cents, "paid_on": invoice.paid_on}
        emit(session, "invoice.paid", invoice, paid)
    await session.flush()
    await standing.refresh(session, account, on=today())
    return [f"invoice {said['id']}"] if changed else []


def day_of(timestamp: int) -> date:
    return datetime.fromtimestamp(timestamp, UTC).date()


_COPIED = ("number", "status", "due_on", "subtotal_cents", "tax_cents", "total_cents", "paid_cents", "paid_on", "overdue_since")


def _copy(invoice: Invoice, account: Account, said: Mapping[str, Any]) -> None:
    lines = [_line(each) for each in said["lines"]["data"]]
    days = [(each["first_day"], each["last_day"]) for each in lines]
    moments = said["status_transitions"]
    invoice.stripe_invoice_id, invoice.number = said["id"], said["number"]
    invoice.status = InvoiceStatus(said["status"])
    invoice.issued_on = day_of(moments["finalized_at"] or said["created"])
    invoice.due_on = day_of(said["due_date"]) if said["due_date"] else None
    if days:
        invoice.period_start = date.fromisoformat(min(first for first, _ in days))
        invoice.period_end = date.fromisoformat(max(last for _, last in days)) + timedelta(days=1)
    if not invoice.lines or len(invoice.lines) != len(lines):
        invoice.lines = lines
    invoice.subtotal_cents = said["subtotal"]
    invoice.total_cents, invoice.paid_cents = said["total"], said["amount_paid"]
    invoice.tax_cents = said["total"] - said["subtotal"]
    invoice.paid_on = day_of(moments["paid_at"]) if moments["paid_at"] else None
    refused = invoice.status is InvoiceStatus.open and said["attempt_count"] > 0
    if invoice.status is not InvoiceStatus.open:
        invoice.overdue_since = None
    elif account.collection is Collection.card and refused and invoice.overdue_since is None:
        invoice.overdue_since = today()


def _line(said: Mapping[str, Any]) -> dict[str, Any]:
    quantity = said["quantity"] or 1
    first, last = day_of(said["period"]["start"]), day_of(said["period"]["end"])
    return {
        "description": said["description"] or "Bitewing",
        "organization_id": said["metadata"].get("bitewing_organization"),
        "quantity": quantity,
        "unit_cents": said["amount"] // quantity,
        "amount_cents": said["amount"],
        "first_day": first.isoformat(),
        "last_day": max(first, last - timedelta(days=1)).isoformat(),
    }


async def _ours(session: TenantSession, said: Mapping[str, Any]) -> Invoice | None:
    """By its Stripe id; or by our own, if the event came before the answer that told us Stripe's."""
    names: Mapping[str, str] = said.get("metadata") or {}
    ours = names.get("bitewing_invoice")
    known = col(Invoice.stripe_invoice_id) == said["id"]
    statement = select(Invoice).where(known | (col(Invoice.id) == UUID(ours)) if ours else known)
    return (await session.execute(statement.with_for_update())).scalar_one_or_none()


async def _mark_charges(session: TenantSession, invoice: Invoice, said: Mapping[str, Any]) -> None:
    """Charges that were waiting at Stripe for the next invoice have found it."""
    taken = [each["metadata"].get("bitewing_charge") for each in said["lines"]["data"]]
    wanted = [UUID(each) for each in taken if each]
    if not wanted:
        return
    statement = select(Charge).where(col(Charge.id).in_(wanted), col(Charge.invoice_id).is_(None))
    for charge in (await session.execute(statement)).scalars():
        charge.invoice_id = invoice.id
