"""Previews: what a change would cost, by the same arithmetic that later charges it. Nothing is written."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from billing.accounts import Account, account_of
from billing.billing_years import change_charges, rate_for, year_lines
from billing.plans import DEFAULT_PLAN
from billing.prices import year_of, years_after
from billing.subscription_rows import Payer, State, Subscription, live_subscription, on_account
from billing.subscriptions import counted_locations
from domain.inventory.organizations import Organization
from domain.people.tenants import own
from domain.tenancy import TenantSession


@dataclass(frozen=True)
class Preview:
    rate: int
    locations: int
    lines: list[dict[str, Any]]
    """What would be charged, or credited, for the change."""
    amount_cents: int
    charged_on: date
    """When the invoice over it is written."""
    yearly_cents: int
    """What the organization costs for a whole year afterwards."""
    renews_on: date


async def preview(
    session: TenantSession, organization: Organization, *, locations: int | None, paid_by: Payer | None, cancel: bool, on: date
) -> Preview:
    """What it would cost to subscribe, to have so many locations, or to cancel today."""
    live = await live_subscription(session, organization.id)
    payer = live.paid_by if live else paid_by or Payer.msp
    account = await account_of(session, organization.id if payer is Payer.practice else None)
    account = account or Account(organization_id=organization.id if payer is Payer.practice else None)
    wanted = 0 if cancel else await counted_locations(session, organization, locations)
    plan = live.plan if live else DEFAULT_PLAN
    agreed = live is not None and live.rate_until is not None
    rate = live.rate if live and (agreed or cancel) else rate_for(account, plan, wanted)
    if account.period is None:
        return await _first_year(session, account, live, organization, rate=rate, locations=wanted, on=on)
    before = (live.locations, live.rate) if live else (0, rate)
    others = sum(each.locations for each in await on_account(session, account)) - before[0]
    charges = change_charges(
        account, organization.name, organization.id, others=others, before=before, after=(wanted, rate), on=on
    )
    return Preview(
        rate=rate,
        locations=wanted,
        lines=[each.line() for each in charges],
        amount_cents=sum(each.amount_cents for each in charges),
        charged_on=account.next_statement_on or on,
        yearly_cents=rate * wanted,
        renews_on=account.period.end,
    )


async def _first_year(
    session: TenantSession,
    account: Account,
    live: Subscription | None,
    organization: Organization,
    *,
    rate: int,
    locations: int,
    on: date,
) -> Preview:
    """No year runs yet: it begins after the trial."""
    trial_until = (await own(session)).trial_until
    starts = on if trial_until is None or trial_until < on else trial_until + timedelta(days=1)
    period = year_of(starts, starts)
    alone = Subscription(
        organization_id=organization.id,
        account_id=account.id,
        paid_by=Payer.practice,
        plan=live.plan if live else DEFAULT_PLAN,
        locations=locations,
        rate=rate,
        state=State.trialing,
        starts_on=starts,
    )
    unburdened = Account(organization_id=account.organization_id)
    lines = year_lines(unburdened, [alone], {organization.id: organization.name}, period, starts) if locations else []
    return Preview(
        rate=rate,
        locations=locations,
        lines=lines,
        amount_cents=sum(int(each["amount_cents"]) for each in lines),
        charged_on=starts,
        yearly_cents=rate * locations,
        renews_on=years_after(starts, 1),
    )
