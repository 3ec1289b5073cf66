"""The catalogue over HTTP: whole in pages, labelled where it is no law, and not sent twice to who has it."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from domain.access import Role
from domain.sra.catalogue import catalogue, digest
from tests.makers import Caller, House, expect
from tests.samples.sending import send_survey

LAW = catalogue()
LISTS = ("requirements", "topics", "threats", "facts", "os-lifecycles")


async def rows_of(caller: Caller, name: str, **filters: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await caller.get_json(f"/catalogue/{name}", params={"limit": 60, **filters, **after})
        rows += page["data"]
        if page["next"] is None:
            return rows
        after = {"after": page["next"]}


async def test_every_row_once_with_its_status_source_and_day(house: House) -> None:
    msp = await house.tenant()
    expected: dict[str, list[str]] = {
        "requirements": [row.key for row in LAW.requirements],
        "topics": [row.id for row in LAW.topics],
        "threats": [row.id for row in LAW.threats],
        "facts": [row.key for row in LAW.facts],
        "os-lifecycles": [row.key for row in LAW.os_lifecycles],
    }
    for name in LISTS:
        rows = await rows_of(msp, name)
        assert [row.get("key") or row["id"] for row in rows] == expected[name]
        assert {row["edition"] for row in rows} == {LAW.edition.id}
        assert all(row["source"] and row["as_of"] and row["status"] in ("in_force", "proposed") for row in rows)


async def test_what_is_proposed_is_never_shown_as_law(house: House) -> None:
    msp = await house.tenant()
    law = await rows_of(msp, "requirements")
    assert {row["status"] for row in law} == {"in_force"}
    assert {row["label"] for row in law} == {None}
    assert all(row["citation"] for row in law)

    proposals = await rows_of(msp, "requirements", status="proposed")
    assert [row["key"] for row in proposals] == [row.key for row in LAW.proposed_changes]
    assert {(row["status"], row["label"], row["citation"], row["type"]) for row in proposals} == {
        ("proposed", "proposed, not law", None, None)
    }
    topics = await rows_of(msp, "topics")
    assert {row["id"] for row in topics if row["status"] == "proposed"} == {
        row.id for row in LAW.topics if row.answer_type == "ready"
    }


async def test_what_nobody_has_verified_is_withheld(house: House) -> None:
    msp = await house.tenant()
    proposals = {row["key"]: row for row in await rows_of(msp, "requirements", status="proposed")}
    unverified = {row.key: row for row in LAW.proposed_changes if row.from_memory}
    assert unverified.keys() == {key for key, row in proposals.items() if row["withheld"]}
    training = proposals["training"]
    assert (training["summary"], training["proposed_citation"], training["value"]) == (None, None, None)
    assert proposals["mfa"]["withheld"] == []
    assert proposals["mfa"]["summary"] == LAW.proposed_change_by_key["mfa"].proposal


async def test_filters(house: House) -> None:
    msp = await house.tenant()
    addressable = await rows_of(msp, "requirements", type="addressable")
    assert len(addressable) == 22
    assert await rows_of(msp, "requirements", type="addressable", status="proposed") == []
    assert {row["group"] for row in await rows_of(msp, "topics", group="IMG")} == {"IMG"}
    assert [row["id"] for row in await rows_of(msp, "threats", group="PHY")] == ["PHY-01", "PHY-02", "PHY-03"]
    windows = await rows_of(msp, "os-lifecycles", product="windows")
    assert windows and {row["product"] for row in windows} == {"windows"}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("requirements?type=optional", "query/type"),
        ("requirements?status=repealed", "query/status"),
        ("topics?group=ZZZ", "query/group"),
        ("threats?group=phy", "query/group"),
        ("facts?of=toaster", "query/of"),
        ("facts?kind=toaster", "query/kind"),
        ("facts?of=vendor&kind=laptop", "query/kind"),
        ("os-lifecycles?product=beos", "query/product"),
        ("threats?after=nonsense", "query/after"),
        ("threats?after=IlhYWC0wMSI=", "query/after"),
        ("threats?groop=PHY", "query/groop"),
    ],
)
async def test_a_misspelt_filter_is_refused_and_not_answered_with_nothing(house: House, path: str, pointer: str) -> None:
    msp = await house.tenant()
    answer = await msp.get(f"/catalogue/{path}")
    assert [each["pointer"] for each in expect(answer, 422)["errors"]] == [pointer]


async def test_facts_draw_the_form_of_a_kind(house: House) -> None:
    msp = await house.tenant()
    rows = await rows_of(msp, "facts", of="asset", kind="capture_workstation")
    names = {row["name"] for row in rows}
    assert {"auto_logoff_minutes", "encryption_at_rest", "login_mode"} <= names
    assert {row["of"] for row in rows} == {"asset"}
    assert all(not row["kinds"] or "capture_workstation" in row["kinds"] for row in rows)
    sensor = {row["name"] for row in await rows_of(msp, "facts", of="asset", kind="intraoral_sensor")}
    assert "login_mode" not in sensor, "a sensor is not asked how one logs in"
    assert await rows_of(msp, "facts", kind="capture_workstation") == rows

    for row in rows:
        if row["computed"]:
            assert row["schema"] is None
        else:
            Draft202012Validator.check_schema(row["schema"])
            assert row["schema"]["description"] == row["question"]
            assert row["schema"]["title"]
            assert set(row["schema"].get("x-words", {})) == set(row["schema"].get("enum", [])) - {None}
    places = [row["schema"]["x-order"] for row in rows if row["schema"]]
    assert len(set(places)) == len(places), "the order of the questions is told"
    by_name = {row["name"]: row for row in rows}
    assert by_name["encryption_at_rest"]["fields"] == {"device": "encryption_at_rest", "system": "encryption_at_rest"}
    assert by_name["login_mode"]["fields"] == {}
    assert by_name["encryption_at_rest"]["schema"]["title"] == "Encryption at rest"
    assert by_name["auto_logoff_minutes"]["schema"]["x-unit"] == "minutes"


async def test_what_the_form_says_is_what_a_device_accepts(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    rows = await rows_of(msp, "facts", of="asset", kind="capture_workstation")
    schema = next(row["schema"] for row in rows if row["name"] == "auto_logoff_minutes")
    path = f"/organizations/{practice}/devices"
    for value in (15, None, "15", True, 1.5):
        body = {"name": "OP1", "kind": "capture_workstation", "facts": {"auto_logoff_minutes": value}}
        fits = not list(Draft202012Validator(schema).iter_errors(value))  # pyright: ignore[reportUnknownMemberType]  untyped there
        assert (await msp.post(path, body)).status_code == (201 if fits else 422), value


async def test_what_a_practice_has_said_fits_the_forms(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await send_survey(msp, practice, "lakeview-dental")
    schemas = {(row["of"], row["name"]): row["schema"] for row in await rows_of(msp, "facts") if row["schema"]}
    seen = 0
    for path, of in (("devices", "asset"), ("systems", "asset"), ("partners", "partner"), ("backups", "backup")):
        for thing in await msp.all(f"/organizations/{practice}/{path}"):
            for name, value in thing["facts"].items():
                Draft202012Validator(schemas[of, name]).validate(value)  # pyright: ignore[reportUnknownMemberType]  untyped there
                seen += 1
    assert seen > 100


@pytest.mark.parametrize("name", LISTS)
async def test_who_has_the_page_is_told_so(house: House, name: str) -> None:
    msp = await house.tenant()
    path = f"/catalogue/{name}"
    first = await msp.get(path)
    assert first.headers["etag"] == f'"{digest()}"'
    assert first.headers["cache-control"] == "private, max-age=3600"
    for known in (first.headers["etag"], f"W/{first.headers['etag']}", f'"other", {first.headers["etag"]}', "*"):
        again = await msp.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await msp.get(path, headers={"If-None-Match": '"an older edition"'})).json() == first.json()
    assert (await msp.get(f"{path}?after=x", headers={"If-None-Match": first.headers["etag"]})).status_code == 422


async def test_it_is_for_everyone_with_a_seat(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    for role, organizations in ((Role.billing, None), (Role.practice_member, [practice])):
        member = await house.member(msp, role, organizations=organizations)
        for name in LISTS:
            assert len((await member.get_json(f"/catalogue/{name}", params={"limit": 1}))["data"]) == 1
    key = await house.member(msp, Role.owner, scopes=["devices:read"])
    assert (await key.get("/catalogue/facts")).status_code == 403
    assert (await house.http.get("/v1/catalogue/facts", headers={"If-None-Match": "*"})).status_code == 401
