"""What an accepted quote becomes: the cover of an organization at the agreed rate, or a commitment of the tenant.

One that is to begin later waits here, and begins on its day with the books.
"""

from datetime import date

from sqlmodel import col, select

from billing import standing
from billing.accounts import Account, Collection, Ledger, opened_account, tell_stripe
from billing.billing_years import begin_year, committed_rate, shortfall
from billing.charges import rest_of_year
from billing.quotes import Quote, QuoteStatus, agreed_until, first_day
from billing.subscription_rows import Payer, State, Subscription, live_subscription, on_account
from billing.subscriptions import end, put_on
from domain.clock import today
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.tenancy import TenantSession


async def begin(session: TenantSession, quote: Quote, *, ledger: Ledger, on: date) -> None:
    """Let an accepted quote begin, if its day has come. Once: ``begun_on`` remembers."""
    if quote.begun_on is not None or quote.status is not QuoteStatus.accepted or first_day(quote, on) > on:
        return
    quote.begun_on = on
    await session.flush()
    if quote.organization_id is None:
        await _commit(session, quote, ledger=ledger, on=on)
    else:
        await _cover(session, quote, await session.fetch(Organization, quote.organization_id), ledger=ledger, on=on)
    emit(session, "quote.began", quote, {"number": quote.number, "begun_on": on})


async def begin_what_waits(session: TenantSession, *, ledger: Ledger) -> None:
    """Everything accepted whose first day is today or was before. What Stripe begins by its own schedule begins here on the
    same day, however late we hear of it."""
    statement = select(Quote).where(col(Quote.status) == QuoteStatus.accepted, col(Quote.begun_on).is_(None))
    for quote in list((await session.execute(statement.order_by(col(Quote.id)).with_for_update())).scalars()):
        scheduled = quote.starts_on is not None and quote.stripe_schedule_id is not None
        await begin(
            session, quote, ledger=ledger, on=min(quote.starts_on, today()) if scheduled and quote.starts_on else today()
        )


async def _cover(session: TenantSession, quote: Quote, organization: Organization, *, ledger: Ledger, on: date) -> None:
    """On an account of its own, paid by invoice. What covered the organization before ends, and its rest is credited."""
    assert quote.rate is not None, "finalized"
    earlier = await live_subscription(session, organization.id, lock=True)
    if earlier is not None:
        await end(session, await session.fetch(Account, earlier.account_id, lock=True), earlier, on=on)
    account = await opened_account(session, organization.id, ledger=ledger, collection=Collection.invoice)
    account.tax_rate = quote.tax_rate or account.tax_rate
    subscription = Subscription(
        organization_id=organization.id,
        account_id=account.id,
        paid_by=Payer.practice,
        plan=quote.plan,
        locations=quote.locations,
        rate=quote.rate,
        rate_until=agreed_until(quote, on),
        state=State.incomplete,
        starts_on=on,
        quote_id=quote.id,
    )
    await put_on(session, account, subscription, organization, on=on, at_once=True)


async def _commit(session: TenantSession, quote: Quote, *, ledger: Ledger, on: date) -> None:
    """The tenant pays for so many locations from now on, used or not, at the agreed rate."""
    account = await opened_account(session, None, ledger=ledger)
    used = sum(each.locations for each in await on_account(session, account))
    before, before_rate = shortfall(account, used), committed_rate(account)
    account.commitment, account.commitment_rate = quote.locations, quote.rate
    account.commitment_until = agreed_until(quote, on)
    await session.flush()
    if account.anchor is None:
        for each in await on_account(session, account):
            each.rate = min(each.rate, committed_rate(account))
        await begin_year(session, account, on=on)
    else:
        for unused, rate in ((-before, before_rate), (shortfall(account, used), committed_rate(account))):
            charge = rest_of_year(account, "Committed, not used yet", organization_id=None, locations=unused, rate=rate, on=on)
            if charge is not None:
                await session.save(charge)
        tell_stripe(session, account)
    await standing.refresh(session, account, on=on)
