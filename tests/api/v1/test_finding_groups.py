"""Risks explained, rated, dated and brought together: suggestions that count when applied, pieces of work, and roll-ups."""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import Role
from domain.clock import today
from domain.remediation.sla import SlaPolicy
from domain.remediation.works import works
from domain.sra.catalogue import catalogue
from domain.sra.levels import Level
from tests.api.v1.test_findings import about_logins, by_hand, decide, decided, evaluated, shared_login
from tests.makers import Caller, House, expect, make_device, make_incident, make_location, make_system
from tests.samples.sending import sample, send_ninjaone, send_survey


async def lakeview(house: House) -> tuple[Caller, str, str]:
    """The sample practice, evaluated for the moment of its survey."""

    msp = await house.tenant()
    practice = await house.organization(msp)
    await send_ninjaone(msp, practice, "lakeview-dental")
    await send_survey(msp, practice, "lakeview-dental")
    assessment = (await msp.make(f"/organizations/{practice}/assessments", {}))["id"]
    as_of = json.loads(sample("lakeview-dental", "imaging-survey.json"))["as_of_time"]
    await msp.make(f"/assessments/{assessment}/evaluation", {"as_of": as_of})
    return msp, practice, as_of


def test_every_cause_of_a_rule_belongs_to_one_piece_of_work() -> None:
    assert set(works()) == {each.cause for each in catalogue().threats}


async def test_a_plan_of_125_findings_reads_as_some_40_pieces_of_work(house: House) -> None:
    msp, practice, _ = await lakeview(house)
    findings = [each for each in await msp.all(f"/organizations/{practice}/findings") if each["origin"] == "rule"]
    assert len(findings) == 125
    groups = await msp.all(f"/organizations/{practice}/finding-groups")
    of_rules = [each for each in groups if not each["key"].startswith(("answers:", "manual:"))]
    assert 35 <= len(of_rules) <= 45
    grouped = [each for group in of_rules for each in group["finding_ids"]]
    assert sorted(grouped) == sorted(each["id"] for each in findings), "each finding in exactly one piece of work"
    ranks = [list(Level).index(Level(each["worst"])) for each in groups]
    assert ranks == sorted(ranks, reverse=True), "the worst first"

    encryption = next(each for each in groups if each["key"] == "stored_encryption")
    assert encryption["untreated"] == len(encryption["finding_ids"]) == sum(encryption["counts"].values()) > 5
    work = {"title": encryption["title"], "group": encryption["key"]}
    task = await msp.make(f"/organizations/{practice}/tasks", work)
    assert sorted(task["finding_ids"]) == sorted(encryption["finding_ids"])
    assert task["due_on"] == encryption["due_on"], "with the first of its findings"
    [now] = [each for each in await msp.all(f"/organizations/{practice}/finding-groups") if each["key"] == encryption["key"]]
    assert (now["untreated"], now["task_ids"]) == (0, [task["id"]])
    again = await msp.post(f"/organizations/{practice}/tasks", work)
    assert [each["code"] for each in expect(again, 422)["errors"]] == ["treated_already"]

    rolled = await msp.get_json(f"/organizations/{practice}/risk")
    open_ = await msp.all(f"/organizations/{practice}/findings")
    assert rolled["worst"] == "very_high"
    assert rolled["counts"] == {level.value: sum(each["level"] == level for each in open_) for level in Level}
    assert sum(each["open"] for each in rolled["locations"]) == rolled["open"] == len(open_)


async def test_the_same_moment_gives_the_same_bytes(house: House) -> None:
    msp, practice, as_of = await lakeview(house)
    path = f"/organizations/{practice}/findings?limit=200"
    [assessment] = await msp.all(f"/organizations/{practice}/assessments")
    before = (await msp.get(path)).content, len(await msp.all("/events"))
    await msp.make(f"/assessments/{assessment['id']}/evaluation", {"as_of": as_of})
    after = (await msp.get(path)).content, len(await msp.all("/events"))
    assert after[0] == before[0], "not even a version has changed"
    assert after[1] == before[1] + 1, "one event tells of the evaluation, and none of a finding"


