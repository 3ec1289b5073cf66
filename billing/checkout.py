"""Pages of Stripe's for whoever pays by card: the first payment, and later the card and the invoices.

They are made while somebody waits. A page for a card is written down before it is made, as every call is; and of those for one
card only the newest is open, and none once nothing waits for a card: each that is filled in is a subscription.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from billing.accounts import Account, Collection
from billing.billing_years import anchor_of
from billing.calls import once
from billing.gateway import Gateway, StripeRefused, StripeUnavailable, midnight, reached
from billing.plans import price_list
from billing.price_tags import price_of
from billing.prices import in_words, remainder, year_of
from billing.subscription_rows import State, Subscription
from domain.clock import new_id, today
from domain.errors import Conflict, Unavailable
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import TenantSession

MOST_PAGES = 50
"""Pages with the same words for one subscription, one after the other; each is open for a day."""


async def checkout_page(
    session: TenantSession, runtime: Runtime, subscription: Subscription, *, success_url: str, cancel_url: str
) -> str:
    """Where a practice types its card in, to begin a subscription that waits for it."""
    account = await session.fetch(Account, subscription.account_id)
    _with_stripe(runtime.settings)
    if account.collection is not Collection.card or subscription.state is not State.incomplete:
        raise Conflict("Only a subscription that waits for its card has a checkout.", code="nothing_to_pay")
    begins, said = await _first_part(session, account, subscription)
    names = {"bitewing_tenant": str(session.tenant_id), "bitewing_account": str(account.id)}
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": _customer(account),
        "subscription_data": {"metadata": names, **begins},
        "client_reference_id": str(subscription.id),
        "success_url": success_url,
        "cancel_url": cancel_url,
        **said,
    }
    if runtime.settings.stripe_tax:
        params |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    try:
        async with reached(runtime.settings) as gateway:
            price = await price_of(gateway, subscription.rate, plan=subscription.plan)
            params["line_items"] = [{"price": price, "quantity": subscription.locations}]
            purpose = f"checkout:{subscription.id}:{_digest(params)}"
            page = await _open_page(runtime, gateway, session.tenant_id, purpose, "checkout.sessions", params)
            await close_pages(runtime, gateway, session.tenant_id, params["customer"], but=page["id"])
            return page["url"]
    except (StripeUnavailable, StripeRefused):
        raise Unavailable("Stripe does not answer just now. Nothing was charged.") from None


async def close_pages(runtime: Runtime, gateway: Gateway, tenant_id: UUID, customer: str, *, but: str | None = None) -> None:
    """Let no open page of a customer take a card any more, ``but`` perhaps one."""
    async for each in gateway.each("checkout.sessions", customer=customer, status="open"):
        if each["id"] != but:
            await once(runtime, gateway, tenant_id, f"expire:{each['id']}", "checkout.sessions.expire", {}, target=each["id"])


async def _first_part(
    session: TenantSession, account: Account, subscription: Subscription
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where renewals follow the analysis: from which day on Stripe renews, and the words that say so beside the button. It
    charges nothing for the days until then; we do, as soon as the card is there."""
    on = today()
    year = year_of(await anchor_of(session, account, [subscription], on=on), on)
    if year.start == on:
        return {}, {}
    cents = [remainder(subscription.rate, year, day) * subscription.locations for day in (on, year.start)]
    sums = [in_words(each, price_list().currency) for each in cents]
    message = (
        f"{sums[0]} for the {(year.end - on).days} days until {year.end}, when the next security risk analysis is due, are "
        f"charged to this card as soon as it is here; from then on {sums[1]} a year. Tax, if any, is added."
    )
    begins = {"billing_cycle_anchor": midnight(year.end), "proration_behavior": "none"}
    return begins, {"custom_text": {"submit": {"message": message}}}


async def _open_page(
    runtime: Runtime, gateway: Gateway, tenant_id: UUID, purpose: str, service: str, params: Mapping[str, Any]
) -> dict[str, Any]:
    """The page for a purpose while it is open; one that has ended is followed by the next."""
    for turn in range(MOST_PAGES):
        made = await once(runtime, gateway, tenant_id, f"{purpose}:{turn}", f"{service}.create", params)
        page = await gateway.read(service, made)
        if page["status"] == "open":
            return page
    raise Unavailable("Too many pages were opened for this subscription and left alone.")


async def portal_page(session: TenantSession, runtime: Runtime, account: Account, *, return_url: str) -> str:
    """Where whoever pays changes the card and finds Stripe's invoices."""
    _with_stripe(runtime.settings)
    params = {"customer": _customer(account), "return_url": return_url}
    try:
        async with reached(runtime.settings) as gateway:
            # Good for minutes, costs nothing, and cannot be read again: so it is not written down before it is made.
            key = f"portal:{session.tenant_id}:{new_id()}"
            return (await gateway.call("billing_portal.sessions.create", None, params, key=key))["url"]
    except (StripeUnavailable, StripeRefused):
        raise Unavailable("Stripe does not answer just now.") from None


def _with_stripe(settings: Settings) -> None:
    if settings.stripe_api_key is None:
        raise Conflict("This installation keeps its own books: pay by invoice.", code="without_stripe")


def _customer(account: Account) -> str:
    if account.stripe_customer_id is None:
        raise Unavailable("Stripe is just being told of this account. Try again in a moment.")
    return account.stripe_customer_id


def _digest(params: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(params.items())).encode()).hexdigest()[:24]
