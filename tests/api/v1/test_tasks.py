"""Tasks over HTTP: planned for findings, done, and verified by somebody else than who did the work."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.access import Role
from domain.clock import today
from tests.api.v1.test_findings import by_hand
from tests.makers import Caller, House, expect

MOVE = {"title": "Move the server"}


def days(number: int) -> str:
    return (today() + timedelta(days=number)).isoformat()


async def planned(msp: Caller, practice: str, **fields: Any) -> dict[str, Any]:
    return await msp.make(f"/organizations/{practice}/tasks", {**MOVE, **fields})


async def done(by: Caller, task: dict[str, Any], **said: Any) -> dict[str, Any]:
    return await by.make(f"/tasks/{task['id']}/completion", said)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit("/", 1)[-1]


def faults(response: httpx.Response) -> set[tuple[str, str]]:
    return {(each["pointer"], each["code"]) for each in expect(response, 422)["errors"]}


async def kinds_about(msp: Caller, task: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in await msp.all("/events") if each["subject"]["id"] == task["id"]]


# --- from plan to verified -------------------------------------------------------------------------------------------


async def test_a_task_from_plan_to_verified(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    technician = await house.member(msp, Role.technician)
    official = await house.member(msp, Role.practice_admin, organizations=[practice])
    finding = await by_hand(msp, practice)
    task = await planned(
        msp, practice, assignee_id=str(technician.member_id), due_on=days(30), priority="high", finding_ids=[finding["id"]]
    )
    assert (task["status"], task["priority"], task["finding_ids"]) == ("open", "high", [finding["id"]])
    read = await msp.get(f"/tasks/{task['id']}")
    assert read.json() == task
    assert await msp.all(f"/organizations/{practice}/tasks") == [task], "a list shows the same"

    taken_up = expect(await technician.patch(f"/tasks/{task['id']}", {"status": "in_progress"}), 200)
    assert taken_up["status"] == "in_progress"
    assert (
        await msp.patch(f"/tasks/{task['id']}", {"owner": "x"}, headers={"If-Match": read.headers["etag"]})
    ).status_code == 412
    finished = await done(technician, task, note="Moved on Sunday.")
    assert (finished["status"], finished["completed_by"]) == ("done", str(technician.member_id))
    assert finished["completed_at"] is not None

    said = {"residual_likelihood": "very_low", "residual_impact": "very_high", "note": "Seen."}
    verified = await official.make(f"/tasks/{task['id']}/verification", said)
    assert (verified["status"], verified["verified_by"]) == ("verified", str(official.member_id))
    assert (verified["residual_level"], verified["residual_impact"]) == ("low", "very_high"), "looked up in I-2"
    treated = await msp.get_json(f"/findings/{finding['id']}")
    assert [(each["id"], each["status"], each["residual_level"]) for each in treated["tasks"]] == [
        (task["id"], "verified", "low")
    ]
    comments = await msp.all(f"/tasks/{task['id']}/comments")
    assert [(each["text"], each["author_id"]) for each in comments] == [
        ("Moved on Sunday.", str(technician.member_id)),
        ("Seen.", str(official.member_id)),
    ]
    assert await kinds_about(msp, task) == ["task.created", "task.updated", "task.completed", "task.verified"]


async def test_nobody_verifies_their_own_work(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    official = await house.member(msp, Role.practice_admin, organizations=[practice])
    task = await planned(msp, practice)
    path = f"/tasks/{task['id']}/verification"
    assert code(await msp.post(path, {})) == (409, "not-done")
    await done(official, task)
    own = await official.post(path, {})
    assert code(own) == (409, "own-work")
    assert "another member" in own.json()["detail"]
    key = await msp.make("/api-keys", {"name": "script"})
    script = Caller(msp.http, key["key"], msp.tenant_id, msp.member_id)
    assert (await script.make(path, {}))["verified_by"] == str(msp.member_id), "a key acts for its member"
    assert code(await msp.post(path, {})) == (409, "not-done"), "it is verified once"


async def test_whoever_asked_a_script_to_do_it_did_it(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    key = await msp.make("/api-keys", {"name": "script"})
    await done(Caller(msp.http, key["key"], msp.tenant_id, msp.member_id), task)
    assert code(await msp.post(f"/tasks/{task['id']}/verification", {})) == (409, "own-work")


async def test_neither_act_needs_a_word(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    admin = await house.member(msp, Role.admin)
    assert expect(await msp.post(f"/tasks/{task['id']}/completion"), 201)["status"] == "done"
    verified = expect(await admin.post(f"/tasks/{task['id']}/verification"), 201)
    assert (verified["status"], verified["residual_level"]) == ("verified", None), "not said is not low"
    assert await msp.all(f"/tasks/{task['id']}/comments") == []


async def test_of_two_at_once_one_completes_it(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    admin = await house.member(msp, Role.admin)
    answers = await asyncio.gather(*(by.post(f"/tasks/{task['id']}/completion", {}) for by in (msp, admin)))
    assert sorted(each.status_code for each in answers) == [201, 409]
    assert (await kinds_about(msp, task)).count("task.completed") == 1


async def test_half_a_residual_rating_is_none(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    await done(msp, task)
    admin = await house.member(msp, Role.admin)
    half = await admin.post(f"/tasks/{task['id']}/verification", {"residual_likelihood": "low"})
    assert faults(half) == {("/residual_impact", "missing")}
    given = await admin.post(f"/tasks/{task['id']}/verification", {"residual_level": "low"})
    assert faults(given) == {("/residual_level", "unknown")}, "a level is looked up, never given"


async def test_a_done_task_is_opened_again(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    path = f"/tasks/{task['id']}"
    await done(msp, task)
    assert code(await msp.patch(path, {"status": "in_progress"})) == (409, "task-done")
    again = expect(await msp.patch(path, {"status": "open", "owner": "Electrician"}), 200)
    assert (again["status"], again["completed_at"], again["completed_by"]) == ("open", None, None)
    assert again["owner"] == "Electrician"
    assert await kinds_about(msp, task) == ["task.created", "task.completed", "task.reopened", "task.updated"]


async def test_done_and_verified_are_acts_and_not_fields(house: House) -> None:
    msp = await house.tenant()
    task = await planned(msp, await house.organization(msp))
    admin = await house.member(msp, Role.admin)
    path = f"/tasks/{task['id']}"
    for status in ("done", "verified"):
        assert faults(await msp.patch(path, {"status": status})) == {("/status", "not_by_change")}
    assert faults(await msp.patch(path, {"status": "paused"})) == {("/status", "enum")}
    assert faults(await msp.patch(path, {"completed_by": str(msp.member_id)})) == {("/completed_by", "unknown")}
    await done(msp, task)
    same = expect(await msp.patch(path, {"status": "done", "due_on": days(3)}), 200)
    assert (same["status"], same["due_on"]) == ("done", days(3)), "to repeat what is so changes nothing"
    assert code(await msp.post(f"{path}/completion", {})) == (409, "already-done")
    await admin.make(f"{path}/verification", {})
    for changes in ({"status": "open"}, {"title": "Something else"}):
        assert code(await msp.patch(path, changes)) == (409, "task-verified")


# --- planning --------------------------------------------------------------------------------------------------------


async def test_a_task_treats_findings_of_its_organization(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    one, two = await by_hand(msp, practice), await by_hand(msp, practice, title="Two")
    elsewhere = await by_hand(msp, other)
    path = f"/organizations/{practice}/tasks"
    mixed = {**MOVE, "finding_ids": [one["id"], elsewhere["id"], str(msp.tenant_id)]}
    wrong = {("/finding_ids/1", "unknown_reference"), ("/finding_ids/2", "unknown_reference")}
    assert faults(await msp.post(path, mixed)) == wrong
    assert await msp.all("/tasks") == [], "and nothing was planned"

    task = await msp.make(f"/findings/{one['id']}/tasks", {**MOVE, "finding_ids": [one["id"]]})
    assert (task["organization_id"], task["finding_ids"]) == (practice, [one["id"]]), "named twice, treated once"
    assert faults(await msp.post(f"/findings/{one['id']}/tasks", {**MOVE, "finding_ids": [elsewhere["id"]]}))

    tag = (await msp.get(f"/tasks/{task['id']}")).headers["etag"]
    both = {"finding_ids": [two["id"], one["id"]]}
    relinked = await msp.patch(f"/tasks/{task['id']}", both, headers={"If-Match": tag})
    assert expect(relinked, 200)["finding_ids"] == [one["id"], two["id"]]
    assert relinked.headers["etag"] != tag, "the task is another one now"
    assert expect(await msp.patch(f"/tasks/{task['id']}", {"finding_ids": [two["id"]]}), 200)["finding_ids"] == [two["id"]]
    assert (await msp.get_json(f"/findings/{one['id']}"))["tasks"] == []
    bad = await msp.patch(f"/tasks/{task['id']}", {"finding_ids": [elsewhere["id"]]})
    assert faults(bad) == {("/finding_ids/0", "unknown_reference")}
    assert (await msp.get_json(f"/tasks/{task['id']}"))["finding_ids"] == [two["id"]]
    assert expect(await msp.patch(f"/tasks/{task['id']}", {"finding_ids": None}), 200)["finding_ids"] == []


async def test_an_assignee_can_see_the_organization(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    elsewhere = await house.member(msp, Role.practice_member, organizations=[other])
    path = f"/organizations/{practice}/tasks"
    unknown = await msp.post(path, {**MOVE, "assignee_id": str(stranger.member_id)})
    assert faults(unknown) == {("/assignee_id", "unknown_reference")}
    narrowed = await msp.post(path, {**MOVE, "assignee_id": str(elsewhere.member_id)})
    assert faults(narrowed) == {("/assignee_id", "out_of_reach")}
    task = await planned(msp, practice, assignee_id=str(msp.member_id))
    moved = await msp.patch(f"/tasks/{task['id']}", {"assignee_id": str(elsewhere.member_id)})
    assert faults(moved) == {("/assignee_id", "out_of_reach")}
    assert expect(await msp.patch(f"/tasks/{task['id']}", {"assignee_id": None}), 200)["assignee_id"] is None


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"title": ""}, ("/title", "string_too_short")),
        ({"due_on": "soon"}, ("/due_on", "date_from_datetime_parsing")),
        ({"priority": "asap"}, ("/priority", "enum")),
        ({"status": "done"}, ("/status", "unknown")),
        ({"description": "Call patient id 48213"}, ("/description", "looks_like_patient_identifier")),
        ({"finding_ids": ["x"]}, ("/finding_ids/0", "uuid_parsing")),
    ],
)
async def test_bad_fields_are_named(house: House, said: dict[str, Any], fault: tuple[str, str]) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    assert faults(await msp.post(f"/organizations/{practice}/tasks", {**MOVE, **said})) == {fault}


async def test_five_identical_posts_at_once_make_one_task(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path, key = f"/organizations/{practice}/tasks", {"Idempotency-Key": "move"}
    answers = await asyncio.gather(*(msp.post(path, MOVE, headers=key) for _ in range(5)))
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    done_path = f"/tasks/{answers[0].json()['id']}/completion"
    again = [await msp.post(done_path, {}, headers={"Idempotency-Key": "done"}) for _ in range(2)]
    assert [each.status_code for each in again] == [201, 201], "the same answer, and not a conflict with oneself"
    assert (await msp.post(path, {"title": "Other"}, headers=key)).status_code == 409


async def test_an_archived_task_is_kept_as_it_was(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    task = await planned(msp, practice, finding_ids=[finding["id"]])
    assert (await msp.delete(f"/tasks/{task['id']}")).status_code == 204
    assert await msp.all("/tasks") == []
    assert (await msp.get_json(f"/findings/{finding['id']}"))["tasks"] == [], "it treats nothing any more"
    assert (await msp.get_json(f"/tasks/{task['id']}"))["archived_at"] is not None
    assert code(await msp.patch(f"/tasks/{task['id']}", {"owner": "Me"})) == (409, "archived")
    assert code(await msp.post(f"/tasks/{task['id']}/completion", {})) == (409, "archived")
    assert await kinds_about(msp, task) == ["task.created", "task.archived"]


# --- lists -----------------------------------------------------------------------------------------------------------


async def test_lists_are_filtered_and_sorted(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    finding = await by_hand(msp, practice)
    await planned(msp, practice, title="Some day")
    await planned(msp, practice, title="Next month", due_on=days(30), priority="low", ref="T-7")
    late = await planned(msp, practice, title="Late", due_on=days(-2), finding_ids=[finding["id"]])
    await planned(msp, other, title="Today", due_on=days(0), description="Label 100% of the_cables")
    finished = await planned(msp, practice, title="Was late", due_on=days(-9), assignee_id=str(msp.member_id))
    await done(msp, finished)

    async def titles(path: str = "/tasks", **filters: Any) -> list[str]:
        return [each["title"] for each in (await msp.get_json(path, params=filters))["data"]]

    assert await titles() == ["Was late", "Late", "Today", "Next month", "Some day"], "without a day comes last"
    assert await titles(sort="-due_on") == ["Some day", "Next month", "Today", "Late", "Was late"]
    assert await titles(sort="created_at") == ["Some day", "Next month", "Late", "Today", "Was late"]
    assert await titles(overdue="true") == ["Late"], "done is not overdue, and today is not over"
    assert await titles(overdue="false") == ["Was late", "Today", "Next month", "Some day"]
    assert await titles(due_before=days(0)) == ["Was late", "Late"]
    assert await titles(status="done") == ["Was late"]
    assert await titles(assignee_id=str(msp.member_id)) == ["Was late"]
    assert await titles(priority="low") == await titles(ref="T-7") == ["Next month"]
    assert await titles(finding_id=finding["id"]) == ["Late"]
    assert await titles(organization_id=other) == ["Today"]
    assert await titles(f"/organizations/{practice}/tasks", q="LATE") == ["Was late", "Late"]
    assert await titles(q="100% of the_") == ["Today"]
    assert await titles(q="100_") == []
    for wrong in ({"status": "late"}, {"sort": "title"}, {"due": days(1)}, {"finding_id": "x"}):
        assert (await msp.get("/tasks", params=wrong)).status_code == 422

    for order in ("due_on", "-due_on", "created_at"):
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = await msp.get_json("/tasks", params={"limit": 1, "sort": order, **after})
            seen += [each["title"] for each in page["data"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert seen == await titles(sort=order), "page by page it is the same list"
    assert late["finding_ids"] == [finding["id"]]


# --- comments --------------------------------------------------------------------------------------------------------


async def test_people_talk_about_a_task(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    task = await planned(msp, await house.organization(msp))
    path = f"/tasks/{task['id']}/comments"
    first = await msp.make(path, {"text": "Ordered a rack."})
    assert (first["author_id"], first["task_id"]) == (str(msp.member_id), task["id"])
    second = await msp.make(path, {"text": "It has come."})
    assert await msp.all(path) == [first, second]
    assert faults(await msp.post(path, {"text": " "})) == {("/text", "string_too_short")}
    assert faults(await msp.post(path, {"text": "DOB 03/04/1961"})) == {("/text", "looks_like_patient_identifier")}
    assert (await stranger.get(path)).status_code == (await stranger.post(path, {"text": "Hi"})).status_code == 404
    told = [each for each in await msp.all("/events") if each["kind"] == "task.commented"]
    assert [each["changes"] for each in told] == [
        {"comment_id": {"from": None, "to": first["id"]}},
        {"comment_id": {"from": None, "to": second["id"]}},
    ], "what was said stays here"


# --- whose they are --------------------------------------------------------------------------------------------------


async def test_a_practices_staff_sees_and_completes_its_own_tasks_only(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    hygienist = await house.member(msp, Role.practice_member, organizations=[practice])
    mine = await planned(msp, practice, title="Mine", assignee_id=str(hygienist.member_id))
    yours = await planned(msp, practice, title="Yours", assignee_id=str(msp.member_id))
    nobodys = await planned(msp, practice, title="Nobody's")
    for path in ("/tasks", f"/organizations/{practice}/tasks"):
        assert [each["title"] for each in await hygienist.all(path)] == ["Mine"]
    others = await hygienist.get_json("/tasks", params={"assignee_id": str(msp.member_id)})
    assert others["data"] == [], "a filter does not widen what one sees"
    for task in (yours, nobodys):
        path = f"/tasks/{task['id']}"
        for answer in (
            await hygienist.get(path),
            await hygienist.get(f"{path}/comments"),
            await hygienist.post(f"{path}/comments", {"text": "Hi"}),
            await hygienist.post(f"{path}/completion", {}),
        ):
            assert answer.status_code == 404
    path = f"/tasks/{mine['id']}"
    await hygienist.make(f"{path}/comments", {"text": "Tomorrow."})
    assert (await done(hygienist, mine))["completed_by"] == str(hygienist.member_id)
    assert (await hygienist.patch(path, {"title": "Ours"})).status_code == 403
    assert (await hygienist.post(f"{path}/verification", {})).status_code == 403
    assert (await hygienist.delete(path)).status_code == 403
    assert (await hygienist.post(f"/organizations/{practice}/tasks", MOVE)).status_code == 403


async def test_another_tenant_sees_and_does_nothing(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    task = await planned(msp, practice)
    path = f"/tasks/{task['id']}"
    assert await stranger.all("/tasks") == []
    for answer in (
        await stranger.get(path),
        await stranger.get(f"/organizations/{practice}/tasks"),
        await stranger.post(f"/organizations/{practice}/tasks", MOVE),
        await stranger.post(f"/findings/{finding['id']}/tasks", MOVE),
        await stranger.patch(path, {"title": "Mine"}),
        await stranger.post(f"{path}/completion", {}),
        await stranger.post(f"{path}/verification", {}),
        await stranger.delete(path),
    ):
        assert answer.status_code == 404
    theirs = await house.organization(stranger)
    borrowed = await stranger.post(f"/organizations/{theirs}/tasks", {**MOVE, "finding_ids": [finding["id"]]})
    assert faults(borrowed) == {("/finding_ids/0", "unknown_reference")}
    assert (await msp.get_json(path)) == task


async def test_a_narrowed_member_works_within_its_organizations(house: House) -> None:
    msp = await house.tenant()
    practice, other = await house.organization(msp), await house.organization(msp)
    theirs, hidden = await planned(msp, practice), await planned(msp, other)
    official = await house.member(msp, Role.practice_admin, organizations=[practice])
    assert [each["id"] for each in await official.all("/tasks")] == [theirs["id"]]
    assert (await official.get(f"/tasks/{hidden['id']}")).status_code == 404
    assert (await official.post(f"/tasks/{hidden['id']}/completion", {})).status_code == 404
    assert (await official.post(f"/organizations/{other}/tasks", MOVE)).status_code == 404
    await done(msp, theirs)
    assert (await official.make(f"/tasks/{theirs['id']}/verification", {}))["status"] == "verified"


@pytest.mark.parametrize(
    ("role", "reads", "plans", "completes", "verifies"),
    [
        (Role.admin, True, True, True, True),
        (Role.practice_admin, True, True, True, True),
        (Role.technician, True, True, True, False),
        (Role.auditor, True, False, False, False),
        (Role.billing, False, False, False, False),
    ],
)
async def test_roles(house: House, role: Role, *, reads: bool, plans: bool, completes: bool, verifies: bool) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    finding = await by_hand(msp, practice)
    task, another = await planned(msp, practice), await planned(msp, practice)
    await done(msp, another)
    somebody = await house.member(msp, role, organizations=[practice])
    for path in ("/tasks", f"/organizations/{practice}/tasks", f"/tasks/{task['id']}", f"/tasks/{task['id']}/comments"):
        assert (await somebody.get(path)).status_code == (200 if reads else 403)
    for path in (f"/organizations/{practice}/tasks", f"/findings/{finding['id']}/tasks"):
        assert (await somebody.post(path, MOVE)).status_code == (201 if plans else 403)
    assert (await somebody.patch(f"/tasks/{task['id']}", {"owner": "Me"})).status_code == (200 if plans else 403)
    comment = await somebody.post(f"/tasks/{task['id']}/comments", {"text": "Hi"})
    assert comment.status_code == (201 if completes else 403)
    assert (await somebody.post(f"/tasks/{task['id']}/completion", {})).status_code == (201 if completes else 403)
    verified = await somebody.post(f"/tasks/{another['id']}/verification", {})
    assert verified.status_code == (201 if verifies else 403)
