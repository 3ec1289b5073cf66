"""One scenario of the gateway's calls, told to the fake on every run, and to a real Stripe sandbox on demand:

    STRIPE_API_KEY=sk_test_... pytest -m stripe_sandbox tests/billing/test_sandbox.py

It is left out by its mark, not skipped: a test that is skipped counts as failed on the machine that decides.
"""

import os
import secrets
from typing import Any

import pytest
from pydantic import SecretStr

from billing.gateway import Gateway, StripeRefused, reached
from billing.plans import price_list
from billing.price_tags import price_of
from domain.runtime import Runtime
from tests.billing.stripe_world import World

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
"""Stripe's library speaks to httpx in a way that httpx advises against."""
RATE = price_list().plan("practice").rate(1)


async def test_the_scenario_at_the_fake(world: World) -> None:
    async with reached(world.runtime.settings) as gateway:
        await scenario(gateway)


@pytest.mark.stripe_sandbox
async def test_the_scenario_at_a_sandbox(runtime: Runtime) -> None:
    key = os.environ["STRIPE_API_KEY"]
    assert key.startswith(("sk_test_", "rk_test_")), "never against a live account"
    settings = runtime.settings.model_copy(update={"stripe_api_key": SecretStr(key), "stripe_api_base": None})
    async with reached(settings) as gateway:
        await scenario(gateway)


async def scenario(gateway: Gateway) -> None:
    """A subscription by invoice, a change without Stripe's proration, a charge of ours on an invoice, and the end."""
    run = secrets.token_hex(8)

    async def call(verb: str, params: dict[str, Any], target: str | None = None) -> dict[str, Any]:
        return await gateway.call(verb, target, params, key=f"{run}:{verb}:{target}")

    price = await price_of(gateway, RATE)
    assert await price_of(gateway, RATE) == price, "found again by its key"
    asked = {"name": "Sandbox MSP", "metadata": {"bitewing_call": run}}
    customer = await call("customers.create", asked)
    assert (await call("customers.create", asked))["id"] == customer["id"], "the same key, the same answer"
    made = await call(
        "subscriptions.create",
        {
            "customer": customer["id"],
            "items": [{"price": price, "quantity": 2}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        },
    )
    assert made["status"] == "active"
    item = made["items"]["data"][0]
    more = {"items": [{"id": item["id"], "quantity": 3}], "proration_behavior": "none"}
    changed = await call("subscriptions.update", more, made["id"])
    assert changed["items"]["data"][0]["quantity"] == 3
    draft = await call(
        "invoices.create",
        {
            "customer": customer["id"],
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
        },
    )
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    charge = {"customer": customer["id"], "invoice": draft["id"], "amount": 12_345, "currency": "usd", "period": period}
    await call("invoice_items.create", {**charge, "description": "A charge of ours", "metadata": {"bitewing_call": run}})
    final = await call("invoices.finalize_invoice", {"auto_advance": False}, draft["id"])
    assert (final["status"], final["total"]) == ("open", 12_345)
    assert final["lines"]["data"][0]["amount"] == 12_345
    with pytest.raises(StripeRefused):
        await gateway.call("customers.create", None, {"colour": "red"}, key=f"{run}:refused")
    ended = await call("subscriptions.cancel", {"prorate": False, "invoice_now": False}, made["id"])
    assert ended["status"] == "canceled"
