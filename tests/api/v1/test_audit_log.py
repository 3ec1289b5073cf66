"""The audit trail over HTTP: who did what, with every value; and a chain that tells when somebody tampered with it."""

from typing import Any

import asyncpg
import pytest

from domain.access import Role
from domain.runtime import Targets
from tests.makers import Caller, House, expect


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
    assert await kinds(since=newest["at"]) == ["organization.updated"]
    assert [each["sequence"] for each in await msp.all("/audit-log")] == [4, 3, 2, 1]


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
    newest = (await msp.get_json("/audit-log"))["data"][0]
    assert found == {
        "intact": True,
        "verified": newest["sequence"],
        "head_sequence": newest["sequence"],
        "head_hash": newest["hash"],
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
