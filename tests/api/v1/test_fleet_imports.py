"""Imports for the whole tenant over HTTP: each site finds its client, and what is nobody's yet waits without being lost."""

from typing import Any

from domain.access import Role
from domain.runtime import Runtime
from tests.api.v1.nouns import it_lives
from tests.domain.outbound.listening import eventually, working
from tests.makers import Caller, House, expect, make_location

AS_OF = "2026-11-22T12:00:00Z"


def machine(id: int, name: str, company: str, site: str) -> dict[str, Any]:
    return {
        "id": id,
        "systemName": name,
        "approvalStatus": "APPROVED",
        "lastContact": 1795345200.0,
        "os": {"name": "Windows 11 Professional Edition", "buildNumber": "26200"},
        "references": {"organization": {"name": company}, "location": {"name": site}},
    }


FLEET = (
    machine(1, "FRONT", "Lakeview Dental", "Main"),
    machine(2, "FRONT", "Harbor Group", "Downtown"),
    machine(3, "OP1", "Harbor Group", "North"),
    machine(4, "OP1", "Somebody Else", "Main"),
    machine(5, "LAB", "Somebody Else", "Main"),
)


async def fleet(by: Caller, *devices: dict[str, Any], status: int = 202, **fields: Any) -> dict[str, Any]:
    body = {"source": "ninjaone", "as_of": AS_OF, "documents": {"devices": list(devices)}, **fields}
    return expect(await by.post("/fleet-imports", body), status)


async def finished(by: Caller, path: str) -> dict[str, Any]:
    async def is_finished() -> bool:
        return (await by.get_json(path))["status"] in ("completed", "failed")

    await eventually(is_finished, f"{path} is finished")
    return await by.get_json(path)


async def map_site(by: Caller, company: str, organization: str, site: str | None = None, **fields: Any) -> dict[str, Any]:
    said = {"source": "ninjaone", "company": company, "site": site, "organization_id": organization, **fields}
    return await by.make("/rmm-sites", said)


async def names_in(by: Caller, organization: str) -> list[str]:
    return sorted(each["name"] for each in await by.all(f"/organizations/{organization}/devices"))


