"""Backups over HTTP: one job, what it copies and where to."""

from typing import Any

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import Caller, House, expect


async def test_a_backup_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    server, nas = await device(msp, practice, "imaging_server"), await device(msp, practice, "nas")
    said = {
        "name": "Nightly",
        "target_device_id": nas,
        "covers": [server],
        "last_restore_test_on": "2026-02-10",
        "facts": {"immutable": False, "encrypted": True, "offsite_method": "none"},
    }
    made = await it_lives(
        msp, f"/organizations/{practice}/backups", "/backups", said, {"covers": [], "active": False, "target_device_id": None}
    )
    assert made["last_success_at"] is None
    assert made["provenance"]["immutable"]["source"] == "person"


async def test_a_backup_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    await it_is_behind_both_walls(house, msp, "/organizations/{}/backups", "/backups", {"name": "Nightly"})


async def test_nobody_knows_what_it_covers_is_not_that_it_covers_nothing(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/backups"
    assert (await msp.make(path, {"name": "Nightly"}))["covers"] is None
    assert (await msp.make(path, {"name": "Weekly", "covers": []}))["covers"] == []
    assert [each["covers"] for each in await msp.all(path)] == [None, []]


async def test_it_covers_only_things_of_its_own_practice(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    own = await device(msp, practice, "imaging_server")
    elsewhere = await device(msp, other, "imaging_server")
    theirs = await device(stranger, await house.organization(stranger), "imaging_server")
    partner = (await msp.make(f"/organizations/{practice}/partners", {"name": "Lab", "kind": "lab"}))["id"]
    refused = await msp.post(
        f"/organizations/{practice}/backups", {"name": "Nightly", "covers": [own, elsewhere, theirs, partner]}
    )
    assert faults(refused) == {
        ("/covers/1", "unknown_reference"),
        ("/covers/2", "unknown_reference"),
        ("/covers/3", "unknown_reference"),
    }
    refused = await msp.post(f"/organizations/{practice}/backups", {"name": "Nightly", "target_device_id": elsewhere})
    assert faults(refused) == {("/target_device_id", "unknown_reference")}


async def test_an_archived_server_is_not_covered_anew_but_stops_no_other_change(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    server = await device(msp, practice, "imaging_server")
    job = await msp.make(f"/organizations/{practice}/backups", {"name": "Nightly", "covers": [server]})
    await msp.delete(f"/devices/{server}")
    renamed = expect(await msp.patch(f"/backups/{job['id']}", {"name": "Nightly to NAS", "covers": [server]}), 200)
    assert renamed["covers"] == [server]
    refused = await msp.post(f"/organizations/{practice}/backups", {"name": "Weekly", "covers": [server]})
    assert faults(refused) == {("/covers/0", "unknown_reference")}


async def test_a_job_has_one_target(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    nas = await device(msp, practice, "nas")
    cloud = await msp.make(f"/organizations/{practice}/systems", {"name": "Vault", "kind": "backup_target"})
    said: dict[str, Any] = {"name": "Nightly", "target_device_id": nas, "target_system_id": cloud["id"]}
    refused = await msp.post(f"/organizations/{practice}/backups", said)
    assert faults(refused) == {("/target_system_id", "one_target")}


async def device(caller: Caller, practice: str, kind: str) -> str:
    return (await caller.make(f"/organizations/{practice}/devices", {"name": kind, "kind": kind}))["id"]
