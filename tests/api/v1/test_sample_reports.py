"""All three sample practices, from the exports of their tools to the sealed report, exactly as was worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.sra.catalogue import catalogue
from domain.sra.levels import Level
from tests.api.v1.test_sample_practices import PRACTICES, expected, survey, tools
from tests.makers import Caller, House, expect, sign
from tests.samples.sending import sample

FORMS = {
    "pdf": "application/pdf",
    "html": "text/html",
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@pytest.mark.parametrize("practice", PRACTICES)
async def test_a_practice_from_import_to_sealed_report(house: House, practice: str, tmp_path: Path) -> None:
    told: dict[str, Any] = json.loads(sample(practice, "imaging-survey.json"))
    msp = await house.tenant()
    organization = await house.organization(msp, name=told["practice"]["name"])
    await tools(msp, organization, practice)
    await survey(msp, organization, practice)
    path = f"/organizations/{organization}"
    opened = await msp.make(f"{path}/assessments", {"scope": "All ePHI at every location. Paper is left out."})
    await answer_what_is_open(msp, opened["id"], as_of=told["as_of_time"])
    await plan(msp, organization)
    sealed = await sign(house, msp, opened["id"])

    forms = {ending: await report(msp, opened["id"], form) for ending, form in FORMS.items()}
    for ending, content in forms.items():
        (tmp_path / f"{practice}.{ending}").write_bytes(content)
    data = json.loads(forms["json"])
    rules = catalogue().threat_by_id
    found = [(each["rule_id"], each["level"]) for each in data["findings"] if each["rule_id"] in rules]
    wanted = expected(practice)
    assert sorted(found) == sorted((each["rule"], Level.of(each["level"]).value) for each in wanted["findings"])
    undecided = {each["rule_id"] for each in data["undecided_rules"]} - {"GOV-04"}  # which an answer of "unknown" leaves open
    assert undecided == {each["rule"] for each in wanted["undetermined"]} - {"GOV-04"}
    assert forms["pdf"].startswith(b"%PDF-")
    assert sealed["sealed_sha256"] in forms["html"].decode()
    assert (await msp.get_json(f"/assessments/{opened['id']}/verification"))["intact"]


async def answer_what_is_open(by: Caller, assessment: str, *, as_of: str) -> None:
    """Nobody could say. To confirm what the facts propose would be more answers than the expectations were made with."""
    for topic in await by.all(f"/assessments/{assessment}/topics"):
        if topic["answer"]["state"] is None:
            said = {"state": "unknown", "rationale": "Nobody could say."}
            expect(await by.put(f"/assessments/{assessment}/answers/{topic['id']}", said), 200)
    await by.make(f"/assessments/{assessment}/evaluation", {"as_of": as_of})


async def plan(by: Caller, organization: str) -> None:
    """One task for the findings of one cause."""
    pieces: dict[str, list[dict[str, Any]]] = {}
    for each in await by.all(f"/organizations/{organization}/findings"):
        pieces.setdefault(each["cause"], []).append(each)
    for piece in pieces.values():
        task = {"title": piece[0]["title"], "finding_ids": [each["id"] for each in piece], "due_on": "2027-02-01"}
        await by.make(f"/organizations/{organization}/tasks", task)


async def report(by: Caller, assessment: str, form: str) -> bytes:
    answer = await by.get(f"/assessments/{assessment}/report", headers={"Accept": form})
    assert answer.status_code == 200, answer.text
    return answer.content
