"""Remote accesses over HTTP: one way in, and what it reaches."""

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import House


async def test_a_remote_access_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Sensor Support"})
    server = await msp.make(f"/organizations/{practice}/devices", {"name": "Images", "kind": "imaging_server"})
    cloud = await msp.make(f"/organizations/{practice}/systems", {"name": "Cloud", "kind": "cloud_archive"})
    said = {
        "name": "Sensor support",
        "vendor_id": vendor["id"],
        "targets": [server["id"], cloud["id"]],
        "enabled": True,
        "facts": {"tool": "AnyDesk", "mfa": False, "session_logging": False},
    }
    await it_lives(
        msp,
        f"/organizations/{practice}/remote-accesses",
        "/remote-accesses",
        said,
        {"enabled": False, "targets": [cloud["id"]]},
    )


async def test_a_remote_access_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"name": "RMM"}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/remote-accesses", "/remote-accesses", said)


async def test_it_reaches_only_things_of_its_own_practice(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    elsewhere = await msp.make(f"/organizations/{other}/devices", {"name": "PC", "kind": "laptop"})
    path = f"/organizations/{practice}/remote-accesses"
    refused = await msp.post(path, {"name": "RMM", "targets": [elsewhere["id"]], "facts": {"enabled": True}})
    assert faults(refused) == {("/targets/0", "unknown_reference")}
    way = await msp.make(path, {"name": "RMM"})
    changed = await msp.patch(f"/remote-accesses/{way['id']}", {"targets": [elsewhere["id"]]})
    assert faults(changed) == {("/targets/0", "unknown_reference")}
    assert faults(await msp.post(path, {"name": "RMM", "vendor_id": elsewhere["id"]})) == {("/vendor_id", "unknown_reference")}
    assert faults(await msp.post(path, {"name": "RMM", "facts": {"enabled": True}})) == {
        ("/facts/enabled", "has_its_own_field")
    }


async def test_they_are_found_by_vendor_and_state(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await msp.make("/vendors", {"name": "Sensor Support"})
    path = f"/organizations/{practice}/remote-accesses"
    await msp.make(path, {"name": "Sensor support", "vendor_id": vendor["id"], "enabled": True})
    await msp.make(path, {"name": "Old VPN", "enabled": False})

    async def names(**filters: str) -> list[str]:
        return [each["name"] for each in (await msp.get_json(path, params=filters))["data"]]

    assert await names(vendor_id=vendor["id"]) == ["Sensor support"]
    assert await names(enabled="false") == ["Old VPN"]
