"""Access requests over HTTP: an individual asks for images or records, and the days are counted."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House, expect


async def test_an_access_request_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"received_on": "2026-01-01", "format": "DICOM on a disc", "ref": "2026-001"}
    made = await it_lives(
        msp, f"/organizations/{practice}/access-requests", "/access-requests", said, {"closed_on": "2026-01-20"}
    )
    assert made["due_on"] == "2026-01-31", "thirty days after receipt"


async def test_an_access_request_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"received_on": "2026-01-01"}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/access-requests", "/access-requests", said)


async def test_a_written_notice_gives_thirty_days_more(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/access-requests"
    made = await msp.make(path, {"received_on": "2026-01-01", "extension_notice": False})
    assert made["due_on"] == "2026-01-31"
    extended = expect(await msp.patch(f"/access-requests/{made['id']}", {"extension_notice": True}), 200)
    assert extended["due_on"] == "2026-03-02"
    assert [each["due_on"] for each in await msp.all(path)] == ["2026-03-02"]


async def test_open_ones_are_found_and_days_are_in_order(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/access-requests"
    await msp.make(path, {"received_on": "2026-01-01", "closed_on": "2026-01-01"})
    open_one = await msp.make(path, {"received_on": "2026-02-01"})
    assert [each["id"] for each in (await msp.get_json(path, params={"open": "true"}))["data"]] == [open_one["id"]]
    changed = await msp.patch(f"/access-requests/{open_one['id']}", {"closed_on": "2026-01-31"})
    assert faults(changed) == {("/closed_on", "before_start")}
    assert faults(await msp.post(path, {"received_on": "2999-01-01"})) == {("/received_on", "in_future")}


async def test_a_reference_is_never_the_patients(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"received_on": "2026-01-01", "ref": "219-09-9999"}
    refused = await msp.post(f"/organizations/{practice}/access-requests", said)
    assert faults(refused) == {("/ref", "looks_like_patient_identifier")}
