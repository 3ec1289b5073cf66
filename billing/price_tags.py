"""Prices at Stripe: one for each rate, found by its name, which says plan, currency and cents."""

import contextlib

from billing.gateway import Gateway, StripeRefused
from billing.plans import DEFAULT_PLAN, price_list


async def price_of(gateway: Gateway, rate: int, *, plan: str = DEFAULT_PLAN) -> str:
    """The price for a rate, found by its name or made.

    It belongs to no tenant, so it is in nobody's list of calls: its name is its key, and Stripe itself lets no second one have
    the same name. Whoever was quicker is found on the second look.
    """
    found = await _price_named(gateway, rate, plan)
    if found is None:
        with contextlib.suppress(StripeRefused):
            return await _make_price(gateway, rate, plan)
        found = await _price_named(gateway, rate, plan)
    if found is None:
        raise StripeRefused(f"no price {plan} {rate}")
    return found


async def _price_named(gateway: Gateway, rate: int, plan: str) -> str | None:
    async for each in gateway.each("prices", lookup_keys=[_price_name(rate, plan)], active=True):
        return each["id"]
    return None


def _price_name(rate: int, plan: str) -> str:
    return f"{plan}_{price_list().currency}_{rate}"


async def _make_price(gateway: Gateway, rate: int, plan: str) -> str:
    name = _price_name(rate, plan)
    product = f"bitewing_{plan}"
    async for each in gateway.each("products", ids=[product]):
        found = each["id"]
        break
    else:
        params = {"id": product, "name": price_list().plan(plan).name}
        found = (await gateway.call("products.create", None, params, key=f"product:{plan}"))["id"]
    params = {
        "product": found,
        "currency": price_list().currency,
        "unit_amount": rate,
        "recurring": {"interval": "year"},
        "lookup_key": name,
        "tax_behavior": price_list().tax_behavior,
    }
    return (await gateway.call("prices.create", None, params, key=f"price:{name}"))["id"]
