"""Devices over HTTP: enrolled, listed page by page, changed by merge patch, archived and never lost."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.database import tenant_session
from domain.inventory.devices import Device
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect

FIREWALL_END = {"manufacturer_supported_until": "2020-01-01"}


async def test_a_device_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await msp.make(f"/organizations/{practice}/devices", {"name": "OP1", "kind": "capture_workstation"})
    assert device["status"] == "active"
    assert device["encryption_at_rest"] is None, "unknown is not no"

    read = await msp.get(f"/devices/{device['id']}")
    assert read.json() == device
    tag = read.headers["etag"]
    changed = await msp.patch(f"/devices/{device['id']}", {"owner": "office manager"}, headers={"If-Match": tag})
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
    assert faults(answer) == {("/name", "missing"), ("/kind", "enum"), ("/colour", "unknown")}


async def test_what_its_operating_system_is_follows_from_what_is_said_of_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await enroll(msp, practice, os_name="Windows 10 Pro", os_build="19045.4412")
    assert device["os_key"] == "windows:10-22h2"
    assert (device["os_supported_until"], device["os_support"]) == ("2025-10-14", "ended")

    vague = expect(await msp.patch(f"/devices/{device['id']}", {"os_name": "Windows 11", "os_build": None}), 200)
    assert vague["os_key"] is None
    assert len(vague["os_candidates"]) > 1
    assert vague["os_supported_until"] is None, "the rows that fit do not agree"
    assert vague["os_support"] == "unknown"

    old = expect(await msp.patch(f"/devices/{device['id']}", {"os_name": "Windows 10 Pro"}), 200)
    assert (old["os_key"], old["os_supported_until"]) == (None, None)
    assert old["os_support"] == "ended", "whichever release it is, it has ended"

    nothing = expect(await msp.patch(f"/devices/{device['id']}", {"os_name": None}), 200)
    assert (nothing["os_candidates"], nothing["os_support"]) == ([], "unknown")


async def test_what_an_import_recognised_stays_until_a_person_speaks_of_it(house: House) -> None:
    """An import may know more than the columns keep, such as the release; a change of the owner must not undo it."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await enroll(msp, practice, os_name="Windows 11")
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        row = await session.fetch(Device, UUID(device["id"]))
        row.os_key, row.os_candidates = "windows:11-24h2-w", ["windows:11-24h2-w"]
    owned = expect(await msp.patch(f"/devices/{device['id']}", {"owner": "MSP", "os_name": "Windows 11"}), 200)
    assert owned["os_key"] == "windows:11-24h2-w"
    spoken = expect(await msp.patch(f"/devices/{device['id']}", {"os_edition": "Enterprise", "os_build": "26200"}), 200)
    assert spoken["os_key"] == "windows:11-25h2-e"


@pytest.mark.parametrize(
    ("said", "support"),
    [
        ({"os_name": "Windows 10 Pro"}, "ended"),
        ({"os_name": "Windows 11", "os_edition": "Enterprise", "os_build": "26200"}, "supported"),
        ({"os_name": "macOS 26"}, "supported"),
        ({"os_name": "Windows 11"}, "unknown"),
        ({"os_name": "Plan 9"}, "unknown"),
        ({}, "unknown"),
        ({"kind": "nas", "facts": FIREWALL_END}, "ended"),
        ({"kind": "firewall", "facts": {"manufacturer_supported_until": "2099-12-31"}}, "supported"),
        ({"kind": "firewall"}, "unknown"),
        ({"kind": "intraoral_sensor"}, "not_applicable"),
    ],
)
async def test_the_list_and_the_device_say_the_same_of_support(house: House, said: dict[str, Any], support: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await enroll(msp, practice, **said)
    assert device["os_support"] == support
    assert await msp.all("/devices") == [device]
    for answer in ("ended", "supported", "unknown", "not_applicable"):
        found = await names(msp, os_support=answer)
        assert found == (["PC"] if answer == support else [])


async def test_the_whole_fleet_is_filtered(house: House) -> None:
    msp = await house.tenant()
    lakeview, harbor = await house.organization(msp), await house.organization(msp)
    office = await msp.make(f"/organizations/{lakeview}/locations", {"name": "Main office"})
    await enroll(msp, lakeview, name="Server", kind="imaging_server", encryption_at_rest="volume", location_id=office["id"])
    await enroll(msp, lakeview, name="Laptop", kind="laptop", encryption_at_rest="none", serial="ABC_100%")
    await enroll(msp, harbor, name="Old laptop", kind="laptop", hostname="HG-LT-7", status="retired", ref="asset-7")

    assert await names(msp, organization_id=harbor) == ["Old laptop"]
    assert await names(msp, kind="laptop") == ["Laptop", "Old laptop"]
    assert await names(msp, location_id=office["id"]) == ["Server"]
    assert await names(msp, status="retired") == ["Old laptop"]
    assert await names(msp, encryption_at_rest="none") == ["Laptop"]
    assert await names(msp, encryption_at_rest="unknown") == ["Old laptop"], "unknown is asked for apart from none"
    assert await names(msp, ref="asset-7") == ["Old laptop"]
    assert await names(msp, q="LAPTOP") == ["Laptop", "Old laptop"]
    assert await names(msp, q="hg-lt") == ["Old laptop"]
    assert await names(msp, q="_100%") == ["Laptop"], "% and _ are letters like any other"
    assert await names(msp, q="%") == ["Laptop"]
    assert await names(msp, kind="laptop", encryption_at_rest="none", q="lap") == ["Laptop"]
    assert await names(msp, sort="-name") == ["Server", "Old laptop", "Laptop"]
    of_one = await msp.get_json(f"/organizations/{lakeview}/devices", params={"encryption_at_rest": "volume"})
    assert [device["name"] for device in of_one["data"]] == ["Server"]
    misspelt = await msp.get("/devices", params={"os_suport": "ended"})
    assert misspelt.status_code == 422, "a filter that is dropped in silence shows too much"


async def test_facts_are_those_of_the_vocabulary(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.post(
        f"/organizations/{practice}/devices",
        {
            "name": "OP1",
            "kind": "capture_workstation",
            "facts": {
                "favourite_colour": "blue",
                "auto_logoff_minutes": "15",
                "usb_storage": "sometimes",
                "wifi_security": "open",
                "encryption_at_rest": "none",
                "last_seen": "2026-11-22T03:10:00Z",
                "os_key": "windows:7-sp1",
                "os": {},
                "software": [{"name": "Viewer", "versoin": "1"}],
            },
        },
    )
    assert answer.status_code == 422
    assert faults(answer) == {
        ("/facts/favourite_colour", "unknown_fact"),
        ("/facts/auto_logoff_minutes", "wrong_type"),
        ("/facts/usb_storage", "not_allowed"),
        ("/facts/wifi_security", "not_for_kind"),
        ("/facts/encryption_at_rest", "has_its_own_field"),
        ("/facts/last_seen", "has_its_own_field"),
        ("/facts/os_key", "has_its_own_field"),
        ("/facts/os", "computed"),
        ("/facts/software/0/versoin", "unknown_fact"),
    }
    told = {each["pointer"]: each["detail"] for each in answer.json()["errors"]}
    assert "set the field 'last_seen_at'" in told["/facts/last_seen"]


async def test_facts_merge_and_remember_who_said_them(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    device = await enroll(msp, practice, facts={"login_mode": "shared", "auto_logoff_minutes": 480, "usb_storage": None})
    assert device["facts"] == {"login_mode": "shared", "auto_logoff_minutes": 480}
    assert device["provenance"]["login_mode"]["source"] == "person"
    assert device["provenance"]["login_mode"]["confirmed_by"] == str(msp.member_id)

    changed = expect(
        await msp.patch(f"/devices/{device['id']}", {"facts": {"auto_logoff_minutes": 15, "login_mode": None}}), 200
    )
    assert changed["facts"] == {"auto_logoff_minutes": 15}, "null takes a fact back to unknown"
    assert "login_mode" not in changed["provenance"]
    same = expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"auto_logoff_minutes": 15}}), 200)
    assert same["updated_at"] == changed["updated_at"], "nothing happens where nothing is different"


