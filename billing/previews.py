"""Previews: what a change would cost, by the same arithmetic that later charges it. Nothing is written."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from billing.accounts import Account, Ledger, account_of
from billing.billing_years import anchor_of, change_charges, rate_for, year_lines
from billing.plans import DEFAULT_PLAN
from billing.prices import year_of
from billing.subscription_rows import Payer, Renewal, State, Subscription, live_subscription, on_account
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
    session: TenantSession,
    organization: Organization,
    *,
    locations: int | None,
    paid_by: Payer | None,
    renewal: Renewal | None,
    cancel: bool,
    ledger: Ledger,
    on: date,
) -> Preview:
    """What it would cost to subscribe, to have so many locations, or to cancel today. ``ledger``: of an account yet to be
    opened."""
    live = await live_subscription(session, organization.id)
    payer = live.paid_by if live else paid_by or Payer.msp
    account = await account_of(session, organization.id if payer is Payer.practice else None)
    account = account or Account(organization_id=organization.id if payer is Payer.practice else None)
    wanted = 0 if cancel else await counted_locations(session, organization, locations)
    plan = live.plan if live else DEFAULT_PLAN
    agreed = live is not None and live.rate_until is not None
    rate = live.rate if live and (agreed or cancel) else rate_for(account, plan, wanted)
    if account.period is None:
        alone = Subscription(
            organization_id=organization.id,
            account_id=account.id,
            paid_by=payer,
            renewal=live.renewal if live else renewal or Renewal.billing_year,
            plan=plan,
            locations=wanted,
            rate=rate,
            state=State.trialing,
            starts_on=on,
        )
        by_card = payer is Payer.practice and ledger is Ledger.stripe
        return await _first_year(session, account, alone, organization.name, by_card=by_card, on=on)
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
    session: TenantSession, account: Account, alone: Subscription, name: str, *, by_card: bool, on: date
) -> Preview:
    """No year runs yet: it begins after the trial, or with the card."""
    trial_until = (await own(session)).trial_until
    waits = trial_until is not None and trial_until >= on and not by_card
    starts = trial_until + timedelta(days=1) if trial_until is not None and waits else on
    unburdened = Account(organization_id=account.organization_id)
    period = year_of(await anchor_of(session, unburdened, [alone], on=starts), starts)
    lines = year_lines(unburdened, [alone], {alone.organization_id: name}, period, starts) if alone.locations else []
    return Preview(
        rate=alone.rate,
        locations=alone.locations,
        lines=lines,
        amount_cents=sum(int(each["amount_cents"]) for each in lines),
        charged_on=starts,
        yearly_cents=alone.rate * alone.locations,
        renews_on=period.end,
    )
