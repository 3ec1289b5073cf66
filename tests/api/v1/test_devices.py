"""Devices over HTTP: enrolled, listed page by page, changed by merge patch, archived and never lost."""

import asyncio

from tests.makers import House, expect


async def test_a_device_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await msp.make(f"/organizations/{practice}/devices", {"name": "OP1", "kind": "capture_workstation"})
    assert device["status"] == "active"
    assert device["encryption_at_rest"] is None, "unknown is not no"

    read = await msp.get(f"/devices/{device['id']}")
    assert read.json() == device
    changed = await msp.patch(
        f"/devices/{device['id']}", {"owner": "office manager"}, headers={"If-Match": read.headers["etag"]}
    )
    assert expect(changed, 200)["owner"] == "office manager"
    stale = await msp.patch(f"/devices/{device['id']}", {"owner": "nobody"}, headers={"If-Match": tag})
    assert stale.status_code == 412

    assert (await msp.delete(f"/devices/{device['id']}")).status_code == 204
    assert await msp.all("/devices") == []
    assert (await msp.get_json(f"/devices/{device['id']}"))["archived_at"] is not None


async def test_pages_follow_a_key(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    for number in range(7):
        await msp.make(f"/organizations/{practice}/devices", {"name": f"PC {number // 2}", "kind": "laptop"})
    seen: list[str] = []
    after = None
    while True:
        page = await msp.get_json("/devices", params={"limit": 3, "sort": "-name", **({"after": after} if after else {})})
        seen += [device["name"] for device in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ["PC 3", "PC 2", "PC 2", "PC 1", "PC 1", "PC 0", "PC 0"]


async def test_five_identical_posts_at_once_make_one_row(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    body = {"name": "Server", "kind": "imaging_server"}
    answers = await asyncio.gather(
        *(msp.post(f"/organizations/{practice}/devices", body, headers={"Idempotency-Key": "same"}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await msp.all("/devices")) == 1
    other = await msp.post(f"/organizations/{practice}/devices", {**body, "name": "Other"}, headers={"Idempotency-Key": "same"})
    assert other.status_code == 409


async def test_bad_fields_are_named(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.post(f"/organizations/{practice}/devices", {"kind": "toaster", "colour": "red"})
    assert answer.status_code == 422
    assert {(each["pointer"], each["code"]) for each in answer.json()["errors"]} == {
        ("/name", "missing"),
        ("/kind", "enum"),
        ("/colour", "unknown"),
    }
