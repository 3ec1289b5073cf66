"""The second year: what a sealed analysis does not speak of any more, what is asked again because of it, and what is carried.

The expectation for the sample practice is worked out by hand below, from what the three changes are.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.clock import now
from domain.database import tenant_session
from domain.sra.catalogue import catalogue
from domain.sra.staleness import find_stale, to_look_through
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.test_sample_practices import survey, tools
from tests.makers import (
    Caller,
    House,
    expect,
    make_assessment,
    make_device,
    make_engagement,
    make_flow,
    make_incident,
    make_location,
    make_vendor,
    sign,
)
from tests.samples.sending import sample


async def sealed(house: House, msp: Caller, organization: str, *, as_of: str | None = None) -> str:
    """The first analysis, answered by people, planned, and signed by two; its id."""
    assessment = await ready_to_sign(msp, organization, as_of=as_of)
    await sign(house, msp, assessment)
    return assessment


async def ready_to_sign(msp: Caller, organization: str, *, as_of: str | None = None) -> str:
    """The first analysis with nothing missing but its signatures; its id."""
    assessment = (await make_assessment(msp, organization, scope="Everything that holds ePHI."))["id"]
    if not await msp.all(f"/organizations/{organization}/locations"):
        await make_location(msp, organization, name="Main")
    if not await msp.all(f"/organizations/{organization}/devices"):
        await make_device(msp, organization)
    if not await msp.all(f"/organizations/{organization}/flows"):
        await make_flow(msp, organization, name="Images to the server", method="smb")
    for topic in await msp.all(f"/assessments/{assessment}/topics"):
        if topic["status"] == "in_force" and topic["answer"]["state"] is None:
            reply = {"state": "unknown", "note": "Nobody at the practice could say."}
            expect(await msp.put(f"/assessments/{assessment}/answers/{topic['id']}", reply), 200)
    await msp.make(f"/assessments/{assessment}/evaluation", {"as_of": as_of} if as_of else {})
    findings = [each["id"] for each in await msp.all(f"/organizations/{organization}/findings")]
    if findings:
        await msp.make(f"/organizations/{organization}/tasks", {"title": "Mend it", "finding_ids": findings})
    return assessment


async def look(house: House, msp: Caller, organization: str, as_of: datetime) -> int:
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        return len(await find_stale(session, UUID(organization), as_of=as_of))


async def causes(msp: Caller, assessment: str) -> dict[str, Any]:
    return {each["trigger"]: each for each in (await msp.get_json(f"/assessments/{assessment}/staleness"))["causes"]}


SCOPE = {"SMP-01", "SMP-02", "EVA-02"}
"""What any change of equipment or of a path touches: it is not covered, it came later, and a fresh look is due."""

NEW_CBCT = SCOPE | {
    "SMP-03",  # the asset list has grown
    "IMG-01",  # so has the list of imaging machines
    "ACC-04",  # SEN-02: its disk holds images and is not encrypted
    "IMG-23",  # NET-01: it stands on the guests' network; nobody has put it apart
    "TRS-04",  # NET-01: so the clinical network is not apart from the guests' one
}
NEW_SYNC_FOLDER = SCOPE | {
    "SMP-04",  # the written path of ePHI is another
    "WUS-04",  # STO-04: images leave by somebody's personal account, which is a use at home
    "IMG-25",  # STO-04: and it is a consumer sync folder
}
NEW_VENDOR = {
    "SMP-01",  # the analysis does not cover what it does
    "SMP-02",  # it came after the analysis
    "BAC-01",  # the list of outside parties has grown
    "BAC-02",  # VEN-01: it keeps images and has no agreement
    "BAC-08",  # VEN-07: nobody has ever asked it for more than a promise
}


async def test_three_changes_at_harbor_group_reopen_exactly_what_they_touch(house: House) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    await tools(msp, organization, "harbor-group")
    await survey(msp, organization, "harbor-group")
    as_of = json.loads(sample("harbor-group", "imaging-survey.json"))["as_of_time"]
    first = await sealed(house, msp, organization, as_of=as_of)
    moment = datetime.fromisoformat(as_of)
    assert await look(house, msp, organization, moment) == 0, "nothing has changed, so nothing is stale"

    location = (await msp.all(f"/organizations/{organization}/locations"))[0]["id"]
    cbct: dict[str, Any] = {
        "stores_ephi": True,
        "last_inventoried_on": "2026-11-20",
        "patch_control": "practice",
        "segment": "guest",
        "internet_exposed": False,
        "open_ports": [],
        "services": [],
    }
    machine = {"name": "CBCT 2", "kind": "cbct_unit", "owner": "IT", "location_id": location, "encryption_at_rest": "none"}
    await make_device(msp, organization, **machine, facts=cbct)
    devices = await msp.all(f"/organizations/{organization}/devices")
    server, laptop = (next(each["id"] for each in devices if each["kind"] == kind) for kind in ("imaging_server", "laptop"))
    ends = {"source": {"kind": "device", "id": server}, "destination": {"kind": "device", "id": laptop}}
    await make_flow(msp, organization, **SYNC, **ends)
    keeper = (await make_vendor(msp, name="Second archive", facts=VENDOR_FACTS))["id"]
    await make_engagement(msp, organization, keeper, **KEEPS)

    assert await look(house, msp, organization, moment) == 3
    found = await causes(msp, first)
    assert {trigger: set(each["topics"]) for trigger, each in found.items()} == {
        "modality": NEW_CBCT,
        "flow": NEW_SYNC_FOLDER,
        "vendor": NEW_VENDOR,
    }
    assert "CBCT 2" in found["modality"]["reason"]
    events = [each for each in await msp.all("/events") if each["kind"] == "assessment.stale"]
    assert len(events) == 3

    second = await msp.make(f"/organizations/{organization}/assessments", {"kind": "delta"})
    guide = await msp.all(f"/assessments/{second['id']}/topics")
    reopened = [each for each in guide if each["answer"]["reopened"]]
    assert {each["id"] for each in reopened} == NEW_CBCT | NEW_SYNC_FOLDER | NEW_VENDOR
    why = next(each for each in reopened if each["id"] == "BAC-02")["answer"]["reopened"]["because"]
    assert len(why) == 1
    assert why[0].startswith("The vendor Second archive is new here.")
    rest = [each for each in guide if each["answer"]["state"] is not None and each["status"] == "in_force"]
    assert len(rest) == sum(topic.scored for topic in catalogue().topics) - len(reopened)
    assert {each["answer"]["continuity"] for each in rest} == {"carried"}
    changes = await msp.get_json(f"/assessments/{second['id']}/changes")
    assert {each["topic_id"] for each in changes["answers"]} == {each["id"] for each in reopened}
    assert len(changes["causes"]) == 3
    missing = (await msp.get_json(f"/assessments/{second['id']}/completeness"))["elements"]
    open_topics = [each["detail"] for element in missing for each in element["missing"] if each["code"] == "topic_unanswered"]
    assert len(open_topics) == len(reopened), "in a delta what is untouched stands"


SYNC: dict[str, Any] = {
    "name": "Sync folder",
    "method": "cloud_sync",
    "direction": "outbound",
    "encrypted": True,
    "audit_logged": True,
    "crosses_internet": True,
    "purpose": "treatment",
    "facts": {
        "account_type": "personal",
        "recipient_type": "staff",
        "recipient_verified": True,
        "last_used_on": "2026-11-20",
    },
}
VENDOR_FACTS: dict[str, Any] = {"known_violation": False}
KEEPS: dict[str, Any] = {"service": "cloud_archive", "maintains_phi": True}


async def small(house: House) -> tuple[Caller, str, str]:
    msp = await house.tenant()
    organization = await house.organization(msp)
    return msp, organization, await sealed(house, msp, organization)


async def test_each_cause_is_told_once(house: House) -> None:
    msp, organization, first = await small(house)
    await make_location(msp, organization, name="North")
    await make_incident(msp, organization)
    expect(await msp.patch(f"/organizations/{organization}", {"legal_name": "Bright Smiles LLC"}), 200)
    await asyncio.gather(*(look(house, msp, organization, now()) for _ in range(3)))
    for _ in range(2):
        await look(house, msp, organization, now() + timedelta(days=400))
    events = [each for each in await msp.all("/events") if each["kind"] == "assessment.stale"]
    found = await causes(msp, first)
    assert set(found) == {"location", "incident", "ownership"}
    assert len(events) == 3
    assert set(found["incident"]["topics"]) == {"EVA-02", "INC-02", "INC-03"}
    assert set(found["ownership"]["topics"]) == {"ASR-01", "BAC-02", "EVA-02"}


async def test_what_only_time_changes_is_found_on_its_day(house: House) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    windows = {"os_name": "Windows 11", "os_edition": "Pro", "os_build": "10.0.28000"}
    device = await make_device(msp, organization, name="OP1", **windows)
    last_day = datetime.fromisoformat(f"{device['os_supported_until']}T12:00:00+00:00")
    first = await sealed(house, msp, organization)
    assert await look(house, msp, organization, last_day - timedelta(days=1)) == 0
    assert await look(house, msp, organization, last_day) == 1
    cause = (await causes(msp, first))["os_unsupported"]
    assert set(cause["topics"]) == {"IMG-02"}
    assert ("CAP-03", "fires") in {(each["rule"], each["outcome"]) for each in cause["risks"]}
    assert "OP1" in cause["reason"]


async def test_only_organizations_with_news_are_looked_through(house: House) -> None:
    msp, organization, _ = await small(house)
    quiet = await house.organization(msp)
    await sealed(house, msp, quiet)

    async def due(day: datetime) -> set[str]:
        async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            return {str(each) for each in await to_look_through(session, on=day.date())}

    assert await due(now()) == {organization, quiet}
    for each in (organization, quiet):
        await look(house, msp, each, now())
    assert await due(now()) == set()
    await make_device(msp, organization)
    assert await due(now()) == {organization}
    assert await due(datetime.now(UTC) + timedelta(days=1)) == {organization, quiet}, "each of them once a day"


async def test_a_full_second_year_is_confirmed_answer_by_answer(house: House) -> None:
    msp, organization, first = await small(house)
    no_delta = await msp.post(f"/organizations/{organization}/assessments", {"kind": "delta"})
    assert expect(no_delta, 409)["type"].endswith("not-stale")
    second = await msp.make(f"/organizations/{organization}/assessments", {"scope": "All."})
    path = f"/assessments/{second['id']}"
    assert (second["kind"], second["previous_id"]) == ("full", first)
    topics = {each["id"]: each for each in await msp.all(f"{path}/topics")}
    assert (topics["CON-01"]["answer"]["state"], topics["CON-01"]["answer"]["continuity"]) == ("unknown", "carried")
    state = await msp.get_json(f"{path}/completeness")
    assert "answers_unconfirmed" in {one["code"] for each in state["elements"] for one in each["missing"]}

    same = {"state": "unknown", "note": topics["CON-01"]["answer"]["note"]}
    assert expect(await msp.put(f"{path}/answers/CON-01", same), 200)["continuity"] == "confirmed"
    assert expect(await msp.put(f"{path}/answers/CON-02", {"state": "yes"}), 200)["continuity"] == "changed"
    assert (await msp.make(f"{path}/confirmation", {"topic_ids": ["CON-03"]}))["topic_ids"] == ["CON-03"]
    confirmed = (await msp.make(f"{path}/confirmation", {}))["topic_ids"]
    assert len(confirmed) == 139 - 3
    changes = await msp.get_json(f"{path}/changes")
    assert changes["continuity"] == {"carried": 0, "confirmed": 138, "changed": 1}
    assert [(each["topic_id"], each["was"], each["now"]) for each in changes["answers"]] == [("CON-02", "unknown", "yes")]
    entries = (await msp.get_json(f"{path}/answers/CON-02/history"))["entries"]
    assert [each["kind"] for each in entries] == ["carried", "given"]


async def test_an_incident_asks_again_about_exactly_what_it_touched(house: House) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    laptop = (await make_device(msp, organization, kind="laptop", name="LT-1", encryption_at_rest="none"))["id"]
    await make_device(msp, organization, kind="nas", name="NAS-1", facts={"internet_exposed": True, "stores_ephi": True})
    first = await sealed(house, msp, organization)
    incident = await make_incident(msp, organization)
    assert await look(house, msp, organization, now()) == 1
    expect(await msp.patch(f"/incidents/{incident['id']}", {"asset_ids": [laptop]}), 200)
    assert await look(house, msp, organization, now()) == 2
    found = await causes(msp, first)
    assert set(found["incident"]["topics"]) == {"EVA-02", "INC-02", "INC-03"}
    cause = found["touched_by_incident"]
    assert cause["reason"] == "The incident of 2026-01-05 touched LT-1."
    assert set(cause["topics"]) == {
        "ACC-04",  # CAP-07: whether images lie on its disk is not known, and the disk is not encrypted
        "WUS-03",  # PHY-03: nobody has said that it is locked away
        "WUS-04",  # SEN-05: whether it leaves the premises is not known
    }
    delta = await msp.make(f"/organizations/{organization}/assessments", {"kind": "delta"})
    asked = await msp.get_json(f"/assessments/{delta['id']}/topics", params={"reopened": "true", "limit": 200})
    assert {each["id"] for each in asked["data"]} == set(cause["topics"]) | set(found["incident"]["topics"])
