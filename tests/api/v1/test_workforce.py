"""Workforce over HTTP: staff by role, with training and accounts."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House, expect


async def test_a_member_of_the_workforce_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    server = await msp.make(f"/organizations/{practice}/devices", {"name": "PMS", "kind": "pms_server"})
    cloud = await msp.make(f"/organizations/{practice}/systems", {"name": "Cloud", "kind": "cloud_archive"})
    said = {
        "role": "temporary dental assistant",
        "accounts": [{"asset_id": server["id"], "enabled": True}, {"asset_id": cloud["id"], "enabled": None}],
    }
    made = await it_lives(
        msp,
        f"/organizations/{practice}/workforce",
        "/workforce",
        said,
        {"status": "left", "left_on": "2026-07-31", "accounts": [{"asset_id": server["id"], "enabled": False}]},
    )
    assert (made["name"], made["trained_on"]) == (None, None)


async def test_a_member_of_the_workforce_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    await it_is_behind_both_walls(house, msp, "/organizations/{}/workforce", "/workforce", {"role": "hygienist"})


async def test_accounts_are_on_things_of_the_same_practice(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    elsewhere = await msp.make(f"/organizations/{other}/systems", {"name": "Cloud", "kind": "cloud_archive"})
    path = f"/organizations/{practice}/workforce"
    refused = await msp.post(path, {"role": "hygienist", "accounts": [{"asset_id": elsewhere["id"]}]})
    assert faults(refused) == {("/accounts/0/asset_id", "unknown_reference")}
    misspelt = await msp.post(path, {"role": "hygienist", "accounts": [{"asset_id": elsewhere["id"], "on": True}]})
    assert faults(misspelt) == {("/accounts/0/on", "unknown")}
    person = await msp.make(path, {"role": "hygienist"})
    changed = await msp.patch(f"/workforce/{person['id']}", {"accounts": [{"asset_id": elsewhere["id"]}]})
    assert faults(changed) == {("/accounts/0/asset_id", "unknown_reference")}


async def test_no_accounts_is_an_answer_and_silence_is_none(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    person = await msp.make(f"/organizations/{practice}/workforce", {"role": "hygienist"})
    assert person["accounts"] is None
    assert expect(await msp.patch(f"/workforce/{person['id']}", {"accounts": []}), 200)["accounts"] == []
    assert expect(await msp.patch(f"/workforce/{person['id']}", {"accounts": None}), 200)["accounts"] is None


async def test_leavers_are_found(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/workforce"
    await msp.make(path, {"role": "hygienist", "trained_on": "2026-02-02"})
    await msp.make(path, {"role": "front desk", "status": "left", "left_on": "2026-07-31"})
    left = await msp.get_json(path, params={"status": "left"})
    assert [each["role"] for each in left["data"]] == ["front desk"]
    assert [each["role"] for each in (await msp.get_json(path, params={"q": "HYG"}))["data"]] == ["hygienist"]
