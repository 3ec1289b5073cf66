"""Surveys over HTTP: what a survey changes, what a person or a machine knows better, and what it may never bring in."""

import json
from typing import Any, cast

import pytest

from tests.api.v1.test_imports import machine, ninjaone, volume
from tests.makers import Caller, House, expect, make_device, make_vendor
from tests.samples.sending import AS_OF, sample, send, send_ninjaone, send_survey

LAKEVIEW = "lakeview-dental"
OURS = {"id", "organization_id", "created_at", "updated_at", "location_id", "vendor_id"}


def op1(**more: Any) -> dict[str, Any]:
    return {"id": "op1", "kind": "capture_workstation", "location": "main", **more}


def a_survey(**sections: Any) -> dict[str, Any]:
    """A small survey; ``sections`` replace or add what matters to the test."""
    return {
        "schema": "imaging-survey/1",
        "as_of": "2026-11-22",
        "practice": {"id": "p", "name": "Practice", "surveyed_on": "2026-11-19"},
        "locations": [{"id": "main", "name": "Main office", "rmm_site": "Main"}],
        "systems": [op1()],
        **sections,
    }


async def take(by: Caller, organization: str, survey: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"source": "survey", "as_of": AS_OF, "document": survey, **fields}
    return expect(await by.post(f"/organizations/{organization}/imports", body), 200 if fields.get("dry_run") else 201)


async def one(by: Caller, organization: str, noun: str, ref: str) -> dict[str, Any]:
    [row] = [each for each in await by.all(f"/organizations/{organization}/{noun}") if each["ref"] == ref]
    return row


async def edited(by: Caller, path: str, changes: dict[str, Any]) -> dict[str, Any]:
    return expect(await by.patch(path, changes), 200)


async def events(by: Caller) -> list[str]:
    return [each["kind"] for each in await by.all("/events")]


# --- what comes of it --------------------------------------------------------------------------------------------------


async def test_the_order_of_tool_and_survey_does_not_matter(house: House) -> None:
    ends: list[list[dict[str, Any]]] = []
    for steps in ((send_ninjaone, send_survey), (send_survey, send_ninjaone)):
        msp = await house.tenant()
        practice = await house.organization(msp)
        for step in steps:
            await step(msp, practice, LAKEVIEW)
        refs = {
            row["id"]: row["ref"]
            for noun in ("devices", "locations")
            for row in await msp.all(f"/organizations/{practice}/{noun}")
        }
        devices: list[dict[str, Any]] = []
        for device in await msp.all(f"/organizations/{practice}/devices"):
            text = json.dumps({name: value for name, value in device.items() if name not in OURS})
            for id, ref in refs.items():
                text = text.replace(id, ref or "")
            devices.append({**json.loads(text), "location": refs.get(device["location_id"])})
        ends.append(sorted(devices, key=lambda device: device["name"]))
    assert ends[0] == ends[1]
    assert {device["location"] for device in ends[0]} == {"lv-main"}, "also of the device that no survey knows"


@pytest.mark.parametrize("practice", ["lakeview-dental", "harbor-group", "cedar-kids"])
async def test_the_same_survey_again_changes_nothing(house: House, practice: str) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    first = await send_survey(msp, organization, practice)
    assert first["counts"]["rejected"] == first["counts"]["duplicate"] == 0
    warnings = {warning for row in await msp.all(f"/imports/{first['id']}/rows") for warning in row["warnings"]}
    assert warnings <= {"unplaced_end"}, "a flow may lead to a place that is in no list"
    if practice != "harbor-group":
        await send_ninjaone(msp, organization, practice)
    told = await events(msp)
    again = await send_survey(msp, organization, practice)
    assert again["counts"]["created"] == again["counts"]["updated"] == 0
    assert again["counts"]["unchanged"] == first["counts"]["created"] + first["counts"]["updated"]
    assert await events(msp) == [*told, "import.completed"]
    if practice != "harbor-group":
        tool = await send_ninjaone(msp, organization, practice)
        assert tool["counts"]["created"] == tool["counts"]["updated"] == 0


