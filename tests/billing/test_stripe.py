"""With Stripe's ledger: the real library, over HTTP, to a strict fake with its own clock."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from billing.gateway import reached
from billing.handing_over import hand_over
from billing.plans import price_list
from billing.price_tags import price_of
from billing.prices import in_words, remainder, year_of, years_after
from billing.pushing import push
from billing.reconcile import move_to_stripe, reconcile_tenant
from domain.clock import today
from tests.api.v1.test_second_year import ready_to_sign
from tests.billing.calendar import Calendar
from tests.billing.fake_stripe import TAX_PERCENT
from tests.billing.stripe_world import World, open_world
from tests.makers import Caller, House, expect, sign

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
"""Stripe's library speaks to httpx in a way that httpx advises against."""
TRIAL = timedelta(days=price_list().trial_days)
DAY = timedelta(days=1)
RATE = price_list().plan("practice").rate(1)


async def paying_msp(world: World, calendar: Calendar, *, practices: int = 2) -> tuple[Caller, list[str]]:
    """A tenant whose trial is over, with its first invoice at Stripe."""
    msp = await world.house.tenant()
    organizations = [await world.house.organization(msp) for _ in range(practices)]
    for each in organizations:
        await msp.make(f"/organizations/{each}/subscription", {})
    await world.work()
    await pass_days(world, calendar, msp, until=(TRIAL + DAY).days)
    return msp, organizations


async def pass_days(world: World, calendar: Calendar, *tenants: Caller, until: int) -> None:
    """Both clocks go on, day by day; what Stripe tells is heard on the same day."""
    for _ in range(until):
        calendar.turn_to(today() + DAY)
        world.stripe.pass_days(today())
        await world.deliver_new()
        await world.work()
        await calendar.close_books(*tenants)
        await world.work()


async def test_one_subscription_for_all_and_one_invoice(world: World, calendar: Calendar) -> None:
    msp, organizations = await paying_msp(world, calendar, practices=3)
    [subscription] = world.stripe.things["subscription"].values()
    assert [(item["price"]["unit_amount"], item["quantity"]) for item in subscription["items"]["data"]] == [(RATE, 3)]
    [invoice] = await msp.all("/invoices")
    assert (invoice["status"], invoice["total_cents"], invoice["number"][:5]) == ("open", 3 * RATE, "FAKE-")
    assert invoice["due_on"] == (today() + timedelta(days=price_list().net_days)).isoformat()
    assert (await msp.post(f"/invoices/{invoice['id']}/payment", {})).status_code == 409, "Stripe knows when it is paid"
    world.stripe.pay(next(iter(world.stripe.things["invoice"])))
    await world.deliver_new()
    await world.work()
    assert (await msp.get_json(f"/invoices/{invoice['id']}"))["status"] == "paid"
    assert (await msp.get_json(f"/organizations/{organizations[0]}/subscription"))["state"] == "active"


async def test_a_change_in_the_year_costs_at_stripe_what_the_preview_said(world: World, calendar: Calendar) -> None:
    msp, organizations = await paying_msp(world, calendar)
    await pass_days(world, calendar, msp, until=10)
    joining = await world.house.organization(msp)
    preview = await msp.get_json(f"/organizations/{joining}/subscription/preview")
    assert 0 < preview["amount_cents"] < RATE
    await msp.make(f"/organizations/{joining}/subscription", {})
    await world.work()
    [subscription] = world.stripe.things["subscription"].values()
    assert [item["quantity"] for item in subscription["items"]["data"]] == [3]
    assert len(world.stripe.things["invoice"]) == 1
    await pass_days(world, calendar, msp, until=25)
    [_, statement] = world.stripe.things["invoice"].values()
    assert (statement["total"], statement["status"]) == (preview["amount_cents"], "open")
    assert [each["total_cents"] for each in await msp.all("/invoices")] == [2 * RATE, preview["amount_cents"]]
    await msp.make(f"/organizations/{organizations[0]}/subscription/cancellation", {"when": "now"})
    await world.work()
    assert [item["quantity"] for item in subscription["items"]["data"]] == [2]


@pytest.mark.parametrize("fault", ["429", "500", "lost"])
async def test_whatever_fails_on_the_way_happens_once(world: World, calendar: Calendar, fault: str) -> None:
    world.stripe.faults = [fault] * 7 + ["ok", fault, fault, "ok", fault] * 6
    msp, _ = await paying_msp(world, calendar)
    assert [len(world.stripe.things[kind]) for kind in ("customer", "subscription", "invoice")] == [1, 1, 1]
    assert len(await msp.all("/invoices")) == 1


