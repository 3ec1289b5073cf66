"""Agreements over HTTP, from draft to closed: days decide where they stand, and each step has its time."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import Role
from domain.clock import today
from domain.outbound.event_types import event_types
from tests.makers import Caller, House, expect

SIGNERS = [
    {"party": "covered_entity", "name": "Dr. Lake", "title": "Owner"},
    {"party": "business_associate", "name": "C. Loud", "title": "Counsel"},
]
SOUND: dict[str, Any] = {"breach_notice_days": 5, "missing_required_clauses": []}


def days(number: int) -> str:
    return (today() + timedelta(days=number)).isoformat()


async def cloud(msp: Caller, practice: str, **facts: Any) -> str:
    """A vendor that stores images for the practice; its id."""
    vendor = await msp.make("/vendors", {"name": "Cloud"})
    body = {"vendor_id": vendor["id"], "service": "cloud_archive", "maintains_phi": True, **facts}
    await msp.make(f"/organizations/{practice}/engagements", body)
    return vendor["id"]


async def drafted(msp: Caller, practice: str, **fields: Any) -> dict[str, Any]:
    vendor = fields.pop("vendor_id", None) or await cloud(msp, practice)
    return await msp.make(f"/organizations/{practice}/baas", {"vendor_id": vendor, **fields})


async def test_an_agreement_lives_from_draft_to_closed(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    baa = await drafted(msp, practice, **SOUND)
    path = f"/baas/{baa['id']}"
    assert (baa["state"], baa["signers"], baa["vendor_name"]) == ("draft", [], "Cloud")

    assert expect(await msp.patch(path, {"sent_on": days(-30)}), 200)["state"] == "sent"
    signed = await msp.make(f"{path}/signature", {"signed_on": days(-20), "signers": SIGNERS, "end_on": days(365)})
    assert (signed["state"], signed["signers"], signed["warnings"]) == ("executed", SIGNERS, [])
    assert (await msp.get_json(path)) == signed
    amended = expect(await msp.patch(path, {"amended_on": days(-10), "breach_notice_days": 3}), 200)
    assert (amended["state"], amended["breach_notice_days"]) == ("amended", 3)
    ended = await msp.make(f"{path}/termination", {"terminated_on": days(-1), "reason": "Moved to another archive."})
    assert (ended["state"], ended["termination_reason"]) == ("phi_return_pending", "Moved to another archive.")
    closed = expect(await msp.patch(path, {"return_destroy_attested_on": days(0)}), 200)
    assert closed["state"] == "closed"
    told = await kinds(msp, house, baa["id"])
    assert told == [
        "baa.created", "baa.updated", "baa.sent", "baa.signed", "baa.updated", "baa.amended", "baa.terminated",
        "baa.updated", "baa.closed",
    ]  # fmt: skip
    assert set(told) <= event_types().keys()


async def kinds(msp: Caller, house: House, subject: str) -> list[str]:
    """The kinds of events about a subject, in commit order."""
    from domain.database import tenant_session
    from domain.tenancy import SYSTEM, Wall

    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
        connection = await session.driver()
        rows = await connection.fetch(
            "select kind from event where tenant_id = $1 and subject_id = $2 order by sequence", msp.tenant_id, subject
        )
    return [row["kind"] for row in rows]


@pytest.mark.parametrize(
    ("end", "state"),
    [(None, "executed"), (61, "executed"), (60, "expiring"), (0, "expiring"), (-1, "expired")],
)
async def test_days_decide_where_a_signed_agreement_stands(house: House, end: int | None, state: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    end_on = None if end is None else days(end)
    baa = await drafted(msp, practice, signed_on=days(-400), end_on=end_on)
    assert baa["state"] == state
    found = await msp.get_json(f"/organizations/{practice}/baas", params={"state": state})
    assert [each["id"] for each in found["data"]] == [baa["id"]]
    others = await msp.get_json(f"/organizations/{practice}/baas", params={"state": "closed"})
    assert others == {"data": [], "next": None}


async def test_what_is_not_possible_now_is_refused_with_what_is(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    draft = await drafted(msp, practice)
    path = f"/baas/{draft['id']}"
    termination = {"terminated_on": days(0), "reason": "No longer needed."}
    signature = {"signed_on": days(-5), "signers": SIGNERS}

    def refused(answer: Any, *, allowed: str) -> None:
        body = expect(answer, 409)
        assert body["type"].endswith("/illegal-transition")
        assert allowed in body["detail"]

    refused(await msp.post(f"{path}/termination", termination), allowed="sign (POST")
    refused(await msp.patch(path, {"amended_on": days(0)}), allowed="sign (POST")
    refused(await msp.patch(path, {"signed_on": days(0)}), allowed="sign (POST")
    refused(await msp.patch(path, {"return_destroy_attested_on": days(0)}), allowed="sign (POST")
    await msp.make(f"{path}/signature", signature)
    refused(await msp.post(f"{path}/signature", signature), allowed="terminate (POST")
    refused(await msp.patch(path, {"sent_on": days(-6)}), allowed="amend (set amended_on)")
    refused(await msp.patch(path, {"vendor_id": await cloud(msp, practice)}), allowed="terminate")
    refused(await msp.patch(path, {"return_destroy_attested_on": days(0)}), allowed="terminate")
    await msp.make(f"{path}/termination", termination)
    refused(await msp.post(f"{path}/termination", termination), allowed="set return_destroy_attested_on")
    refused(await msp.post(f"{path}/signature", signature), allowed="draw up a new one")
    refused(await msp.patch(path, {"end_on": days(400)}), allowed="set return_destroy_attested_on")


async def test_an_archived_draft_is_not_signed(house: House) -> None:
    msp = await house.tenant()
    draft = await drafted(msp, await house.organization(msp))
    assert (await msp.delete(f"/baas/{draft['id']}")).status_code == 204
    answer = await msp.post(f"/baas/{draft['id']}/signature", {"signed_on": days(0), "signers": SIGNERS})
    assert expect(answer, 409)["type"].endswith("/archived")


async def test_of_two_signatures_at_once_one_counts(house: House) -> None:
    msp = await house.tenant()
    draft = await drafted(msp, await house.organization(msp))
    signature = {"signed_on": days(0), "signers": SIGNERS}
    answers = await asyncio.gather(*(msp.post(f"/baas/{draft['id']}/signature", signature) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_deed_cannot_lie_in_the_future_nor_before_the_signature(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    baa = await drafted(msp, practice, sent_on=days(-10))
    path = f"/baas/{baa['id']}"

    async def faults(answer: Any) -> set[tuple[str, str]]:
        return {(each["pointer"], each["code"]) for each in expect(answer, 422)["errors"]}

    assert await faults(await msp.post(f"{path}/signature", {"signed_on": days(1), "signers": SIGNERS})) == {
        ("/signed_on", "in_the_future")
    }
    early = {"signed_on": days(-11), "signers": SIGNERS, "end_on": days(-12)}
    assert await faults(await msp.post(f"{path}/signature", early)) == {
        ("/signed_on", "before_sending"),
        ("/end_on", "before_signature"),
    }
    assert await faults(await msp.post(f"{path}/signature", {"signed_on": days(0), "signers": []})) == {
        ("/signers", "too_short")
    }
    await msp.make(f"{path}/signature", {"signed_on": days(-5), "signers": SIGNERS})
    assert await faults(await msp.patch(path, {"amended_on": days(-6)})) == {("/amended_on", "before_signature")}
    assert await faults(await msp.patch(path, {"signed_on": None})) == {("/signed_on", "required")}
    later = {"terminated_on": days(30), "reason": "Notice given."}
    assert await faults(await msp.post(f"{path}/termination", later)) == {("/terminated_on", "in_the_future")}
    assert (await msp.get_json(path))["state"] == "executed", "what was refused changed nothing"
    unsigned = await msp.post(f"/organizations/{practice}/baas", {"vendor_id": baa["vendor_id"], "amended_on": days(-1)})
    assert await faults(unsigned) == {("/amended_on", "not_signed")}


@pytest.mark.parametrize(
    ("notice", "chosen", "expected"),
    [
        (None, {}, [("breach_notice_missing", None)]),
        (0, {}, []),
        (10, {}, []),
        (11, {}, [("breach_notice_long", None)]),
        (11, {"baa_breach_notice_max": 30}, []),
        (60, {}, [("breach_notice_long", None)]),
        (61, {"baa_breach_notice_max": 90}, [("breach_notice_unlawful", "164.410(b)")]),
    ],
)
async def test_the_notice_of_a_breach(
    house: House, notice: int | None, chosen: dict[str, int], expected: list[tuple[str, str | None]]
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, settings=chosen)
    baa = await drafted(msp, practice, breach_notice_days=notice, missing_required_clauses=[])
    assert [(each["code"], each["citation"]) for each in baa["warnings"]] == expected


async def test_the_clauses_that_the_law_wants(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    baa = await drafted(msp, practice, breach_notice_days=5)
    path = f"/baas/{baa['id']}"
    assert len(baa["clauses"]) == 13
    assert {each["present"] for each in baa["clauses"]} == {None}, "nobody has looked"
    assert [each["code"] for each in baa["warnings"]] == ["clauses_unchecked"]

    lacking = expect(await msp.patch(path, {"missing_required_clauses": ["termination", "access", "access"]}), 200)
    assert lacking["missing_required_clauses"] == ["access", "termination"]
    assert {each["key"] for each in lacking["clauses"] if each["present"] is False} == {"access", "termination"}
    assert [(each["code"], each["citation"]) for each in lacking["warnings"]] == [
        ("clauses_missing", "164.504(e)(2)(ii)(E); 164.504(e)(2)(iii)")
    ]
    misspelt = await msp.patch(path, {"missing_required_clauses": ["access", "exit"]})
    assert [(each["pointer"], each["code"]) for each in expect(misspelt, 422)["errors"]] == [
        ("/missing_required_clauses/1", "unknown_clause")
    ]


async def test_a_signature_of_one_side_is_said_to_be_one(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    baa = await drafted(msp, practice, **SOUND)
    signed = await msp.make(f"/baas/{baa['id']}/signature", {"signed_on": days(0), "signers": SIGNERS[:1]})
    assert [each["code"] for each in signed["warnings"]] == ["signers_incomplete"]
    earlier = await drafted(msp, practice, signed_on="2020-02-29", **SOUND)
    assert (earlier["state"], [each["code"] for each in earlier["warnings"]]) == ("executed", ["signers_incomplete"])


async def test_where_no_phi_was_nothing_comes_back(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    views = {"creates_phi": False, "receives_phi": False, "maintains_phi": False, "transmits_phi": False}
    viewer = await cloud(msp, practice, **views, remote_access="attended", can_view_ephi=True)
    ending = {"terminated_on": days(0), "reason": "Support contract ended."}
    for vendor, attested, state in (
        (viewer, None, "terminated"),
        (await cloud(msp, practice), None, "phi_return_pending"),
        (await cloud(msp, practice), days(0), "closed"),
    ):
        baa = await drafted(msp, practice, vendor_id=vendor, signed_on=days(-100))
        ended = await msp.make(f"/baas/{baa['id']}/termination", {**ending, "return_destroy_attested_on": attested})
        assert ended["state"] == state
    expired = await drafted(msp, practice, signed_on=days(-100), end_on=days(-1))
    assert expect(await msp.patch(f"/baas/{expired['id']}", {"return_destroy_attested_on": days(0)}), 200)["state"] == "closed"


async def test_the_list_follows_vendors_and_pages(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    vendor = await cloud(msp, practice)
    made = [(await drafted(msp, practice, vendor_id=vendor))["id"] for _ in range(3)]
    await drafted(msp, practice)
    first = await msp.get_json(f"/organizations/{practice}/baas", params={"vendor_id": vendor, "limit": 2})
    rest = await msp.get_json(
        f"/organizations/{practice}/baas", params={"vendor_id": vendor, "limit": 2, "after": first["next"]}
    )
    assert [each["id"] for each in first["data"] + rest["data"]] == made
    assert rest["next"] is None
    assert len(await msp.all(f"/organizations/{practice}/baas")) == 4


async def test_walls(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    mine, other = await house.organization(msp), await house.organization(msp)
    baa = await drafted(msp, other)
    manager = await house.member(msp, Role.practice_admin, organizations=[mine])
    signature = {"signed_on": date(2026, 1, 5).isoformat(), "signers": SIGNERS}
    for caller in (stranger, manager):
        assert (await caller.get(f"/baas/{baa['id']}")).status_code == 404
        assert (await caller.post(f"/baas/{baa['id']}/signature", signature)).status_code == 404
        assert (await caller.get(f"/organizations/{other}/baas")).status_code == 404
    own = await manager.make(f"/organizations/{mine}/baas", {"vendor_id": baa["vendor_id"]})
    assert [each["id"] for each in await manager.all(f"/organizations/{mine}/baas")] == [own["id"]]
    auditor = await house.member(msp, Role.auditor)
    assert (await auditor.get_json(f"/baas/{baa['id']}"))["state"] == "draft"
    assert (await auditor.post(f"/baas/{baa['id']}/signature", signature)).status_code == 403
