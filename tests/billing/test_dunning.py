"""Who owes is told on fixed days, once each: whoever closes the books, how many at once, and however the clock jumps."""

import asyncio
from datetime import timedelta
from typing import Any

from billing.plans import price_list
from tests.billing.calendar import Calendar
from tests.mailbox import letters_to
from tests.makers import Caller, House

TRIAL = timedelta(days=price_list().trial_days + 1)


async def told(msp: Caller) -> list[Any]:
    entries = (await msp.get_json("/audit-log", params={"kind": "invoice.reminded"}))["data"]
    return sorted(each["changes"]["days_after_due"] for each in entries)


async def test_each_day_is_told_once_by_two_workers_and_a_clock_that_jumps(house: House, calendar: Calendar) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await msp.make(f"/organizations/{practice}/subscription", {})
    calendar.turn_to(calendar.day + TRIAL)
    await calendar.close_books(msp)
    [invoice] = await msp.all("/invoices")
    due = calendar.day + timedelta(days=price_list().net_days)

    async def both() -> list[Any]:
        await asyncio.gather(*(calendar.close_books(msp) for _ in range(2)))
        return await told(msp)

    assert await both() == []
    days: dict[int, list[int]] = {-8: [], -7: [-7], -6: [-7], 9: [-7, 7], 1: [-7, 0, 7], 13: [-7, 0, 7], 40: [-7, 0, 7, 14]}
    for day, expected in days.items():
        calendar.turn_to(due + timedelta(days=day))
        for _ in range(2):
            assert await both() == expected, day
    letters = await letters_to(house.runtime, msp.email, tenant_id=msp.tenant_id)
    reminders = [each for each in letters if invoice["number"] in each]
    assert len(reminders) == 4
    assert "is due on" in reminders[0] and "was due on" in reminders[-1] and "$499.00" in reminders[0]
    await msp.make(f"/invoices/{invoice['id']}/payment", {})
    calendar.turn_to(due + timedelta(days=60))
    assert await both() == days[40]