async def test_a_survey_fills_every_part_of_the_record(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await send_survey(msp, practice, LAKEVIEW)
    organization = await msp.get_json(f"/organizations/{practice}")
    assert organization["security_official"] == "office manager"
    assert organization["settings"]["auto_logoff_max"] == 15
    assert organization["prior_analysis"]["approved_on"] == "2024-09-16"
    capture = await one(msp, practice, "devices", "op1")
    assert organization["prior_analysis"]["risks"][0]["subject"] == f"asset:{capture['id']}"
    sensor = await one(msp, practice, "devices", "sensor-a")
    assert (sensor["facts"]["host"], capture["facts"]["sensor_attached"]) == (capture["id"], sensor["id"])
    assert capture["provenance"]["owner"] == {
        "source": "survey",
        "observed_at": "2026-11-19T00:00:00.000000Z",
        "confirmed_by": None,
    }
    archive = await one(msp, practice, "systems", "cloud1")
    assert (archive["location_id"], archive["facts"]["location"]) == (None, "vendor")
    flow = await one(msp, practice, "flows", "f-pano-img")
    assert flow["source"]["id"] == (await one(msp, practice, "devices", "pano-1"))["id"]
    assert (await one(msp, practice, "flows", "f-cd-in"))["source"]["kind"] == "patient"
    assert (await one(msp, practice, "flows", "f-marketing"))["destination"]["name"] == "practice web site"
    assert (await one(msp, practice, "flows", "f-old-usb"))["facts"]["active"] is False
    person = await one(msp, practice, "workforce", "u-temp-da")
    assert person["accounts"][1] == {"asset_id": archive["id"], "enabled": True}
    assert (await one(msp, practice, "baas", "b-exbackup"))["state"] == "terminated"
    assert (await one(msp, practice, "documents", "d-sra-2"))["retain_until"] == "2030-09-16"
    policies = {row["key"]: row["in_place"] for row in await msp.all(f"/organizations/{practice}/policies")}
    assert policies["media_movement_log"] is False
    assert policies["film_destruction"] is None, "asked, and nobody knew"
    imported = (await msp.all(f"/organizations/{practice}/imports"))[0]
    assert {each["topic"] for each in imported["answers"]} == {"ACC-01", "WFS-02"}


async def test_a_later_survey_is_believed(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await take(msp, practice, a_survey(systems=[op1(owner="office manager", usb_storage="allowed", stores_ephi=True)]))
    changed = a_survey(systems=[op1(owner="practice owner", usb_storage="unknown", stores_ephi=True, status="retired")])
    report = await take(msp, practice, changed)
    assert report["conflicts"] == []
    device = await one(msp, practice, "devices", "op1")
    assert (device["owner"], device["status"]) == ("practice owner", "retired")
    assert "usb_storage" not in device["facts"], "what nobody knows any more is unknown"
    assert "usb_storage" not in device["provenance"]


async def test_a_dry_run_of_a_survey_keeps_nothing(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    told = await events(msp)
    report = await send_survey(msp, practice, LAKEVIEW, status=200, dry_run="true")
    assert report["counts"]["created"] > 90
    assert await events(msp) == told
    assert await msp.all("/vendors") == await msp.all("/devices") == []


# --- who is believed ---------------------------------------------------------------------------------------------------


async def test_a_measured_switch_beats_the_survey_and_both_are_told(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await take(msp, practice, a_survey(systems=[op1(hostname="pc1", encryption_at_rest="volume")]))
    for _ in range(2):
        report = await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "UNPROTECTED"),))
        device = await one(msp, practice, "devices", "op1")
        assert device["encryption_at_rest"] == "none"
        assert report["conflicts"] == [
            {
                "subject": f"asset:{device['id']}",
                "fact": "encryption_at_rest",
                "survey": "volume",
                "measured": "none",
                "used": "none",
            }
        ]
    settled = await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    assert settled["conflicts"] == []
    assert (await one(msp, practice, "devices", "op1"))["encryption_at_rest"] == "volume"


async def test_a_finer_word_of_the_survey_stands_beside_an_agreeing_measurement(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    report = await take(msp, practice, a_survey(systems=[op1(hostname="PC1", encryption_at_rest="database")]))
    assert report["conflicts"] == []
    assert (await one(msp, practice, "devices", "op1"))["encryption_at_rest"] == "database"


async def test_what_a_person_said_stays(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(
        systems=[op1(owner="office manager", login_mode="shared", encryption_at_rest="none")],
        users=[{"id": "u1", "role": "hygienist", "trained_on": "2025-01-01"}],
        incidents=[{"id": "i1", "discovered_on": "2026-10-01", "what": "lost laptop", "closed_on": None}],
        flows=[{"id": "f1", "name": "images", "source_asset": "op1", "destination": "patient", "encrypted": False}],
        settings={"auto_logoff_max": 15},
    )
    await take(msp, practice, survey)
    rows = {noun: await msp.all(f"/organizations/{practice}/{noun}") for noun in ("devices", "workforce", "incidents", "flows")}
    paths = {noun: f"/{noun}/{found[0]['id']}" for noun, found in rows.items()}
    await edited(msp, paths["devices"], {"owner": "practice owner", "name": "Chair 1", "facts": {"login_mode": "named"}})
    await edited(msp, paths["devices"], {"encryption_at_rest": "volume"})
    await edited(msp, paths["workforce"], {"trained_on": "2026-11-01"})
    await edited(msp, paths["incidents"], {"closed_on": "2026-10-09"})
    await edited(msp, paths["flows"], {"encrypted": True})
    await edited(msp, f"/organizations/{practice}", {"settings": {"auto_logoff_max": 5}})

    survey["systems"][0]["name"] = "Operatory 1"
    report = await take(msp, practice, survey)
    assert [row["pointer"] for row in report["rows"] if row["outcome"] == "updated"] == []
    assert {(each["fact"], each["survey"], each["used"]) for each in report["conflicts"]} == {
        ("owner", "office manager", "practice owner"),
        ("name", "Operatory 1", "Chair 1"),
        ("login_mode", "shared", "named"),
        ("encryption_at_rest", "none", "volume"),
        ("trained_on", "2025-01-01", "2026-11-01"),
        ("encrypted", False, True),
        ("settings.auto_logoff_max", 15, 5),
    }
    assert all(each["person"] == each["used"] for each in report["conflicts"])
    incident = await msp.get_json(paths["incidents"])
    assert incident["closed_on"] == "2026-10-09", "a survey that knows of no end does not reopen anything"


async def test_what_a_survey_says_otherwise_of_a_practice_and_its_vendors_is_asked(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(
        vendors=[{"id": "v1", "name": "Cloud Archive", "status": "active", "subcontractors": []}],
        engagements=[{"id": "e1", "vendor": "v1", "service": "cloud_archive", "maintains_phi": False}],
        baas=[{"id": "b1", "vendor": "v1", "status": "executed", "signed_on": "2025-01-01", "breach_notice_days": 30}],
        settings={"auto_logoff_max": 15},
    )
    await take(msp, practice, survey)
    engagement, baa = await one(msp, practice, "engagements", "e1"), await one(msp, practice, "baas", "b1")
    paths = {
        "maintains_phi": f"/engagements/{engagement['id']}",
        "signed_on": f"/baas/{baa['id']}",
        "breach_notice_days": f"/baas/{baa['id']}",
        "settings.auto_logoff_max": f"/organizations/{practice}",
    }
    await edited(msp, paths["maintains_phi"], {"maintains_phi": True})
    await edited(msp, paths["signed_on"], {"signed_on": "2025-02-02", "breach_notice_days": 10})
    await edited(msp, f"/organizations/{practice}", {"settings": {"auto_logoff_max": 5}})
    for _ in range(2):
        await take(msp, practice, survey)
    reviews = {each["fact"]: each for each in await msp.all(f"/organizations/{practice}/reviews")}
    assert {(fact, each["subject_type"], each["said"]["survey"], each["used"]) for fact, each in reviews.items()} == {
        ("maintains_phi", "engagement", False, True),
        ("signed_on", "baa", "2025-01-01", "2025-02-02"),
        ("breach_notice_days", "baa", 30, 10),
        ("settings.auto_logoff_max", "organization", 15, 5),
    }, "each is asked once, and no person is overruled"

    sides = {
        "maintains_phi": "person",
        "signed_on": "survey",
        "breach_notice_days": "person",
        "settings.auto_logoff_max": "survey",
    }
    for fact, side in sides.items():
        await msp.make(f"/reviews/{reviews[fact]['id']}/decision", {"accept": side})
    now = {fact: await msp.get_json(path) for fact, path in paths.items()}
    assert now["maintains_phi"]["maintains_phi"] is True
    assert (now["signed_on"]["signed_on"], now["signed_on"]["breach_notice_days"]) == ("2025-01-01", 10)
    assert now["settings.auto_logoff_max"]["settings"] == {"auto_logoff_max": 15}
    await take(msp, practice, survey)
    after = [each["status"] for each in await msp.all(f"/organizations/{practice}/reviews")]
    assert after == ["decided"] * 4, "what was decided is not asked again"


async def test_what_was_archived_stays_archived_and_can_still_be_named(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(backups=[{"id": "b1", "target": "op1", "covers": ["op1"]}])
    await take(msp, practice, survey)
    device = await one(msp, practice, "devices", "op1")
    await msp.delete(f"/devices/{device['id']}")
    report = await take(msp, practice, survey)
    assert [(row["code"], row["subject_id"]) for row in report["rows"] if row["outcome"] == "skipped"] == [
        ("archived", device["id"])
    ]
    assert await msp.all(f"/organizations/{practice}/devices") == []
    assert (await one(msp, practice, "backups", "b1"))["covers"] == [device["id"]]


async def test_a_survey_never_changes_a_vendor_that_others_rely_on(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_vendor(msp, name="Cloud Archive", subcontractors=["host"], verified_on="2026-01-05")
    survey = a_survey(
        vendors=[
            {"id": "v1", "name": "CLOUD archive", "status": "ended", "subcontractors": None, "verified_on": "2024-01-01"}
            | {"baa_on_file": "unknown"},
            {"id": "v2", "name": "Shredder", "status": "active", "subcontractors": []},
        ],
        engagements=[{"id": f"e{number}", "vendor": f"v{number}", "service": "cloud_archive"} for number in (1, 2)],
    )
    await take(msp, practice, survey)
    vendors = {row["name"]: row for row in await msp.all("/vendors")}
    assert vendors.keys() == {"Cloud Archive", "Shredder"}
    kept = vendors["Cloud Archive"]
    assert (kept["status"], kept["verified_on"], kept["subcontractors"]) == ("active", "2026-01-05", ["host"])
    assert (await one(msp, practice, "engagements", "e1"))["vendor_facts"] == {
        "status": "ended",
        "subcontractors": "unknown",
        "verified_on": "2024-01-01",
        "baa_on_file": "unknown",
    }
    assert (await one(msp, practice, "engagements", "e2"))["vendor_facts"] == {}
    assert vendors["Shredder"]["subcontractors"] == []


async def test_what_is_unknown_here_stays_so_when_a_person_edits_the_engagement(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await make_vendor(msp, name="Archive", subcontractors=["host"])
    vendors = [{"id": "v1", "name": "Archive", "subcontractors": None}]
    await take(msp, practice, a_survey(vendors=vendors, engagements=[{"id": "e1", "vendor": "v1", "service": "backup"}]))
    engagement = await one(msp, practice, "engagements", "e1")
    changed = await edited(msp, f"/engagements/{engagement['id']}", {"started_on": "2026-01-05"})
    assert changed["vendor_facts"] == {"subcontractors": "unknown"}


# --- which row is meant ------------------------------------------------------------------------------------------------


async def test_a_device_that_a_person_entered_is_found_by_host_name(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made = await make_device(msp, practice, name="Chair 1", hostname="pc1", kind="capture_workstation")
    await take(msp, practice, a_survey(systems=[op1(hostname="PC1", owner="office manager")]))
    [device] = await msp.all("/devices")
    assert (device["id"], device["name"], device["ref"], device["owner"]) == (made["id"], "Chair 1", "op1", "office manager")


async def test_one_machine_entered_twice_becomes_one(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await take(msp, practice, a_survey())
    surveyed = await one(msp, practice, "devices", "op1")
    await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    assert len(await msp.all("/devices")) == 2, "without a host name the survey's device cannot be known again"
    report = await take(msp, practice, a_survey(systems=[op1(hostname="PC1")]))
    assert report["unmatched"] == []
    [device] = await msp.all("/devices")
    assert (device["id"], device["source"], device["source_id"]) == (surveyed["id"], "ninjaone", "1")
    assert (device["encryption_at_rest"], device["os_key"]) == ("volume", "windows:11-25h2-w")
    again = await ninjaone(msp, practice, machine(1, "PC1"), volumes=(volume(1, "PROTECTED"),))
    assert again["counts"]["unchanged"] == 1


async def test_a_copy_that_moved_to_a_vendor_is_a_service_now(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    copy = {"id": "copy", "kind": "backup_target", "location": "main", "hosted_by_vendor": False}
    await take(msp, practice, a_survey(systems=[copy]))
    await one(msp, practice, "devices", "copy")
    await take(msp, practice, a_survey(systems=[{**copy, "location": "vendor", "hosted_by_vendor": True}]))
    assert await msp.all("/devices") == []
    assert (await one(msp, practice, "systems", "copy"))["hosted_by_vendor"] is True


# --- what is refused ---------------------------------------------------------------------------------------------------


async def test_bad_entries_cost_themselves_only(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(
        systems=[
            op1(status="broken", auto_logoff_minutes="ten", colour="red", encryption_at_rest="rot13"),
            {"id": "op2", "kind": "toaster"},
            op1(hostname="again"),
        ],
        incidents=[{"id": "i1", "what": "no day"}],
        flows=[{"id": "f1", "source_asset": "op2", "destination": "op1"}, {"id": "f2", "method": "pigeon", "vendor": None}],
        gossip=[],
    )
    report = await take(msp, practice, survey)
    rows = {row["pointer"]: row for row in report["rows"]}
    assert {(pointer, row["outcome"], row["code"]) for pointer, row in rows.items() if row["code"]} == {
        ("/systems/1/kind", "rejected", "unknown_kind"),
        ("/systems/2/id", "duplicate", "duplicate_id"),
        ("/incidents/0", "rejected", "not_accepted"),
        ("/flows/0/source_asset", "rejected", "unknown_reference"),
        ("/gossip", "skipped", "unknown_section"),
    }
    assert set(rows["/systems/0"]["warnings"]) == {
        "not_accepted:status",
        "not_accepted:encryption_at_rest",
        "wrong_type:auto_logoff_minutes",
        "unknown_fact:colour",
    }
    assert rows["/flows/1"]["warnings"] == ["not_accepted:method"]
    device = await one(msp, practice, "devices", "op1")
    assert (device["status"], device["encryption_at_rest"], device["facts"]) == ("active", None, {})


async def test_what_stands_at_home_or_at_a_vendors_has_a_place_and_no_location(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(systems=[{"id": place, "kind": "laptop", "location": place} for place in ("home", "vendor")])
    report = await take(msp, practice, survey)
    assert report["counts"]["rejected"] == 0
    places = {row["ref"]: (row["location_id"], row["facts"]) for row in await msp.all("/devices")}
    assert places == {"home": (None, {"location": "home"}), "vendor": (None, {"location": "vendor"})}


async def test_no_patient_enters_by_a_survey(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    survey = a_survey(
        systems=[op1(note="patient id 4471234"), {"id": "op2", "kind": "laptop", "location": "main"}],
        backups=[{"id": "b1", "target": "op1", "covers": ["op2"]}],
    )
    report = await take(msp, practice, survey)
    assert [(row["pointer"], row["code"]) for row in report["rows"] if row["outcome"] == "rejected"] == [
        ("/systems/0", "looks_like_patient_identifier")
    ]
    assert "4471234" not in json.dumps(await msp.all(f"/imports/{report['id']}/rows"))
    backup = await one(msp, practice, "backups", "b1")
    assert backup["target_device_id"] is None, "what was refused is not there to be named"
    survey["practice"]["contact_role"] = "MRN 4471234"
    answer = await msp.post(f"/organizations/{practice}/imports", {"source": "survey", "document": survey})
    assert expect(answer, 422)["errors"][0]["pointer"] == "/practice/contact_role"


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"schema": "imaging-survey/9"}, 422, "unknown-schema"),
        ([], 422, "unknown-schema"),
        ("schema: imaging", 422, "not-json"),
    ],
)
async def test_what_is_no_survey_is_refused(house: House, document: Any, status: int, code: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    answer = await msp.post(f"/organizations/{practice}/imports", {"source": "survey", "document": document})
    assert expect(answer, status)["type"].endswith(code)


async def test_a_survey_is_one_document(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    whole = sample(LAKEVIEW, "imaging-survey.json")
    problem = await send(msp, practice, "survey", {"one": whole, "two": whole}, status=422)
    assert problem["errors"][0]["code"] == "one_document"


ODD: tuple[Any, ...] = (
    None,
    "",
    "unknown",
    0,
    -1,
    2**40,
    1.5,
    True,
    [],
    [None],
    {},
    {"a": [1]},
    "x" * 5000,
    "\ud800",
    "9999-12-31",
)


def saying(odd: Any, entries: Any) -> Any:
    """A section whose entries say the odd thing in one member each, or, for an object, in all of them."""
    if isinstance(entries, dict):
        return dict.fromkeys(cast("dict[str, Any]", entries), odd)
    rows: list[dict[str, Any]] = entries
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{**rows[0], "id": f"{rows[0].get('id')}-{place}", name: odd} for place, name in enumerate(names)]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:20])
async def test_nothing_that_a_survey_says_breaks_the_house(house: House, odd: Any) -> None:
    """The answer is a report, or a refusal with its reason; and it is the same when it is said again."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    whole: dict[str, Any] = json.loads(sample(LAKEVIEW, "imaging-survey.json"))
    survey = {name: part if isinstance(part, str) else saying(odd, part) for name, part in whole.items()}
    body = json.dumps({"source": "survey", "document": survey})
    answers: list[Any] = []
    for _ in range(2):
        path = f"/organizations/{practice}/imports"
        answer = await msp.request("POST", path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (201, 422), answer.text
        answers.append(answer.json())
    if "counts" in answers[1]:
        assert answers[1]["counts"]["created"] == answers[1]["counts"]["updated"] == 0
        assert answers[1]["counts"]["rejected"] == answers[0]["counts"]["rejected"]