async def test_events_twice_shuffled_and_late_change_nothing(world: World, calendar: Calendar) -> None:
    msp, _ = await paying_msp(world, calendar)
    world.stripe.pay(next(iter(world.stripe.things["invoice"])))
    await world.work()
    await world.deliver_new()
    await world.work()
    before = await msp.all("/invoices")
    told = len(await msp.all("/events"))
    shuffled = world.stripe.events * 2
    random.Random(7).shuffle(shuffled)
    await world.deliver(*shuffled)
    for event in shuffled:
        await world.deliver({**event, "id": event["id"] + "_again"})
    await world.work()
    after = await msp.all("/invoices")
    assert [(each["id"], each["status"], each["paid_cents"]) for each in after] == [
        (each["id"], each["status"], each["paid_cents"]) for each in before
    ]
    assert len(await msp.all("/events")) == told


async def test_an_event_before_our_own_commit_is_no_second_invoice(world: World, calendar: Calendar) -> None:
    """Stripe tells of what it made before the answer that made it has reached us."""

    async def at_once(_: str) -> None:
        await world.deliver_new()

    world.stripe.before_answer = at_once
    msp, _ = await paying_msp(world, calendar)
    joining = await world.house.organization(msp)
    await msp.make(f"/organizations/{joining}/subscription", {})
    await pass_days(world, calendar, msp, until=32)
    assert len(await msp.all("/invoices")) == len(world.stripe.things["invoice"]) == 2


async def test_what_no_event_told_is_found_at_night(world: World, calendar: Calendar) -> None:
    msp, _ = await paying_msp(world, calendar)
    world.stripe.pay(next(iter(world.stripe.things["invoice"])))
    world.delivered = len(world.stripe.events)  # lost on the way
    assert (await msp.all("/invoices"))[0]["status"] == "open"
    async with reached(world.runtime.settings) as gateway:
        drift = await reconcile_tenant(world.runtime, gateway, msp.tenant_id)
        assert [each.split(" ")[0] for each in drift] == ["invoice"]
        assert (await msp.all("/invoices"))[0]["status"] == "paid"
        assert await reconcile_tenant(world.runtime, gateway, msp.tenant_id) == []


async def test_the_inbox_hears_stripe_only(world: World) -> None:
    for headers in ({}, {"Stripe-Signature": "t=1,v1=00"}, {"Stripe-Signature": "nonsense"}):
        answer = await world.house.http.post("/v1/stripe/webhook", content=b"{}", headers=headers)
        assert answer.status_code == 400


async def test_without_a_secret_the_endpoint_is_off(house: Any) -> None:
    assert (await house.http.post("/v1/stripe/webhook", content=b"{}")).status_code == 404


async def test_a_practice_pays_by_card(world: World, calendar: Calendar) -> None:
    msp = await world.house.tenant()
    practice = await world.house.organization(msp)
    made = await msp.make(f"/organizations/{practice}/subscription", {"paid_by": "practice"})
    assert made["state"] == "incomplete"
    pages = {"success_url": "https://practice.example.com/ok", "cancel_url": "https://practice.example.com/no"}
    await world.work()
    page = await msp.make("/billing/checkout-sessions", {"organization_id": practice, **pages})
    assert page == await msp.make("/billing/checkout-sessions", {"organization_id": practice, **pages}), "one page, not two"
    other = {**pages, "cancel_url": "https://practice.example.com/later"}
    newer = await msp.make("/billing/checkout-sessions", {"organization_id": practice, **other})
    states = {each["id"]: each["status"] for each in world.stripe.things["checkout.session"].values()}
    assert [states[each["url"].rsplit("/", 1)[-1]] for each in (page, newer)] == ["expired", "open"], "one can be paid, not two"
    page = await msp.make("/billing/checkout-sessions", {"organization_id": practice, **pages})
    assert sorted(each["status"] for each in world.stripe.things["checkout.session"].values()) == ["expired", "expired", "open"]
    world.stripe.complete_checkout(page["url"].rsplit("/", 1)[-1])
    await world.deliver_new()
    await world.work()
    shown = await msp.get_json(f"/organizations/{practice}/subscription")
    assert (shown["state"], shown["access"]) == ("active", "full")
    assert (await msp.post("/billing/checkout-sessions", {"organization_id": practice, **pages})).status_code == 409
    portal = {"organization_id": practice, "return_url": "https://practice.example.com"}
    assert (await msp.make("/billing/portal-sessions", portal))["url"].startswith("https://billing.stripe")

    [customer] = world.stripe.things["customer"]
    [at_stripe] = world.stripe.things["subscription"].values()
    for status, state, access in (("paused", "paused", "read_only"), ("active", "active", "full")):
        at_stripe["status"] = status
        async with reached(world.runtime.settings) as gateway:
            assert len(await reconcile_tenant(world.runtime, gateway, msp.tenant_id)) == 1
        shown = await msp.get_json(f"/organizations/{practice}/subscription")
        assert (shown["state"], shown["access"]) == (state, access)
    world.stripe.refused_cards.add(customer)
    calendar.turn_to(today() + timedelta(days=365))
    world.stripe.pass_days(today())
    await world.deliver_new()
    await world.work()
    shown = await msp.get_json(f"/organizations/{practice}/subscription")
    assert shown["state"] == "active", "told on the day itself"
    calendar.turn_to(today() + DAY)
    await calendar.close_books(msp)
    shown = await msp.get_json(f"/organizations/{practice}/subscription")
    assert (shown["state"], shown["access"]) == ("past_due", "full")
    world.stripe.refused_cards.clear()
    world.stripe.charge(list(world.stripe.things["invoice"])[-1])
    await world.deliver_new()
    await world.work()
    assert (await msp.get_json(f"/organizations/{practice}/subscription"))["state"] == "active"


