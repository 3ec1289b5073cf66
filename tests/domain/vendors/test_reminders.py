"""Reminders that an agreement ends: each once, whoever looks, however often, and whatever the clock does."""

import asyncio
from datetime import date, timedelta
from typing import Any

from sqlmodel import col, select

from domain.clock import today
from domain.database import tenant_session
from domain.outbound.mail import Mail
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from domain.vendors.reminders import DAYS_BEFORE, remind, remind_all
from tests.api.v1.nouns import faults
from tests.makers import Caller, House, expect, make_baa, make_vendor

END = today() + timedelta(days=200)


async def look(runtime: Runtime, msp: Caller, *, on: date) -> None:
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        await remind(session, on=on)


async def told(runtime: Runtime, msp: Caller) -> list[int]:
    """How many days before its end each reminder was for, by the events; each has its one letter."""
    trail = await msp.all("/audit-log")
    days = [
        each["changes"]["days_before"]
        for each in sorted(trail, key=lambda each: each["sequence"])
        if each["kind"] == "baa.expiring"
    ]
    assert len(await letters(runtime, msp)) == len(days)
    return days


async def letters(runtime: Runtime, msp: Caller) -> list[Mail]:
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
        ours = select(Mail).where(col(Mail.key).like("baa-reminder:%")).order_by(col(Mail.id))
        return list((await session.execute(ours)).scalars())


async def agreement(house: House, **fields: Any) -> tuple[Caller, str, dict[str, Any]]:
    msp = await house.tenant()
    practice, vendor = await house.organization(msp, name="Lakeview"), await make_vendor(msp, name="Cloud PACS")
    said = {"signed_on": (today() - timedelta(days=165)).isoformat(), "end_on": END.isoformat(), **fields}
    return msp, practice, await make_baa(msp, practice, vendor["id"], **said)


async def test_each_day_is_told_once(house: House, runtime: Runtime) -> None:
    msp, _, _ = await agreement(house)
    for left in range(95, -5, -1):
        if any(abs(left - days) <= 1 for days in DAYS_BEFORE):
            await look(runtime, msp, on=END - timedelta(days=left))
            await look(runtime, msp, on=END - timedelta(days=left))
    assert await told(runtime, msp) == [90, 60, 30, 7, 0]
    sent = await letters(runtime, msp)
    assert sent[0].subject == "Lakeview: the agreement with Cloud PACS ends in 90 days"
    assert sent[-1].subject == "Lakeview: the agreement with Cloud PACS ends today"
    assert {each.recipient.split("@")[0][:5] for each in sent} == {"owner"}


async def test_two_workers_at_once_tell_it_once(house: House, runtime: Runtime) -> None:
    msp, _, _ = await agreement(house)
    for left in (90, 7):
        await asyncio.gather(*(look(runtime, msp, on=END - timedelta(days=left)) for _ in range(6)))
    assert await told(runtime, msp) == [90, 60, 30, 7]


async def test_a_clock_that_jumps_loses_and_doubles_nothing(house: House, runtime: Runtime) -> None:
    msp, _, _ = await agreement(house)
    await look(runtime, msp, on=END - timedelta(days=61))
    await look(runtime, msp, on=END - timedelta(days=5))
    assert await told(runtime, msp) == [90, 60, 30, 7], "what it jumped over is told"
    await look(runtime, msp, on=END - timedelta(days=100))
    await look(runtime, msp, on=END - timedelta(days=30))
    await look(runtime, msp, on=END + timedelta(days=400))
    assert await told(runtime, msp) == [90, 60, 30, 7, 0], "and a jump back tells nothing again"
    assert (await letters(runtime, msp))[-1].subject.endswith("ended")


async def test_days_that_were_over_when_the_end_was_recorded(house: House, runtime: Runtime) -> None:
    msp, _, _ = await agreement(house, end_on=(today() + timedelta(days=20)).isoformat())
    await look(runtime, msp, on=today())
    assert await told(runtime, msp) == [30], "one word at once, not three"
    await look(runtime, msp, on=today() + timedelta(days=20))
    assert await told(runtime, msp) == [30, 7, 0]


async def test_who_has_renewed_or_ended_it_is_left_alone(house: House, runtime: Runtime) -> None:
    msp, practice, baa = await agreement(house)
    await look(runtime, msp, on=END - timedelta(days=90))
    renewal = await make_baa(msp, practice, baa["vendor_id"], renews_id=baa["id"])
    assert renewal["renews_id"] == baa["id"]
    await look(runtime, msp, on=END - timedelta(days=60))
    assert await told(runtime, msp) == [90, 60], "a draft renews nothing yet"
    expect(await msp.patch(f"/baas/{renewal['id']}", {"renews_id": renewal["id"]}), 422)
    signer = {"party": "covered_entity", "name": "Ann"}
    await msp.make(f"/baas/{renewal['id']}/signature", {"signed_on": today().isoformat(), "signers": [signer]})
    await look(runtime, msp, on=END)
    assert await told(runtime, msp) == [90, 60]

    msp, practice, baa = await agreement(house)
    expect(await msp.patch(f"/baas/{baa['id']}", {"end_on": (END + timedelta(days=365)).isoformat()}), 200)
    await look(runtime, msp, on=END)
    assert await told(runtime, msp) == [], "an end that has moved is another end"
    end = {"terminated_on": today().isoformat(), "reason": "Sold"}
    await msp.make(f"/baas/{baa['id']}/termination", end)
    await look(runtime, msp, on=END + timedelta(days=365))
    assert await told(runtime, msp) == []
    other = await make_vendor(msp)
    foreign = await msp.post(f"/organizations/{practice}/baas", {"vendor_id": other["id"], "renews_id": baa["id"]})
    assert faults(foreign) == {("/renews_id", "unknown_reference")}


async def test_the_tenant_says_where_they_go(house: House, runtime: Runtime) -> None:
    msp, _, _ = await agreement(house, end_on=today().isoformat())
    refused = await msp.patch("/tenant", {"settings": {"agreement_reminders_to": "nobody"}})
    assert faults(refused) == {("/settings/agreement_reminders_to", "invalid")}
    expect(await msp.patch("/tenant", {"settings": {"agreement_reminders_to": "compliance@msp.example.com"}}), 200)
    await remind_all(runtime)
    assert [each.recipient for each in await letters(runtime, msp)] == ["compliance@msp.example.com"]
