"""Flows over HTTP: one movement of images, with two ends of whatever kind."""

from typing import Any

import pytest

from tests.api.v1.nouns import faults, it_is_behind_both_walls, it_lives
from tests.makers import Caller, House, expect


async def test_a_flow_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    sensor, partner = await device(msp, practice), await surgeon(msp, practice)
    said = {
        "name": "Referral images",
        "source": {"kind": "device", "id": sensor, "name": None},
        "destination": {"kind": "partner", "id": partner, "name": None},
        "method": "email",
        "encrypted": False,
        "active_since": "2024-01-01",
        "facts": {"recipient_verified": True, "consent": {"warned_on": "2024-01-01"}},
    }
    made = await it_lives(
        msp,
        f"/organizations/{practice}/flows",
        "/flows",
        said,
        {"encrypted": True, "tls_version": "1.3", "crosses_internet": True},
    )
    assert made["crosses_internet"] is None, "unknown is not no"


async def test_a_flow_is_behind_both_walls(house: House) -> None:
    msp = await house.tenant()
    said = {"name": "Film", "source": {"kind": "other", "name": "darkroom"}, "destination": {"kind": "patient"}}
    await it_is_behind_both_walls(house, msp, "/organizations/{}/flows", "/flows", said)


async def test_every_kind_of_end_is_read_as_it_was_said(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    system = await msp.make(f"/organizations/{practice}/systems", {"name": "Cloud", "kind": "cloud_archive"})
    vendor = await msp.make("/vendors", {"name": "Aligner Lab"})
    ends: list[dict[str, Any]] = [
        {"kind": "device", "id": await device(msp, practice), "name": None},
        {"kind": "system", "id": system["id"], "name": None},
        {"kind": "partner", "id": await surgeon(msp, practice), "name": None},
        {"kind": "vendor", "id": vendor["id"], "name": None},
        {"kind": "patient", "id": None, "name": None},
        {"kind": "other", "id": None, "name": "a fax machine"},
    ]
    for number, end in enumerate(ends):
        flow = await msp.make(f"/organizations/{practice}/flows", {"name": f"Flow {number}", "source": end})
        assert (flow["source"], flow["destination"]) == (end, None)
        assert await msp.get_json(f"/flows/{flow['id']}") == flow
    listed = await msp.all(f"/organizations/{practice}/flows")
    assert [(flow["source"], flow["destination"]) for flow in listed] == [(end, None) for end in ends]


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        ({"kind": "device"}, ("/source/id", "missing")),
        ({"kind": "vendor", "id": None}, ("/source/id", "missing")),
        ({"kind": "patient", "name": "somebody"}, ("/source/name", "not_expected")),
        ({"kind": "other"}, ("/source/name", "missing")),
        ({"kind": "other", "name": "x", "id": "01a20376-d260-7ccb-8968-b4396c84ecaa"}, ("/source/id", "not_expected")),
        ({"kind": "device", "id": "01a20376-d260-7ccb-8968-b4396c84ecaa"}, ("/source/id", "unknown_reference")),
        ({"kind": "device", "id": "the server"}, ("/source/id", "uuid_parsing")),
        ({"kind": "cloud"}, ("/source/kind", "enum")),
        ({"kind": "patient", "colour": "red"}, ("/source/colour", "unknown")),
        ({"id": None}, ("/source/kind", "missing")),
    ],
)
async def test_an_end_is_whole_and_of_one_kind(house: House, end: dict[str, Any], fault: tuple[str, str]) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assert faults(await msp.post(f"/organizations/{practice}/flows", {"name": "Flow", "source": end})) == {fault}


