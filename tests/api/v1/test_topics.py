"""The guide over HTTP: asked in sections, given to people, answered, talked about, remembered, and reopened by later facts."""

from typing import Any

from domain.access import Role
from domain.sra.catalogue import catalogue
from tests.api.v1.test_assessments import practice
from tests.makers import Caller, House, expect, make_assessment, make_device


async def opened(house: House) -> tuple[Caller, str, str]:
    msp, organization = await practice(house)
    return msp, organization, (await make_assessment(msp, organization))["id"]


async def topic_of(by: Caller, assessment: str, topic: str) -> dict[str, Any]:
    return next(each for each in await by.all(f"/assessments/{assessment}/topics") if each["id"] == topic)


async def say(by: Caller, assessment: str, topic: str, state: str, **more: Any) -> dict[str, Any]:
    return expect(await by.put(f"/assessments/{assessment}/answers/{topic}", {"state": state, **more}), 200)


async def evaluate(by: Caller, assessment: str) -> None:
    await by.make(f"/assessments/{assessment}/evaluation", {})


async def test_every_topic_explains_itself(house: House) -> None:
    msp, _, assessment = await opened(house)
    topics = await msp.all(f"/assessments/{assessment}/topics")
    assert len(topics) == 147
    for topic in topics:
        assert len(topic["help"]) > 40
        assert topic["help"] != topic["why"]
        assert topic["evidence_examples"]
        assert topic["paragraphs"]
        assert all(each["title"] for each in topic["paragraphs"]), "every paragraph resolves in the catalogue"
        assert [each["state"] for each in topic["states"]] == topic["allowed_states"]
    required = {each["id"] for each in topics if each["specification"] == "required"}
    offered = {
        topic: {"alternative", "neither"} & set(each["allowed_states"])
        for topic in required
        for each in topics
        if each["id"] == topic
    }
    assert not any(offered.values()), "an addressable state never excuses a required specification"
    addressable = next(each for each in topics if each["answer_type"] == "addr")
    prompts = {each["state"]: [reason["field"] for reason in each["reasons"]] for each in addressable["states"]}
    assert prompts["alternative"] == prompts["neither"] == ["rationale", "alternative"]
    assert prompts["implemented"] == []


async def test_progress_is_counted_section_by_section(house: House) -> None:
    msp, organization, assessment = await opened(house)
    document = expect(
        await msp.request(
            "POST",
            f"/organizations/{organization}/documents",
            data={"title": "Letter"},
            files={"file": ("a.txt", b"x", "text/plain")},
        ),
        201,
    )
    await say(msp, assessment, "ASR-01", "yes", evidence=[{"document_id": document["id"]}])
    await say(msp, assessment, "ASR-02", "yes")
    await say(msp, assessment, "IAM-01", "does_not_apply", rationale="It bills through a service and converts nothing itself.")
    await say(msp, assessment, "IAM-02", "not_in_place")
    await evaluate(msp, assessment)
    sections = {each["key"]: each for each in (await msp.get_json(f"/assessments/{assessment}/sections"))["sections"]}
    assert [each.key for each in catalogue().sections] == list(sections)
    assert sum(each["topics"] for each in sections.values()) == 147
    asr, iam = sections["ASR"], sections["IAM"]
    assert (asr["topics"], asr["answered"], asr["percent"], asr["evidenced"], asr["asserted"]) == (2, 2, 100, 1, 1)
    assert (iam["answered"], iam["gap"], iam["decided"], iam["unanswered"], iam["percent"]) == (2, 1, 1, 3, 40)
    assert sections["ACC"]["proposed"] > 0, "the facts suggest answers that nobody has confirmed"
    assert sections["RDY"]["status"] == "proposed"


async def test_everything_that_was_said_is_remembered(house: House) -> None:
    msp, _, assessment = await opened(house)
    await say(msp, assessment, "CON-06", "not_in_place")
    other = await house.member(msp, Role.technician)
    reasons = {
        "rationale": "The vendor's archive cannot be restored elsewhere.",
        "alternative": "A copy is opened from the second site each quarter.",
    }
    await say(other, assessment, "CON-06", "alternative", **reasons)
    entries = (await msp.get_json(f"/assessments/{assessment}/answers/CON-06/history"))["entries"]
    assert [(each["kind"], each["state_before"], each["state"]) for each in entries] == [
        ("given", None, "not_in_place"),
        ("given", "not_in_place", "alternative"),
    ]
    assert [each["by"]["member_id"] for each in entries] == [str(msp.member_id), str(other.member_id)]
    assert entries[1]["rationale"] == reasons["rationale"]
    assert (await msp.get(f"/assessments/{assessment}/answers/NO-99/history")).status_code == 404


