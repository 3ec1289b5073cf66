"""Incidents over HTTP: what happened, and the clocks that run from the day of discovery."""

from datetime import timedelta

from domain.clock import today
from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House, expect


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
    later = {"what": "Lost disc.", "discovered_on": (today() + timedelta(days=2)).isoformat()}
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
