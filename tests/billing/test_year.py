"""A year of an MSP with forty practices, day by day on both clocks: every invoice to the cent against a second calculation
that shares nothing with ours but the price list's figures.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from billing.bookkeeping import close_day
from domain.clock import today
from domain.database import tenant_session
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.test_second_year import ready_to_sign
from tests.billing.calendar import Calendar
from tests.billing.stripe_world import World
from tests.billing.test_stripe import type_card_in
from tests.makers import Caller, expect, sign

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
"""Stripe's library speaks to httpx in a way that httpx advises against."""
SINGLE, GROUP_OF_FOUR = 49_900, 44_900
"""As the price list says today; written here again, so that an edit of it is noticed."""
TRIAL, DAY, YEAR = timedelta(days=14), timedelta(days=1), 365


def used_by_day(price: int, days: int) -> list[int]:
    """How much of a year's price is used up after each day, counted up a day at a time."""
    used, carried, total = [0], 0, 0
    for _ in range(days):
        carried += price
        whole, carried = divmod(carried, days)
        total += whole
        used.append(total)
    return used


USED = used_by_day(SINGLE, YEAR)


def left(day: int) -> int:
    """What one practice costs from this day of the year to its end."""
    return SINGLE - USED[day]


async def come_to(world: World, calendar: Calendar, tenant: Caller, day: date) -> None:
    """Stripe's day, then ours, and everything that comes of it. Nothing happens on the days between."""
    calendar.turn_to(day)
    world.stripe.pass_days(day)
    await world.deliver_new()
    await world.work()
    async with tenant_session(world.runtime.database, Wall(tenant.tenant_id), actor=SYSTEM) as session:
        await close_day(session, on=today())
    await world.work()


async def test_a_year_of_forty_practices(world: World, calendar: Calendar) -> None:  # noqa: PLR0915  a year is long
    msp = await world.house.tenant("Forty Practices MSP")
    practices = [await world.house.organization(msp) for _ in range(38)]
    for each in practices:
        await msp.make(f"/organizations/{each}/subscription", {})
    group = await world.house.organization(msp, name="Harbor Dental Group")
    by_card = await world.house.organization(msp, name="Pays by card")
    follows = await world.house.organization(msp, name="Pays by card from one analysis to the next")
    await sign(world.house, msp, await ready_to_sign(msp, follows))
    await world.work()

    signed = today()
    quote = await msp.make(
        "/quotes", {"organization_id": group, "locations": 4, "years": 3, "recipient_email": "ada@harbor.example.com"}
    )
    await msp.make(f"/quotes/{quote['id']}/finalization", None)
    token = (await msp.make(f"/quotes/{quote['id']}/sending", None))["url"].split("#")[1].split(".")[1]
    accept = {"token": token, "name": "Dr. Ada Reyes", "title": "Owner"}
    expect(await msp.http.post(f"/v1/quotes/{quote['id']}/acceptance", json=accept), 201)
    await msp.make(f"/organizations/{by_card}/subscription", {"paid_by": "practice"})
    await world.work()
    await type_card_in(world, msp, by_card)

    start = signed + TRIAL + DAY
    await come_to(world, calendar, msp, start)

    def on(day: int) -> date:
        return start + timedelta(days=day)

    async def statements(until: int) -> None:
        """The days of the month on which an MSP's changes are invoiced, up to a day."""
        account = await msp.get_json("/billing/account")
        while date.fromisoformat(account["next_statement_on"]) <= on(until):
            await come_to(world, calendar, msp, date.fromisoformat(account["next_statement_on"]))
            account = await msp.get_json("/billing/account")
        await come_to(world, calendar, msp, on(until))

    await statements(20)
    await msp.make(f"/organizations/{follows}/subscription", {"paid_by": "practice", "renewal": "analysis_year"})
    await world.work()
    await type_card_in(world, msp, follows)
    await statements(40)
    joined = [await world.house.organization(msp) for _ in range(3)]
    for each in joined:
        await msp.make(f"/organizations/{each}/subscription", {})
    await statements(45)
    await msp.make(f"/organizations/{practices[0]}/subscription/cancellation", {"when": "now"})
    await statements(200)
    await msp.make(f"/organizations/{practices[1]}/subscription/cancellation", {"when": "now"})
    await msp.make(f"/organizations/{practices[2]}/subscription/cancellation", {"when": "period_end"})
    await statements(210)
    late = await world.house.organization(msp)
    await msp.make(f"/organizations/{late}/subscription", {})
    await statements(340)

    # The practice that pays by card is renewed 15 days before the MSP; its card has run out, and is replaced.
    await come_to(world, calendar, msp, on(349))
    card_account = world.stripe.things["invoice"]
    [customer] = {
        each["customer"]
        for each in card_account.values()
        if each["collection_method"] == "charge_automatically" and each["total"] == SINGLE
    }
    world.stripe.refused_cards.add(customer)
    await come_to(world, calendar, msp, on(350))
    await come_to(world, calendar, msp, on(351))
    assert (await msp.get_json(f"/organizations/{by_card}/subscription"))["state"] == "past_due"
    world.stripe.refused_cards.clear()
    refused = [each for each in world.stripe.things["invoice"].values() if each["status"] == "open" and each["attempt_count"]]
    world.stripe.charge(refused[0]["id"])
    await come_to(world, calendar, msp, on(352))
    assert (await msp.get_json(f"/organizations/{by_card}/subscription"))["state"] == "active"
    await statements(YEAR - 1)
    await come_to(world, calendar, msp, on(YEAR))
    await come_to(world, calendar, msp, on(YEAR + 1))

    # --- the second calculation ------------------------------------------------------------------------------------------
    first_statement = 3 * left(40) - left(45)  # three joined and one left before the second month ended
    waiting = left(210) - left(200)  # of one that left and one that came later: a credit, so no invoice
    assert first_statement > 0 > waiting
    stay = 38 + 3 + 1 - 3  # 38 began, 3 and 1 joined, 2 left at once and 1 with the year
    expected = {
        "msp": [38 * SINGLE, first_statement, stay * SINGLE + waiting],
        "group": [4 * GROUP_OF_FOUR, 4 * GROUP_OF_FOUR],
        "card": [SINGLE, SINGLE],
        "follows": [left((start - signed).days + 20), SINGLE],
    }
    invoices = await msp.all("/invoices")
    found: dict[str, list[Any]] = {"msp": [], "group": [], "card": [], "follows": []}
    whose = {None: "msp", group: "group", by_card: "card", follows: "follows"}
    for each in invoices:
        found[whose[each["organization_id"]]].append(each["total_cents"])
    assert found == expected
    assert all(each["subtotal_cents"] == sum(line["amount_cents"] for line in each["lines"]) for each in invoices)
    at_stripe = sorted(each["total"] for each in world.stripe.things["invoice"].values())
    assert at_stripe == sorted(each["total_cents"] for each in invoices), "both ledgers hold the same invoices"
    units = {
        each["id"]: sum(item["quantity"] for item in each["items"]["data"])
        for each in world.stripe.things["subscription"].values()
    }
    assert sorted(units.values()) == [1, 1, 4, stay]
    renewed = await msp.get_json(f"/organizations/{group}/subscription")
    assert (renewed["rate_cents"], renewed["rate_until"][:4]) == (GROUP_OF_FOUR, str(signed.year + 3))
    assert (await msp.get_json(f"/organizations/{practices[2]}/subscription"))["state"] == "canceled"
