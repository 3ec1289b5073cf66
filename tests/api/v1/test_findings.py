"""Findings over HTTP: found by rules or written by hand, and decided upon, where accepting a risk takes two people."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.access import Role
from domain.clock import today
from domain.database import tenant_session
from domain.sra.deciding import reopen_expired
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect

BY_HAND: dict[str, Any] = {
    "title": "Roof over the server leaks",
    "subject_name": "Server closet",
    "threat": "Water reaches the imaging server",
    "vulnerability": "The roof has leaked twice this year.",
    "citations": ["164.310(a)(1)", "164.308(a)(7)(ii)(A)"],
    "likelihood": "very_high",
    "impact": "moderate",
    "reason": "It has happened twice.",
    "remediation": "Move the server.",
}
NEXT_YEAR = (today() + timedelta(days=365)).isoformat()


async def by_hand(msp: Caller, practice: str, **fields: Any) -> dict[str, Any]:
    return await msp.make(f"/organizations/{practice}/findings", {**BY_HAND, **fields})


async def shared_login(msp: Caller, practice: str) -> dict[str, Any]:
    """A capture workstation on which everybody is the same user."""
    body = {"name": "OP1", "kind": "capture_workstation", "facts": {"login_mode": "shared", "stores_ephi": True}}
    return await msp.make(f"/organizations/{practice}/devices", body)


async def evaluated(msp: Caller, practice: str) -> str:
    """The open analysis, opened if need be, with the rules run over the facts as they are now; its id."""
    path = f"/organizations/{practice}/assessments"
    opened = [each for each in await msp.all(path) if each["status"] == "open"]
    assessment = opened[0] if opened else await msp.make(path, {"title": "Security Risk Analysis"})
    await msp.make(f"/assessments/{assessment['id']}/evaluation", {})
    return assessment["id"]


async def about_logins(msp: Caller) -> dict[str, Any]:
    """What the rule on shared logins has found."""
    (found,) = (await msp.get_json("/findings", params={"rule_id": "CAP-01"}))["data"]
    return found


async def decide(by: Caller, finding: dict[str, Any], kind: str, **said: Any) -> httpx.Response:
    return await by.post(f"/findings/{finding['id']}/decision", {"kind": kind, **said})


async def decided(by: Caller, finding: dict[str, Any], kind: str, **said: Any) -> dict[str, Any]:
    return expect(await decide(by, finding, kind, **said), 201)


async def events_about(msp: Caller, finding: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in await msp.all("/events") if each["subject"]["id"] == finding["id"]]


def faults(response: httpx.Response) -> set[tuple[str, str]]:
    return {(each["pointer"], each["code"]) for each in expect(response, 422)["errors"]}


# --- written by hand -------------------------------------------------------------------------------------------------


async def test_a_risk_written_by_hand(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    assert (finding["origin"], finding["basis"], finding["status"], finding["number"]) == ("manual", "judgement", "open", 1)
    assert (finding["level"], finding["level_code"], finding["level_word"]) == ("moderate", "M", "Moderate"), (
        "looked up in I-2: very high likelihood of a moderate impact is moderate, where a product would say more"
    )
    assert finding["citations"] == [
        {"citation": "164.310(a)(1)", "title": "Facility access controls"},
        {"citation": "164.308(a)(7)(ii)(A)", "title": "Data backup plan"},
    ]
    assert (finding["proposed_citations"], finding["tasks"], finding["decisions"]) == ([], [], [])
    assert (finding["adjusted"], finding["acceptance"]) == (None, None)
    assert finding["facts"] == {"values": {}, "because": []}

    read = await msp.get(f"/findings/{finding['id']}")
    assert read.json() == finding
    listed = await msp.all(f"/organizations/{practice}/findings")
    assert listed == [{name: finding[name] for name in listed[0]}], "a list shows the same, less the details"
    assert (await by_hand(msp, practice, title="Another"))["number"] == 2
    assert [each["kind"] for each in await events_about(msp, finding)] == ["finding.opened"]


async def test_what_a_hand_written_risk_is_about(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    device = await shared_login(msp, practice)
    vendor = await msp.make("/vendors", {"name": "Cloud archive"})
    about: dict[str, Any] = {"subject_type": "device", "subject_id": device["id"], "subject_name": None}
    assert (await by_hand(msp, practice, **about))["subject_name"] == "OP1"
    assert (await by_hand(msp, practice, **{**about, "subject_name": "Chair 1"}))["subject_name"] == "Chair 1"
    of_vendor = await by_hand(msp, practice, subject_type="vendor", subject_id=vendor["id"], subject_name=None)
    assert of_vendor["subject_name"] == "Cloud archive"
    of_all = await by_hand(msp, practice, subject_type="organization", subject_name=None)
    assert of_all["subject_id"] == practice

    path = f"/organizations/{other}/findings"
    assert faults(await msp.post(path, {**BY_HAND, **about})) == {("/subject_id", "unknown_reference")}, "another client's"
    wrong_kind = {**about, "subject_type": "system"}
    assert faults(await msp.post(f"/organizations/{practice}/findings", {**BY_HAND, **wrong_kind})) == {
        ("/subject_id", "unknown_reference")
    }
    nothing = {**BY_HAND, "subject_name": None}
    assert faults(await msp.post(path, nothing)) == {("/subject_name", "missing")}


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"citations": ["164.310(a)(1)", "164.999(z)"]}, ("/citations/1", "unknown_citation")),
        ({"citations": ["164.308(a)(10)"]}, ("/citations/0", "unknown_citation")),  # only the proposed rule has it
        ({"likelihood": "likely"}, ("/likelihood", "enum")),
        ({"title": " "}, ("/title", "string_too_short")),
        ({"level": "low"}, ("/level", "unknown")),
        ({"subject_type": "toaster"}, ("/subject_type", "enum")),
        ({"threat": "Chart no. 48213 was left open"}, ("/threat", "looks_like_patient_identifier")),
    ],
)
async def test_bad_fields_are_named(house: House, said: dict[str, Any], fault: tuple[str, str]) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assert faults(await msp.post(f"/organizations/{practice}/findings", {**BY_HAND, **said})) == {fault}
    assert await msp.all("/findings") == []


async def test_only_what_was_written_by_hand_is_reworded(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await shared_login(msp, practice)
    await evaluated(msp, practice)
    of_a_rule = await about_logins(msp)
    answer = await msp.patch(f"/findings/{of_a_rule['id']}", {"title": "Not so bad"})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "not-manual")

    finding = await by_hand(msp, practice)
    path = f"/findings/{finding['id']}"
    assert finding["number"] > of_a_rule["number"], "one count for all findings of a client"
    tag = (await msp.get(path)).headers["etag"]
    changed = expect(await msp.patch(path, {"title": "Roof leaks", "citations": ["164.310(a)(1)"]}), 200)
    assert (changed["title"], len(changed["citations"]), changed["threat"]) == ("Roof leaks", 1, BY_HAND["threat"])
    assert (await msp.patch(path, {"title": "Lost update"}, headers={"If-Match": tag})).status_code == 412
    assert faults(await msp.patch(path, {"likelihood": "low"})) == {("/likelihood", "unknown")}, "rated by a decision only"
    assert faults(await msp.patch(path, {"citations": ["1"]})) == {("/citations/0", "unknown_citation")}
    assert faults(await msp.patch(path, {"reason": "SSN 123-45-6789"})) == {("/reason", "looks_like_patient_identifier")}
    assert (await msp.get_json(path)) == changed


async def test_no_number_is_given_twice(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made = await asyncio.gather(*(by_hand(msp, practice, title=f"Risk {number}") for number in range(6)))
    assert sorted(each["number"] for each in made) == [1, 2, 3, 4, 5, 6]


async def test_five_identical_posts_at_once_make_one_risk(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path, key = f"/organizations/{practice}/findings", {"Idempotency-Key": "roof"}
    answers = await asyncio.gather(*(msp.post(path, BY_HAND, headers=key) for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    finding = answers[0].json()
    once = [
        await msp.post(f"/findings/{finding['id']}/decision", {"kind": "reduce"}, headers={"Idempotency-Key": "d"})
        for _ in range(2)
    ]
    assert once[0].json() == once[1].json()
    assert len((await msp.get_json(f"/findings/{finding['id']}"))["decisions"]) == 1


# --- found by the rules ----------------------------------------------------------------------------------------------


async def test_a_finding_shows_the_facts_behind_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await shared_login(msp, practice)
    assessment = await evaluated(msp, practice)
    listed = await about_logins(msp)
    finding = await msp.get_json(f"/findings/{listed['id']}")
    assert finding["facts"]["values"] == {"asset.login_mode": "shared"}
    assert (finding["origin"], finding["subject_type"], finding["subject_id"]) == ("rule", "device", device["id"])
    assert (finding["subject_name"], finding["assessment_id"], finding["basis"]) == ("OP1", assessment, "fact")
    assert finding["citations"][0] == {"citation": "164.312(a)(2)(i)", "title": "Unique user identification"}
    assert finding["proposed_citations"] == [{"citation": "164.312(f)", "status": "proposed", "label": "proposed, not law"}], (
        "apart from the law, and labelled"
    )
    assert {name: finding[name] for name in listed} == listed, "a list and the single resource say the same"


async def test_what_is_not_known_is_named(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await shared_login(msp, practice)
    await evaluated(msp, practice)
    (finding,) = (await msp.get_json("/findings", params={"rule_id": "GOV-08"}))["data"]
    assert finding["basis"] == "unknown"
    assert "encryption_at_rest" in " ".join(finding["missing_facts"])


async def test_lists_are_filtered_and_sorted(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    await by_hand(msp, practice, title="Low", likelihood="low", impact="low")
    await by_hand(msp, practice, title="Very high", likelihood="very_high", impact="very_high")
    high = await by_hand(msp, practice, title="High", likelihood="high", impact="high")
    await by_hand(msp, other, title="Moderate", likelihood="moderate", impact="moderate")
    await decided(msp, high, "reject", reason="Seen from the wrong side.")

    async def titles(path: str = "/findings", **filters: Any) -> list[str]:
        return [each["title"] for each in (await msp.get_json(path, params=filters))["data"]]

    assert await titles() == ["Very high", "High", "Moderate", "Low"], "the worst first"
    assert await titles(sort="level") == ["Low", "Moderate", "High", "Very high"]
    assert await titles(sort="-opened_at") == ["Moderate", "High", "Very high", "Low"]
    assert await titles(f"/organizations/{practice}/findings", sort="number") == ["Low", "Very high", "High"]
    assert await titles(min_level="high") == ["Very high", "High"]
    assert await titles(level="low") == ["Low"]
    assert await titles(status="rejected") == ["High"]
    assert await titles(organization_id=other) == ["Moderate"]
    assert await titles(origin="rule") == []
    assert await titles(cause=high["cause"]) == ["High"]
    assert await titles(basis="judgement", min_level="very_high") == ["Very high"]
    for wrong in ({"level": "bad"}, {"sort": "title"}, {"severity": "high"}, {"subject_id": "x"}):
        assert (await msp.get("/findings", params=wrong)).status_code == 422

    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await msp.get_json("/findings", params={"limit": 1, **after})
        seen += [each["title"] for each in page["data"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == ["Very high", "High", "Moderate", "Low"]


async def test_rule_findings_are_found_by_what_they_are_about(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await shared_login(msp, practice)
    assessment = await evaluated(msp, practice)
    await by_hand(msp, practice)
    one = await about_logins(msp)

    async def count(**filters: str) -> int:
        return len((await msp.get_json("/findings", params={"limit": 200, **filters}))["data"])

    assert await count(rule_id="CAP-01", subject_id=one["subject_id"]) == 1
    assert await count(rule_id="CAP-01", basis="unknown") == 0
    assert 0 < await count(subject_id=device["id"]) < await count(assessment_id=assessment)
    assert await count(origin="manual") == 1


# --- decisions -------------------------------------------------------------------------------------------------------


async def test_an_adjusted_rating_outlives_the_next_evaluation(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await shared_login(msp, practice)
    await evaluated(msp, practice)
    finding = await about_logins(msp)
    rating = {name: finding[name] for name in ("likelihood", "impact", "level")}
    assert rating["level"] != "low"

    adjusted = await decided(msp, finding, "adjust", reason="The room is locked.", likelihood="low", impact="moderate")
    assert (adjusted["level"], adjusted["level_code"], adjusted["status"]) == ("low", "L", "open")
    assert adjusted["adjusted"]["base"] == rating
    assert adjusted["adjusted"]["reason"] == "The room is locked."
    assert adjusted["adjusted"]["by"] == str(msp.member_id)
    assert adjusted["reason"] == finding["reason"], "the reason of the rule stays beside it"

    await evaluated(msp, practice)
    after = await msp.get_json(f"/findings/{finding['id']}")
    assert {name: after[name] for name in ("likelihood", "impact", "level", "adjusted")} == {
        name: adjusted[name] for name in ("likelihood", "impact", "level", "adjusted")
    }
    again = await decided(msp, finding, "adjust", reason="The lock is broken.", likelihood="very_high")
    assert (again["likelihood"], again["impact"], again["level"]) == ("very_high", "moderate", "moderate")
    assert again["adjusted"]["base"] == rating, "what the rules had said is not lost by adjusting twice"
    assert [(each["kind"], each["level"], each["reason"]) for each in again["decisions"]] == [
        ("adjust", "low", "The room is locked."),
        ("adjust", "moderate", "The lock is broken."),
    ]
    assert (await msp.get_json("/findings", params={"level": "moderate"}))["data"], "lists follow the new level"


async def test_a_rejected_risk_stays_rejected_until_somebody_confirms_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await shared_login(msp, practice)
    await evaluated(msp, practice)
    finding = await about_logins(msp)
    assert faults(await decide(msp, finding, "reject")) == {("/reason", "missing")}
    assert (await decided(msp, finding, "reject", reason="Retired last week."))["status"] == "rejected"
    await evaluated(msp, practice)
    assert (await msp.get_json(f"/findings/{finding['id']}"))["status"] == "rejected"
    back = await decided(msp, finding, "confirm")
    assert (back["status"], back["reopened_at"] is not None, len(back["decisions"])) == ("open", True, 2)


@pytest.mark.parametrize("kind", ["reduce", "transfer", "avoid"])
async def test_a_treatment_is_set(house: House, kind: str) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    treated = await decided(msp, finding, kind, reason="As agreed.", current_measures="A bucket stands below.")
    assert (treated["treatment"], treated["status"], treated["current_measures"]) == (kind, "open", "A bucket stands below.")
    told = (await events_about(msp, finding))[-1]
    assert told["kind"] == "finding.decided"
    assert told["changes"]["treatment"] == {"from": None, "to": kind}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kind": "adjust", "likelihood": "low"}, {("/reason", "missing")}),
        ({"kind": "adjust", "reason": "So."}, {("/likelihood", "missing")}),
        ({"kind": "reduce", "impact": "low"}, {("/impact", "not_with_this_kind")}),
        ({"kind": "confirm", "expires_on": NEXT_YEAR}, {("/expires_on", "not_with_this_kind")}),
        ({"kind": "accept"}, {("/reason", "missing"), ("/expires_on", "missing")}),
        ({"kind": "accept", "reason": "So.", "expires_on": today().isoformat()}, {("/expires_on", "in_the_past")}),
        ({"kind": "ignore"}, {("/kind", "enum")}),
        ({"kind": "reject", "reason": "MRN 4821377 is not there"}, {("/reason", "looks_like_patient_identifier")}),
        ({"kind": "confirm", "level": "low"}, {("/level", "unknown")}),
        ({}, {("/kind", "missing")}),
    ],
)
async def test_half_a_decision_is_none(house: House, said: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    assert faults(await msp.post(f"/findings/{finding['id']}/decision", said)) == expected
    assert (await msp.get_json(f"/findings/{finding['id']}")) == finding, "nothing of it was done"


async def test_accepting_a_risk_takes_two_people(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    technician = await house.member(msp, Role.technician)
    colleague = await house.member(msp, Role.technician)
    official = await house.member(msp, Role.practice_admin, organizations=[practice])
    words = {"reason": "The move is planned for spring.", "expires_on": NEXT_YEAR}

    asked = await decided(technician, finding, "accept", **words)
    assert (asked["status"], asked["treatment"], asked["acceptance"]["state"]) == ("open", None, "requested")
    assert asked["acceptance"]["requested_by"] == str(technician.member_id)

    own = await decide(technician, finding, "accept", **words)
    assert (own.status_code, own.json()["type"].rsplit("/", 1)[-1]) == (409, "own-request")
    assert "another member" in own.json()["detail"]
    assert (await decide(colleague, finding, "accept", **words)).status_code == 403, "may not approve analyses"
    tomorrow = (today() + timedelta(days=1)).isoformat()
    assert faults(await decide(official, finding, "accept", expires_on=tomorrow)) == {("/expires_on", "other_than_requested")}

    agreed = await decided(official, finding, "accept", reason="Seen on site.")
    assert (agreed["status"], agreed["treatment"]) == ("accepted", "accept")
    assert agreed["acceptance"]["state"] == "approved"
    assert agreed["acceptance"]["approved_by"] == str(official.member_id)
    assert (agreed["acceptance"]["reason"], agreed["acceptance"]["approval_reason"]) == (words["reason"], "Seen on site.")
    assert [(each["kind"], each["step"]) for each in agreed["decisions"]] == [("accept", "requested"), ("accept", "approved")]
    once_more = await decide(technician, finding, "accept", **words)
    assert (once_more.status_code, once_more.json()["type"].rsplit("/", 1)[-1]) == (409, "not-open")


async def test_a_second_key_does_not_make_a_second_person(house: House) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    key = await msp.make("/api-keys", {"name": "script"})
    script = Caller(msp.http, key["key"], msp.tenant_id, msp.member_id)
    await decided(msp, finding, "accept", reason="So.", expires_on=NEXT_YEAR)
    assert (await decide(script, finding, "accept", reason="So.", expires_on=NEXT_YEAR)).status_code == 409
    assert (await msp.get_json(f"/findings/{finding['id']}"))["status"] == "open"


async def test_another_decision_withdraws_the_request(house: House) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    admin = await house.member(msp, Role.admin)
    await decided(msp, finding, "accept", reason="Cheap.", expires_on=NEXT_YEAR)
    adjusted = await decided(msp, finding, "adjust", reason="Worse than thought.", impact="very_high")
    assert adjusted["acceptance"] is None
    half = await decide(admin, finding, "accept")
    assert faults(half) == {("/reason", "missing"), ("/expires_on", "missing")}, "what was asked for another level is void"

    await decided(admin, finding, "accept", reason="Still.", expires_on=NEXT_YEAR)
    assert (await decided(msp, finding, "accept"))["status"] == "accepted"
    reduced = await decided(msp, finding, "reduce")
    assert (reduced["status"], reduced["treatment"], reduced["acceptance"]) == ("open", "reduce", None)
    assert len(reduced["decisions"]) == 5, "nothing that was said is forgotten"


async def test_an_acceptance_ends_with_its_day(house: House) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    stays = await by_hand(msp, finding["organization_id"], title="Accepted for longer")
    admin = await house.member(msp, Role.admin)
    day = today() + timedelta(days=30)
    for each, until in ((finding, day), (stays, day + timedelta(days=1))):
        await decided(msp, each, "accept", reason="Until the move.", expires_on=until.isoformat())
        await decided(admin, each, "accept")

    assert await expire(house, msp, on=day) == 0, "it is good for its whole last day"
    assert await expire(house, msp, on=day + timedelta(days=1)) == 1
    assert await expire(house, msp, on=day + timedelta(days=1)) == 0
    back = await msp.get_json(f"/findings/{finding['id']}")
    assert (back["status"], back["treatment"], back["acceptance"]["state"]) == ("open", None, "lapsed")
    assert (back["decisions"][-1]["step"], back["decisions"][-1]["by"]) == ("expired", None)
    assert (await events_about(msp, finding))[-1]["kind"] == "finding.reopened"
    assert (await msp.get_json(f"/findings/{stays['id']}"))["status"] == "accepted"
    assert (await decide(admin, finding, "accept")).status_code == 422, "a lapsed request is asked for anew"


async def expire(house: House, msp: Caller, *, on: Any) -> int:
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        return await reopen_expired(session, on=on)


async def test_a_resolved_risk_has_nothing_to_decide(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await shared_login(msp, practice)
    await evaluated(msp, practice)
    finding = await about_logins(msp)
    await decided(msp, finding, "accept", reason="Soon gone.", expires_on=NEXT_YEAR)
    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": "named"}}), 200)
    await evaluated(msp, practice)
    assert (await msp.get_json(f"/findings/{finding['id']}"))["status"] == "resolved"
    answer = await decide(msp, finding, "confirm")
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (409, "finding-resolved")

    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": "shared"}}), 200)
    await evaluated(msp, practice)
    back = await msp.get_json(f"/findings/{finding['id']}")
    assert (back["status"], back["acceptance"]["state"]) == ("open", "lapsed"), "what was asked before it was gone is void"


async def test_what_people_said_stays_out_of_the_events(house: House) -> None:
    msp = await house.tenant()
    finding = await by_hand(msp, await house.organization(msp))
    await decided(msp, finding, "adjust", reason="A confidential remark", likelihood="low", current_measures="Bucketful")
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
        rows = await (await session.driver()).fetch(
            "select changes::text as said from event where subject_id = $1 and kind = 'finding.decided'", UUID(finding["id"])
        )
    assert len(rows) == 1
    assert "confidential" not in rows[0]["said"]
    assert "Bucketful" not in rows[0]["said"]
    assert '"level"' in rows[0]["said"]


async def test_a_tenant_may_choose_to_be_warned_of_identifiers(house: House) -> None:
    msp = await house.tenant()
    expect(await msp.patch("/tenant", {"settings": {"patient_identifiers": "warn"}}), 200)
    finding = await by_hand(msp, await house.organization(msp), threat="MRN 4821377 was readable")
    await decided(msp, finding, "reject", reason="MRN 4821377 was a test")
    told = [(each["kind"], each["changed"]) for each in await events_about(msp, finding)]
    assert told == [
        ("finding.opened", ["level", "number", "origin"]),
        ("finding.patient_identifier_suspected", []),
        ("finding.decided", ["kind", "status"]),
        ("finding.patient_identifier_suspected", []),
    ]


# --- whose they are --------------------------------------------------------------------------------------------------


async def test_another_tenant_sees_and_decides_nothing(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    assert await stranger.all("/findings") == []
    assert (await stranger.get(f"/findings/{finding['id']}")).status_code == 404
    assert (await stranger.get(f"/organizations/{practice}/findings")).status_code == 404
    assert (await stranger.post(f"/organizations/{practice}/findings", BY_HAND)).status_code == 404
    assert (await stranger.patch(f"/findings/{finding['id']}", {"title": "Mine"})).status_code == 404
    assert (await decide(stranger, finding, "confirm")).status_code == 404
    assert (await msp.get("/findings/nonsense")).status_code == 404


async def test_a_narrowed_member_works_within_its_organizations(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    theirs, hidden = await by_hand(msp, practice), await by_hand(msp, other)
    official = await house.member(msp, Role.practice_admin, organizations=[practice])
    assert [each["id"] for each in await official.all("/findings")] == [theirs["id"]]
    assert (await official.get(f"/findings/{hidden['id']}")).status_code == 404
    assert (await decide(official, hidden, "confirm")).status_code == 404
    assert (await decided(official, theirs, "confirm"))["decisions"][0]["by"] == str(official.member_id)
    assert (await by_hand(official, practice, title="Seen by the practice"))["number"] == 2


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.admin, True, True),
        (Role.technician, True, True),
        (Role.auditor, True, False),
        (Role.billing, False, False),
        (Role.practice_member, False, False),
    ],
)
async def test_roles(house: House, role: Role, reads: bool, writes: bool) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    somebody = await house.member(msp, role, organizations=[practice])
    for path in ("/findings", f"/organizations/{practice}/findings", f"/findings/{finding['id']}"):
        assert (await somebody.get(path)).status_code == (200 if reads else 403)
    assert (await decide(somebody, finding, "confirm")).status_code == (201 if writes else 403)
    assert (await somebody.post(f"/organizations/{practice}/findings", BY_HAND)).status_code == (201 if writes else 403)
    assert (await somebody.patch(f"/findings/{finding['id']}", {})).status_code == (200 if writes else 403)
    assert (await somebody.post("/findings/nonsense/decision", {"kind": "?"})).status_code == (404 if writes else 403)