async def test_a_later_fact_reopens_what_it_contradicts(house: House) -> None:
    msp, organization, assessment = await opened(house)
    [op1] = [each for each in await msp.all("/devices") if each["name"] == "OP1"]
    expect(await msp.patch(f"/devices/{op1['id']}", {"facts": {"login_mode": "named"}}), 200)
    await say(msp, assessment, "ACC-01", "yes", note="Each has a badge.")
    await evaluate(msp, assessment)
    assert (await topic_of(msp, assessment, "ACC-01"))["answer"]["state"] == "yes", "nothing speaks against it"

    shared = {"kind": "capture_workstation", "name": "OP2", "facts": {"login_mode": "shared"}}
    await make_device(msp, organization, **shared)
    await evaluate(msp, assessment)
    topic = await topic_of(msp, assessment, "ACC-01")
    assert topic["answer"]["state"] is None
    assert topic["answer"]["standing"] == "unanswered"
    assert topic["answer"]["note"] == "Each has a badge.", "kept for whoever looks at it again"
    reopened = topic["answer"]["reopened"]
    assert reopened["was"] == "yes"
    assert "OP2" in " ".join(reopened["because"])
    assert [each["id"] for each in (await msp.get_json(f"/assessments/{assessment}/topics?reopened=true"))["data"]] == [
        "ACC-01"
    ]
    [entry] = [
        each
        for each in (await msp.get_json(f"/assessments/{assessment}/answers/ACC-01/history"))["entries"]
        if each["kind"] == "reopened"
    ]
    assert (entry["state_before"], entry["state"], entry["by"]["kind"]) == ("yes", None, "api_key")
    assert entry["because"] == reopened["because"]

    # Said again with the fact in view it stands; one more such fact reopens it once more.
    await say(msp, assessment, "ACC-01", "yes", note="OP2 is a training machine.")
    await evaluate(msp, assessment)
    assert (await topic_of(msp, assessment, "ACC-01"))["answer"]["state"] == "yes"
    await make_device(msp, organization, **{**shared, "name": "OP3"})
    await evaluate(msp, assessment)
    assert (await topic_of(msp, assessment, "ACC-01"))["answer"]["reopened"]["was"] == "yes"


async def test_an_unknown_fact_contradicts_nothing(house: House) -> None:
    msp, organization, assessment = await opened(house)
    await say(msp, assessment, "IMG-04", "yes")
    await make_device(msp, organization, kind="capture_workstation", name="OP9", facts={"login_mode": "named"})
    await evaluate(msp, assessment)
    topic = await topic_of(msp, assessment, "IMG-04")
    assert (topic["proposal"]["state"], topic["answer"]["state"]) == ("unknown", "yes")


async def test_a_practices_staff_answer_what_is_assigned_to_them(house: House) -> None:
    msp, organization, assessment = await opened(house)
    hygienist = await house.member(msp, Role.practice_member, organizations=[organization])
    elsewhere = await house.member(msp, Role.practice_member, organizations=[await house.organization(msp)])
    path = f"/assessments/{assessment}"
    refused = await hygienist.put(f"{path}/answers/CON-05", {"state": "no"})
    assert expect(refused, 403)
    given = await msp.make(f"{path}/assignments", {"topic_ids": ["CON-06", "CON-05"], "assignee_id": str(hygienist.member_id)})
    assert given["topic_ids"] == ["CON-05", "CON-06"]
    assert (await say(hygienist, assessment, "CON-05", "no"))["answered_by"] == str(hygienist.member_id)
    mine = await hygienist.get_json(f"{path}/topics", params={"assignee_id": str(hygienist.member_id)})
    assert [each["id"] for each in mine["data"]] == ["CON-05", "CON-06"]

    out_of_reach = await msp.post(f"{path}/assignments", {"topic_ids": ["CON-05"], "assignee_id": str(elsewhere.member_id)})
    assert [each["code"] for each in expect(out_of_reach, 422)["errors"]] == ["out_of_reach"]
    unknown = await msp.post(f"{path}/assignments", {"topic_ids": ["CON-05", "NO-99"], "assignee_id": None})
    assert [each["pointer"] for each in expect(unknown, 422)["errors"]] == ["/topic_ids/1"]
    await msp.make(f"{path}/assignments", {"topic_ids": ["CON-05"], "assignee_id": None})
    assert (await hygienist.put(f"{path}/answers/CON-05", {"state": "yes"})).status_code == 403


async def test_people_talk_about_a_topic(house: House) -> None:
    msp, _, assessment = await opened(house)
    path = f"/assessments/{assessment}/topics/BAC-02/comments"
    await msp.make(path, {"text": "The lab has not signed yet."})
    [said] = await msp.all(path)
    assert (said["text"], said["author_id"]) == ("The lab has not signed yet.", str(msp.member_id))
    assert await msp.all(f"/assessments/{assessment}/topics/BAC-03/comments") == []
    assert (await msp.post(path, {"text": "Patient MRN 4482915 asked"})).status_code == 422
