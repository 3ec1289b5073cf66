"""Evaluating many organizations again by the workers, and the daily look for what has made sealed analyses stale."""

import asyncio
from typing import Any

from domain.sra.staleness import watch_all
from tests.api.v1.test_second_year import sealed
from tests.domain.outbound.listening import eventually, working
from tests.makers import Caller, House, expect, make_assessment, make_device, make_location

SHARED = {"login_mode": "shared", "stores_ephi": True}


async def open_one(house: House, msp: Caller) -> tuple[str, str]:
    """An organization whose open analysis was evaluated before its shared login came: organization and analysis."""
    organization = await house.organization(msp)
    assessment = (await make_assessment(msp, organization))["id"]
    await msp.make(f"/assessments/{assessment}/evaluation", {})
    await make_device(msp, organization, kind="capture_workstation", name="OP1", facts=SHARED)
    return organization, assessment


async def found(msp: Caller, organization: str) -> set[tuple[str, str]]:
    risks = await msp.all(f"/organizations/{organization}/findings")
    return {(each["rule_id"], each["subject_name"]) for each in risks if each["subject_name"] == "OP1"}


async def stale_events(msp: Caller, assessment: str) -> list[dict[str, Any]]:
    events = await msp.all("/events")
    return [each for each in events if each["kind"] == "assessment.stale" and each["subject"]["id"] == assessment]


async def test_many_are_evaluated_again_by_the_worker(house: House) -> None:
    msp = await house.tenant()
    first, _ = await open_one(house, msp)
    second, _ = await open_one(house, msp)
    third = await house.organization(msp)
    signed = await sealed(house, msp, third)
    await make_location(msp, third, name="North")
    without = await house.organization(msp)
    asked = expect(await msp.post("/evaluations", {}), 202)
    assert set(asked["organization_ids"]) == {first, second, third}, "one without an analysis has nothing to evaluate"
    assert without not in asked["organization_ids"]
    expect(await msp.post("/evaluations", {"organization_ids": [first]}), 202)
    assert await found(msp, first) == set()

    async def done() -> bool:
        stale = (await msp.get_json(f"/assessments/{signed}/staleness"))["causes"]
        return len(stale) == 1 and bool(await found(msp, first)) and bool(await found(msp, second))

    async with working(house.runtime):
        await eventually(done, "three evaluations", within=60)
    assert await found(msp, first) == await found(msp, second)
    assert ("CAP-01", "OP1") in await found(msp, first)
    events = [each["subject"]["id"] for each in await msp.all("/events") if each["kind"] == "assessment.evaluated"]
    assert len(events) == 5, "each once by hand, the open ones once more, and no second time for the second call"


async def test_a_strange_organization_is_not_evaluated(house: House) -> None:
    msp, other = await house.tenant(), await house.tenant()
    theirs, _ = await open_one(house, other)
    refused = await msp.post("/evaluations", {"organization_ids": [theirs]})
    assert [each["pointer"] for each in expect(refused, 422)["errors"]] == ["/organization_ids/0"]


async def test_the_daily_look_finds_what_has_changed_once(house: House) -> None:
    """Two workers at once, and one that comes again: every cause is noted, and told, once."""
    msp = await house.tenant()
    organization = await house.organization(msp)
    assessment = await sealed(house, msp, organization)
    await watch_all(house.runtime)
    assert await stale_events(msp, assessment) == []
    await make_location(msp, organization, name="North")
    await asyncio.gather(watch_all(house.runtime), watch_all(house.runtime))
    await watch_all(house.runtime)
    [event] = await stale_events(msp, assessment)
    [cause] = (await msp.get_json(f"/assessments/{assessment}/staleness"))["causes"]
    assert event["changes"]["staleness_id"]["to"] == cause["id"]
    assert cause["reason"] == "The location North is new."
