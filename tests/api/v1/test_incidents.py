"""Incidents over HTTP: what happened, and the clocks that run from the day of discovery."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.clock import today
from domain.database import tenant_session
from domain.remediation.clocks import clocks_of, tell
from domain.remediation.incidents import Incident
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import Caller, House, expect, make_access_request, make_device, make_incident


async def test_an_incident_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {
        "what": "A laptop with images was stolen from a car.",
        "discovered_on": "2026-01-01",
        "affected_count": 2600,
        "assessment": {"nature_and_extent": "Full image records.", "mitigation": "None so far."},
    }
    made = await it_lives(
        msp,
        f"/organizations/{practice}/incidents",
        "/incidents",
        said,
        {"breach_decision": "A breach: the disk was not encrypted.", "closed_on": "2026-02-20"},
    )
    assert made["notice_due_on"] == "2026-03-02", "sixty calendar days after discovery"


async def test_an_incident_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"what": "Ransom note on a screen.", "discovered_on": "2026-03-04"}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/incidents", "/incidents", said)


async def test_the_assessment_has_four_factors_and_no_fifth(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/incidents"
    said = {"what": "Lost disc.", "discovered_on": "2026-03-04"}
    refused = await msp.post(path, {**said, "assessment": {"mood": "bad"}})
    assert {pointer.split("/")[1] for pointer, _ in faults(refused)} == {"assessment"}
    made = await msp.make(path, {**said, "assessment": {"mitigation": "Found again."}})
    merged = expect(await msp.patch(f"/incidents/{made['id']}", {"assessment": {"acquired_or_viewed": "No."}}), 200)
    assert merged["assessment"] == {"mitigation": "Found again.", "acquired_or_viewed": "No."}


async def test_days_are_in_order(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/incidents"
    early = {"what": "Lost disc.", "discovered_on": "2026-03-04", "closed_on": "2026-03-03"}
    assert faults(await msp.post(path, early)) == {("/closed_on", "before_start")}
    later = {"what": "Lost disc.", "discovered_on": (today() + timedelta(days=10)).isoformat()}
    assert faults(await msp.post(path, later)) == {("/discovered_on", "in_future")}
    assert faults(await msp.post(path, {**later, "discovered_on": "9999-12-31"})) == {("/discovered_on", "out_of_range")}


async def test_open_ones_are_found(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/incidents"
    for what, discovered, closed in (("A", "2026-03-04", None), ("B", "2026-01-04", "2026-01-05"), ("C", "2026-02-04", None)):
        await msp.make(path, {"what": what, "discovered_on": discovered, "closed_on": closed})

    async def found(**filters: str) -> list[str]:
        return [each["what"] for each in (await msp.get_json(path, params=filters))["data"]]

    assert await found() == ["B", "C", "A"]
    assert await found(sort="-discovered_on") == ["A", "C", "B"]
    assert await found(open="true") == ["C", "A"]
    assert await found(open="false") == ["B"]


async def test_an_incident_names_no_patient(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"what": "Chart number 448812 was sent to the wrong lab.", "discovered_on": "2026-03-04"}
    refused = await msp.post(f"/organizations/{practice}/incidents", said)
    assert faults(refused) == {("/what", "looks_like_patient_identifier")}
    assert "448812" not in refused.text


FACTORS = dict.fromkeys(("nature_and_extent", "unauthorized_person", "acquired_or_viewed", "mitigation"), "As written.")
BREACH = {"what": "A server was read by strangers.", "discovered_on": "2026-10-01", "is_breach": True}


async def clocks(by: Caller, incident: str) -> dict[str, tuple[str, str, str]]:
    found = await by.get_json(f"/incidents/{incident}/clocks")
    return {each["key"]: (each["citation"], each["due_on"], each["applies"]) for each in found}


@pytest.mark.parametrize(
    ("said", "hhs", "media"),
    [
        ({"affected_count": 499}, ("164.408(c)", "2027-03-01", "yes"), "no"),
        ({"affected_count": 500}, ("164.408(b)", "2026-11-30", "yes"), "no"),
        ({"affected_count": 501}, ("164.408(b)", "2026-11-30", "yes"), "unknown"),
        ({"affected_count": 900, "affected_by_state": {"PA": 400, "NJ": 500}}, ("164.408(b)", "2026-11-30", "yes"), "no"),
        ({"affected_count": 900, "affected_by_state": {"PA": 501}}, ("164.408(b)", "2026-11-30", "yes"), "yes"),
        ({}, ("164.408(b)", "2026-11-30", "unknown"), "unknown"),
        ({"affected_count": 3, "is_breach": None}, ("164.408(c)", "2027-03-01", "presumed"), "no"),
        (
            {"affected_count": 900, "is_breach": False, "exclusion": "could_not_be_retained"},
            ("164.408(b)", "2026-11-30", "no"),
            "no",
        ),
    ],
)
async def test_the_clocks_of_a_breach(house: House, said: dict[str, Any], hhs: tuple[str, str, str], media: str) -> None:
    msp = await house.tenant()
    made = await make_incident(msp, await house.organization(msp), **{**BREACH, **said})
    found = await clocks(msp, made["id"])
    assert found["individuals"][:2] == ("164.404(b)", "2026-11-30")
    assert found["hhs"] == hhs
    assert (found["media"][0], found["media"][2]) == ("164.406", media)


async def test_no_breach_is_decided_without_the_four_factors(house: House) -> None:
    msp = await house.tenant()
    made = await make_incident(msp, await house.organization(msp), **{**BREACH, "is_breach": None})
    path = f"/incidents/{made['id']}"
    assert faults(await msp.patch(path, {"is_breach": False})) == {("/is_breach", "not_shown")}
    three = {name: words for name, words in FACTORS.items() if name != "mitigation"}
    assert faults(await msp.patch(path, {"is_breach": False, "assessment": three})) == {("/is_breach", "not_shown")}
    decided = expect(await msp.patch(path, {"is_breach": False, "assessment": FACTORS}), 200)
    assert decided["is_breach"] is False
    early = {"individuals_notified_on": "2026-09-30"}
    assert faults(await msp.patch(path, early)) == {("/individuals_notified_on", "before_start")}


async def test_each_step_of_a_clock_is_told_once(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    incident = await make_incident(msp, practice, **BREACH, affected_count=3)
    await make_access_request(msp, practice, received_on="2026-11-01")
    gone = await make_access_request(msp, practice, received_on="2026-11-01", closed_on="2026-11-02")

    async def told(on: date) -> list[tuple[str, str]]:
        for _ in range(2):
            async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
                await tell(session, on=on)
        events = [each for each in await msp.all("/events") if each["kind"].endswith((".due_soon", ".overdue"))]
        assert gone["id"] not in {each["subject"]["id"] for each in events}
        return [(each["kind"], each["changes"]["clock"]["to"]) for each in events]

    assert await told(date(2026, 11, 10)) == []
    soon = [("incident.due_soon", "individuals"), ("access_request.due_soon", "access")]
    assert await told(date(2026, 11, 20)) == soon
    late = [*soon, ("incident.overdue", "individuals"), ("access_request.overdue", "access")]
    assert await told(date(2026, 12, 2)) == late
    expect(await msp.patch(f"/incidents/{incident['id']}", {"individuals_notified_on": "2026-12-03"}), 200)
    assert await told(date(2027, 2, 20)) == [*late, ("incident.due_soon", "hhs")]
    state = {each["key"]: each["state"] for each in await msp.get_json(f"/incidents/{incident['id']}/clocks")}
    assert (state["individuals"], state["media"]) == ("done", "not_applicable")


async def test_the_four_factors_are_the_catalogues(house: House) -> None:
    msp = await house.tenant()
    said = {"assessment": {"mitigation": "The disc was found, sealed."}, "is_breach": None}
    made = await make_incident(msp, await house.organization(msp), **{**BREACH, **said})
    told = await msp.get_json(f"/incidents/{made['id']}/breach-assessment")
    rows = {each["key"]: each["summary"] for each in await msp.all("/catalogue/requirements")}
    assert told["presumed"] == rows["164.402 breach"]
    for part, row, keys in (
        ("factors", "164.402(2)", list(FACTORS)),
        ("exclusions", "164.402(1)", ["workforce_in_good_faith", "between_authorized_persons", "could_not_be_retained"]),
    ):
        assert [each["key"] for each in told[part]] == keys
        assert "; ".join(f"{each['item']} {each['summary']}" for each in told[part]) == rows[row], "not a word is ours"
    assert [each["said"] for each in told["factors"]] == [None, None, None, "The disc was found, sealed."]


@pytest.mark.parametrize(
    ("delay", "held", "individuals", "hhs"),
    [
        ({"form": "written", "until": "2027-01-15"}, "2027-01-15", "2027-01-16", "2027-03-01"),
        ({"form": "written", "until": "2026-11-01"}, "2026-11-01", "2026-11-30", "2027-03-01"),
        ({"form": "oral"}, "2026-11-20", "2026-11-30", "2027-03-01"),
        ({"form": "oral", "until": "2026-11-01"}, "2026-11-01", "2026-11-30", "2027-03-01"),
    ],
)
async def test_law_enforcement_holds_the_clocks(
    house: House, delay: dict[str, str], held: str, individuals: str, hhs: str
) -> None:
    msp = await house.tenant()
    asked = {"requested_on": "2026-10-21", "statement": "Special agent, by telephone: telling would warn them.", **delay}
    said = {**BREACH, "affected_count": 3, "law_enforcement_delay": asked}
    made = await make_incident(msp, await house.organization(msp), **said)
    found = {each["key"]: each for each in await msp.get_json(f"/incidents/{made['id']}/clocks")}
    assert {each["held_until"] for each in found.values()} == {held}
    assert (found["individuals"]["due_on"], found["hhs"]["due_on"]) == (individuals, hhs)
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        clock = clocks_of(await session.fetch(Incident, UUID(made["id"])))[0]
    last = date.fromisoformat(held)
    assert clock.state(last) == "held"
    assert clock.state(last + timedelta(days=1)) == "running"
    assert clock.state(date.fromisoformat(individuals) + timedelta(days=1)) == "overdue"
    ended = expect(await msp.patch(f"/incidents/{made['id']}", {"law_enforcement_delay": None}), 200)
    assert ended["law_enforcement_delay"] is None
    assert (await clocks(msp, made["id"]))["individuals"][1] == "2026-11-30"


@pytest.mark.parametrize(
    ("delay", "fault"),
    [
        ({"form": "written"}, ("until", "required")),
        ({"form": "written", "until": "2026-10-20"}, ("until", "before_start")),
        ({"form": "oral", "until": "2026-11-21"}, ("until", "too_late")),
        ({"form": "oral", "requested_on": (today() + timedelta(days=10)).isoformat()}, ("requested_on", "in_future")),
    ],
)
async def test_a_delay_is_within_the_law(house: House, delay: dict[str, str], fault: tuple[str, str]) -> None:
    msp = await house.tenant()
    made = await make_incident(msp, await house.organization(msp), **BREACH)
    asked = {"requested_on": "2026-10-21", "statement": "A written request of the police.", **delay}
    refused = await msp.patch(f"/incidents/{made['id']}", {"law_enforcement_delay": asked})
    assert faults(refused) == {(f"/law_enforcement_delay/{fault[0]}", fault[1])}


async def test_an_incident_names_what_it_touched(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    server = await make_device(msp, practice)
    made = await make_incident(msp, practice, asset_ids=[server["id"]])
    assert made["asset_ids"] == [server["id"]]
    strange = await make_device(msp, other)
    refused = await msp.patch(f"/incidents/{made['id']}", {"asset_ids": [server["id"], strange["id"]]})
    assert faults(refused) == {("/asset_ids/1", "unknown_reference")}
    assert (await msp.delete(f"/devices/{server['id']}")).status_code == 204
    expect(await msp.patch(f"/incidents/{made['id']}", {"what": "It was the old server."}), 200)
