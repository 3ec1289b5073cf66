"""Segments over HTTP: the parts of a network."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_segment_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    office = await msp.make(f"/organizations/{practice}/locations", {"name": "Main office"})
    said = {"name": "imaging", "subnet": "192.168.10.0/24", "location_id": office["id"], "note": "sensors and servers"}
    made = await it_lives(msp, f"/organizations/{practice}/segments", "/segments", said, {"isolated": True, "note": None})
    assert made["isolated"] is None, "unknown is not no"


async def test_a_segment_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    await it_is_behind_both_walls(house, msp, "/organizations/{}/segments", "/segments", {"name": "flat"})


async def test_a_segment_is_at_a_location_of_its_own_practice(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    office = await msp.make(f"/organizations/{other}/locations", {"name": "Elsewhere"})
    refused = await msp.post(f"/organizations/{practice}/segments", {"name": "flat", "location_id": office["id"]})
    assert faults(refused) == {("/location_id", "unknown_reference")}
