"""Tells Stripe what an account has come to: its customer, what is subscribed, and the month's invoice.

A job that compares and converges: run twice, or begun again after its worker was killed, it makes each call once. The
cents of a change are ours: Stripe is told not to prorate, and gets an invoice item for each charge instead. So a preview,
an invoice of ours and one of Stripe's say the same.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import col, select

from billing.accounts import Account, Collection, Ledger
from billing.billing_years import composition
from billing.calls import Work
from billing.charges import Charge, that_fit, waiting
from billing.checkout import close_pages
from billing.customers import push_customer
from billing.gateway import midnight, reached
from billing.invoices import Invoice, InvoiceStatus
from billing.mirror import copy_invoice, copy_subscription
from billing.plans import price_list
from billing.price_tags import price_of
from billing.quotes import Quote
from billing.stripe_quotes import beginning, push_quotes, subscription_of, take_back_what_is_left
from billing.subscription_rows import State, Subscription, on_account
from domain.clock import today
from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

log = structlog.get_logger()
MOST_STEPS = 10


async def push(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job. Without a Stripe key there is nobody to tell."""
    if runtime.settings.stripe_api_key is None:
        return
    async with reached(runtime.settings) as gateway:
        await _tell(Work(runtime, gateway, UUID(payload["tenant_id"]), UUID(payload["account_id"])))


async def _tell(work: Work) -> None:
    """Where Stripe works out the tax it waits for an address: an invoice without its tax would be a false one."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
    if account.ledger is not Ledger.stripe:
        return
    await push_quotes(work)
    if account.stripe_customer_id is None and account.anchor is None and not await _anything_on(work):
        return
    await push_customer(work)
    await _close_pages(work)
    if work.runtime.settings.stripe_tax and account.collection is Collection.invoice and not account.placed:
        log.warning("billing.address_missing", tenant_id=str(work.tenant_id), account_id=str(work.account_id))
        return
    await _push_subscription(work)
    await take_back_what_is_left(work)
    await _push_waiting_charges(work)
    await _push_invoices(work)


async def _close_pages(work: Work) -> None:
    """A page for a card that nothing waits for any more would still begin, and charge, what nobody wants."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        statement = select(Subscription.id).where(
            col(Subscription.account_id) == account.id, col(Subscription.state) == State.incomplete
        )
        waits = (await session.execute(statement.limit(1))).scalar() is not None
    if account.organization_id is not None and account.stripe_customer_id is not None and not waits:
        await close_pages(work.runtime, work.gateway, work.tenant_id, account.stripe_customer_id)


async def _anything_on(work: Work) -> bool:
    """Whoever pays for nothing here is no customer; not any more, where a practice has gone with its own."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        return bool(await on_account(session, await session.fetch(Account, work.account_id)))


async def _push_subscription(work: Work) -> None:
    for _ in range(MOST_STEPS):
        async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
            account = await session.fetch(Account, work.account_id)
            wanted = composition(account, await on_account(session, account))
        if account.period is None:
            return
        prices = {await price_of(work.gateway, rate): quantity for rate, quantity in wanted.items()}
        if account.stripe_subscription_id is None:
            if prices and account.collection is Collection.invoice:
                await _create(work, account, prices, await beginning(work, account, wanted))
            return
        said = await work.gateway.read("subscriptions", account.stripe_subscription_id)
        step = _difference(said, prices)
        if step is None:
            return
        verb, params = step
        purpose = f"{verb}:{work.account_id}:{account.pushed}"
        await work.once(purpose, verb, params, target=account.stripe_subscription_id)
        async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
            row = await session.fetch(Account, work.account_id, lock=True)
            row.pushed = max(row.pushed, account.pushed + 1)
            if verb == "subscriptions.cancel":
                row.stripe_subscription_id = row.stripe_status = None
                return


async def _create(work: Work, account: Account, prices: Mapping[str, int], quote: Quote | None) -> None:
    """The first year is invoiced by Stripe at once; a year that is paid for already only from its end on. One that a quote
    begins is made by accepting Stripe's: whichever of the two was said first for this year counts."""
    assert account.period_start is not None and account.stripe_bills_from is not None
    params: dict[str, Any] = {
        "customer": account.stripe_customer_id,
        "items": [{"price": price, "quantity": quantity} for price, quantity in sorted(prices.items())],
        "collection_method": "send_invoice",
        "days_until_due": price_list().net_days,
        "metadata": work.names,
        **work.tax,
    }
    if account.stripe_bills_from > account.period_start:
        params |= {"billing_cycle_anchor": midnight(account.stripe_bills_from), "proration_behavior": "none"}
    purpose = f"subscription:{work.account_id}:{account.period_start}"
    made: str | None
    if quote is not None and quote.stripe_schedule_id is not None:
        made = quote.stripe_quote_id
    elif quote is not None:
        made = await work.once(purpose, "quotes.accept", {}, target=quote.stripe_quote_id)
    else:
        made = await work.once(purpose, "subscriptions.create", params)
    if made is not None and made.startswith("qt_"):
        made = await subscription_of(work, made)
    if made is not None:
        await _copy(work, await work.gateway.read("subscriptions", made))


