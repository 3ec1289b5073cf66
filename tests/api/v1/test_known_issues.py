"""Published problems of products over HTTP: matched by name and version, and made findings by a person, once."""

from typing import Any

from domain.access import Role
from domain.sra.catalogue import catalogue
from domain.vendors.market import market
from tests.api.v1.nouns import faults
from tests.makers import House, make_device, make_system


async def test_what_is_installed_is_matched_by_version(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)

    async def installed(name: str, version: str | None) -> str:
        software = {"name": name} if version is None else {"name": name, "version": version}
        return (await make_device(msp, practice, facts={"software": [software]}))["id"]

    old, unknown = await installed("Schick CDR DICOM", "5.0"), await installed("CDR DICOM", None)
    finer, new = await installed("CDR DICOM", "5.1"), await installed("CDR DICOM", "6.0")
    between = await installed("MicroDicom", "2024.05")
    finest = (await make_system(msp, practice, kind="pms_cloud", product="Open Dental", product_version="16.1.20"))["id"]
    viewer = await installed("MicroDicom DICOM viewer", "2025.2")
    dental = (await make_system(msp, practice, kind="pms_cloud", product="Open Dental", product_version="15.4"))["id"]

    found = await msp.all(f"/organizations/{practice}/known-issues")
    by_asset = {(each["issue_id"], each["asset_id"]): each for each in found}
    assert by_asset["VU#548399", old]["certainty"] == "affected"
    assert by_asset["VU#548399", unknown]["certainty"] == "possible", "unknown is not good"
    assert by_asset["VU#548399", finer]["certainty"] == "possible", "“5 and before” may mean every 5"
    assert by_asset["VU#619767", finest]["certainty"] == "possible"
    assert ("VU#548399", new) not in by_asset
    assert by_asset["ICSMA-25-037-01", between]["certainty"] == "possible", "older than the version that mended it"
    assert {issue for issue, asset in by_asset if asset == between} == {"ICSMA-25-037-01", "CVE-2025-5943"}
    assert {issue for issue, asset in by_asset if asset == viewer} == {"CVE-2025-5943"}, "the older ones are mended in it"
    issue = by_asset["VU#619767", dental]
    assert (issue["published"], issue["source"], issue["url"]) == (
        "2016-09-06", "CERT/CC VU#619767", "https://www.kb.cert.org/vuls/id/619767",
    )  # fmt: skip
    sure = await msp.get_json(f"/organizations/{practice}/known-issues", params={"certainty": "possible"})
    assert {each["asset_id"] for each in sure["data"]} == {unknown, finer, finest, between}


async def test_a_person_makes_a_finding_of_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    pc = await make_device(msp, practice, name="OP1", facts={"software": [{"name": "MicroDicom", "version": "2024.03"}]})
    chosen: dict[str, Any] = {"issue_id": "ICSMA-25-037-01", "asset_id": pc["id"]}
    path = f"/organizations/{practice}/known-issues"
    finding = await msp.make(path, chosen)
    assert (finding["origin"], finding["subject_id"], finding["subject_name"]) == ("manual", pc["id"], "OP1")
    assert finding["level"] == "moderate", "looked up, from moderate and high"
    assert "MicroDicom 2024.03 is installed" in finding["vulnerability"]
    assert "CISA ICSMA-25-037-01, 2025-02-06, https://" in finding["vulnerability"]
    assert finding["remediation"] == "Update to 2025.1 or later."
    shown = {each["issue_id"]: each["finding_id"] for each in await msp.all(path)}
    assert shown == {"ICSMA-25-037-01": finding["id"], "CVE-2025-5943": None}
    again = await msp.post(path, chosen)
    assert again.status_code == 409
    assert faults(await msp.post(path, {**chosen, "issue_id": "VU#548399"})) == {("/issue_id", "no_such_match")}
    stranger = await house.tenant()
    assert (await stranger.post(path, chosen)).status_code == 404
    assert (await (await house.member(msp, Role.auditor)).post(path, chosen)).status_code == 403


def test_every_issue_of_the_catalogue_says_when_and_where_it_was_published() -> None:
    assert {issue.id for issue in catalogue().known_issues} == market().publications.keys()
    assert {each.category for each in market().vendors} - {None} <= catalogue().vendor_category_by_key.keys()
