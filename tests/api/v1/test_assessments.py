"""A risk analysis over HTTP: opened once, answered by people, evaluated, completed, signed by two and sealed for good."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.runtime import Runtime, Targets
from tests.makers import Caller, House, expect, make_api_key, sign

CAPTURE = {
    "name": "OP1",
    "kind": "capture_workstation",
    "hostname": "OP1",
    "os_name": "Windows 7",
    "os_edition": "Pro",
    "os_build": "6.1.7601",
    "encryption_at_rest": "none",
    "facts": {"stores_ephi": True, "login_mode": "shared"},
}


async def practice(house: House) -> tuple[Caller, str]:
    """A client with one location, one troubled capture PC, a server and a flow between them."""
    msp = await house.tenant()
    organization = await house.organization(msp, security_official="office manager")
    path = f"/organizations/{organization}"
    await msp.make(f"{path}/locations", {"name": "Main"})
    capture = await msp.make(f"{path}/devices", CAPTURE)
    server = await msp.make(f"{path}/devices", {"name": "IMG", "kind": "imaging_server", "facts": {"stores_ephi": True}})
    flow = {
        "name": "images to the server",
        "method": "smb",
        "source": {"kind": "device", "id": capture["id"]},
        "destination": {"kind": "device", "id": server["id"]},
    }
    await msp.make(f"{path}/flows", flow)
    return msp, organization


async def answered(msp: Caller, assessment_id: str) -> None:
    """Every scored topic answered as unknown: honest, complete, and no answer is taken for good."""
    for topic in await msp.all(f"/assessments/{assessment_id}/topics"):
        if topic["status"] == "in_force" and topic["answer"]["state"] is None:
            reply = {"state": "unknown", "rationale": "Nobody at the practice could say."}
            expect(await msp.put(f"/assessments/{assessment_id}/answers/{topic['id']}", reply), 200)


async def sealed(house: House) -> tuple[Caller, str, dict[str, Any]]:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {"scope": "Everything that holds ePHI."})
    await ready(msp, organization, opened["id"])
    return msp, organization, await sign(house, msp, opened["id"])


async def ready(msp: Caller, organization: str, assessment: str) -> None:
    """Bring an open analysis so far that only the signatures are missing."""
    await answered(msp, assessment)
    await msp.make(f"/assessments/{assessment}/evaluation", {})
    findings = [each["id"] for each in await msp.all(f"/organizations/{organization}/findings")]
    await msp.make(f"/organizations/{organization}/tasks", {"title": "Mend all of it", "finding_ids": findings})


async def test_one_analysis_is_open_at_a_time(house: House) -> None:
    msp = await house.tenant()
    organization = await house.organization(msp)
    opened = await msp.make(f"/organizations/{organization}/assessments", {})
    assert (opened["number"], opened["status"], opened["edition"]) == (1, "open", "2026.1")
    again = await msp.post(f"/organizations/{organization}/assessments", {})
    assert expect(again, 409)["type"].endswith("assessment-open")


async def test_a_proposal_is_not_an_answer(house: House) -> None:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {})
    await msp.make(f"/assessments/{opened['id']}/evaluation", {})
    topics = {each["id"]: each for each in await msp.all(f"/assessments/{opened['id']}/topics")}
    own_login = topics["ACC-01"]
    assert own_login["proposal"]["state"] == "no"
    assert own_login["answer"]["state"] is None
    assert own_login["answer"]["standing"] == "unanswered"
    assert "alternative" not in own_login["allowed_states"], "never offered on a required specification"

    said = await msp.put(f"/assessments/{opened['id']}/answers/ACC-01", {"state": "no"})
    assert expect(said, 200)["gap"] == "Not in place."
    wrong = await msp.put(f"/assessments/{opened['id']}/answers/ACC-01", {"state": "alternative"})
    assert [each["code"] for each in expect(wrong, 422)["errors"]] == ["state_not_allowed"]
    bare = await msp.put(f"/assessments/{opened['id']}/answers/ACC-03", {"state": "alternative"})
    assert {each["pointer"] for each in expect(bare, 422)["errors"]} == {"/rationale", "/alternative"}
    assert (await msp.put(f"/assessments/{opened['id']}/answers/NO-99", {"state": "yes"})).status_code == 404


async def test_a_finding_keeps_its_identity(house: House) -> None:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {})
    path = f"/assessments/{opened['id']}/evaluation"
    await msp.make(path, {})
    [device] = [each for each in await msp.all("/devices") if each["name"] == "OP1"]

    async def shared_login() -> dict[str, Any]:
        found = await msp.all(f"/organizations/{organization}/findings")
        return next(each for each in found if each["rule_id"] == "CAP-01")

    first = await shared_login()
    assert (first["level"], first["status"], first["basis"]) == ("moderate", "open", "fact")

    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": None}}), 200)
    await msp.make(path, {})
    assert (await shared_login())["status"] == "open", "a fact that has become unknown resolves nothing"

    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": "named"}}), 200)
    await msp.make(path, {})
    resolved = await shared_login()
    assert (resolved["id"], resolved["status"]) == (first["id"], "resolved")

    expect(await msp.patch(f"/devices/{device['id']}", {"facts": {"login_mode": "shared"}}), 200)
    await msp.make(path, {})
    reopened = await shared_login()
    assert (reopened["id"], reopened["number"], reopened["status"]) == (first["id"], first["number"], "open")


async def test_an_incomplete_analysis_is_not_signed(house: House) -> None:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {})
    state = await msp.get_json(f"/assessments/{opened['id']}/completeness")
    assert not state["complete"]
    missing = {one["code"] for each in state["elements"] for one in each["missing"]}
    assert missing >= {"no_scope", "not_evaluated", "topic_unanswered"}
    unsealed = await msp.get_json(f"/assessments/{opened['id']}/verification")
    assert unsealed["intact"] is None, "there is nothing yet that could be broken"
    signature = {"role": "preparer", "name": "Ann", "title": "Analyst"}
    refused = await msp.post(f"/assessments/{opened['id']}/approval", signature)
    assert expect(refused, 409)["type"].endswith("incomplete")


async def test_a_sealed_analysis_never_changes(house: House) -> None:
    msp, organization, assessment = await sealed(house)
    path = f"/assessments/{assessment['id']}"
    assert assessment["status"] == "sealed"
    assert [each["role"] for each in assessment["signatures"]] == ["preparer", "approver"]
    proof = await msp.get_json(f"{path}/verification")
    assert proof["intact"]
    assert proof["computed_sha256"] == assessment["sealed_sha256"]

    report = (await msp.get(f"{path}/report", headers={"Accept": "application/json"})).content
    [device] = [each for each in await msp.all("/devices") if each["name"] == "OP1"]
    expect(await msp.patch(f"/devices/{device['id']}", {"name": "Renamed"}), 200)
    assert (await msp.get(f"{path}/report", headers={"Accept": "application/json"})).content == report

    assert (await msp.patch(path, {"title": "Other"})).status_code == 409
    assert (await msp.put(f"{path}/answers/ACC-01", {"state": "yes"})).status_code == 409
    assert (await msp.post(f"{path}/evaluation", {})).status_code == 409
    second = await msp.make(f"/organizations/{organization}/assessments", {})
    assert (second["number"], second["previous_id"]) == (2, assessment["id"])


async def test_a_technician_prepares_and_another_approves(house: House) -> None:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {"scope": "All."})
    technician = await house.member(msp, Role.technician)
    signature = {"role": "security_official", "name": "Tech", "title": "Technician"}
    assert (await technician.post(f"/assessments/{opened['id']}/approval", signature)).status_code == 403


async def test_the_report_comes_in_the_form_that_is_accepted(house: House) -> None:
    msp, _, assessment = await sealed(house)
    path = f"/assessments/{assessment['id']}/report"
    pdf = await msp.get(path, headers={"Accept": "application/pdf"})
    assert pdf.content.startswith(b"%PDF-")
    html = await msp.get(path, headers={"Accept": "text/html"})
    assert assessment["sealed_sha256"] in html.text
    assert (await msp.get(path, headers={"Accept": "text/csv"})).text.count("\n") > 10
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert (await msp.get(path, headers={"Accept": xlsx})).content.startswith(b"PK")
    assert (await msp.get(path, headers={"Accept": "image/png"})).status_code == 406


async def test_two_people_sign_and_each_over_the_same_words(house: House) -> None:
    msp, organization = await practice(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {"scope": "Everything that holds ePHI."})
    path = f"/assessments/{opened['id']}"
    await ready(msp, organization, opened["id"])
    state = await msp.get_json(f"{path}/completeness")
    assert state["complete"]
    assert [each["code"] for each in state["signatures_missing"]] == ["preparer_signature", "security_official_signature"]
    preparer = {"role": "preparer", "name": "Ann Alyst", "title": "Analyst"}
    official = {"role": "security_official", "name": "Olga Fficial", "title": "Office manager"}
    other = await house.member(msp, Role.practice_admin, organizations=[organization])

    assert expect(await other.post(f"{path}/approval", official), 409)["type"].endswith("preparer-first")
    await msp.make(f"{path}/approval", preparer)
    assert expect(await msp.post(f"{path}/approval", preparer), 409)["type"].endswith("already-signed")
    second_key = Caller(house.http, (await make_api_key(msp))["key"], msp.tenant_id, msp.member_id)
    for same_person in (msp, second_key):
        assert expect(await same_person.post(f"{path}/approval", official), 409)["type"].endswith("same-person")

    expect(await msp.patch(path, {"scope": "All but the old archive."}), 200)
    changed = await other.post(f"{path}/approval", official)
    assert expect(changed, 409)["type"].endswith("preparer-first"), "nobody approves what the preparer has not seen"
    await msp.make(f"{path}/approval", preparer)
    assessment = await other.make(f"{path}/approval", official)
    assert assessment["status"] == "sealed"
    assert [each["principal"]["member_id"] for each in assessment["signatures"]] == [str(msp.member_id), str(other.member_id)]
    assert len({each["signed_sha256"] for each in assessment["signatures"]}) == 1
    report = await msp.get_json(f"{path}/report", headers={"Accept": "application/json"})
    assert [each["name"] for each in report["signatures"]] == ["Ann Alyst", "Olga Fficial"]
    assert str(other.member_id) in report["signatures"][1]["account"]
    assert not [one for each in report["elements"] for one in each["missing"]]


async def test_the_analysis_in_force_on_a_day_is_found(house: House) -> None:
    """Version 1 stays readable after version 2 has taken its place, with its last day."""
    msp, organization, first = await sealed(house)
    opened = await msp.make(f"/organizations/{organization}/assessments", {"scope": "Everything, again."})
    await msp.make(f"/assessments/{opened['id']}/confirmation", {})
    await ready(msp, organization, opened["id"])
    second = await sign(house, msp, opened["id"])
    before = await msp.get_json(f"/assessments/{first['id']}")
    assert (before["status"], before["in_force_until"]) == ("superseded", second["sealed_at"][:10])
    assert (second["previous_id"], second["status"]) == (first["id"], "sealed")

    async def in_force(day: str) -> list[str]:
        page = await msp.get_json(f"/organizations/{organization}/assessments", params={"as_of": day})
        return [each["id"] for each in page["data"]]

    assert await in_force("2020-01-01") == []
    assert await in_force(second["sealed_at"][:10]) == [second["id"]]
    assert await in_force("2999-01-01") == [second["id"]]
    assert (await msp.get_json(f"/assessments/{first['id']}/verification"))["intact"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sealed_once(http: httpx.AsyncClient, runtime: Runtime) -> tuple[Caller, str]:
    """One sealed analysis, with the next one open beside it."""
    msp, organization, assessment = await sealed(House(http, runtime))
    await msp.make(f"/organizations/{organization}/assessments", {})
    return msp, assessment["id"]


@pytest.mark.parametrize(
    "statement",
    [
        "update assessment set title = 'Other' where id = $1",
        "update assessment set dataset = '{}' where id = $1",
        "update assessment set sealed_sha256 = repeat('0', 64) where id = $1",
        "update assessment set signatures = '[]' where id = $1",
        "update assessment set status = 'open' where id = $1",
        "delete from assessment where id = $1",
        "update answer set state = 'yes' where assessment_id = $1",
        "update answer set assessment_id = (select id from assessment where status = 'open') where assessment_id = $1",
        "delete from answer where assessment_id = $1",
        "truncate assessment cascade",
        "truncate answer",
    ],
)
async def test_not_even_the_owner_of_the_database_changes_what_is_sealed(
    sealed_once: tuple[Caller, str], targets: Targets, statement: str
) -> None:
    msp, assessment = sealed_once
    connection = await targets.connect_as_owner()
    try:
        await connection.execute("select set_config('app.tenant_id', $1, false)", str(msp.tenant_id))
        assert await connection.fetchval("select status from assessment where id = $1", UUID(assessment)) == "sealed"
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(statement, *([UUID(assessment)] if "$1" in statement else []))
    finally:
        await connection.close()
    proof = await msp.get_json(f"/assessments/{assessment}/verification")
    assert proof["intact"]
