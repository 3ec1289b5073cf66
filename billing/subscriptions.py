"""Subscriptions: one organization's cover, paid by its tenant or by itself. The verbs; where it stands is in ``standing``.

One that begins while the tenant's trial runs costs nothing until the trial is over. Then the account's first billing year
begins, with everything that is on it, on one invoice.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from sqlmodel import Field, col, func, select

from billing import standing
from billing.accounts import Account, Collection, Ledger, opened_account, tell_stripe
from billing.billing_years import begin_year, change_charges, rate_for
from billing.charges import Charge
from billing.plans import DEFAULT_PLAN, MOST_LOCATIONS, price_list
from billing.subscription_rows import Payer, Renewal, State, Subscription, live_subscription, on_account
from domain.errors import Conflict, Invalid
from domain.events import differences, emit
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.people.tenants import own
from domain.tenancy import Fields, TenantSession, one_of


class SubscriptionFields(Fields):
    plan: str = Field(default=DEFAULT_PLAN, max_length=64)
    locations: int | None = Field(
        default=None, ge=1, le=MOST_LOCATIONS, description="Absent: as many as are recorded, at least one."
    )
    paid_by: Payer = one_of(Payer, default=Payer.msp)
    renewal: Renewal = one_of(
        Renewal, default=Renewal.billing_year, description="`analysis_year` only for a practice that pays for itself."
    )


class SubscriptionChanges(Fields):
    locations: int | None = Field(default=None, ge=1, le=MOST_LOCATIONS)
    cancel_at_period_end: bool | None = None


class When(StrEnum):
    period_end = "period_end"
    now = "now"
    """What is left of the year is credited to the account's next invoice."""


class CancellationFields(Fields):
    when: When = one_of(When, default=When.period_end)


async def subscribe(
    session: TenantSession, organization: Organization, fields: SubscriptionFields, *, ledger: Ledger, on: date
) -> Subscription:
    """Begin an organization's cover. Conflict when it has one; a card is charged once its checkout is completed."""
    await session.fetch(Organization, organization.id, lock=True)
    if fields.plan not in price_list().by_key:
        raise Invalid.one("/plan", "unknown", f"There is no such plan; known: {', '.join(price_list().by_key)}.")
    if fields.renewal is Renewal.analysis_year and fields.paid_by is Payer.msp:
        detail = "One invoice for all has one billing year. Only a practice that pays for itself can follow its analysis."
        raise Invalid.one("/renewal", "not_for_this_payer", detail)
    if await live_subscription(session, organization.id) is not None:
        raise Conflict("This organization is subscribed already. Change its subscription instead.", code="already_subscribed")
    locations = await counted_locations(session, organization, fields.locations)
    itself = fields.paid_by is Payer.practice
    account = await opened_account(
        session,
        organization.id if itself else None,
        ledger=ledger,
        collection=Collection.card if itself and ledger is Ledger.stripe else Collection.invoice,
    )
    subscription = Subscription(
        organization_id=organization.id,
        account_id=account.id,
        paid_by=fields.paid_by,
        renewal=fields.renewal,
        plan=fields.plan,
        locations=locations,
        rate=rate_for(account, fields.plan, locations),
        state=State.incomplete,
        starts_on=on,
    )
    return await put_on(session, account, subscription, organization, on=on)


async def put_on(
    session: TenantSession,
    account: Account,
    subscription: Subscription,
    organization: Organization,
    *,
    on: date,
    at_once: bool = False,
) -> Subscription:
    """Write a subscription onto its account: into the year that runs, or beginning one unless a trial or a card is awaited.
    ``at_once``: the trial does not hold it up."""
    others = sum(each.locations for each in await on_account(session, account))
    await session.save(subscription)
    said = {"plan": subscription.plan, "locations": subscription.locations, "paid_by": subscription.paid_by.value}
    emit(session, "subscription.created", subscription, said)
    if account.anchor is not None:
        after = (subscription.locations, subscription.rate)
        charges = change_charges(
            account, organization.name, organization.id, others=others, before=(0, subscription.rate), after=after, on=on
        )
        await _charge(session, account, charges)
    elif account.collection is Collection.invoice and (at_once or not await _on_trial(session, on)):
        await begin_year(session, account, on=on)
    tell_stripe(session, account)
    await standing.refresh(session, account, on=on)
    return subscription


