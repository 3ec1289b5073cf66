"""Pages of Stripe's for whoever pays by card: the first payment, and later the card and the invoices.

They are made while somebody waits. Nothing is charged by making one, and their keys are made of what is committed already.
"""

import hashlib
from typing import Any

from billing.accounts import Account, Collection
from billing.gateway import StripeRefused, StripeUnavailable, reached
from billing.pushing import price_of
from billing.subscription_rows import State, Subscription
from domain.errors import Conflict, Unavailable
from domain.settings import Settings
from domain.tenancy import TenantSession


async def checkout_page(
    session: TenantSession, settings: Settings, subscription: Subscription, *, success_url: str, cancel_url: str
) -> str:
    """Where a practice types its card in, to begin a subscription that waits for it."""
    account = await session.fetch(Account, subscription.account_id)
    _with_stripe(settings)
    if account.collection is not Collection.card or subscription.state is not State.incomplete:
        raise Conflict("Only a subscription that waits for its card has a checkout.", code="nothing_to_pay")
    names = {"bitewing_tenant": str(session.tenant_id), "bitewing_account": str(account.id)}
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": _customer(account),
        "subscription_data": {"metadata": names},
        "client_reference_id": str(subscription.id),
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    try:
        async with reached(settings) as gateway:
            price = await price_of(gateway, subscription.rate, plan=subscription.plan)
            params["line_items"] = [{"price": price, "quantity": subscription.locations}]
            key = f"checkout:{subscription.id}:{subscription.version}:{_digest(params)}"
            return (await gateway.call("checkout.sessions.create", None, params, key=key))["url"]
    except (StripeUnavailable, StripeRefused):
        raise Unavailable("Stripe does not answer just now. Nothing was charged.") from None


async def portal_page(settings: Settings, account: Account, *, return_url: str) -> str:
    """Where whoever pays changes the card and finds Stripe's invoices."""
    _with_stripe(settings)
    params = {"customer": _customer(account), "return_url": return_url}
    try:
        async with reached(settings) as gateway:
            key = f"portal:{account.id}:{account.version}:{_digest(params)}"
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
