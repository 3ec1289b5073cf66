"""Locations over HTTP: where an organization sees patients."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_location_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"name": "Main office", "operatories": 5, "rmm_site": "Lakeview"}
    made = await it_lives(msp, f"/organizations/{practice}/locations", "/locations", said, {"state": "PA", "operatories": 6})
    assert made["state"] is None


async def test_a_location_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    await it_is_behind_both_walls(house, msp, "/organizations/{}/locations", "/locations", {"name": "Main office"})


async def test_locations_are_sorted_and_found(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    path = f"/organizations/{practice}/locations"
    for name in ("Belfast", "Camden", "Augusta"):
        await msp.make(path, {"name": name, "ref": name.lower(), "rmm_site": f"HG-{name}"})
    await msp.make(f"/organizations/{other}/locations", {"name": "Elsewhere", "ref": "camden"})

    async def names(**filters: str) -> list[str]:
        return [each["name"] for each in (await msp.get_json(path, params=filters))["data"]]

    assert await names() == ["Augusta", "Belfast", "Camden"]
    assert await names(sort="-name", limit="2") == ["Camden", "Belfast"]
    assert await names(ref="camden") == ["Camden"]
    assert await names(rmm_site="HG-Belfast") == ["Belfast"]
    assert (await msp.post(path, {"name": "Second", "ref": "camden"})).status_code == 409
    assert faults(await msp.post(path, {"name": "X", "operatories": -1})) == {("/operatories", "greater_than_equal")}