async def change_locations(session: TenantSession, subscription: Subscription, locations: int, *, on: date) -> None:
    """More or fewer locations from today on. Fewer are credited."""
    account = await _locked_account(session, subscription)
    organization = await session.fetch(Organization, subscription.organization_id)
    await counted_locations(session, organization, locations)
    rate = subscription.rate if subscription.rate_until else rate_for(account, subscription.plan, locations)
    before, after = (subscription.locations, subscription.rate), (locations, rate)
    if before == after:
        return
    others = sum(each.locations for each in await on_account(session, account)) - subscription.locations
    subscription.locations, subscription.rate = after
    await session.flush()
    emit(session, "subscription.updated", subscription, differences(_said(before), _said(after)))
    charges = change_charges(account, organization.name, organization.id, others=others, before=before, after=after, on=on)
    await _charge(session, account, charges)
    await standing.refresh(session, account, on=on)


async def keep_after_all(session: TenantSession, subscription: Subscription, *, on: date) -> None:
    """Take a cancellation back before its day."""
    if subscription.cancel_at_period_end:
        await _set_ending(session, subscription, ending=False, on=on)


async def cancel(session: TenantSession, subscription: Subscription, when: When, *, on: date) -> None:
    """End the cover: with the year that is paid, or today with a credit for the days that are left."""
    account = await _locked_account(session, subscription)
    if when is When.now or account.anchor is None:
        await end(session, account, subscription, on=on)
    elif not subscription.cancel_at_period_end:
        await _set_ending(session, subscription, ending=True, on=on)


async def end(session: TenantSession, account: Account, subscription: Subscription, *, on: date) -> None:
    """The subscription is no more from ``on``. What is left of its year is credited to the account."""
    organization = await session.fetch(Organization, subscription.organization_id)
    others = sum(each.locations for each in await on_account(session, account)) - subscription.locations
    subscription.ended_on = on
    await session.flush()
    emit(session, "subscription.canceled", subscription, {"ended_on": on})
    before = (subscription.locations, subscription.rate)
    charges = change_charges(
        account, organization.name, organization.id, others=others, before=before, after=(0, subscription.rate), on=on
    )
    await _charge(session, account, charges)
    await standing.refresh(session, account, on=on, also=[subscription])


async def counted_locations(session: TenantSession, organization: Organization, said: int | None) -> int:
    """How many locations are paid for: never fewer than are recorded."""
    statement = select(func.count()).where(
        col(Location.organization_id) == organization.id, col(Location.archived_at).is_(None)
    )
    recorded = max(1, (await session.execute(statement)).scalar_one())
    if said is not None and said < recorded:
        detail = f"{recorded} locations of this organization are recorded. Archive those that it does not have."
        raise Invalid.one("/locations", "fewer_than_recorded", detail)
    return recorded if said is None else said


async def _set_ending(session: TenantSession, subscription: Subscription, *, ending: bool, on: date) -> None:
    account = await _locked_account(session, subscription)
    subscription.cancel_at_period_end = ending
    await session.flush()
    emit(session, "subscription.updated", subscription, {"cancel_at_period_end": {"from": not ending, "to": ending}})
    tell_stripe(session, account)
    await standing.refresh(session, account, on=on)


async def _charge(session: TenantSession, account: Account, charges: Sequence[Charge]) -> None:
    for each in charges:
        await session.save(each)
    tell_stripe(session, account)


async def _on_trial(session: TenantSession, on: date) -> bool:
    until = (await own(session)).trial_until
    return until is not None and on <= until


async def _locked_account(session: TenantSession, subscription: Subscription) -> Account:
    if subscription.ended_on is not None:
        raise Conflict("This subscription has ended. Subscribe anew.", code="ended")
    return await session.fetch(Account, subscription.account_id, lock=True)


def _said(pair: tuple[int, int]) -> dict[str, int]:
    return {"locations": pair[0], "rate": pair[1]}