async def test_the_switch_to_stripe_charges_nothing_twice(world: World, house: Any, calendar: Calendar) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await msp.make(f"/organizations/{practice}/subscription", {})
    await calendar.pass_days(msp, until=today() + TRIAL + DAY)
    [invoice] = await msp.all("/invoices")
    world.stripe.day = today()

    assert await move_to_stripe(world.runtime, msp.tenant_id) == 1
    await world.work()
    [subscription] = world.stripe.things["subscription"].values()
    ends = (await msp.get_json(f"/organizations/{practice}/subscription"))["period_end"]
    assert world.stripe.things.get("invoice", {}) == {}
    assert subscription["status"] == "active"
    await msp.make(f"/invoices/{invoice['id']}/payment", {})
    calendar.turn_to(today() + timedelta(days=365))
    assert today().isoformat() == ends
    world.stripe.pass_days(today())
    await world.deliver_new()
    await world.work()
    assert [each["total_cents"] for each in await msp.all("/invoices")] == [RATE, RATE]


async def test_two_workers_at_once_tell_stripe_once(world: World, calendar: Calendar) -> None:
    msp, _ = await paying_msp(world, calendar)
    joining = await world.house.organization(msp)
    await msp.make(f"/organizations/{joining}/subscription", {})
    [[_, payload], *_] = await world.queued()
    await asyncio.gather(push(world.runtime, payload), push(world.runtime, payload))
    [subscription] = world.stripe.things["subscription"].values()
    assert [item["quantity"] for item in subscription["items"]["data"]] == [3]


async def test_prices_are_told_once(world: World) -> None:
    rates = price_list().plan("practice").rates
    async with reached(world.runtime.settings) as gateway:
        for _ in range(2):
            for rate in rates:
                await price_of(gateway, rate)
    assert sorted(each["unit_amount"] for each in world.stripe.things["price"].values()) == sorted(rates)


async def test_a_practice_that_pays_by_card_takes_its_subscription_to_another_tenant(world: World, calendar: Calendar) -> None:
    giver, receiver = await world.house.tenant(), await world.house.tenant()
    practice = await world.house.organization(giver)
    await giver.make(f"/organizations/{practice}/subscription", {"paid_by": "practice"})
    await world.work()
    pages = {"success_url": "https://practice.example.com/ok", "cancel_url": "https://practice.example.com/no"}
    page = await giver.make("/billing/checkout-sessions", {"organization_id": practice, **pages})
    world.stripe.complete_checkout(page["url"].rsplit("/", 1)[-1])
    await world.deliver_new()
    await world.work()
    code = (await receiver.make("/transfers", None))["code"]
    asked = await giver.make(f"/organizations/{practice}/transfer", {"code": code})
    assert (await receiver.post(f"/transfers/{asked['id']}/acceptance", {})).status_code == 202
    sides = {"tenant_id": str(receiver.tenant_id), "from_tenant_id": str(giver.tenant_id), "transfer_id": asked["id"]}
    for _ in range(2):
        await hand_over(world.runtime, sides)
    await world.work()
    calendar.turn_to(today() + timedelta(days=366))
    world.stripe.pass_days(today())
    await world.deliver_new()
    await world.work()
    assert [len(await side.all("/invoices")) for side in (giver, receiver)] == [1, 1], "the renewal is the receiver's"
    assert (await receiver.get_json(f"/organizations/{practice}/subscription"))["state"] == "active"
    assert (await giver.get_json(f"/organizations/{practice}/subscription"))["state"] == "canceled"
    assert len(world.stripe.things["subscription"]) == len(world.stripe.things["customer"]) == 1
    async with reached(world.runtime.settings) as gateway:
        assert await reconcile_tenant(world.runtime, gateway, giver.tenant_id) == []
        for copied in (1, 0):
            drift = await reconcile_tenant(world.runtime, gateway, receiver.tenant_id)
            assert len(drift) == copied, "the customer's first invoice is found with the customer, once"


