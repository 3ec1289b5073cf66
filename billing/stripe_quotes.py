"""Our quotes in Stripe's ledger. What the client reads, signs and keeps is ours: one paper, one number. Stripe's is the same
promise on the ledger's side, so that what it becomes there is not typed in a second time.

    ours finalized -> Stripe's open;  accepted -> accepted, which makes its subscription, or for a later start its schedule;
    declined, expired or replaced -> canceled

What Stripe's quote cannot say: a term of several years (it is a yearly price, and we hold the rate until the term ends), a
discount with its reason (its price is the discounted rate), a change of what runs already, or several organizations with
rates of their own. So it is accepted only where it is the whole truth: it begins a year on an account with nothing else on it.
Else it is canceled, and what was agreed is told to Stripe as every other change.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from billing.accounts import Account
from billing.calls import Work
from billing.customers import customer_of
from billing.gateway import midnight
from billing.plans import price_list
from billing.price_tags import price_of
from billing.quotes import Quote, QuoteStatus, first_day
from billing.subscription_rows import on_account
from domain.clock import today
from domain.database import tenant_session
from domain.tenancy import SYSTEM, TenantSession, Wall

OFFERED = (QuoteStatus.open, QuoteStatus.sent)
CANCELABLE = ("draft", "open")


async def push_quotes(work: Work) -> None:
    """What is offered stands at Stripe; what was accepted for later has its schedule; what is neither is taken back."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        free = account.anchor is None and not await on_account(session, account)
        quotes = await _of(session, account)
    for quote in quotes:
        waits = quote.status is QuoteStatus.accepted and quote.begun_on is None
        if quote.status in OFFERED or (waits and free):
            await _offer(work, quote)
        if waits and free:
            await _accept_for_later(work, quote)
        elif waits or (quote.status not in OFFERED and quote.begun_on is None):
            await take_back(work, quote)


async def take_back_what_is_left(work: Work) -> None:
    """A quote that has begun as something else than Stripe's quote said."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        quotes = await _of(session, await session.fetch(Account, work.account_id))
    for quote in quotes:
        if quote.begun_on is not None and quote.stripe_quote_status in CANCELABLE:
            await take_back(work, quote)


async def beginning(work: Work, account: Account, wanted: Mapping[int, int]) -> Quote | None:
    """The quote with which an account's first year begins, if Stripe's says the whole of it."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        statement = select(Quote).where(
            _owner(account), col(Quote.begun_on) == account.period_start, col(Quote.stripe_quote_id).is_not(None)
        )
        found = (await session.execute(statement.order_by(col(Quote.id).desc()).limit(1))).scalar_one_or_none()
    if found is None or account.stripe_bills_from != account.period_start or wanted != {found.rate: found.locations}:
        return None
    said = await work.gateway.read("quotes", str(found.stripe_quote_id))
    return found if said["status"] in {"open", "accepted"} else None


async def subscription_of(work: Work, stripe_quote_id: str) -> str | None:
    """What an accepted quote became. None while its schedule has not begun."""
    said = await work.gateway.read("quotes", stripe_quote_id)
    await note(work, said)
    if said["subscription_schedule"]:
        return (await work.gateway.read("subscription_schedules", said["subscription_schedule"]))["subscription"]
    return said["subscription"]


async def take_back(work: Work, quote: Quote) -> None:
    """Neither Stripe's quote nor its schedule stands any more. What has begun is a subscription, and is left alone."""
    if quote.stripe_quote_status in CANCELABLE and quote.stripe_quote_id is not None:
        said = await work.gateway.read("quotes", quote.stripe_quote_id)
        if said["status"] in CANCELABLE:
            await work.once(f"quote.cancel:{quote.id}", "quotes.cancel", {}, target=quote.stripe_quote_id)
        await note(work, await work.gateway.read("quotes", quote.stripe_quote_id))
    if quote.stripe_schedule_id is not None:
        schedule = await work.gateway.read("subscription_schedules", quote.stripe_schedule_id)
        if schedule["status"] == "not_started":
            purpose = f"quote.schedule.cancel:{quote.id}"
            await work.once(purpose, "subscription_schedules.cancel", {}, target=quote.stripe_schedule_id)
            schedule = await work.gateway.read("subscription_schedules", quote.stripe_schedule_id)
        async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
            copy_schedule(await session.fetch(Quote, quote.id, lock=True), schedule)


