"""Where a subscription stands, worked out anew from its account, its invoices and the day, and written onto the organization.

Domain reads only what is written here: until when something new may be begun, in which state, and within which limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import col, func, select

from billing.accounts import Account, Collection
from billing.invoices import Invoice, open_invoices
from billing.plans import DEFAULT_PLAN, price_list
from billing.subscription_rows import State, Subscription, on_account
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.people.tenants import Tenant, own
from domain.tenancy import TenantSession

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Arrears:
    """The invoices of an account that are open today."""

    unpaid_from: date | None
    """The first day that an open invoice is for."""
    due_on: date | None
    """When the first of them falls or fell due; of a card, when it was refused."""

    @staticmethod
    def of(invoices: Sequence[Invoice]) -> "Arrears":
        due = [day for each in invoices if (day := each.due_on or each.overdue_since) is not None]
        return Arrears(min((each.period_start for each in invoices), default=None), min(due, default=None))


def state_of(subscription: Subscription, account: Account, arrears: Arrears, *, on: date) -> State:
    if subscription.ended_on is not None:
        return State.canceled
    if account.stripe_status == State.paused:
        return State.paused
    if account.anchor is None:
        return State.incomplete if account.collection is Collection.card else State.trialing
    if arrears.due_on is not None and on > arrears.due_on:
        return State.unpaid if on > arrears.due_on + grace() else State.past_due
    return State.unpaid if account.stripe_status == State.unpaid else State.active


def covered_until(subscription: Subscription, account: Account, arrears: Arrears, tenant: Tenant, *, on: date) -> date | None:
    """The last day on which something new may be begun: as far as is known today, so a lapse needs nobody's help."""
    state = state_of(subscription, account, arrears, on=on)
    if state is State.incomplete:
        return None
    if state is State.canceled:
        assert subscription.ended_on is not None
        return subscription.ended_on - DAY
    if state is State.trialing:
        return (tenant.trial_until or on) + DAY
    if state in {State.paused, State.unpaid}:
        return min(on, arrears.due_on + grace() if arrears.due_on else on) - DAY
    assert account.period_end is not None
    renewed = timedelta() if subscription.cancel_at_period_end else grace()
    until = account.period_end - DAY + renewed
    return until if arrears.due_on is None else min(until, arrears.due_on + grace())


def paid_until(account: Account, arrears: Arrears) -> date | None:
    """The last day that is paid for."""
    if account.period_end is None:
        return None
    return (account.period_end if arrears.unpaid_from is None else arrears.unpaid_from) - DAY


def grace() -> timedelta:
    return timedelta(days=price_list().grace_days)


async def refresh(session: TenantSession, account: Account, *, on: date, also: Sequence[Subscription] = ()) -> None:
    """Write down where everything on an account stands today; ``also``: subscriptions that have just ended."""
    tenant = await own(session)
    arrears = Arrears.of(await open_invoices(session, account))
    subscriptions = [*await on_account(session, account), *also]
    ids = {each.organization_id for each in subscriptions}
    statement = select(Organization).where(col(Organization.id).in_(ids)).order_by(col(Organization.id)).with_for_update()
    organizations = {each.id: each for each in (await session.execute(statement)).scalars()}
    for each in subscriptions:
        state = state_of(each, account, arrears, on=on)
        if state is not each.state:
            emit(session, "subscription.updated", each, {"state": {"from": each.state.value, "to": state.value}})
        each.state, each.period_start, each.period_end = state, account.period_start, account.period_end
        organization = organizations[each.organization_id]
        organization.subscription_state, organization.plan = state.value, each.plan
        organization.covered_until = covered_until(each, account, arrears, tenant, on=on)
        organization.paid_until = paid_until(account, arrears) if each.ended_on is None else organization.covered_until
        live = state not in {State.canceled, State.incomplete}
        limits = price_list().plan(each.plan).limits.for_locations(each.locations) if live else {}
        if organization.limits != limits:
            organization.limits = limits
    await session.flush()
    await _cover_tenant(session, tenant)


async def _cover_tenant(session: TenantSession, tenant: Tenant) -> None:
    """A tenant may take on organizations while anybody's is covered. Whoever sees only some of them takes nothing away."""
    statement = select(func.max(Organization.covered_until)).where(col(Organization.subscription_state).is_not(None))
    until: date | None = (await session.execute(statement)).scalar_one()
    narrowed = session.wall.organization_ids is not None
    if narrowed and tenant.covered_until is not None and (until is None or until < tenant.covered_until):
        return
    if tenant.covered_until != until:
        tenant.covered_until = until
        await session.flush()
    if not narrowed:
        await _seat_tenant(session, tenant)


async def _seat_tenant(session: TenantSession, tenant: Tenant) -> None:
    """How many members a tenant may have grows with what is subscribed."""
    live = col(Subscription.ended_on).is_(None) & col(Subscription.state).not_in([State.incomplete, State.canceled])
    statement = select(func.coalesce(func.sum(Subscription.locations), 0)).where(live)
    locations: int = (await session.execute(statement)).scalar_one()
    limits = price_list().plan(DEFAULT_PLAN).limits.for_tenant(locations)
    if tenant.limits != limits:
        tenant.limits = limits
        await session.flush()
