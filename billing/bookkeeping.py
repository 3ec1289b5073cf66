"""The day's bookkeeping for one tenant: what ends, what begins, what renews, what is invoiced, and whom to remind.

Run every hour and harmless at any time: each step looks at dates, and what is done is seen to be done.
"""

from datetime import date, timedelta

from sqlmodel import col, select

from billing import dunning, standing
from billing.acceptance import begin_what_waits
from billing.accounts import Account, Collection, Ledger, ledger_of, tell_stripe
from billing.billing_years import agree_rates, begin_year, close_statement, renew
from billing.invoices import open_invoices
from billing.quotes import expire
from billing.subscription_rows import Subscription, on_account
from domain.clock import today
from domain.database import tenant_session
from domain.events import emit
from domain.people.tenants import all_tenants, own
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

DAY = timedelta(days=1)


async def keep_books(runtime: Runtime) -> None:
    """The chore: every tenant's accounts, each behind its own wall."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await begin_what_waits(session, ledger=ledger_of(runtime.settings))
            await close_day(session, on=today())


async def close_day(session: TenantSession, *, on: date) -> None:
    """Bring a tenant's accounts up to a day. Several years behind: one year after the other."""
    await expire(session, on=on)
    statement = select(Account).order_by(col(Account.id)).with_for_update()
    for account in list((await session.execute(statement)).scalars()):
        ended: list[Subscription] = []
        if account.anchor is None:
            await _begin_after_trial(session, account, on=on)
        elif account.ledger is Ledger.manual:
            ended = await _follow_the_years(session, account, on=on)
        elif account.period_end is not None and account.period_end - DAY <= on:
            ended = await _prepare_renewal(session, account)
        if account.next_statement_on is not None and account.next_statement_on <= on:
            await close_statement(session, account, on=on)
        for invoice in await open_invoices(session, account):
            if invoice.due_on is not None and invoice.due_on < on and invoice.overdue_since is None:
                invoice.overdue_since = invoice.due_on
        await session.flush()
        await standing.refresh(session, account, on=on, also=ended)
        await dunning.remind(session, account, on=on)


async def _begin_after_trial(session: TenantSession, account: Account, *, on: date) -> None:
    """What was put on the account during the trial begins to cost. A card begins with its checkout instead."""
    trial_until = (await own(session)).trial_until
    over = trial_until is None or trial_until < on
    if over and account.collection is Collection.invoice and await on_account(session, account):
        await begin_year(session, account, on=on)


async def _follow_the_years(session: TenantSession, account: Account, *, on: date) -> list[Subscription]:
    """Everything that was to end with the year ends; what stays is renewed. An account with nothing on it rests."""
    ended: list[Subscription] = []
    while account.period_end is not None and account.period_end <= on:
        ended += await end_with_the_year(session, account)
        if not await on_account(session, account) and not account.commitment:
            await rest(session, account)
            break
        await renew(session, account, on=on)
    return ended


async def _prepare_renewal(session: TenantSession, account: Account) -> list[Subscription]:
    """The day before Stripe renews a year it is told what will be in it, at which rates; and what still waits goes along."""
    assert account.period_end is not None
    ended = await end_with_the_year(session, account)
    await agree_rates(session, account, from_=account.period_end)
    tell_stripe(session, account)
    return ended


async def end_with_the_year(session: TenantSession, account: Account) -> list[Subscription]:
    """End what was canceled for the end of the account's year."""
    ending = [each for each in await on_account(session, account) if each.cancel_at_period_end]
    for each in ending:
        each.ended_on = account.period_end
        emit(session, "subscription.canceled", each, {"ended_on": account.period_end})
    await session.flush()
    return ending


async def rest(session: TenantSession, account: Account) -> None:
    """Nothing is on the account: its years stop, and the next subscription begins a new one."""
    account.anchor = account.period_start = account.period_end = account.next_statement_on = None
    await session.flush()
