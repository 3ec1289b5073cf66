"""Work that is opened for many clients at once, comes back by itself, shows what was done, and is reminded of once."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import Role
from domain.clock import today
from domain.database import tenant_session
from domain.remediation.recurring import Recurrence, Unit
from domain.remediation.reminding import remind
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.test_findings import evaluated, shared_login
from tests.makers import Caller, House, expect, make_document, make_task


async def test_the_same_fix_is_opened_in_every_organization_that_needs_it(house: House) -> None:
    msp = await house.tenant()
    needy = [await house.organization(msp) for _ in range(3)]
    fine = await house.organization(msp)
    for organization in needy:
        await shared_login(msp, organization)
        await evaluated(msp, organization)
    fix = {"title": "Own logins", "rule_id": "CAP-01", "priority": "high"}
    opened = await msp.make("/campaigns", {**fix, "organization_ids": [*needy, fine]})
    assert sorted(each["organization_id"] for each in opened["tasks"]) == sorted(needy)
    assert opened["not_needed"] == [fine]
    tasks = (await msp.get_json("/tasks", params={"campaign_id": opened["id"]}))["data"]
    assert {each["id"] for each in tasks} == {each["id"] for each in opened["tasks"]}
    assert all(len(each["finding_ids"]) == 1 and each["due_on"] and each["priority"] == "high" for each in tasks)
    assert (await msp.make("/campaigns", fix))["tasks"] == [], "a second time there is nothing left to open"

    narrowed = await house.member(msp, Role.technician, organizations=[fine])
    assert (await narrowed.make("/campaigns", fix))["tasks"] == []
    hidden = await narrowed.post("/campaigns", {**fix, "organization_ids": needy[:1]})
    assert [each["pointer"] for each in expect(hidden, 422)["errors"]] == ["/organization_ids/0"]
    out_of_reach = await msp.post("/campaigns", {"title": "Locks", "group": "sessions", "assignee_id": str(narrowed.member_id)})
    assert [each["code"] for each in expect(out_of_reach, 422)["errors"]] == ["out_of_reach"]
    for unclear in ({}, {"rule_id": "CAP-01", "group": "sessions"}, {"rule_id": "NO-99"}, {"group": "nothing"}):
        assert (await msp.post("/campaigns", {"title": "What?", **unclear})).status_code == 422


async def verified(by: Caller, other: Caller, task: str) -> None:
    await by.make(f"/tasks/{task}/completion", {})
    await other.make(f"/tasks/{task}/verification", {})


async def test_work_comes_back_once(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    other = await house.member(msp, Role.practice_admin, organizations=[practice])
    due = today() + timedelta(days=3)
    rhythm = {"every": 3, "unit": "month"}
    task = await make_task(msp, practice, due_on=due.isoformat(), recurrence=rhythm, owner="IT")
    await msp.make(f"/tasks/{task['id']}/completion", {})
    answers = await asyncio.gather(*(other.post(f"/tasks/{task['id']}/verification", {}) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 409, 409]
    following = [each for each in await msp.all(f"/organizations/{practice}/tasks") if each["previous_id"] == task["id"]]
    [second] = following
    assert second["due_on"] == Recurrence(every=3, unit=Unit.month).after(due).isoformat()
    assert (second["title"], second["owner"], second["status"], second["recurrence"]) == (task["title"], "IT", "open", rhythm)
    assert (second["finding_ids"], second["evidence"]) == ([], [])

    assert (await msp.delete(f"/tasks/{second['id']}")).status_code == 204
    [third] = [each for each in await msp.all(f"/organizations/{practice}/tasks") if each["previous_id"] == second["id"]]
    expect(await msp.patch(f"/tasks/{third['id']}", {"recurrence": None}), 200)
    assert (await msp.delete(f"/tasks/{third['id']}")).status_code == 204
    live = [each for each in await msp.all(f"/organizations/{practice}/tasks") if each["status"] == "open"]
    assert live == [], "without its recurrence it ends"


@pytest.mark.parametrize(
    ("every", "unit", "last", "on", "due"),
    [
        (1, Unit.month, date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28)),
        (1, Unit.month, date(2026, 1, 31), date(2026, 3, 1), date(2026, 3, 31)),  # from the anchor, not from the 28th
        (1, Unit.year, date(2024, 2, 29), date(2025, 1, 1), date(2025, 2, 28)),
        (2, Unit.week, date(2026, 1, 1), date(2026, 2, 12), date(2026, 2, 26)),  # late by three: those are left out
        (10, Unit.day, date(2026, 1, 1), date(2026, 1, 11), date(2026, 1, 21)),
    ],
)
def test_when_work_is_due_again(every: int, unit: Unit, last: date, on: date, due: date) -> None:
    assert Recurrence(every=every, unit=unit).next_due(last, on=on) == due


async def test_duties_are_planned_once(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    known = {each["key"]: each for each in (await msp.get_json("/duties"))["duties"]}
    assert {"backup_test", "access_review", "map_review"} <= known.keys()
    path = f"/organizations/{practice}/duties"
    first = await msp.make(path, {"keys": ["backup_test", "map_review"]})
    assert await msp.make(path, {"keys": ["map_review", "backup_test"]}) == {"planned": first["planned"][::-1]}
    tasks = await msp.all(f"/organizations/{practice}/tasks")
    assert {(each["duty"], each["recurrence"]["unit"]) for each in tasks} == {("backup_test", "month"), ("map_review", "year")}
    assert (await msp.post(path, {"keys": ["nap"]})).status_code == 422


async def test_work_shows_what_was_done(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    proof = {"document_id": (await make_document(msp, practice))["id"]}
    task = await make_task(msp, practice)
    done = await msp.make(f"/tasks/{task['id']}/completion", {"evidence": [proof, {"reference": "Ticket 4711"}]})
    assert done["evidence"] == [proof, {"reference": "Ticket 4711"}]
    elsewhere = await make_task(msp, other)
    refused = await msp.post(f"/tasks/{elsewhere['id']}/completion", {"evidence": [proof]})
    assert [each["pointer"] for each in expect(refused, 422)["errors"]] == ["/evidence/0/document_id"]


# --- reminders ---------------------------------------------------------------------------------------------------------


async def look(house: House, msp: Caller, on: date) -> int:
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        return await remind(session, on=on)


async def told(msp: Caller) -> list[tuple[str, Any]]:
    events = [each for each in await msp.all("/events") if each["kind"] in ("task.due_soon", "task.overdue")]
    return [(each["kind"], each["subject"]["id"]) for each in events]


async def test_two_schedulers_and_a_jumping_clock_tell_once(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    due = today() + timedelta(days=20)
    task = await make_task(msp, practice, due_on=due.isoformat())
    finished = await make_task(msp, practice, due_on=due.isoformat())
    await msp.make(f"/tasks/{finished['id']}/completion", {})
    await make_task(msp, practice)
    before = (await msp.get(f"/tasks/{task['id']}")).headers["etag"]
    assert await look(house, msp, due - timedelta(days=8)) == 0, "too early"
    assert sum(await asyncio.gather(*(look(house, msp, due - timedelta(days=7)) for _ in range(4)))) == 1
    for day in (due, due - timedelta(days=3), due - timedelta(days=7)):
        assert await look(house, msp, day) == 0
    assert sum(await asyncio.gather(*(look(house, msp, due + timedelta(days=1)) for _ in range(4)))) == 1
    for day in (due + timedelta(days=400), due - timedelta(days=1), due + timedelta(days=1)):
        assert await look(house, msp, day) == 0, "the clock jumps, and nothing is told again"
    assert (await msp.get(f"/tasks/{task['id']}")).headers["etag"] == before, "to remind of a task does not change it"

    later = due + timedelta(days=30)
    expect(await msp.patch(f"/tasks/{task['id']}", {"due_on": later.isoformat()}), 200)
    assert await look(house, msp, later + timedelta(days=1)) == 1, "another day is told of anew, and too late is not soon"
    kinds = [kind for kind, subject in await told(msp) if subject == task["id"]]
    assert kinds == ["task.due_soon", "task.overdue", "task.overdue"]


async def test_how_soon_is_soon(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    expect(await msp.patch("/tenant", {"settings": {"task_due_soon_days": 1}}), 200)
    assert (await msp.patch("/tenant", {"settings": {"task_due_soon_days": "soon"}})).status_code == 422
    await make_task(msp, practice, due_on=(today() + timedelta(days=2)).isoformat())
    assert await look(house, msp, today()) == 0
    assert await look(house, msp, today() + timedelta(days=1)) == 1
