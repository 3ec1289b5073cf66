"""Findings about agreements open and close by themselves: a worker looks after each change, and once a day."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from domain.clock import today
from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from domain.vendors.standings import review, review_daily, unreviewed
from tests.domain.outbound.listening import eventually, working
from tests.makers import Caller, House, expect, make_baa, make_engagement, make_flow, make_system, make_vendor


async def risks(by: Caller, organization: str, rule: str) -> list[str]:
    found = await by.all(f"/organizations/{organization}/findings")
    return [each["status"] for each in found if each["rule_id"] == rule]


async def signed(by: Caller, organization: str, vendor: str, **fields: Any) -> dict[str, Any]:
    day = (today() - timedelta(days=300)).isoformat()
    return await make_baa(by, organization, vendor, signed_on=day, breach_notice_days=5, **fields)


async def test_nobody_starts_an_evaluation(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    vendor = (await make_vendor(msp, verified_on=today().isoformat()))["id"]
    async with working(runtime):
        await make_engagement(msp, practice, vendor)
        await make_engagement(msp, other, vendor)
        await becomes(msp, practice, "VEN-01", ["open"])
        baa = await signed(msp, practice, vendor)
        await becomes(msp, practice, "VEN-01", ["resolved"])
        await becomes(msp, other, "VEN-01", ["open"])
        expect(await msp.delete(f"/baas/{baa['id']}"), 204)
        await becomes(msp, practice, "VEN-01", ["open"])
        expect(await msp.patch(f"/vendors/{vendor}", {"verified_on": None}), 200)
        await becomes(msp, other, "VEN-07", ["open"])
        await becomes(msp, practice, "VEN-07", ["open"])
    told = (await msp.get_json("/audit-log", params={"limit": 200}))["data"]
    assert {each["actor"]["kind"] for each in told if each["kind"].startswith("finding")} == {"system"}
    assert {each["baas_missing"] for each in (await msp.get_json("/portfolio"))["data"]} == {1}


async def test_a_way_in_that_is_opened_asks_for_an_agreement(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = (await make_vendor(msp, verified_on=today().isoformat()))["id"]
    nothing = dict.fromkeys(("creates_phi", "receives_phi", "maintains_phi", "transmits_phi", "can_view_ephi"), False)
    async with working(runtime):
        engagement = await make_engagement(msp, practice, vendor, **nothing, service="sensor_driver", remote_access="none")
        assert engagement["baa_decision"]["decision"] == "not_required"
        way = {"name": "Support", "vendor_id": vendor, "enabled": True, "facts": {"can_view_ephi": True}}
        way = await msp.make(f"/organizations/{practice}/remote-accesses", way)
        await becomes(msp, practice, "VEN-01", ["open"])
        [gap] = (await msp.get_json("/engagements", params={"compliant": False}))["data"]
        assert (gap["id"], gap["baa_decision"]["reason_code"]) == (engagement["id"], "remote_view")
        expect(await msp.patch(f"/remote-accesses/{way['id']}", {"enabled": False}), 200)
        await becomes(msp, practice, "VEN-01", ["resolved"])


async def becomes(by: Caller, organization: str, rule: str, expected: list[str]) -> None:
    async def so() -> bool:
        return await risks(by, organization, rule) == expected

    await eventually(so, f"{rule} {expected}")


async def test_an_agreement_that_ends_by_itself_is_noticed_on_the_day(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = (await make_vendor(msp, verified_on=today().isoformat()))["id"]
    archive = await make_system(msp, practice, vendor_id=vendor)
    await make_flow(msp, practice, vendor_id=vendor, destination={"kind": "system", "id": archive["id"]})
    await make_engagement(msp, practice, vendor)
    end = today() + timedelta(days=30)
    await signed(msp, practice, vendor, end_on=end.isoformat(), missing_required_clauses=[])

    async def on(day: Any) -> tuple[list[str], int, int]:
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            assert await unreviewed(session, on=day) == [UUID(practice)]
            await review(session, UUID(practice), as_of=datetime.combine(day, time(12), UTC))
        [line] = (await msp.get_json("/portfolio"))["data"]
        return await risks(msp, practice, "VEN-02"), line["baas_missing"], line["baas_expiring"]

    assert await on(end) == ([], 0, 1), "in force on its last day"
    assert await on(end + timedelta(days=1)) == (["open"], 1, 0)
    assert await on(end + timedelta(days=2)) == (["open"], 1, 0), "found again, not doubled"
    await review_daily(runtime)
