"""The cover of one organization: subscribe, change, preview, cancel."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel

from api.door import Changes, Inside, ThisOrganization, check_if_match, door_router, may, merged, patch_of
from billing import previews, subscriptions
from billing.accounts import account_of, check_placed, ledger_of
from billing.plans import MOST_LOCATIONS, price_list
from billing.subscription_rows import Payer, Renewal, State, Subscription, latest_subscription, live_subscription
from billing.subscriptions import CancellationFields, SubscriptionChanges, SubscriptionFields
from domain.access import Permission
from domain.clock import today
from domain.coverage import Access, access_to
from domain.errors import Invalid, NotFound
from domain.inventory.organizations import Organization
from domain.people.tenants import own

router = door_router("billing")
Reader = Annotated[Inside, may(Permission.billing_read)]
Writer = Annotated[Inside, may(Permission.billing_write)]


class SubscriptionOut(BaseModel):
    id: UUID
    organization_id: UUID
    plan: str
    locations: int
    rate_cents: int
    """A year, for each location."""
    yearly_cents: int
    currency: str
    rate_until: date | None
    """Until when the rate is agreed; null: it follows the price list at each renewal."""
    paid_by: Payer
    renewal: Renewal
    state: State
    access: Access
    starts_on: date
    period_start: date | None
    period_end: date | None
    """The first day that is not covered; null before the first billing year."""
    paid_until: date | None
    covered_until: date | None
    """The last day on which something new can be begun."""
    cancel_at_period_end: bool
    ended_on: date | None
    quote_id: UUID | None
    created_at: datetime
    updated_at: datetime


class ChargeLineOut(BaseModel):
    description: str
    organization_id: UUID | None
    quantity: int
    unit_cents: int
    amount_cents: int
    """Below zero: a credit."""
    first_day: date
    last_day: date


class PreviewOut(BaseModel):
    locations: int
    rate_cents: int
    currency: str
    lines: list[ChargeLineOut]
    amount_cents: int
    charged_on: date
    """When the invoice over it is written."""
    yearly_cents: int
    renews_on: date


@router.get("/organizations/{organization_id}/subscription", response_model=SubscriptionOut)
async def read_subscription(by: Reader, organization: ThisOrganization) -> SubscriptionOut:
    """The subscription that is live, else the last that ended. 404: there has been none."""
    return await _shown(by, organization, await latest_subscription(by.session, organization.id))


@router.post("/organizations/{organization_id}/subscription", status_code=201, response_model=SubscriptionOut)
async def subscribe(by: Writer, organization: ThisOrganization, fields: SubscriptionFields) -> SubscriptionOut:
    """Begin the cover of an organization. While the trial runs it costs nothing; then its first billing year begins.

    `paid_by: practice` gives it an account of its own: with Stripe it stays `incomplete` until its checkout is completed
    (`POST /billing/checkout-sessions`).
    """
    ledger = ledger_of(by.runtime.settings)
    if fields.paid_by is Payer.msp:
        check_placed(await account_of(by.session, None), by.runtime.settings)
    made = await subscriptions.subscribe(by.session, organization, fields, ledger=ledger, on=today())
    return await _shown(by, organization, made)


@router.patch(
    "/organizations/{organization_id}/subscription",
    response_model=SubscriptionOut,
    openapi_extra=patch_of(SubscriptionChanges),
)
async def change_subscription(
    by: Writer, organization: ThisOrganization, request: Request, changes: Changes
) -> SubscriptionOut:
    """More or fewer locations, from today and to the day; or keep what was to be canceled."""
    live = await live_subscription(by.session, organization.id, lock=True)
    if live is None:
        raise NotFound("subscription")
    check_if_match(request, live)
    said = merged(SubscriptionChanges, live, changes)
    if said.cancel_at_period_end is False:
        await subscriptions.keep_after_all(by.session, live, on=today())
    elif said.cancel_at_period_end and not live.cancel_at_period_end:
        raise Invalid.one("/cancel_at_period_end", "not_allowed", "Cancel by POST …/subscription/cancellation.")
    if said.locations is not None and said.locations != live.locations:
        await subscriptions.change_locations(by.session, live, said.locations, on=today())
    return await _shown(by, organization, live)


@router.get("/organizations/{organization_id}/subscription/preview", response_model=PreviewOut)
async def preview_subscription(
    by: Reader,
    organization: ThisOrganization,
    locations: Annotated[int | None, Query(ge=1, le=MOST_LOCATIONS)] = None,
    paid_by: Payer | None = None,
    renewal: Renewal | None = None,
    cancel: bool = False,
) -> PreviewOut:
    """What it would cost today to subscribe, to have so many locations, or (`cancel=true`) to leave. Nothing is changed.

    With `cancel` no other parameter counts, and for one that is subscribed already its own payer and renewal do."""
    found = await previews.preview(
        by.session,
        organization,
        locations=locations,
        paid_by=paid_by,
        renewal=renewal,
        cancel=cancel,
        ledger=ledger_of(by.runtime.settings),
        on=today(),
    )
    return PreviewOut(
        locations=found.locations,
        rate_cents=found.rate,
        currency=price_list().currency,
        lines=[ChargeLineOut(**each) for each in found.lines],
        amount_cents=found.amount_cents,
        charged_on=found.charged_on,
        yearly_cents=found.yearly_cents,
        renews_on=found.renews_on,
    )


@router.post("/organizations/{organization_id}/subscription/cancellation", status_code=201, response_model=SubscriptionOut)
async def cancel_subscription(by: Writer, organization: ThisOrganization, fields: CancellationFields) -> SubscriptionOut:
    """End the cover with the year that runs, or today: what is left is then credited to the account's next invoice.

    All records stay, and can always be read and exported.
    """
    live = await live_subscription(by.session, organization.id, lock=True)
    if live is None:
        raise NotFound("subscription")
    await subscriptions.cancel(by.session, live, fields.when, on=today())
    return await _shown(by, organization, live)


async def _shown(by: Inside, organization: Organization, subscription: Subscription) -> SubscriptionOut:
    by.tag(subscription)
    await by.session.flush()
    tenant = await own(by.session)
    names = SubscriptionOut.model_fields.keys() & Subscription.model_fields.keys()
    return SubscriptionOut(
        **{name: getattr(subscription, name) for name in names},
        rate_cents=subscription.rate,
        yearly_cents=subscription.rate * subscription.locations,
        currency=price_list().currency,
        access=access_to(organization, tenant, on=today()),
        paid_until=organization.paid_until,
        covered_until=organization.covered_until,
    )