async def test_a_page_for_a_card_that_nobody_waits_for_takes_none(world: World) -> None:
    msp = await world.house.tenant()
    practice = await world.house.organization(msp)
    await msp.make(f"/organizations/{practice}/subscription", {"paid_by": "practice"})
    await world.work()
    pages = {"success_url": "https://practice.example.com/ok", "cancel_url": "https://practice.example.com/no"}
    await msp.make("/billing/checkout-sessions", {"organization_id": practice, **pages})
    await world.work()
    [page] = world.stripe.things["checkout.session"].values()
    assert page["status"] == "open", "the subscription waits for it"
    await msp.make(f"/organizations/{practice}/subscription/cancellation", {})
    await world.work()
    assert page["status"] == "expired"


async def type_card_in(world: World, by: Caller, practice: str) -> None:
    pages = {"success_url": "https://practice.example.com/ok", "cancel_url": "https://practice.example.com/no"}
    page = await by.make("/billing/checkout-sessions", {"organization_id": practice, **pages})
    world.stripe.complete_checkout(page["url"].rsplit("/", 1)[-1])
    await world.deliver_new()
    await world.work()


async def test_a_card_follows_the_analysis_year(world: World, calendar: Calendar) -> None:
    msp = await world.house.tenant()
    practice = await world.house.organization(msp)
    await sign(world.house, msp, await ready_to_sign(msp, practice))
    due = years_after(today(), 1)
    calendar.turn_to(today() + 40 * DAY)
    world.stripe.pass_days(today())
    asked = {"paid_by": "practice", "renewal": "analysis_year"}
    preview = await msp.get_json(f"/organizations/{practice}/subscription/preview?paid_by=practice&renewal=analysis_year")
    await msp.make(f"/organizations/{practice}/subscription", asked)
    await world.work()
    await type_card_in(world, msp, practice)
    [page] = world.stripe.things["checkout.session"].values()
    [invoice] = await msp.all("/invoices")
    part = remainder(RATE, year_of(due, today()), today())
    assert (invoice["status"], invoice["total_cents"], preview["amount_cents"]) == ("paid", part, part)
    assert in_words(part) in page["_asked"]["custom_text"]["submit"]["message"], "it is said beside the button"
    shown = await msp.get_json(f"/organizations/{practice}/subscription")
    assert (shown["state"], shown["period_end"], preview["renews_on"]) == ("active", due.isoformat(), due.isoformat())
    calendar.turn_to(due)
    world.stripe.pass_days(due)
    await world.deliver_new()
    await world.work()
    assert [each["total_cents"] for each in await msp.all("/invoices")] == [part, RATE]
    assert (await msp.get_json(f"/organizations/{practice}/subscription"))["period_end"] == years_after(due, 1).isoformat()


async def test_stripe_works_out_the_tax_where_the_settings_say_so(house: House, calendar: Calendar) -> None:
    async with open_world(house.runtime, stripe_tax=True) as world:
        msp = await world.house.tenant()
        practice, by_card = [await world.house.organization(msp) for _ in range(2)]
        refused = await msp.post(f"/organizations/{practice}/subscription", {})
        assert expect(refused, 409)["type"].endswith("/address-missing")
        await msp.patch("/billing/account", {"billing_country": "US"})
        assert (await msp.post(f"/organizations/{practice}/subscription", {})).status_code == 409, "a country of many taxes"
        await msp.patch("/billing/account", {"billing_postal_code": "60601", "billing_name": "Bright MSP Inc."})
        await msp.make(f"/organizations/{practice}/subscription", {})
        await msp.make(f"/organizations/{by_card}/subscription", {"paid_by": "practice"})
        await world.work()
        await type_card_in(world, msp, by_card)
        calendar.turn_to(calendar.day + TRIAL + DAY)
        world.stripe.pass_days(today())
        await calendar.close_books(msp)
        await world.work()
        joining = await world.house.organization(msp)
        await msp.make(f"/organizations/{joining}/subscription", {})
        await pass_days(world, calendar, msp, until=32)
        for kind in ("subscription", "invoice"):
            made = list(world.stripe.things[kind].values())
            assert [each["automatic_tax"] for each in made] == [{"enabled": True}] * len(made)
        invoices = await msp.all("/invoices")
        assert len(invoices) == 3
        assert all(each["tax_cents"] == each["subtotal_cents"] * TAX_PERCENT // 100 > 0 for each in invoices)
        names = [each["name"] for each in world.stripe.things["customer"].values()]
        assert names[0] == "Bright MSP Inc.", "as it is called since it was amended"