async def test_ends_belong_to_the_same_practice(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    elsewhere, partner = await device(msp, other), await surgeon(msp, other)
    vendor = await stranger.make("/vendors", {"name": "Theirs"})
    path = f"/organizations/{practice}/flows"
    said = {
        "name": "Flow",
        "source": {"kind": "device", "id": elsewhere},
        "destination": {"kind": "partner", "id": partner},
    }
    assert faults(await msp.post(path, said)) == {
        ("/source/id", "unknown_reference"),
        ("/destination/id", "unknown_reference"),
    }
    said = {"name": "Flow", "source": {"kind": "vendor", "id": vendor["id"]}}
    assert faults(await msp.post(path, said)) == {("/source/id", "unknown_reference")}
    own = await device(msp, practice)
    mistaken = {"name": "Flow", "source": {"kind": "system", "id": own}}
    assert faults(await msp.post(path, mistaken)) == {("/source/id", "unknown_reference")}, "a device is no system"
    flow = await msp.make(path, {"name": "Flow", "source": {"kind": "device", "id": own}})
    changed = await msp.patch(f"/flows/{flow['id']}", {"source": {"id": elsewhere}})
    assert faults(changed) == {("/source/id", "unknown_reference")}


async def test_the_ends_merge_member_by_member(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    first, second = await device(msp, practice), await device(msp, practice)
    flow = await msp.make(f"/organizations/{practice}/flows", {"name": "Flow", "source": {"kind": "device", "id": first}})
    item = f"/flows/{flow['id']}"

    other_device = expect(await msp.patch(item, {"source": {"id": second}}), 200)
    assert other_device["source"] == {"kind": "device", "id": second, "name": None}
    assert faults(await msp.patch(item, {"source": {"kind": "patient"}})) == {("/source/id", "not_expected")}
    to_patient = expect(await msp.patch(item, {"source": {"kind": "patient", "id": None}}), 200)
    assert to_patient["source"] == {"kind": "patient", "id": None, "name": None}
    named = expect(await msp.patch(item, {"source": {"kind": "other", "name": "a courier"}}), 200)
    assert named["source"]["name"] == "a courier"
    unknown = expect(await msp.patch(item, {"source": None}), 200)
    assert unknown["source"] is None
    begun = expect(await msp.patch(item, {"destination": {"kind": "device", "id": first}}), 200)
    assert begun["destination"]["id"] == first
    assert faults(await msp.patch(item, {"destination": {"id": None}})) == {("/destination/id", "missing")}


async def test_an_archived_device_stays_the_end_that_it_was(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    server = await device(msp, practice)
    path = f"/organizations/{practice}/flows"
    flow = await msp.make(path, {"name": "Flow", "source": {"kind": "device", "id": server}})
    await msp.delete(f"/devices/{server}")
    ended = expect(await msp.patch(f"/flows/{flow['id']}", {"active_until": "2026-01-01"}), 200)
    assert ended["source"]["id"] == server
    again = await msp.post(path, {"name": "New", "source": {"kind": "device", "id": server}})
    assert faults(again) == {("/source/id", "unknown_reference")}


async def test_a_flow_ends_after_it_begins(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"name": "Flow", "active_since": "2026-02-01", "active_until": "2026-01-31"}
    assert faults(await msp.post(f"/organizations/{practice}/flows", said)) == {("/active_until", "before_start")}


async def test_flows_are_filtered(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/flows"
    server = await device(msp, practice)
    await msp.make(path, {"name": "A", "method": "dicom", "encrypted": False, "source": {"kind": "device", "id": server}})
    await msp.make(path, {"name": "B", "method": "https", "encrypted": True, "audit_logged": False})
    await msp.make(path, {"name": "C", "destination": {"kind": "other", "name": "State board"}, "direction": "outbound"})

    async def names(**filters: str) -> list[str]:
        return [flow["name"] for flow in (await msp.get_json(path, params=filters))["data"]]

    assert await names(encrypted="true") == ["B"]
    assert await names(encrypted="false") == ["A"]
    assert await names(encrypted="unknown") == ["C"], "unknown is asked for apart from no"
    assert await names(audit_logged="false") == ["B"]
    assert await names(crosses_internet="unknown", method="dicom") == ["A"]
    assert await names(direction="outbound") == ["C"]
    assert await names(end_id=server) == ["A"]
    assert await names(q="board") == ["C"]


async def test_what_a_flow_says_in_its_fields_is_no_fact(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    facts = {"source_asset": "x", "destination": "y", "vendor": "z", "segment_trust": "a bit", "speed": 5}
    refused = await msp.post(f"/organizations/{practice}/flows", {"name": "Flow", "facts": facts})
    assert faults(refused) == {
        ("/facts/source_asset", "has_its_own_field"),
        ("/facts/destination", "has_its_own_field"),
        ("/facts/vendor", "has_its_own_field"),
        ("/facts/segment_trust", "not_allowed"),
        ("/facts/speed", "unknown_fact"),
    }


async def test_a_purpose_is_one_that_the_rules_know(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/flows"
    refused = await msp.post(path, {"name": "Flow", "purpose": "convenience", "tls_version": "TLS 1.2"})
    assert faults(refused) == {("/purpose", "not_allowed"), ("/tls_version", "not_allowed")}
    assert "treatment" in refused.json()["detail"]
    flow = await msp.make(path, {"name": "Flow", "purpose": "treatment", "tls_version": "1.2"})
    assert faults(await msp.patch(f"/flows/{flow['id']}", {"purpose": "fun"})) == {("/purpose", "not_allowed")}


async def test_an_end_names_no_patient(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    said = {"name": "Flow", "destination": {"kind": "other", "name": "patient no. 448812"}}
    refused = await msp.post(f"/organizations/{practice}/flows", said)
    assert faults(refused) == {("/destination/name", "looks_like_patient_identifier")}


async def device(caller: Caller, practice: str) -> str:
    body = {"name": "Images", "kind": "imaging_server"}
    return (await caller.make(f"/organizations/{practice}/devices", body))["id"]


async def surgeon(caller: Caller, practice: str) -> str:
    body = {"name": "Harbor Oral Surgery", "kind": "specialist"}
    return (await caller.make(f"/organizations/{practice}/partners", body))["id"]
