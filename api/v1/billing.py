"""The account that pays, what it is worth, and how much of its plan is used."""

from dataclasses import asdict
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, HttpUrl

from api.door import Changes, Inside, check_if_match, door_router, may, merged, patch_of
from billing import accounts, checkout, overview
from billing.accounts import Account, AccountFields, Collection, Ledger, ledger_of, opened_account
from billing.plans import price_list
from billing.subscription_rows import live_subscription
from domain.access import Permission
from domain.clock import today
from domain.errors import NotFound
from domain.inventory.organizations import Organization
from domain.people.tenants import own
from domain.tenancy import Fields

router = door_router("billing")
Reader = Annotated[Inside, may(Permission.billing_read)]
Writer = Annotated[Inside, may(Permission.billing_write)]


class AccountOut(BaseModel):
    billing_name: str | None
    billing_email: str | None
    billing_address: str | None
    billing_postal_code: str | None
    billing_country: str | None
    tax_rate: int
    ledger: Ledger
    collection: Collection
    trial_until: date | None
    commitment: int
    commitment_until: date | None
    period_start: date | None
    period_end: date | None
    next_statement_on: date | None


class MonthOut(BaseModel):
    month: str
    subscriptions: int
    yearly_cents: int


class OverviewOut(BaseModel):
    currency: str
    arr_cents: int
    """What the subscriptions that are in force come to in a year, without tax."""
    subscriptions: dict[str, int]
    renewals: list[MonthOut]
    open_cents: int
    past_due_cents: int
    past_due_invoices: int


class OrganizationUseOut(BaseModel):
    organization_id: UUID
    name: str
    devices: int
    devices_covered: int | None
    storage_mb: int
    storage_mb_covered: int | None


class UseOut(BaseModel):
    organizations: list[OrganizationUseOut]
    members: int
    members_covered: int | None


class CheckoutFields(Fields):
    organization_id: UUID
    success_url: HttpUrl
    cancel_url: HttpUrl


class PortalFields(Fields):
    organization_id: UUID | None = None
    return_url: HttpUrl


class StripePageOut(BaseModel):
    url: str
    """Send the browser there; it is good for a short while."""


@router.get("/billing/account", response_model=AccountOut)
async def read_billing_account(by: Reader, organization_id: UUID | None = None) -> AccountOut:
    """The tenant's own account, or that of an organization that pays for itself; what it would be, as long as nothing was ever
    put on it."""
    account = await accounts.account_of(by.session, await _payer(by, organization_id))
    return await _shown(by, account or Account(ledger=ledger_of(by.runtime.settings)))


@router.patch("/billing/account", response_model=AccountOut, openapi_extra=patch_of(AccountFields))
async def change_billing_account(
    by: Writer, request: Request, changes: Changes, organization_id: UUID | None = None
) -> AccountOut:
    """Who gets the invoices, what stands on them, and where the payer is."""
    payer = await _payer(by, organization_id)
    there = await accounts.account_of(by.session, payer)
    collection = there.collection if there else Collection.invoice
    account = await opened_account(by.session, payer, ledger=ledger_of(by.runtime.settings), collection=collection)
    check_if_match(request, account)
    return await _shown(by, await accounts.amend(by.session, account, merged(AccountFields, account, changes)))


@router.get("/billing/overview", response_model=OverviewOut)
async def read_billing_overview(by: Reader) -> OverviewOut:
    """Yearly recurring revenue, renewals by month, and what is past due, of this tenant's subscriptions."""
    found = await overview.overview(by.session, on=today())
    return OverviewOut(currency=price_list().currency, **asdict(found))


@router.get("/billing/usage", response_model=UseOut)
async def read_usage(by: Reader) -> UseOut:
    """Devices, storage and members, next to what the plan covers."""
    return UseOut(**asdict(await overview.use(by.session)))


@router.post("/billing/checkout-sessions", status_code=201, response_model=StripePageOut)
async def open_checkout(by: Writer, fields: CheckoutFields) -> StripePageOut:
    """A page of Stripe's on which a practice pays by card. 409 without Stripe, or when nothing waits for a card."""
    organization = await by.session.fetch(Organization, fields.organization_id)
    subscription = await live_subscription(by.session, organization.id)
    if subscription is None:
        raise NotFound("subscription")
    url = await checkout.checkout_page(
        by.session,
        by.runtime,
        subscription,
        success_url=str(fields.success_url),
        cancel_url=str(fields.cancel_url),
    )
    return StripePageOut(url=url)


@router.post("/billing/portal-sessions", status_code=201, response_model=StripePageOut)
async def open_portal(by: Writer, fields: PortalFields) -> StripePageOut:
    """A page of Stripe's for the card and the invoices of the tenant, or of an organization that pays for itself."""
    account = await accounts.account_of(by.session, fields.organization_id)
    if account is None:
        raise NotFound("account")
    url = await checkout.portal_page(by.session, by.runtime, account, return_url=str(fields.return_url))
    return StripePageOut(url=url)


async def _payer(by: Inside, organization_id: UUID | None) -> UUID | None:
    """NotFound for an organization that is not the caller's."""
    return None if organization_id is None else (await by.session.fetch(Organization, organization_id)).id


async def _shown(by: Inside, account: Account) -> AccountOut:
    by.tag(account)
    names = AccountOut.model_fields.keys() & Account.model_fields.keys()
    trial_until = (await own(by.session)).trial_until
    return AccountOut(**{name: getattr(account, name) for name in names}, trial_until=trial_until)