async def test_suggestions_count_when_a_person_applies_them(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_incident(msp, practice, discovered_on=(today() - timedelta(days=30)).isoformat())
    facts = {"role_based_export": False, "internet_exposed": True, "mfa": "required"}
    await make_system(msp, practice, facts=facts)
    await evaluated(msp, practice)
    [finding] = (await msp.get_json("/findings", params={"rule_id": "PMS-05"}))["data"]
    assert {(each["kind"], each["steps"]) for each in finding["suggestions"]} == {
        ("internet_exposed", 1),
        ("incident_last_12m", 1),
        ("compensating_control", -1),
    }
    assert (finding["likelihood"], finding["level"]) == ("moderate", "moderate"), "as the rule rates it: nothing is applied"

    bare = await decide(msp, finding, "adjust", apply=["internet_exposed"])
    assert [each["pointer"] for each in expect(bare, 422)["errors"]] == ["/reason"]
    raised = await decided(msp, finding, "adjust", apply=["internet_exposed", "incident_last_12m"], reason="Seen from outside.")
    assert (raised["likelihood"], raised["impact"]) == ("very_high", finding["impact"])
    assert (raised["adjusted"]["applied"], raised["adjusted"]["base"]["likelihood"]) == (
        ["internet_exposed", "incident_last_12m"],
        "moderate",
    )
    every = ["internet_exposed", "known_exploited", "incident_last_12m"]
    assert (await decided(msp, finding, "adjust", apply=every, reason="All of it."))["likelihood"] == "very_high", "clamped"
    lowered = await decided(msp, finding, "adjust", apply=["compensating_control"], reason="Seen by us.")
    assert (lowered["likelihood"], lowered["adjusted"]["base"]["likelihood"]) == ("low", "moderate"), "always from the base"
    await evaluated(msp, practice)
    assert (await msp.get_json(f"/findings/{finding['id']}"))["likelihood"] == "low", (
        "an evaluation keeps what a person has applied"
    )


async def test_a_fact_that_the_rule_reads_suggests_nothing_twice(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    archive = {"name": "PACS", "kind": "imaging_server", "facts": {"internet_exposed": True, "open_ports": [104]}}
    await make_device(msp, practice, **archive)
    await evaluated(msp, practice)
    [exposed] = (await msp.get_json("/findings", params={"rule_id": "DCM-01"}))["data"]
    assert exposed["suggestions"] == []


async def test_a_finding_explains_itself(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await shared_login(msp, practice)
    await evaluated(msp, practice)
    finding = await msp.get_json(f"/findings/{(await about_logins(msp))['id']}")
    assert finding["rule"]["id"] == "CAP-01"
    assert "asset.login_mode" in finding["rule"]["when"]
    assert finding["rule"]["reads"]
    assert finding["work"] == {"key": "own_logins", "title": "Give each person an own login, and replace default passwords"}
    [source] = [each for each in finding["sources"] if each["fact"] == "asset.login_mode"]
    assert (source["known"], source["value"], source["source"]) == (True, "shared", "person")
    assert source["confirmed_by"] == str(msp.member_id)

    silent = (await msp.get_json("/findings", params={"subject_id": device["id"], "basis": "unknown"}))["data"]
    explained = await msp.get_json(f"/findings/{silent[0]['id']}")
    missing = [each["fact"] for each in explained["sources"] if not each["known"]]
    assert missing == explained["missing_facts"] != []

    await decided(msp, finding, "confirm", reason="Seen on site.")
    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": "named"}}), 200)
    await evaluated(msp, practice)
    history = (await msp.get_json(f"/findings/{finding['id']}"))["history"]
    assert [each["kind"] for each in history] == ["finding.opened", "finding.decided", "finding.resolved"]
    assert history[1]["actor"]["member_id"] == str(msp.member_id)


# --- due dates ---------------------------------------------------------------------------------------------------------


async def test_due_dates_come_from_the_policy(house: House) -> None:
    msp = await house.tenant()
    practice, strict = await house.organization(msp), await house.organization(msp)
    found = await by_hand(msp, practice)
    assert (found["level"], found["due_on"]) == ("moderate", (today() + timedelta(days=90)).isoformat()), "our default"

    expect(await msp.patch("/tenant", {"settings": {"sla": {"moderate": 60}}}), 200)
    assert (await by_hand(msp, practice))["due_on"] == (today() + timedelta(days=60)).isoformat()
    expect(await msp.patch(f"/organizations/{strict}", {"settings": {"sla": {"moderate": 10, "business_days": True}}}), 200)
    in_business_days = SlaPolicy(moderate=10, business_days=True).due_on(Level.moderate, since=today())
    assert (await by_hand(msp, strict))["due_on"] == in_business_days.isoformat()

    rejected = await decided(msp, found, "reject", reason="The roof was mended.")
    assert rejected["due_on"] is None
    worse = await decided(msp, await by_hand(msp, practice), "adjust", impact="very_high", reason="All images are there.")
    assert (worse["level"], worse["due_on"]) == ("very_high", (today() + timedelta(days=7)).isoformat())

    for settings, pointer in (
        ({"high": 0}, "/settings/sla/high"),
        ({"urgent": 3}, "/settings/sla/urgent"),
        ([1], "/settings/sla"),
    ):
        for path in ("/tenant", f"/organizations/{strict}"):
            refused = await msp.patch(path, {"settings": {"sla": settings}})
            assert [each["pointer"] for each in expect(refused, 422)["errors"]] == [pointer], (path, settings)


@pytest.mark.parametrize(
    ("since", "days", "due"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 23)),  # Friday -> Monday
        (date(2026, 11, 21), 1, date(2026, 11, 23)),  # Saturday -> Monday
        (date(2026, 11, 25), 2, date(2026, 11, 30)),  # over Thanksgiving and a weekend
        (date(2026, 11, 2), 5, date(2026, 11, 9)),
    ],
)
def test_business_days(since: date, days: int, due: date) -> None:
    policy = SlaPolicy(high=days, business_days=True, holidays=(date(2026, 11, 26),))
    assert policy.due_on(Level.high, since=since) == due


async def test_what_is_left_of_a_risk_is_recorded_when_the_work_is_verified(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    other = await house.member(msp, Role.admin)
    task = await msp.make(f"/findings/{finding['id']}/tasks", {"title": "Mend the roof"})
    assert task["due_on"] == finding["due_on"]
    await msp.make(f"/tasks/{task['id']}/completion", {})
    rest = {"residual_likelihood": "low", "residual_impact": "moderate"}
    await other.make(f"/tasks/{task['id']}/verification", rest)
    seen = await msp.get_json(f"/findings/{finding['id']}")
    assert (seen["residual_level"], seen["level"], seen["status"]) == ("low", "moderate", "open")
    assert seen["history"][-1]["changes"]["residual_level"] == {"from": None, "to": "low"}

    resolved = await decided(msp, finding, "resolve", reason="The roof is new.")
    assert (resolved["status"], resolved["due_on"]) == ("resolved", None)
    back = await decided(msp, finding, "confirm", reason="It leaks again.")
    assert (back["status"], back["residual_level"]) == ("open", None), "what was left is forgotten when it comes back"
    await shared_login(msp, practice)
    await evaluated(msp, practice)
    refused = await decide(msp, await about_logins(msp), "resolve", reason="By word.")
    assert expect(refused, 409)["type"].endswith("not-manual"), "a rule resolves its own by the facts"


async def test_a_location_has_the_level_of_its_worst_risk(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assert (await msp.get_json(f"/organizations/{practice}/risk"))["worst"] is None, "no risk known is no low risk"
    north, south = [(await make_location(msp, practice, name=name))["id"] for name in ("North", "South")]
    bad = await make_device(msp, practice, location_id=north)
    await by_hand(msp, practice, subject_type="device", subject_id=bad["id"], likelihood="very_high", impact="very_high")
    await by_hand(msp, practice, subject_type="device", subject_id=bad["id"], likelihood="low", impact="low")
    await by_hand(msp, practice, subject_type="location", subject_id=south, likelihood="low", impact="low")
    places: dict[Any, Any] = {
        each["name"]: (each["worst"], each["open"])
        for each in (await msp.get_json(f"/organizations/{practice}/risk"))["locations"]
    }
    assert places == {"North": ("very_high", 2), "South": ("low", 1), None: (None, 0)}