async def note(work: Work, said: Mapping[str, Any]) -> None:
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
        await copy_quote(session, said)


async def copy_quote(session: TenantSession, said: Mapping[str, Any]) -> list[str]:
    """Bring what we know of Stripe's quote up to it; what was different. One that is not ours, or gone, is left alone."""
    names: Mapping[str, str] = said.get("metadata") or {}
    ours = names.get("bitewing_quote")
    if ours is None:
        return []
    quote = (await session.execute(select(Quote).where(col(Quote.id) == UUID(ours)).with_for_update())).scalar_one_or_none()
    if quote is None or quote.stripe_quote_id not in {None, said["id"]}:
        return []
    before = (quote.stripe_quote_id, quote.stripe_quote_status)
    quote.stripe_quote_id, quote.stripe_quote_status = said["id"], said["status"]
    if before[1] != "accepted":
        quote.stripe_schedule_id = said["subscription_schedule"]
    await session.flush()
    return [] if before == (said["id"], said["status"]) else [f"quote {said['id']}"]


async def copy_schedule_of(session: TenantSession, said: Mapping[str, Any]) -> list[str]:
    """A schedule that somebody has ended at Stripe begins nothing: then our quote begins as one without."""
    statement = select(Quote).where(col(Quote.stripe_schedule_id) == said["id"]).with_for_update()
    quote = (await session.execute(statement)).scalar_one_or_none()
    return [] if quote is None or not copy_schedule(quote, said) else [f"subscription_schedule {said['id']}"]


def copy_schedule(quote: Quote, said: Mapping[str, Any]) -> bool:
    if said["status"] != "canceled" or quote.stripe_schedule_id is None:
        return False
    quote.stripe_schedule_id = None
    return True


async def _of(session: TenantSession, account: Account) -> list[Quote]:
    """The quotes of whoever pays this account that something may be left to do for, oldest first."""
    alive = (
        col(Quote.status).in_(OFFERED)
        | ((col(Quote.status) == QuoteStatus.accepted) & col(Quote.begun_on).is_(None))
        | col(Quote.stripe_quote_status).in_(CANCELABLE)
    )
    return list((await session.execute(select(Quote).where(_owner(account), alive).order_by(col(Quote.id)))).scalars())


def _owner(account: Account) -> Any:
    own = col(Quote.organization_id)
    return own.is_(None) if account.organization_id is None else own == account.organization_id


async def _offer(work: Work, quote: Quote) -> None:
    """Made and finalized, each once. One that has run out is made no more."""
    assert quote.rate is not None and quote.valid_until is not None, "finalized"
    if quote.stripe_quote_status in {"open", "accepted", "canceled"} or quote.valid_until < today():
        return
    names = {**work.names, "bitewing_quote": str(quote.id)}
    start = first_day(quote, today())
    begins = {"effective_date": midnight(start)} if start > today() else {}
    params: dict[str, Any] = {
        "customer": await customer_of(work),
        "line_items": [{"price": await price_of(work.gateway, quote.rate, plan=quote.plan), "quantity": quote.locations}],
        "collection_method": "send_invoice",
        "invoice_settings": {"days_until_due": price_list().net_days},
        # A day longer than ours: who accepts in the last minute is not late because this was told a minute later.
        "expires_at": midnight(quote.valid_until + timedelta(days=2)),
        "description": f"{quote.number}, revision {quote.revision}. The paper that was signed is the agreement.",
        "subscription_data": {"metadata": work.names, **begins},
        "metadata": names,
        **work.tax,
    }
    made = await work.once(f"quote:{quote.id}", "quotes.create", params)
    await work.once(f"quote.finalize:{quote.id}", "quotes.finalize_quote", {}, target=made)
    said = await work.gateway.read("quotes", made)
    quote.stripe_quote_id, quote.stripe_quote_status = said["id"], said["status"]
    await note(work, said)


async def _accept_for_later(work: Work, quote: Quote) -> None:
    """Stripe's schedule begins on the day that was agreed. Nothing is invoiced before."""
    if quote.stripe_quote_status != "open" or quote.stripe_quote_id is None or first_day(quote, today()) <= today():
        return
    said = await work.gateway.read("quotes", quote.stripe_quote_id)
    if said["status"] == "open":
        await work.once(f"quote.accept:{quote.id}", "quotes.accept", {}, target=quote.stripe_quote_id)
    await note(work, await work.gateway.read("quotes", quote.stripe_quote_id))