async def test_a_fact_that_names_another_thing_names_one_that_is_there(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice, elsewhere = await house.organization(msp), await house.organization(msp)
    host = await enroll(msp, practice)
    other = await enroll(msp, elsewhere)
    theirs = await enroll(stranger, await house.organization(stranger))
    path = f"/organizations/{practice}/devices"
    for wrong in (other["id"], theirs["id"], "the one at the window"):
        refused = await msp.post(path, {"name": "Sensor", "kind": "intraoral_sensor", "facts": {"host": wrong}})
        assert refused.status_code == 422
        assert faults(refused) == {("/facts/host", "unknown_reference")}
    sensor = await msp.make(path, {"name": "Sensor", "kind": "intraoral_sensor", "facts": {"host": host["id"]}})
    assert sensor["facts"]["host"] == host["id"]


async def test_a_device_stands_in_a_location_of_its_own_practice(house: House) -> None:
    msp = await house.tenant()
    practice, elsewhere = await house.organization(msp), await house.organization(msp)
    office = await msp.make(f"/organizations/{elsewhere}/locations", {"name": "Elsewhere"})
    refused = await msp.post(
        f"/organizations/{practice}/devices", {"name": "PC", "kind": "laptop", "location_id": office["id"]}
    )
    assert refused.status_code == 422
    assert faults(refused) == {("/location_id", "unknown_reference")}


async def test_nobody_sees_or_touches_another_tenants_device(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice = await house.organization(msp)
    device = await enroll(msp, practice)
    for method, path in (("GET", f"/devices/{device['id']}"), ("DELETE", f"/devices/{device['id']}")):
        assert (await stranger.request(method, path)).status_code == 404
    assert (await stranger.patch(f"/devices/{device['id']}", {"name": "Mine"})).status_code == 404
    assert (await stranger.get(f"/organizations/{practice}/devices")).status_code == 404
    assert (await stranger.post(f"/organizations/{practice}/devices", {"name": "X", "kind": "laptop"})).status_code == 404
    assert await names(stranger) == []
    assert await names(stranger, organization_id=practice) == []


async def test_a_narrowed_member_sees_the_fleet_of_its_own_practices(house: House) -> None:
    msp = await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    await enroll(msp, own, name="Ours")
    theirs = await enroll(msp, other, name="Theirs")
    admin = await house.member(msp, Role.practice_admin, organizations=[own])
    assert await names(admin) == ["Ours"]
    assert await names(admin, organization_id=other) == []
    assert (await admin.get(f"/devices/{theirs['id']}")).status_code == 404
    assert (await admin.post(f"/organizations/{other}/devices", {"name": "X", "kind": "laptop"})).status_code == 404
    member = await house.member(msp, Role.practice_member, organizations=[own])
    assert (await member.get("/devices")).status_code == 403, "answering topics does not open the inventory"


async def enroll(caller: Caller, practice: str, **fields: Any) -> dict[str, Any]:
    return await caller.make(f"/organizations/{practice}/devices", {"name": "PC", "kind": "capture_workstation", **fields})


async def names(caller: Caller, **filters: Any) -> list[str]:
    return [device["name"] for device in (await caller.get_json("/devices", params=filters))["data"]]


def faults(answer: Any) -> set[tuple[str, str]]:
    return {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
