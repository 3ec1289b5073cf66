"""The network map over HTTP: everything that is there and every flow that was active, as data, drawing and text."""

from typing import Any
from xml.etree import ElementTree

import pytest

from domain.access import Role
from domain.clock import today
from tests.api.v1.nouns import faults
from tests.makers import Caller, House, expect


async def test_nothing_yet_is_a_map_too(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, name="Lakeview Dental")
    drawn = await msp.get_json(f"/organizations/{practice}/map")
    assert (drawn["title"], drawn["nodes"], drawn["edges"]) == ("Lakeview Dental", [], [])
    assert "0 nodes and 0 flows" in drawn["summary"]
    assert (await svg(msp, practice)).startswith("<svg")


async def test_things_stand_where_they_are(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    office = await msp.make(f"/organizations/{practice}/locations", {"name": "Main office"})
    vendor = await msp.make("/vendors", {"name": "Cloud Images Inc."})
    server = await make(
        msp,
        practice,
        "devices",
        name="Images",
        kind="imaging_server",
        location_id=office["id"],
        os_name="Windows Server 2012 R2",
        facts={"segment": "imaging", "stores_ephi": True},
    )
    sensor = await make(msp, practice, "devices", name="Sensor", kind="intraoral_sensor")
    cloud = await make(msp, practice, "systems", name="Cloud", kind="cloud_archive", vendor_id=vendor["id"])
    local = await make(msp, practice, "systems", name="Vault", kind="backup_target", hosted_by_vendor=False)
    await make(msp, practice, "devices", name="Old PC", kind="laptop", status="retired")
    gone = await make(msp, practice, "devices", name="Gone PC", kind="laptop")
    await msp.delete(f"/devices/{gone['id']}")

    drawn = await msp.get_json(f"/organizations/{practice}/map")
    nodes = {node["id"]: node for node in drawn["nodes"]}
    assert set(nodes) == {server["id"], sensor["id"], cloud["id"], local["id"]}, "only what is in use"
    assert nodes[server["id"]] == {
        "id": server["id"],
        "name": "Images",
        "kind": "imaging_server",
        "location": "Main office",
        "segment": "imaging",
        "stores_ephi": True,
        "os_support": "ended",
        "hosted": False,
        "outside": False,
    }
    assert nodes[sensor["id"]]["os_support"] == "not_applicable"
    assert nodes[sensor["id"]]["stores_ephi"] is None, "unknown is not no"
    assert [nodes[each["id"]]["hosted"] for each in (cloud, local)] == [True, False]
    names = [cluster["name"] for cluster in drawn["clusters"] if cluster["kind"] == "location"]
    assert names == ["Main office", "Location not recorded", "Hosted services"]


async def test_a_flow_brings_both_of_its_ends(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    server = await make(msp, practice, "devices", name="Images", kind="imaging_server")
    retired = await make(msp, practice, "devices", name="Old server", kind="imaging_server", status="retired")
    surgeon = await make(msp, practice, "partners", name="Oral Surgery", kind="specialist")
    await make(msp, practice, "partners", name="Never sent to", kind="lab")
    vendor = await msp.make("/vendors", {"name": "Aligner Lab"})
    for number, (source, destination) in enumerate(
        [
            ({"kind": "device", "id": server["id"]}, {"kind": "partner", "id": surgeon["id"]}),
            ({"kind": "device", "id": server["id"]}, {"kind": "vendor", "id": vendor["id"]}),
            ({"kind": "device", "id": retired["id"]}, {"kind": "patient"}),
            ({"kind": "other", "name": "patient"}, {"kind": "other", "name": "x" * 255}),
            ({"kind": "other", "name": "patient"}, None),
            (None, None),
        ]
    ):
        await make(msp, practice, "flows", name=f"Flow {number}", source=source, destination=destination)

    drawn = await msp.get_json(f"/organizations/{practice}/map")
    named = {node["id"]: node for node in drawn["nodes"]}
    ends = [(named[edge["source"]]["name"], named[edge["destination"]]["name"]) for edge in drawn["edges"]]
    assert ends == [
        ("Images", "Oral Surgery"),
        ("Images", "Aligner Lab"),
        ("Old server (retired)", "Patients"),
        ("patient", "x" * 255),
        ("patient", "Not recorded"),
        ("Not recorded", "Not recorded"),
    ]
    assert "Never sent to" not in {node["name"] for node in drawn["nodes"]}
    assert named[surgeon["id"]]["outside"] is True
    unknown = [node for node in drawn["nodes"] if node["name"] == "Not recorded"]
    assert len(unknown) == 3, "two ends that nobody has named need not be the same thing"
    assert {(node["outside"], node["os_support"]) for node in unknown} == {(False, "unknown")}
    strangers = [node for node in drawn["nodes"] if node["name"] in {"patient", "Patients"}]
    assert len(strangers) == 2, "something that is called patient is not the patients"


async def test_a_flow_says_what_is_known_of_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    flow = await make(
        msp,
        practice,
        "flows",
        name="Referrals",
        source={"kind": "other", "name": "Darkroom"},
        destination={"kind": "patient"},
        method="email",
        encrypted=False,
        crosses_internet=True,
        purpose="treatment",
        direction="outbound",
    )
    drawn = await msp.get_json(f"/organizations/{practice}/map")
    edge = drawn["edges"][0]
    assert edge["id"] == flow["id"]
    assert (edge["method"], edge["encrypted"], edge["logged"], edge["crosses_internet"]) == ("email", False, None, True)
    assert "flows not encrypted: 1" in drawn["summary"]
    assert "logging not known" in drawn["text"][-1]


async def test_the_day_decides_which_flows_are_drawn(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    for name, dates in (
        ("always", {}),
        ("since June", {"active_since": "2025-06-01"}),
        ("until May", {"active_until": "2025-05-31"}),
        ("ended somehow", {"facts": {"active": False}}),
    ):
        await make(msp, practice, "flows", name=name, **dates)
    archived = await make(msp, practice, "flows", name="archived")
    await msp.delete(f"/flows/{archived['id']}")

    async def drawn(**day: str) -> list[str]:
        found = await msp.get_json(f"/organizations/{practice}/map", params=day)
        assert found["as_of"] == day.get("as_of", found["as_of"])
        return [edge["label"] for edge in found["edges"]]

    assert await drawn() == ["always", "since June"]
    assert await drawn(as_of="2025-06-01") == ["always", "since June"]
    assert await drawn(as_of="2025-05-31") == ["always", "until May"]
    refused = await msp.get(f"/organizations/{practice}/map", params={"as_of": "yesterday"})
    assert faults(refused) == {("query/as_of", "date_from_datetime_parsing")}


async def test_the_day_decides_what_was_in_use(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    for name, fields in (
        ("always", {}),
        ("came in June", {"facts": {"added_on": "2025-06-01"}}),
        ("retired somehow", {"status": "retired"}),
        ("gone in July", {"status": "retired", "facts": {"disposed_on": "2025-07-01"}}),
    ):
        await make(msp, practice, "devices", name=name, kind="laptop", **fields)
    archived = await make(msp, practice, "devices", name="archived today", kind="laptop")
    expect(await msp.delete(f"/devices/{archived['id']}"), 204)

    async def drawn(day: str) -> set[str]:
        found = await msp.get_json(f"/organizations/{practice}/map", params={"as_of": day})
        return {node["name"] for node in found["nodes"]}

    assert await drawn(today().isoformat()) == {"always", "came in June"}
    gone = "gone in July (retired)"
    assert await drawn("2025-06-30") == {"always", "came in June", gone, "archived today (archived)"}
    assert await drawn("2025-05-31") == {"always", gone, "archived today (archived)"}


async def test_support_is_that_of_the_day(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make(msp, practice, "devices", name="PC", kind="laptop", os_name="Windows 10 Pro", os_build="19045")
    for day, support in (("2025-10-13", "supported"), ("2025-10-14", "ended")):
        drawn = await msp.get_json(f"/organizations/{practice}/map", params={"as_of": day})
        assert drawn["nodes"][0]["os_support"] == support


async def test_the_form_is_the_one_that_is_accepted(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    evil = '"]; click n1 "javascript:alert(1)" <script>'
    await make(msp, practice, "flows", name=evil, source={"kind": "other", "name": evil}, destination={"kind": "patient"})

    drawing = await svg(msp, practice)
    assert ElementTree.fromstring(drawing).tag.endswith("svg")
    assert "<script>" not in drawing
    assert await svg(msp, practice) == drawing, "the same map is the same drawing"
    mermaid = await msp.get(f"/organizations/{practice}/map", headers={"Accept": "text/vnd.mermaid"})
    assert expect_type(mermaid) == "text/vnd.mermaid"
    assert mermaid.text.startswith("flowchart")
    assert "<script>" not in mermaid.text
    assert mermaid.headers["vary"] == "Accept"
    assert "sandbox" in mermaid.headers["content-security-policy"]
    either = await msp.get(f"/organizations/{practice}/map", headers={"Accept": "text/html, image/svg+xml;q=0.5, */*;q=0.1"})
    assert expect_type(either) == "image/svg+xml"
    neither = await msp.get(f"/organizations/{practice}/map", headers={"Accept": "image/png"})
    assert neither.status_code == 406
    assert "image/svg+xml" in neither.json()["detail"]


@pytest.mark.parametrize("role", [Role.practice_member, Role.billing])
async def test_who_may_not_see_the_inventory_does_not_see_its_map(house: House, role: Role) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    caller = await house.member(msp, role, organizations=[practice])
    assert (await caller.get(f"/organizations/{practice}/map")).status_code == 403


async def test_a_key_for_flows_alone_shows_no_devices(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    machine = await house.member(msp, Role.technician, scopes=["flows:read", "organizations:read"])
    assert (await machine.get(f"/organizations/{practice}/flows")).status_code == 200
    assert (await machine.get(f"/organizations/{practice}/map")).status_code == 403


async def test_the_map_is_behind_both_walls(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    await make(msp, own, "devices", name="Ours", kind="laptop")
    await make(msp, other, "devices", name="Theirs", kind="laptop")
    neighbour = await house.member(msp, Role.practice_admin, organizations=[other])
    for outsider in (stranger, neighbour):
        assert (await outsider.get(f"/organizations/{own}/map")).status_code == 404
    drawn = await neighbour.get_json(f"/organizations/{other}/map")
    assert [node["name"] for node in drawn["nodes"]] == ["Theirs"]


async def make(caller: Caller, practice: str, nouns: str, **fields: Any) -> dict[str, Any]:
    return await caller.make(f"/organizations/{practice}/{nouns}", fields)


async def svg(caller: Caller, practice: str) -> str:
    answer = await caller.get(f"/organizations/{practice}/map", headers={"Accept": "image/svg+xml"})
    assert expect_type(answer) == "image/svg+xml"
    return answer.text


def expect_type(answer: Any) -> str:
    assert answer.status_code == 200, answer.text[:500]
    return answer.headers["content-type"].split(";")[0]
