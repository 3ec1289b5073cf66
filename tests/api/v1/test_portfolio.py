"""The portfolio over HTTP, and the questions over the whole fleet that it stands beside."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import Role
from domain.clock import now, today
from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from domain.vendors.standings import review, unreviewed
from tests.makers import (
    Caller,
    House,
    expect,
    make_assessment,
    make_baa,
    make_device,
    make_engagement,
    make_finding,
    make_group,
    make_task,
    make_vendor,
)


def ago(days: int) -> str:
    return (today() - timedelta(days=days)).isoformat()


async def look(runtime: Runtime, msp: Caller) -> int:
    """What the worker does once a day and after each change: look at the agreements of whoever is due."""
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        due = await unreviewed(session, on=today())
        for organization_id in due:
            await review(session, organization_id, as_of=now())
    return len(due)


async def rows(by: Caller, **asked: Any) -> list[dict[str, Any]]:
    return (await by.get_json("/portfolio", params=asked))["data"]


async def names(by: Caller, **asked: Any) -> list[str]:
    return [each["name"] for each in await rows(by, **asked)]


async def test_a_line_follows_what_happens(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, name="Lakeview", ref="c-1", state="PA")
    [line] = await rows(msp)
    assert (line["analysis"], line["analysed_on"], line["analysis_age_days"]) == ("none", None, None)
    assert line["baas_reviewed_on"] is None, "not looked at is said, not shown as none missing"

    expect(await msp.patch(f"/organizations/{practice}", {"prior_analysis": {"approved_on": ago(400)}}), 200)
    [line] = await rows(msp)
    assert (line["analysis"], line["analysis_age_days"]) == ("elsewhere", 400)

    assessment = await make_assessment(msp, practice)
    worst = await make_finding(msp, practice, likelihood="very_high", impact="very_high")
    await make_finding(msp, practice, likelihood="low", impact="low")
    await make_task(msp, practice, due_on=ago(1))
    late = await make_task(msp, practice, due_on=ago(2))
    await make_task(msp, practice, due_on=ago(0))
    [line] = await rows(msp)
    assert (line["analysis"], line["open_assessment_id"]) == ("open", assessment["id"])
    assert line["open_findings"] == {"very_high": 1, "high": 0, "moderate": 0, "low": 1, "very_low": 0}
    assert line["overdue_tasks"] == 2

    expect(await msp.post(f"/findings/{worst['id']}/decision", {"kind": "reject", "reason": "Entered twice."}), 201)
    expect(await msp.delete(f"/tasks/{late['id']}"), 204)
    vendor = (await make_vendor(msp))["id"]
    await make_engagement(msp, practice, vendor)
    await make_engagement(msp, practice, vendor, service="support")
    await make_engagement(msp, practice, (await make_vendor(msp))["id"], maintains_phi=None)
    assert await look(runtime, msp) == 1
    [line] = await rows(msp)
    assert (line["open_findings"]["very_high"], line["overdue_tasks"]) == (0, 1)
    assert (line["baas_missing"], line["baas_expiring"], line["baas_undecided"]) == (1, 0, 1), "vendors, not engagements"
    assert line["baas_reviewed_on"] == today().isoformat()
    assert await look(runtime, msp) == 0, "once a day is enough"

    expect(await msp.delete(f"/organizations/{practice}"), 204)
    assert await rows(msp) == []


async def test_it_is_filtered_and_sorted(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    ids = {
        name: await house.organization(msp, name=name, state=state) for name, state in (("A", "PA"), ("B", "ME"), ("C", "PA"))
    }
    expect(await msp.patch(f"/organizations/{ids['A']}", {"prior_analysis": {"approved_on": ago(366)}}), 200)
    expect(await msp.patch(f"/organizations/{ids['B']}", {"prior_analysis": {"approved_on": ago(365)}}), 200)
    await make_finding(msp, ids["B"], likelihood="very_high", impact="very_high")
    for _ in range(2):
        await make_finding(msp, ids["C"], likelihood="high", impact="high")
    await make_task(msp, ids["C"], due_on=ago(3))
    expiring, missing = (await make_vendor(msp))["id"], (await make_vendor(msp))["id"]
    await make_engagement(msp, ids["A"], expiring)
    await make_baa(msp, ids["A"], expiring, signed_on=ago(300), end_on=ago(-30))
    await make_engagement(msp, ids["B"], missing)
    await look(runtime, msp)
    group = await make_group(msp, organization_ids=[ids["A"], ids["C"]])

    assert await names(msp, analysis_older_than_days=365) == ["A", "C"], "whoever has none is older than any"
    assert await names(msp, analysis="none") == ["C"]
    assert await names(msp, min_level="very_high") == ["B"]
    assert await names(msp, min_level="high") == ["B", "C"]
    assert await names(msp, overdue=True) == ["C"]
    assert await names(msp, overdue=False) == ["A", "B"]
    assert await names(msp, baas_missing=True) == ["B"]
    assert await names(msp, baas_missing=False) == ["A", "C"]
    assert await names(msp, baas_expiring=True) == ["A"]
    assert await names(msp, group_id=group["id"]) == ["A", "C"]
    assert await names(msp, group_id=group["id"], state="PA", q="c") == ["C"]
    assert await names(msp, sort="-findings") == ["B", "C", "A"], "one very high risk comes before two high ones"
    assert await names(msp, sort="analysed_on") == ["C", "A", "B"]
    assert await names(msp, sort="-overdue_tasks") == ["C", "B", "A"]
    assert await names(msp, sort="-baas_missing") == ["B", "C", "A"]
    for sort in ("-findings", "analysed_on", "-overdue_tasks", "baas_missing", "name"):
        first = await msp.get_json("/portfolio", params={"sort": sort, "limit": 2})
        second = await msp.get_json("/portfolio", params={"sort": sort, "limit": 2, "after": first["next"]})
        assert [each["name"] for each in (*first["data"], *second["data"])] == await names(msp, sort=sort)
    narrowed = await house.member(msp, Role.practice_admin, organizations=[ids["B"]])
    assert await names(narrowed) == ["B"]
    assert await names(await house.tenant()) == []


async def test_the_fleet_answers_what_an_msp_asks(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    lakeview, harbor, cedar = [await house.organization(msp, name=name) for name in ("Lakeview", "Harbor", "Cedar")]
    for organization, system in ((lakeview, "Windows 7 Professional"), (harbor, "Windows 11 Pro"), (cedar, "macOS 10.13")):
        await make_device(msp, organization, name="OP1", kind="capture_workstation", os_name=system)
        await make_device(msp, organization, name="Front", kind="front_desk_workstation", os_name=system)
    await make_device(msp, lakeview, name="Takeaway", kind="laptop", encryption_at_rest="none")
    await make_device(msp, harbor, name="Locked", kind="laptop", encryption_at_rest="volume")
    await make_device(msp, cedar, name="Who knows", kind="laptop")

    async def devices(**asked: str) -> set[tuple[str, str]]:
        found = (await msp.get_json("/devices", params=asked))["data"]
        return {(each["organization_id"], each["name"]) for each in found}

    old = {"kind": "capture_workstation", "os_support": "ended", "os": "windows"}
    assert await devices(**old) == {(lakeview, "OP1")}
    assert await devices(kind="laptop", encryption_at_rest="none") == {(lakeview, "Takeaway")}
    assert await devices(kind="laptop", encryption_at_rest="unknown") == {(cedar, "Who knows")}, "unknown is not no"
    group = await make_group(msp, organization_ids=[harbor, cedar])
    assert await devices(**old, group_id=group["id"]) == set()

    cloud, printer = (await make_vendor(msp))["id"], (await make_vendor(msp))["id"]
    for organization in (lakeview, harbor, cedar):
        await make_engagement(msp, organization, cloud)
    await make_engagement(msp, lakeview, printer, maintains_phi=False, creates_phi=False, receives_phi=False,
                          transmits_phi=False, remote_access="none", can_view_ephi=False)  # fmt: skip
    await make_baa(msp, harbor, cloud, signed_on=ago(10))

    async def without(**asked: Any) -> set[str]:
        question = {"vendor_id": cloud, "baa_required": True, "compliant": False, **asked}
        return {each["organization_id"] for each in (await msp.get_json("/engagements", params=question))["data"]}

    assert await without() == {lakeview, cedar}, "also before anybody has looked at them"
    await look(runtime, msp)
    assert await without() == {lakeview, cedar}
    assert await without(vendor_id=printer) == set()
    assert await without(group_id=group["id"]) == {cedar}
    assert await without(organization_id=lakeview) == {lakeview}
    assert len(await msp.all("/engagements")) == 4
    await make_baa(msp, cedar, cloud, signed_on=ago(0))
    assert await without() == {lakeview}, "what is shown is worked out now"
    narrowed = await house.member(msp, Role.technician, organizations=[harbor])
    assert {each["organization_id"] for each in await narrowed.all("/engagements")} == {harbor}


@pytest.mark.parametrize("asked", [{"analysis_older_than_days": -1}, {"sort": "mood"}, {"min_level": "awful"}, {"mood": 1}])
async def test_what_cannot_be_asked_is_refused(house: House, asked: dict[str, Any]) -> None:
    assert (await (await house.tenant()).get("/portfolio", params=asked)).status_code == 422
