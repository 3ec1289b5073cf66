"""The report of a second year says what is another than in the first, in every form; a first one says that it is the first."""

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pypdf
from openpyxl import load_workbook

from tests.api.v1.test_sample_reports import FORMS, report
from tests.api.v1.test_second_year import sealed
from tests.makers import Caller, House, expect, make_device, make_incident, make_location, sign

FIRST = "This is the first analysis of this practice on record."
UNKNOWN = {"state": "unknown", "note": "Nobody at the practice could say."}
LEFT = "INC-02"


def text_of(pdf: Path) -> str:
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages).split())


async def first_year(house: House) -> tuple[Caller, str, str]:
    msp = await house.tenant()
    organization = await house.organization(msp)
    for name in ("OP-OLD", "OP-GONE"):
        await make_device(msp, organization, name=name, kind="reading_workstation", encryption_at_rest="none")
    return msp, organization, await sealed(house, msp, organization)


async def what_happens_in_a_year(msp: Caller, organization: str) -> None:
    """A machine, a place and an incident came, one device is encrypted now, and one is gone."""
    await make_device(msp, organization, name="CBCT-NEW", kind="cbct_unit")
    await make_location(msp, organization, name="North office")
    await make_incident(msp, organization)
    devices = {each["name"]: each["id"] for each in await msp.all(f"/organizations/{organization}/devices")}
    expect(await msp.patch(f"/devices/{devices['OP-OLD']}", {"encryption_at_rest": "volume"}), 200)
    expect(await msp.delete(f"/devices/{devices['OP-GONE']}"), 204)


async def second_year(msp: Caller, organization: str) -> str:
    """The next analysis: one answer changed, one confirmed, and of those asked again all but one given."""
    assessment = (await msp.make(f"/organizations/{organization}/assessments", {"scope": "All."}))["id"]
    asked_again = {each["id"] for each in await msp.all(f"/assessments/{assessment}/topics") if each["answer"]["reopened"]}
    for topic in asked_again - {LEFT}:
        expect(await msp.put(f"/assessments/{assessment}/answers/{topic}", UNKNOWN), 200)
    expect(await msp.put(f"/assessments/{assessment}/answers/CON-01", {"state": "partial", "note": "Half of it."}), 200)
    await msp.make(f"/assessments/{assessment}/confirmation", {"topic_ids": ["CON-02"]})
    await msp.make(f"/assessments/{assessment}/evaluation", {})
    return assessment


async def test_a_first_year_says_that_it_is_the_first(house: House, tmp_path: Path) -> None:
    msp, _, first = await first_year(house)
    (tmp_path / "first.pdf").write_bytes(await report(msp, first, FORMS["pdf"]))
    for text in (text_of(tmp_path / "first.pdf"), (await report(msp, first, FORMS["html"])).decode()):
        assert FIRST in text
        assert "What made the version before stale" not in text
    assert "continuity" not in json.loads(await report(msp, first, FORMS["json"])), (
        "or the hashes of reports sealed before would break"
    )


async def test_the_second_year_tells_what_changed(house: House, tmp_path: Path) -> None:
    msp, organization, _ = await first_year(house)
    await what_happens_in_a_year(msp, organization)
    second = await second_year(msp, organization)

    expect(await msp.patch(f"/organizations/{organization}", {"settings": {"sra_interval_days": 180}}), 200)
    forms = {form: await report(msp, second, FORMS[form]) for form in FORMS}
    for form, content in forms.items():
        (tmp_path / f"second.{form}").write_bytes(content)
    data = json.loads(forms["json"])
    told = {(each["kind"], each["what"]) for each in data["changes"]}
    things = {(kind, what) for kind, what in told if not kind.startswith(("answer", "risk"))}
    assert things == {
        ("added", "Location North office"),
        ("added", "Device CBCT-NEW"),
        ("recorded_otherwise", "Device OP-OLD"),
        ("removed", "Device OP-GONE"),
    }
    answers = {(kind, what.partition(":")[0]) for kind, what in told if kind.startswith("answer")}
    assert answers == {("answer_changed", "CON-01"), ("answer_reopened", LEFT)}
    assert {kind for kind, _ in told if kind.startswith("risk")} >= {"risk_found", "risk_resolved"}
    fired = data["review"]["fired"]
    assert {LEFT, "INC-03"} <= {topic for each in fired for topic in each["affects"]}
    made = date.fromisoformat(data["edition"]["generated_at"][:10])
    assert date.fromisoformat(data["review"]["next_review_on"]) == made + timedelta(days=180)
    counted = data["continuity"]
    assert (counted["changed"], counted["unanswered"]) == (1, 1)

    for text in (text_of(tmp_path / "second.pdf"), forms["html"].decode()):
        assert FIRST not in text
        assert "Compared with version 1" in text
        assert f"{counted['carried']} stand as they were carried over" in text
        for each in ("OP-OLD", "OP-GONE", "CBCT-NEW", "None → volume", "A new imaging machine"):
            assert each.lower() in text.lower()
        assert "The location North office is new." in text
        assert "Due on 20" in text
        assert "Suggested, not applied: likelihood +1" in text, "an incident is a reason to think of every likelihood"
        assert "is in no likelihood and no level here" in text
    book = load_workbook(io.BytesIO(forms["xlsx"]))
    assert book.sheetnames == ["Risk register", "Changes since version 1", "About"]
    sheet = book["Changes since version 1"]
    listed = [(str(row[1].value), row[3].value) for row in sheet.iter_rows(min_row=2)]
    assert [what for what, _ in listed] == [each["what"] for each in data["changes"]]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", f"A1:E{len(listed) + 1}")
    assert {type(when) for _, when in listed} <= {datetime, type(None)}, "days are days, and not texts"
    rows = list(csv.DictReader(io.StringIO(forms["csv"].decode("utf-8-sig"), newline="")))
    by_number = {f"R-{each['number']}": each for each in data["findings"]}
    assert all(row["Due by policy"] == (by_number[row["Ref"]]["due_on"] or "") for row in rows)
    assert any(row["Suggested, not applied"] for row in rows)

    expect(await msp.put(f"/assessments/{second}/answers/{LEFT}", UNKNOWN), 200)
    await msp.make(f"/assessments/{second}/confirmation", {})
    await msp.make(f"/assessments/{second}/evaluation", {})
    findings = [each["id"] for each in await msp.all(f"/organizations/{organization}/findings")]
    await msp.make(f"/organizations/{organization}/tasks", {"title": "Mend the rest", "finding_ids": findings})
    final = await sign(house, msp, second)
    frozen = json.loads(await report(msp, second, FORMS["json"]))
    assert (await msp.get_json(f"/assessments/{second}/verification"))["computed_sha256"] == final["sealed_sha256"]
    assert frozen["continuity"]["unanswered"] == 0
    assert [each["what"] for each in frozen["review"]["fired"]] == [each["what"] for each in fired]
