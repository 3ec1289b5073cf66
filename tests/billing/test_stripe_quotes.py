"""Our quotes and Stripe's: one promise on both sides, and one subscription of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from billing.gateway import reached
from billing.plans import price_list
from billing.reconcile import reconcile_tenant
from domain.clock import today
from tests.billing.calendar import Calendar
from tests.billing.stripe_world import World
from tests.billing.test_quotes import SAYS_YES, make_quote, sent
from tests.billing.test_stripe import DAY, TRIAL, pass_days, type_card_in
from tests.makers import Caller, expect

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
"""Stripe's library speaks to httpx in a way that httpx advises against."""


def at_stripe(world: World, kind: str = "quote") -> list[Any]:
    return list(world.stripe.things.get(kind, {}).values())


async def accept(world: World, by: Caller, quote: str, *, clicks: int = 1) -> None:
    token = await sent(by, quote)
    await world.work()
    answer = [by.http.post(f"/v1/quotes/{quote}/acceptance", json={"token": token, **SAYS_YES}) for _ in range(clicks)]
    assert sorted(each.status_code for each in await asyncio.gather(*answer)) == [201] + [409] * (clicks - 1)
    await world.work()


async def test_what_our_link_accepts_is_accepted_at_stripe(world: World, calendar: Calendar) -> None:
    msp = await world.house.tenant()
    group = await world.house.organization(msp, name="Harbor Dental Group")
    quote = (await make_quote(msp, organization_id=group, years=3))["id"]
    final = await msp.make(f"/quotes/{quote}/finalization", None)
    await world.work()
    [offered] = at_stripe(world)
    assert (offered["status"], offered["description"][:10]) == ("open", final["number"][:10])
    second = await msp.make(f"/quotes/{quote}/revision", None)
    await msp.patch(f"/quotes/{second['id']}", {"locations": 5})
    await accept(world, msp, second["id"], clicks=5)
    assert [each["status"] for each in at_stripe(world)] == ["canceled", "accepted"], (
        "the revision takes the place of the first"
    )
    [subscription] = at_stripe(world, "subscription")
    assert [item["quantity"] for item in subscription["items"]["data"]] == [5]
    rate = price_list().plan("practice").rate(5)
    [invoice] = await msp.all("/invoices")
    assert (invoice["total_cents"], invoice["organization_id"], invoice["status"]) == (5 * rate, group, "open")
    assert invoice["due_on"] == (today() + timedelta(days=price_list().net_days)).isoformat()
    assert (await msp.get_json(f"/organizations/{group}/subscription"))["state"] == "active"
    async with reached(world.runtime.settings) as gateway:
        assert await reconcile_tenant(world.runtime, gateway, msp.tenant_id) == []
    await pass_days(world, calendar, msp, until=2)
    assert len(at_stripe(world, "subscription")) == len(at_stripe(world, "invoice")) == 1


async def test_what_is_declined_or_runs_out_is_taken_back_at_stripe(world: World, calendar: Calendar) -> None:
    msp = await world.house.tenant()
    declined, late = (await make_quote(msp))["id"], (await make_quote(msp))["id"]
    token = await sent(msp, declined)
    await sent(msp, late)
    await world.work()
    assert [each["status"] for each in at_stripe(world)] == ["open", "open"]
    expect(await msp.http.post(f"/v1/quotes/{declined}/decline", json={"token": token, "name": "Ada"}), 201)
    await world.work()
    assert [each["status"] for each in at_stripe(world)] == ["canceled", "open"]
    calendar.turn_to(today() + timedelta(days=price_list().quotes.valid_days + 1))
    await calendar.close_books(msp)
    await world.work()
    assert [each["status"] for each in at_stripe(world)] == ["canceled", "canceled"]
    assert at_stripe(world, "subscription") == []


@pytest.mark.parametrize("first", ["stripe", "our books"])
async def test_a_later_start_is_a_schedule(world: World, calendar: Calendar, first: str) -> None:
    msp = await world.house.tenant()
    group = await world.house.organization(msp)
    later = today() + timedelta(days=20)
    quote = (await make_quote(msp, organization_id=group, starts_on=later.isoformat()))["id"]
    await accept(world, msp, quote)
    [schedule] = at_stripe(world, "subscription_schedule")
    assert (schedule["status"], at_stripe(world, "subscription"), await msp.all("/invoices")) == ("not_started", [], [])
    calendar.turn_to(later)
    if first == "our books":
        await calendar.close_books(msp)
        await world.work()
        assert at_stripe(world, "subscription") == [], "it waits for Stripe's schedule, and makes none of its own"
        world.stripe.pass_days(later)
    else:
        world.stripe.pass_days(later)
        calendar.turn_to(later + DAY)
    await world.deliver_new()
    await world.work()
    await calendar.close_books(msp)
    await world.work()
    shown = await msp.get_json(f"/organizations/{group}/subscription")
    assert (shown["state"], shown["starts_on"]) == ("active", later.isoformat())
    assert shown["period_end"] == later.replace(year=later.year + 1).isoformat()
    [invoice] = await msp.all("/invoices")
    assert invoice["total_cents"] == 4 * price_list().plan("practice").rate(4)
    assert len(at_stripe(world, "subscription")) == len(at_stripe(world, "invoice")) == 1


async def test_what_stripes_quote_cannot_say_is_told_as_a_change(world: World, calendar: Calendar) -> None:
    """A commitment that joins a year that runs; and a schedule before which something else has begun."""
    msp = await world.house.tenant()
    practice = await world.house.organization(msp)
    await msp.make(f"/organizations/{practice}/subscription", {})
    await world.work()
    later = today() + TRIAL + 10 * DAY
    quote = (await make_quote(msp, locations=12, starts_on=later.isoformat()))["id"]
    await accept(world, msp, quote)
    assert [each["status"] for each in at_stripe(world)] == ["canceled"], "something is on the account already"
    group = await world.house.organization(msp)
    promised = (await make_quote(msp, organization_id=group, starts_on=later.isoformat()))["id"]
    await accept(world, msp, promised)
    [schedule] = at_stripe(world, "subscription_schedule")
    await msp.make(f"/organizations/{group}/subscription", {"paid_by": "practice"})
    await world.work()
    assert schedule["status"] == "canceled"
    await type_card_in(world, msp, group)
    await pass_days(world, calendar, msp, until=(later - today()).days)
    units = sorted(sum(item["quantity"] for item in each["items"]["data"]) for each in at_stripe(world, "subscription"))
    assert units == [4, 12]
    assert (await msp.get_json(f"/organizations/{group}/subscription"))["rate_until"] is not None
