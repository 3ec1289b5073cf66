"""Organizations over HTTP: the clients of a tenant, with the thresholds of their analysis and the one before ours."""

from typing import Any

from domain.access import Role
from tests.api.v1.nouns import faults, it_lives
from tests.makers import House, expect


async def test_an_organization_lives(house: House) -> None:
    msp = await house.tenant()
    said = {
        "name": "Lakeview Dental",
        "state": "PA",
        "contact_email": "office@lakeview.example.com",
        "settings": {"auto_logoff_max": 10, "patch_days_critical": 14},
        "facts": {"last_pentest_on": "2025-11-22"},
    }
    made = await it_lives(msp, "/organizations", "/organizations", said, {"security_official": "office manager"})
    assert made["provenance"]["last_pentest_on"]["source"] == "person"
    assert made["security_official"] is None, "unknown is not no"


async def test_strangers_and_narrowed_members_see_their_own(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    neighbour = await house.member(msp, Role.practice_admin, organizations=[other])
    for outsider in (stranger, neighbour):
        assert (await outsider.get(f"/organizations/{own}")).status_code == 404
        assert own not in [each["id"] for each in await outsider.all("/organizations")]
    assert [each["id"] for each in await neighbour.all("/organizations")] == [other]
    assert (await neighbour.patch(f"/organizations/{other}", {"name": "Ours"})).status_code == 403
    technician = await house.member(msp, Role.technician)
    assert (await technician.post("/organizations", {"name": "New"})).status_code == 403
    assert {each["id"] for each in await technician.all("/organizations")} == {own, other}


async def test_they_are_found_by_name_reference_and_state(house: House) -> None:
    msp = await house.tenant()
    await house.organization(msp, name="Lakeview Dental", ref="c-1", state="PA", legal_name="LVD LLC")
    await house.organization(msp, name="Harbor 100%", ref="c-2", state="ME")

    async def names(**filters: str) -> list[str]:
        return [each["name"] for each in (await msp.get_json("/organizations", params=filters))["data"]]

    assert await names() == ["Harbor 100%", "Lakeview Dental"]
    assert await names(ref="c-1") == ["Lakeview Dental"]
    assert await names(state="ME") == ["Harbor 100%"]
    assert await names(q="lvd") == ["Lakeview Dental"]
    assert await names(q="%") == ["Harbor 100%"], "a percent sign is no wildcard"
    assert await names(q="view d") == ["Lakeview Dental"]
    assert (await msp.post("/organizations", {"name": "Again", "ref": "c-1"})).status_code == 409


async def test_thresholds_are_those_that_the_rules_read(house: House) -> None:
    msp = await house.tenant()
    said: dict[str, Any] = {"auto_logoff_max": "15", "sra_interval_days": -1, "mood": 3}
    refused = await msp.post("/organizations", {"name": "Lakeview", "settings": said})
    assert faults(refused) == {("/settings/auto_logoff_max", "wrong_type"), ("/settings/mood", "unknown_fact")}
    refused = await msp.post("/organizations", {"name": "Lakeview", "settings": {"sra_interval_days": -1}})
    assert faults(refused) == {("/settings/sra_interval_days", "not_allowed")}
    practice = await house.organization(msp, settings={"auto_logoff_max": 10, "patch_days_critical": 14})
    changed = expect(await msp.patch(f"/organizations/{practice}", {"settings": {"auto_logoff_max": None}}), 200)
    assert changed["settings"] == {"patch_days_critical": 14}, "null gives it back to the catalogue's default"


async def test_the_analysis_before_ours_is_whole_or_refused(house: House) -> None:
    msp = await house.tenant()
    risks = [
        {
            "id": "r-1",
            "rule": "CAP-01",
            "subject": "asset:op1",
            "level": "H",
            "status": "open",
            "task": {"due_on": "2025-01-31"},
        }
    ]
    prior = {"approved_on": "2024-09-16", "version": 2, "approver_role": "practice owner", "risks": risks}
    made = await msp.make("/organizations", {"name": "Lakeview", "prior_analysis": prior})
    assert made["prior_analysis"] == prior
    item = f"/organizations/{made['id']}"
    assert faults(await msp.patch(item, {"prior_analysis": {"approved_on": "last autumn"}})) == {
        ("/prior_analysis/approved_on", "wrong_type")
    }
    assert faults(await msp.patch(item, {"prior_analysis": {"risks": {"id": 1}}})) == {("/prior_analysis/risks", "wrong_type")}
    assert faults(await msp.patch(item, {"prior_analysis": {"risks": ["high"]}})) == {("/prior_analysis/risks/0", "wrong_type")}
    assert faults(await msp.patch(item, {"prior_analysis": {"risks": [{"id": 7}]}})) == {
        ("/prior_analysis/risks/0/id", "wrong_type")
    }
    assert faults(await msp.patch(item, {"prior_analysis": {"risks": [{"mood": "bad"}]}})) == {
        ("/prior_analysis/risks/0/mood", "unknown_fact")
    }
    assert expect(await msp.patch(item, {"prior_analysis": None}), 200)["prior_analysis"] is None


async def test_what_cannot_be_stored_is_refused(house: House) -> None:
    msp = await house.tenant()
    refused = await msp.request(
        "POST",
        "/organizations",
        content=b'{"name": "X", "settings": {"auto_logoff_max": NaN}}',
        headers={"content-type": "application/json"},
    )
    assert {pointer.split("/")[1] for pointer, _ in faults(refused)} == {"settings"}
    assert (await msp.post("/organizations", {"name": "nul \x00 byte"})).status_code == 422
    assert (await msp.post("/organizations", {"name": "  "})).status_code == 422
    assert (await msp.post("/organizations", {"name": "X", "state": "Pennsylvania"})).status_code == 422
    assert await msp.all("/organizations") == []
