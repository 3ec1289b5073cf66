"""Imports over HTTP: what an export changes, what it may never change, and what is refused."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from domain import bulk
from domain.access import Role
from tests.makers import Caller, House, expect, make_device, make_location
from tests.samples.sending import AS_OF, sample, send, send_ninjaone, send_survey

LAKEVIEW = "lakeview-dental"


def machine(id: int | str, name: str, **more: Any) -> dict[str, Any]:
    """One device as NinjaOne lists it."""
    return {
        "id": id,
        "systemName": name,
        "approvalStatus": "APPROVED",
        "lastContact": 1795345200.0,
        "os": {"name": "Windows 11 Professional Edition", "buildNumber": "26200"},
        "system": {"name": name, "serialNumber": f"SER-{id}"},
        **more,
    }


def volume(id: int | str, state: str) -> dict[str, Any]:
    return {"deviceId": id, "deviceType": "Fixed", "bitLockerStatus": {"protectionStatus": state}}


async def ninjaone(
    by: Caller, organization: str, *devices: dict[str, Any], volumes: tuple[dict[str, Any], ...] = (), **fields: Any
) -> dict[str, Any]:
    documents = {"devices": list(devices), "volumes": {"results": list(volumes)}}
    body = {"source": "ninjaone", "as_of": AS_OF, "documents": documents, **fields}
    return expect(await by.post(f"/organizations/{organization}/imports", body), 200 if fields.get("dry_run") else 201)


async def device_called(by: Caller, name: str) -> dict[str, Any]:
    [device] = [each for each in await by.all("/devices") if each["name"] == name]
    return device


async def events_about_devices(by: Caller) -> list[str]:
    return [each["kind"] for each in await by.all("/events") if each["kind"].startswith("device.")]


async def test_an_export_fills_the_inventory(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_location(msp, practice, name="Main", rmm_site="Main office")
    report = await send_ninjaone(msp, practice, LAKEVIEW)
    assert report["counts"] == {"created": 12, "updated": 0, "unchanged": 0, "rejected": 0, "skipped": 1, "duplicate": 0}
    assert "LV-BREAKROOM" in report["unmatched"]
    assert [file["part"] for file in report["files"]] == ["devices", "volumes", "antivirus"]
    assert {len(file["sha256"]) for file in report["files"]} == {64}

    capture = await device_called(msp, "LV-OP1-CAP")
    assert capture["kind"] == "unclassified", "what it is used for is no machine's to say"
    assert capture["os_key"] == "windows:7-sp1"
    assert capture["os_supported_until"] == "2020-01-14"
    assert capture["encryption_at_rest"] == "none"
    assert capture["facts"] == {"endpoint_protection": "expired"}
    assert capture["location_id"] is not None, "the site in the RMM names the location"
    assert capture["provenance"]["encryption_at_rest"] == {
        "source": "ninjaone",
        "observed_at": "2026-11-22T03:11:09.000000Z",
        "confirmed_by": None,
    }
    laptop = await device_called(msp, "LV-LT01")
    assert laptop["encryption_at_rest"] is None, "not measured is not unencrypted"


async def test_the_same_export_again_changes_nothing(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await send_ninjaone(msp, practice, LAKEVIEW)
    before = await msp.all("/devices")
    told = await events_about_devices(msp)
    again = await send_ninjaone(msp, practice, LAKEVIEW, as_of="2026-11-23T12:00:00Z")
    assert again["counts"]["unchanged"] == 12
    assert again["counts"]["created"] == again["counts"]["updated"] == 0
    assert await msp.all("/devices") == before
    assert await events_about_devices(msp) == told


async def test_a_report_is_kept_row_by_row(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    report = await send_ninjaone(msp, practice, LAKEVIEW)
    kept = await msp.get_json(f"/imports/{report['id']}")
    assert kept["counts"] == report["counts"]
    assert [each["id"] for each in await msp.all(f"/organizations/{practice}/imports")] == [report["id"]]
    first = await msp.get_json(f"/imports/{report['id']}/rows", params={"limit": 5})
    assert [row["position"] for row in first["data"]] == [1, 2, 3, 4, 5]
    assert first["data"] == report["rows"][:5]
    assert first["data"][0]["raw"]["systemName"] == "LV-OP1-CAP", "the row is kept as it came"
    skipped = await msp.get_json(f"/imports/{report['id']}/rows", params={"outcome": "skipped"})
    assert [(row["row"], row["code"], row["label"]) for row in skipped["data"]] == [(13, "not_approved", "LV-NEWPC")]


async def test_a_dry_run_keeps_nothing(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    report = await send_ninjaone(msp, practice, LAKEVIEW, status=200, dry_run="true")
    assert report["counts"]["created"] == 12
    assert (report["id"], report["kept"]) == (None, False)
    assert "nothing was kept" in report["note"]
    assert await msp.all("/devices") == []
    assert await msp.all(f"/organizations/{practice}/imports") == []
    assert await events_about_devices(msp) == []


async def test_a_change_in_the_tool_changes_the_device(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "UNPROTECTED"),))
    report = await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    assert report["counts"]["updated"] == 1
    device = await device_called(msp, "PC1")
    assert device["encryption_at_rest"] == "volume"
    [change] = [each for each in await msp.all("/audit-log") if each["kind"] == "device.updated"]
    assert change["changes"] == {"encryption_at_rest": {"from": "none", "to": "volume"}}


async def test_unknown_leaves_what_is_there(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    report = await ninjaone(msp, practice, machine(1, "PC1"))
    assert report["counts"]["unchanged"] == 1
    assert (await device_called(msp, "PC1"))["encryption_at_rest"] == "volume"


async def test_a_person_is_never_overruled(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made = await make_device(msp, practice, name="Chair 1", hostname="pc1", encryption_at_rest="volume", os_name="Windows 10")
    report: dict[str, Any] = {}
    for _ in range(2):
        report = await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "UNPROTECTED"),))
        assert {(each["fact"], each["used"]) for each in report["conflicts"]} == {
            ("encryption_at_rest", "volume"),
            ("os_name", "Windows 10"),
        }
        assert {each["subject"] for each in report["conflicts"]} == {f"asset:{made['id']}"}
    assert report["counts"]["unchanged"] == 1
    device = await device_called(msp, "Chair 1")
    assert device["id"] == made["id"], "found by its host name"
    assert (device["encryption_at_rest"], device["os_name"]) == ("volume", "Windows 10")
    assert (device["source"], device["source_id"], device["serial"]) == ("ninjaone", "1", "SER-1")


async def test_what_is_no_longer_listed_is_marked_and_kept(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), machine(2, "PC2"))
    await ninjaone(msp, practice, machine(1, "PC1"))
    assert (await device_called(msp, "PC2"))["stale_since"] == "2026-11-22T12:00:00.000000Z"
    assert (await device_called(msp, "PC1"))["stale_since"] is None
    back = await ninjaone(msp, practice, machine(1, "PC1"), machine(2, "PC2"))
    assert back["counts"] == {**back["counts"], "unchanged": 1, "updated": 1}
    assert (await device_called(msp, "PC2"))["stale_since"] is None


async def test_an_older_or_partial_export_shows_nothing_gone(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), machine(2, "PC2"))
    await ninjaone(msp, practice, machine(1, "PC1"), as_of="2026-11-01T00:00:00Z")
    assert (await device_called(msp, "PC2"))["stale_since"] is None
    atera = {"items": [{"AgentID": 5, "MachineName": "PC5", "OS": "Windows 11"}], "totalItemCount": 1, "totalItems": 3}
    await send(msp, practice, "atera", {"devices": json.dumps(atera | {"totalItems": 1}).encode()})
    atera["items"] = []
    report = await send(msp, practice, "atera", {"devices": json.dumps(atera).encode()})
    assert [(row["code"], row["outcome"]) for row in report["rows"]] == [("incomplete_export", "skipped")]
    assert (await device_called(msp, "PC5"))["stale_since"] is None


async def test_a_machine_is_found_again_under_a_new_agent_id(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"))
    again = machine(9, "PC1", system={"name": "PC1", "serialNumber": "SER-1"})
    report = await ninjaone(msp, practice, again)
    assert report["counts"] == {**report["counts"], "created": 0, "updated": 1}
    assert (await device_called(msp, "PC1"))["source_id"] == "9"


async def test_another_machine_of_the_same_name_is_another_device(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"))
    report = await ninjaone(msp, practice, machine(9, "PC1"))
    assert report["counts"]["created"] == 1
    assert sorted(each["serial"] for each in await msp.all("/devices")) == ["SER-1", "SER-9"]


async def test_equal_names_are_told_apart_by_site(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made: dict[str, str] = {}
    for site in ("North", "South"):
        office = await make_location(msp, practice, rmm_site=site)
        device = await make_device(msp, practice, name=f"Front {site}", hostname="FRONT", location_id=office["id"])
        made[site] = device["id"]
    rows = [
        machine(id, "Front", system={"name": "Front"}, references={"location": {"name": site}})
        for id, site in ((1, "South"), (2, "North"), (3, "East"))
    ]
    report = await ninjaone(msp, practice, *rows)
    assert [(row["subject_id"], row["outcome"]) for row in report["rows"][:2]] == [
        (made["South"], "updated"),
        (made["North"], "updated"),
    ]
    assert report["rows"][2]["outcome"] == "created"


async def test_what_was_archived_here_stays_archived(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    report = await ninjaone(msp, practice, machine(1, "PC1"))
    await msp.delete(f"/devices/{report['rows'][0]['subject_id']}")
    again = await ninjaone(msp, practice, machine(1, "PC1"))
    assert [(row["outcome"], row["code"]) for row in again["rows"]] == [("skipped", "archived")]
    assert await msp.all("/devices") == []


async def test_bad_rows_cost_themselves_only(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    report = await ninjaone(msp, practice, machine("x" * 300, "PC0"), {"id": 7}, machine(1, "PC1"))
    assert report["counts"] == {**report["counts"], "created": 1, "rejected": 2}
    assert {row["code"] for row in report["rows"] if row["outcome"] == "rejected"} == {
        "source_id_too_long",
        "missing_hostname",
    }


async def test_no_patient_enters_by_an_export(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    report = await ninjaone(
        msp,
        practice,
        machine(1, "PC1", notes="ask for patient ID 4471234", system={"name": "PC1", "serialNumber": "321-54-9876"}),
        machine(2, "MRN-4471234"),
    )
    assert [(row["outcome"], row["code"]) for row in report["rows"]] == [
        ("created", None),
        ("rejected", "looks_like_patient_identifier"),
    ]
    [kept, refused] = await msp.all(f"/imports/{report['id']}/rows")
    assert "4471234" not in json.dumps([kept, refused])
    assert kept["warnings"] == ["patient_identifier_removed"]
    assert (await device_called(msp, "PC1"))["serial"] == "321-54-9876", "a serial number may look as it likes"


async def test_a_table_is_read_with_its_mapping(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    body = {
        "source": "csv",
        "documents": {"devices": "Computer name,Disk\nPC1,encrypted\nPC2\n"},
        "mapping": {"columns": {"Disk": "encryption"}},
    }
    report = await msp.make(f"/organizations/{practice}/imports", body)
    assert report["counts"] == {**report["counts"], "created": 1, "rejected": 1}
    assert report["files"][0]["delimiter"] == ","
    assert (await device_called(msp, "PC1"))["encryption_at_rest"] == "volume"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"\0" * 128 + b"DICM" + b"\0" * 200, 415, "dicom-refused"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 200, 415, "unsupported-media-type"),
        (b"PK\x03\x04 xl/workbook.xml", 415, "unsupported-media-type"),
        (b"", 422, "empty-file"),
        (b"[{", 422, "not-json"),
        (b'{"devices": 5}', 422, "not-this-source"),
    ],
)
async def test_what_cannot_be_read_is_refused_whole(house: House, content: bytes, status: int, code: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    problem = await send(msp, practice, "ninjaone", {"devices": content}, status=status)
    assert problem["type"].endswith(code)
    assert await msp.all(f"/organizations/{practice}/imports") == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"source": "nagios", "documents": {"devices": []}}, "/source", "unknown_source"),
        ({"source": "ninjaone"}, "/documents", "missing"),
        ({"documents": {"devices": []}}, "/source", "missing"),
        ({"source": "ninjaone", "documents": {"devices": []}, "dryrun": True}, "/dryrun", "unknown"),
        ({"source": "ninjaone", "documents": {"devices": []}, "as_of": "2026-11-22T12:00:00"}, "/as_of", "timezone_aware"),
        ({"source": "ninjaone", "documents": {"devices": []}, "timezone": "Mars/North"}, "/timezone", "unknown_timezone"),
        ({"source": "ninjaone", "documents": {"volumes": [], "devices": [], "x": 1}}, "/x", "unknown_part"),
        ({"source": "csv", "documents": {"devices": "a\n1"}}, "/devices", "missing_column:hostname"),
        (
            {"source": "csv", "documents": {"devices": "Hostname\n1"}, "mapping": {"columns": {"a": "b"}}},
            "/mapping/columns",
            "unknown_field",
        ),
    ],
)
async def test_bad_requests_are_told_where(house: House, body: dict[str, Any], pointer: str, code: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.post(f"/organizations/{practice}/imports", body)
    assert [(each["pointer"], each["code"]) for each in expect(answer, 422)["errors"]] == [(pointer, code)]


async def test_the_known_sources_are_listed(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.post(f"/organizations/{practice}/imports", {"source": "nagios", "documents": {"devices": []}})
    assert "ninjaone" in answer.json()["detail"]


async def test_other_bodies_are_refused(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/imports"
    for content, type, status in (
        (b"a,b", "text/csv", 415),
        (b"{", "application/json", 400),
        (b"x", "multipart/form-data", 400),
    ):
        answer = await msp.request("POST", path, content=content, headers={"Content-Type": type})
        assert answer.status_code == status


async def test_an_import_belongs_to_its_organization(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice = await house.organization(msp)
    report = await send_ninjaone(msp, practice, LAKEVIEW)
    assert (await stranger.get(f"/imports/{report['id']}")).status_code == 404
    assert (await stranger.get(f"/imports/{report['id']}/rows")).status_code == 404
    foreign = await stranger.request(
        "POST",
        f"/organizations/{practice}/imports",
        data={"source": "ninjaone"},
        files={"devices": sample(LAKEVIEW, "ninjaone-devices.json")},
    )
    assert foreign.status_code == 404
    assert UUID(report["id"])


async def test_two_imports_at_once_add_each_machine_once(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    rows = [machine(number, f"PC{number}") for number in range(20)]
    reports = await asyncio.gather(*(ninjaone(msp, practice, *rows) for _ in range(3)))
    assert sorted(report["counts"]["created"] for report in reports) == [0, 0, 20]
    assert len(await msp.all("/devices")) == 20


async def test_many_rows_are_written_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 3)
    msp = await house.tenant()
    practice = await house.organization(msp)
    rows = [machine(number, f"PC{number}") for number in range(10)]
    created = await ninjaone(msp, practice, *rows)
    ids = {row["label"]: row["subject_id"] for row in created["rows"]}
    changed = await ninjaone(msp, practice, *rows[:7], volumes=tuple(volume(number, "PROTECTED") for number in range(7)))
    assert changed["counts"] == {**changed["counts"], "updated": 7}
    devices = await msp.all("/devices")
    assert {device["name"]: device["id"] for device in devices} == ids
    assert sum(device["encryption_at_rest"] == "volume" for device in devices) == 7
    assert sum(device["stale_since"] is not None for device in devices) == 3
    etag = (await msp.get(f"/devices/{ids['PC0']}")).headers["etag"]
    assert etag == '"2"', "an import counts up the version, so an older edit is refused"


async def test_a_practice_s_own_admin_may_import_for_that_practice_only(house: House) -> None:
    msp = await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    admin = await house.member(msp, Role.practice_admin, organizations=[own])
    assert (await send_ninjaone(admin, own, LAKEVIEW))["counts"]["created"] == 12
    surveyed = await send_survey(admin, own, LAKEVIEW)
    assert surveyed["counts"]["rejected"] == 0
    assert len(await msp.all("/vendors")) == 14
    await send_ninjaone(admin, other, LAKEVIEW, status=404)
    member = await house.member(msp, Role.practice_member, organizations=[own])
    await send_ninjaone(member, own, LAKEVIEW, status=403)


async def test_an_export_without_a_device_does_not_show_that_all_have_gone(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    for document in ("hostname\nPC1\n", "hostname\n"):
        await msp.make(f"/organizations/{practice}/imports", {"source": "csv", "document": document})
    assert [each["stale_since"] for each in await msp.all("/devices")] == [None]