async def test_each_site_finds_its_client_and_nothing_is_lost(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    lakeview, harbor = await house.organization(msp), await house.organization(msp)
    downtown = await make_location(msp, harbor, name="Downtown", rmm_site="Downtown")
    north = await make_location(msp, harbor, name="The other one")
    await map_site(msp, "lakeview dental", lakeview)
    await map_site(msp, "Harbor Group", harbor)
    await map_site(msp, "Harbor Group", harbor, site="North", location_id=north["id"])
    rehearsed = await fleet(msp, *FLEET, status=200, dry_run=True)
    assert (rehearsed["counts"]["created"], rehearsed["waiting"]) == (3, 2)
    assert rehearsed["unmapped"] == [{"company": "Somebody Else", "site": None, "waiting": 2}]
    assert await msp.all("/devices") == []
    assert len(await msp.all("/rmm-sites")) == 3, "a dry run notes no site"

    async with working(runtime):
        run = await finished(msp, f"/fleet-imports/{(await fleet(msp, *FLEET))['id']}")
        assert run["counts"] == {**run["counts"], "created": 3, "skipped": 2}
        assert (run["status"], run["waiting"], run["rows_total"], run["rows_done"]) == ("completed", 2, 5, 5)
        assert {each["organization_id"]: each["counts"]["created"] for each in run["imports"]} == {lakeview: 1, harbor: 2}
        assert await names_in(msp, lakeview) == ["FRONT"]
        places = {each["name"]: each["location_id"] for each in await msp.all(f"/organizations/{harbor}/devices")}
        assert places == {"FRONT": downtown["id"], "OP1": north["id"]}

        rows = await msp.all(f"/fleet-imports/{run['id']}/rows")
        assert [(row["label"], row["code"]) for row in rows] == [("OP1", "unmapped_site"), ("LAB", "unmapped_site")]
        [unmapped] = (await msp.get_json("/rmm-sites", params={"mapped": "false"}))["data"]
        assert (unmapped["company"], unmapped["waiting"]) == ("Somebody Else", 2)
        assert {row["site_id"] for row in rows} == {unmapped["id"]}

        newcomer = await house.organization(msp)
        mapped = expect(await msp.patch(f"/rmm-sites/{unmapped['id']}", {"organization_id": newcomer}), 200)
        taken = await finished(msp, f"/imports/{mapped['import_id']}")
        assert (taken["counts"]["created"], taken["fleet_import_id"]) == (2, run["id"])
        assert await names_in(msp, newcomer) == ["LAB", "OP1"]
        assert (await msp.get_json(f"/rmm-sites/{unmapped['id']}"))["waiting"] == 0
        again = expect(await msp.patch(f"/rmm-sites/{unmapped['id']}", {"location_id": None}), 200)
        assert again["import_id"] is None, "nothing waits any more"

        # The next export: all is known, and what is no longer listed is marked in its own organization only.
        later = await fleet(msp, *FLEET[:2], FLEET[3], as_of="2026-11-23T12:00:00Z")
        run = await finished(msp, f"/fleet-imports/{later['id']}")
    assert run["counts"] == {**run["counts"], "unchanged": 3, "created": 0, "skipped": 0}
    stale = sorted(each["name"] for each in await msp.all("/devices") if each["stale_since"])
    assert stale == ["LAB", "OP1"]
    assert (await msp.get_json("/audit-log/verification"))["intact"]


async def test_an_ignored_site_is_left_out_and_an_archived_client_s_waits(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    gone = await house.organization(msp)
    await msp.make("/rmm-sites", {"source": "ninjaone", "company": "Somebody Else", "ignored": True})
    await map_site(msp, "Lakeview Dental", gone)
    assert (await msp.delete(f"/organizations/{gone}")).status_code == 204
    async with working(runtime):
        run = await finished(msp, f"/fleet-imports/{(await fleet(msp, FLEET[0], FLEET[3]))['id']}")
    rows = await msp.all(f"/fleet-imports/{run['id']}/rows")
    assert [row["code"] for row in rows] == ["unmapped_site", "ignored_site"]
    assert (run["waiting"], run["imports"]) == (1, [])


async def test_the_whole_account_is_nobody_s_who_is_narrowed(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    admin = await house.member(msp, Role.practice_admin, organizations=[practice])
    assert (await admin.get("/fleet-imports")).status_code == 403
    other = await house.organization(msp)
    await map_site(msp, "Harbor Group", other)
    assert await admin.all("/rmm-sites") == []
    stranger = await house.tenant()
    site = await map_site(msp, "Lakeview Dental", practice)
    assert (await stranger.get(f"/rmm-sites/{site['id']}")).status_code == 404
    said = {"source": "ninjaone", "company": "Lakeview Dental", "organization_id": practice}
    refused = await stranger.post("/rmm-sites", said)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/organization_id")
    assert (await msp.post("/rmm-sites", said)).status_code == 409
    assert (await msp.post("/rmm-sites", {"source": "ninjaone"})).status_code == 422
    elsewhere = await make_location(msp, await house.organization(msp))
    assert (await msp.patch(f"/rmm-sites/{site['id']}", {"location_id": elsewhere["id"]})).status_code == 422


async def test_a_mapping_of_columns_is_saved_once_and_named_later(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"name": "Our list", "columns": {"Disk": "encryption", "Hostname": None, "PC": "hostname"}}
    saved = await msp.make("/column-mappings", said)
    body = {"source": "csv", "documents": {"devices": "PC,Hostname,Disk\nFRONT,x,encrypted\n"}, "mapping_id": saved["id"]}
    report = await msp.make(f"/organizations/{practice}/imports", body)
    assert report["counts"]["created"] == 1
    [device] = await msp.all("/devices")
    assert (device["hostname"], device["encryption_at_rest"]) == ("FRONT", "volume")

    async def refused(**fields: Any) -> tuple[str, str]:
        fault = expect(await msp.post(f"/organizations/{practice}/imports", {**body, **fields}), 422)["errors"][0]
        return fault["pointer"], fault["code"]

    assert await refused(mapping={"columns": {"Disk": "encryption"}}) == ("/mapping_id", "contradiction")
    assert await refused(source="datto-csv") == ("/mapping_id", "other_source")
    stranger = await house.tenant()
    foreign = await stranger.make("/column-mappings", said)
    assert await refused(mapping_id=foreign["id"]) == ("/mapping_id", "unknown_reference")
    unknown = expect(await msp.post("/column-mappings", {"name": "x", "columns": {"a": "b"}}), 422)["errors"][0]
    assert (unknown["pointer"], unknown["code"]) == ("/columns", "unknown_field")
    assert (await msp.post("/column-mappings", said)).status_code == 409
    assert (await msp.delete(f"/column-mappings/{saved['id']}")).status_code == 204
    await it_lives(msp, "/column-mappings", "/column-mappings", said, {"date_format": "MM/DD/YYYY"})
