"""The audit trail over HTTP: who did what, with every value; and a chain that tells when somebody tampered with it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.access import Role
from domain.audit_exports import write_export
from domain.audit_partitions import make_partitions
from domain.clock import new_id, now
from domain.database import tenant_session
from domain.events import emit
from domain.people.tenants import own
from domain.runtime import Runtime, Targets
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect, make_assessment, make_document


async def tamper(targets: Targets, statement: str, *arguments: Any) -> None:
    """What only the superuser of the database can do: past row security and past the append-only trigger."""
    assert targets.superuser is not None
    connection = await asyncpg.connect(**targets.superuser)
    try:
        await connection.execute("set session_replication_role = replica")
        assert await connection.execute(statement, *arguments) in {"UPDATE 1", "DELETE 1", "INSERT 0 1"}
    finally:
        await connection.close()


async def verification(msp: Caller) -> dict[str, Any]:
    return await msp.get_json("/audit-log/verification")


async def test_the_trail_tells_who_and_what(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, name="Lakeview")
    answer = await msp.patch(f"/organizations/{practice}", {"name": "Lakeview Dental"})
    expect(answer, 200)
    newest = (await msp.get_json("/audit-log"))["data"][0]
    assert newest["kind"] == "organization.updated"
    assert newest["changes"] == {"name": {"from": "Lakeview", "to": "Lakeview Dental"}}
    assert newest["actor"]["kind"] == "api_key"
    assert newest["actor"]["member_id"] == str(msp.member_id)
    assert newest["context"]["request_id"] == answer.headers["x-request-id"]

    async def kinds(**filters: Any) -> list[str]:
        return [each["kind"] for each in (await msp.get_json("/audit-log", params=filters))["data"]]

    assert await kinds(subject_id=practice, sort="sequence") == ["organization.created", "organization.updated"]
    assert await kinds(kind="organization.updated", organization_id=practice) == ["organization.updated"]
    assert await kinds(actor_id=newest["actor"]["id"], subject_type="organization") == [
        "organization.updated",
        "organization.created",
    ]
    assert await kinds(until=newest["at"], subject_id=practice) == ["organization.created"]
    assert await kinds(since=newest["at"], subject_type="organization") == ["organization.updated"]
    for typed in ("Anna Smith, born 1980-01-01", "0001-01-01T00:00:00+23:59", ""):
        assert (await msp.get("/audit-log", params={"kind": typed})).status_code == 422, "no free text enters by a question"
        assert (await msp.get("/audit-log", params={"subject_type": typed})).status_code == 422
    found = await msp.all("/audit-log")
    assert [each["sequence"] for each in found] == list(range(len(found), 0, -1))
    assert [each["kind"] for each in found[:6]] == ["audit_log.read"] * 6, "reading it stands in it"


async def test_only_who_may_audit_reads_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    technician = await house.member(msp, Role.technician)
    auditor = await house.member(msp, Role.auditor)
    narrowed = await house.member(msp, Role.auditor, organizations=[practice])
    for path in ("/audit-log", "/audit-log/verification"):
        assert (await technician.get(path)).status_code == 403
        assert (await auditor.get(path)).status_code == 200
    assert {each["organization_id"] for each in await narrowed.all("/audit-log")} == {practice}
    assert (await narrowed.get("/audit-log/verification")).status_code == 403, "half a chain proves nothing"


async def test_an_untouched_chain_holds(house: House) -> None:
    msp, other = await house.tenant(), await house.tenant()
    for _ in range(3):
        await house.organization(msp)
    await house.organization(other)
    found = await verification(msp)
    verified, last = (await msp.get_json("/audit-log", params={"limit": 2}))["data"]
    assert (verified["kind"], verified["changes"]) == ("audit_log.verified", {"intact": True, "verified": last["sequence"]})
    assert found == {
        "intact": True,
        "verified": last["sequence"],
        "head_sequence": last["sequence"],
        "head_hash": last["hash"],
        "first_broken": None,
    }


@pytest.mark.parametrize(
    ("statement", "problem", "names_the_event"),
    [
        ('update event set changes = \'{"name": "Nothing happened"}\' where tenant_id = $1 and sequence = $2', "altered", True),
        ("update event set actor = '{}' where tenant_id = $1 and sequence = $2", "altered", True),
        ("update event set at = at - interval '1 second' where tenant_id = $1 and sequence = $2", "altered", True),
        ("delete from event where tenant_id = $1 and sequence = $2", "missing", False),
        # A forger who also computes the hash of what he changed breaks the link to the next event.
        (
            """update event set kind = 'organization.archived', hash = event_hash(previous_hash, tenant_id, sequence, id, at,
            'organization.archived', subject_type, subject_id, organization_id, changes, actor, context)
            where tenant_id = $1 and sequence = $2""",
            "unlinked",
            True,
        ),
    ],
)
async def test_tampering_is_found_and_named(
    house: House, targets: Targets, statement: str, problem: str, *, names_the_event: bool
) -> None:
    msp = await house.tenant()
    for _ in range(4):
        await house.organization(msp)
    events = await msp.all("/events")
    await tamper(targets, statement, msp.tenant_id, 4)
    place = 5 if problem == "unlinked" else 4
    found = await verification(msp)
    assert not found["intact"]
    assert found["verified"] == place - 1
    assert found["first_broken"] == {
        "sequence": place,
        "event_id": events[place - 1]["id"] if names_the_event else None,
        "problem": problem,
    }


async def test_a_cut_off_end_and_a_forged_one_are_found(house: House, targets: Targets) -> None:
    msp = await house.tenant()
    await house.organization(msp)
    await tamper(targets, "delete from event where tenant_id = $1 and sequence = $2", msp.tenant_id, 3)
    assert (await verification(msp))["first_broken"] == {"sequence": 3, "event_id": None, "problem": "missing"}

    other = await house.tenant()
    await house.organization(other)
    forged = """insert into event select tenant_id, at, gen_random_uuid(), sequence + 1, kind, subject_type, subject_id,
        organization_id, changes, actor, context, hash, hash from event where tenant_id = $1 and sequence = $2"""
    await tamper(targets, forged, other.tenant_id, 3)
    found = await verification(other)
    assert (found["first_broken"]["sequence"], found["first_broken"]["problem"]) == (4, "unlinked")

    third = await house.tenant()
    await tamper(targets, "update event_head set hash = 'x' where tenant_id = $1 and sequence = $2", third.tenant_id, 2)
    assert (await verification(third))["first_broken"] == {"sequence": 2, "event_id": None, "problem": "head"}


async def test_reading_a_document_a_report_or_the_trail_stands_in_it(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    document = await make_document(msp, practice)
    assessment = await make_assessment(msp, practice)
    auditor = await house.member(msp, Role.auditor)
    headers = {"User-Agent": "Investigator/1.0"}
    expect_read = {
        f"/documents/{document['id']}/content": "document.read",
        f"/assessments/{assessment['id']}/report": "report.read",
        "/audit-log?kind=document.read": "audit_log.read",
        "/audit-log/verification": "audit_log.verified",
    }
    for path, kind in expect_read.items():
        accept = {"Accept": "text/csv"} if path.endswith("report") else {}
        assert (await auditor.get(path, headers={**headers, **accept})).status_code == 200
        entry = (await msp.get_json("/audit-log", params={"kind": kind}))["data"][0]
        assert entry["actor"]["member_id"] == str(auditor.member_id), path
        assert entry["context"]["user_agent"] == "Investigator/1.0"
        assert entry["context"]["address"] == "127.0.0.1"
    [read] = (await msp.get_json("/audit-log", params={"kind": "document.read"}))["data"]
    assert read["changes"] == {"sha256": document["sha256"]}
    assert read["organization_id"] == practice


async def test_what_is_named_like_a_secret_never_enters_the_trail(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        said = {
            "password": {"from": "hunter1", "to": "hunter2"},
            "settings": {"smtp": {"client_secret": "hunter3", "host": "mx"}, "tokens": ["hunter4"]},
            "mfa_secret": None,
            "shared_credentials": True,
        }
        emit(session, "tenant.updated", await own(session), said)
    entry = (await msp.get_json("/audit-log", params={"kind": "tenant.updated"}))["data"][0]
    assert "hunter" not in json.dumps(entry)
    assert entry["changes"] == {
        "password": {"from": "***", "to": "***"},
        "settings": {"smtp": {"client_secret": "***", "host": "mx"}, "tokens": ["***"]},
        "mfa_secret": None,
        "shared_credentials": True,
    }


async def test_the_trail_is_exported_and_no_cell_is_a_formula(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    formula = "=HYPERLINK(1)"
    await house.organization(msp, name=formula)
    bare = await msp.request("POST", "/audit-log/exports", json={"format": "csv"}, headers={"User-Agent": "=1+1"})
    waiting = [expect(bare, 202), expect(await msp.post("/audit-log/exports", {"format": "jsonl"}), 202)]
    assert (await msp.get(f"/audit-log/exports/{waiting[0]['id']}/content")).status_code == 409
    for each in waiting:
        for _ in range(2):
            await write_export(runtime, {"tenant_id": str(msp.tenant_id), "export_id": each["id"]})
    shown = await msp.get_json(f"/audit-log/exports/{waiting[0]['id']}")
    assert (shown["status"], shown["entries"]) == ("ready", waiting[0]["up_to_sequence"])
    table, lines = [(await msp.get(f"/audit-log/exports/{each['id']}/content")).text for each in waiting]
    rows = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))
    assert len(rows) == shown["entries"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert any(json.loads(row["changes"]).get("name") == formula for row in rows), "whole, inside a cell that is no formula"
    entries = [json.loads(line) for line in lines.splitlines()]
    assert entries[0]["sequence"] == 1
    assert [entry["hash"] for entry in entries][: len(rows)] == [row["hash"] for row in rows]
    read = (await msp.get_json("/audit-log", params={"kind": "audit_log.read", "limit": 1}))["data"][0]
    assert read["changes"]["export_id"] == waiting[1]["id"]

    practice = await house.organization(msp)
    narrowed = await house.member(msp, Role.auditor, organizations=[practice])
    assert (await narrowed.post("/audit-log/exports", {})).status_code == 403
    backwards = {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    assert (await msp.post("/audit-log/exports", backwards)).status_code == 422


async def test_the_months_are_made_ahead_also_after_years_without(house: House, runtime: Runtime, targets: Targets) -> None:
    """Rows of months that nobody made a table for stand in the default one, and do not hinder the making of others."""
    assert await make_partitions(runtime.database, 24) == 0, "they are there already"
    assert targets.superuser is not None
    msp = await house.tenant()
    stray = datetime(now().year + 3, 1, 15, tzinfo=UTC)
    row = """insert into event select tenant_id, $2, $3, 99, kind, subject_type, subject_id, organization_id, changes, actor,
        context, previous_hash, hash from event where tenant_id = $1 and sequence = 1"""
    connection = await asyncpg.connect(**targets.superuser)
    try:
        await connection.execute("begin")
        assert await connection.execute(row, msp.tenant_id, stray, new_id()) == "INSERT 0 1"
        made = await connection.fetchval("select make_event_partitions(60)")
        names = {each["name"] for each in await connection.fetch(
            "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'event'::regclass")}  # fmt: skip
        skipped = f"event_{stray:%Y_%m}"
        assert made == 60 - 24 - 1, "all but the one whose rows stand elsewhere"
        assert skipped not in names
        assert f"event_{stray + timedelta(days=31):%Y_%m}" in names
        for emptied in ("event", f"event_{stray + timedelta(days=31):%Y_%m}", "event_default"):
            await connection.execute("savepoint tried")
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(f"truncate {emptied} cascade")
            await connection.execute("rollback to tried")
    finally:
        await connection.execute("rollback")
        await connection.close()