async def _copy(work: Work, subscription: Mapping[str, Any]) -> None:
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
        account = await session.fetch(Account, work.account_id, lock=True)
        await copy_subscription(session, account, subscription)


def _difference(said: Mapping[str, Any], prices: Mapping[str, int]) -> tuple[str, dict[str, Any]] | None:
    """The one call that brings a subscription to what is wanted; None when it is there."""
    if said["status"] in {"canceled", "incomplete_expired"}:
        return None
    if not prices:
        return "subscriptions.cancel", {"prorate": False, "invoice_now": False}
    there = {each["price"]["id"]: (each["id"], each["quantity"]) for each in said["items"]["data"]}
    items: list[dict[str, Any]] = []
    for price, quantity in sorted(prices.items()):
        if price not in there:
            items.append({"price": price, "quantity": quantity})
        elif there[price][1] != quantity:
            items.append({"id": there[price][0], "quantity": quantity})
    items += [{"id": item, "deleted": True} for price, (item, _) in sorted(there.items()) if price not in prices]
    return ("subscriptions.update", {"items": items, "proration_behavior": "none"}) if items else None


async def _push_waiting_charges(work: Work) -> None:
    """The day before a year ends, what still waits is put where Stripe's renewal invoice will take it."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        due = account.period_end is not None and today() >= account.period_end - timedelta(days=1)
        if not due or account.stripe_subscription_id is None:
            return
        beside = sum(rate * count for rate, count in composition(account, await on_account(session, account)).items())
        charges = [each for each in that_fit(await waiting(session, account), beside=beside) if not each.stripe_invoice_item_id]
    for each in charges:
        await _item(work, account, each, {"subscription": account.stripe_subscription_id})


async def _push_invoices(work: Work) -> None:
    """The invoices that we have drawn up and Stripe does not know yet: drafted, filled and finalized there."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        statement = select(Invoice).where(
            col(Invoice.account_id) == work.account_id, col(Invoice.status) == InvoiceStatus.draft
        )
        drafts = list((await session.execute(statement.order_by(col(Invoice.id)))).scalars())
        charges = {each.id: await _charges_of(session, each) for each in drafts}
    for invoice in drafts:
        params: dict[str, Any] = {
            "customer": account.stripe_customer_id,
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {**work.names, "bitewing_invoice": str(invoice.id)},
            **work.tax,
        }
        if account.collection is Collection.invoice:
            params |= {"collection_method": "send_invoice", "days_until_due": price_list().net_days}
        else:
            # With its subscription: the card that was typed in is that one's, and the customer has no other.
            params |= {"collection_method": "charge_automatically", "subscription": account.stripe_subscription_id}
        made = await work.once(f"invoice:{invoice.id}", "invoices.create", params)
        for each in charges[invoice.id]:
            await _item(work, account, each, {"invoice": made})
        await work.once(f"finalize:{invoice.id}", "invoices.finalize_invoice", {"auto_advance": True}, target=made)
        said = await work.gateway.read("invoices", made)
        async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
            await copy_invoice(session, await session.fetch(Account, work.account_id, lock=True), said)


async def _charges_of(session: TenantSession, invoice: Invoice) -> Sequence[Charge]:
    statement = select(Charge).where(col(Charge.invoice_id) == invoice.id).order_by(col(Charge.id))
    return list((await session.execute(statement)).scalars())


async def _item(work: Work, account: Account, charge: Charge, where: Mapping[str, Any]) -> None:
    params = {
        "customer": account.stripe_customer_id,
        "amount": charge.amount_cents,
        "currency": price_list().currency,
        "description": charge.description[:500],
        "tax_behavior": price_list().tax_behavior,
        "period": {"start": midnight(charge.first_day), "end": midnight(charge.last_day + timedelta(days=1))},
        "metadata": {"bitewing_charge": str(charge.id), "bitewing_organization": str(charge.organization_id or "")},
        **where,
    }
    made = await work.once(f"charge:{charge.id}", "invoice_items.create", params)
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
        (await session.fetch(Charge, charge.id, lock=True)).stripe_invoice_item_id = made
