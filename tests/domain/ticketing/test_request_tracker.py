"""The whole two-way life of a ticket, against a real Request Tracker 5 that calls back, is killed, and comes back."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from domain.ticketing import hearing, polling, telling
from domain.ticketing.tickets import Ticket
from tests.domain.outbound.listening import HURRIED, eventually, working
from tests.domain.ticketing.rt import SECRET, RequestTracker, request_tracker
from tests.makers import Caller, House, expect, make_finding, make_task


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rt(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RequestTracker]:
    async with request_tracker(tmp_path_factory.mktemp("rt") / "home") as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "WAITS", (timedelta(seconds=0.2),))
    monkeypatch.setattr(hearing, "AGAIN_AFTER", timedelta(seconds=1))


@dataclass
class Desk:
    """A tenant with a practice that is mapped to RT's queue."""

    msp: Caller
    practice: str
    connection: dict[str, Any]
    rt: RequestTracker

    async def ticket(self, task: dict[str, Any], holds: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The newest ticket of a task, once something holds of it."""
        found: dict[str, Any] = {}

        async def look() -> bool:
            tickets = await self.msp.all(f"/tasks/{task['id']}/tickets")
            found.update(tickets[-1] if tickets else {})
            return bool(tickets) and holds(tickets[-1])

        try:
            await eventually(look, what, within=60)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {found}") from None
        return found

    async def task(self, task: dict[str, Any], status: str) -> dict[str, Any]:
        async def look() -> bool:
            return (await self.msp.get_json(f"/tasks/{task['id']}"))["status"] == status

        await eventually(look, f"the task is {status}", within=60)
        return await self.msp.get_json(f"/tasks/{task['id']}")

    async def hand_on(self) -> Any:
        """RT's next callback, as RT sent it, to where it belongs."""
        headers, body = await asyncio.wait_for(self.rt.callbacks.arrived.get(), 20)
        return await self.call(body, headers["x-rt-signature"])

    async def call(self, body: bytes, signature: str) -> Any:
        path = self.connection["callback_url"].split("/v1", 1)[1]
        headers = {"X-RT-Signature": signature, "Content-Type": "application/json"}
        return await self.msp.http.post(f"/v1{path}", content=body, headers=headers)

    async def comments(self, task: dict[str, Any]) -> list[str]:
        return [each["text"] for each in await self.msp.all(f"/tasks/{task['id']}/comments")]


@pytest_asyncio.fixture
async def desk(house: House, rt: RequestTracker) -> Desk:
    while not rt.callbacks.arrived.empty():
        rt.callbacks.arrived.get_nowait()
    msp = await house.tenant()
    practice = await house.organization(msp)
    body = {
        "product": "request_tracker", "name": "RT", "base_url": rt.url, "credentials": {"token": rt.token},
        "callback_secret": SECRET,
    }  # fmt: skip
    connection = await msp.make("/connections", body)
    target = {"organization_id": practice, "target": {"queue": "Smile Dental"}, "automatic": "tasks"}
    await msp.make(f"/connections/{connection['id']}/mappings", {**target, "priorities": {"high": "77"}})
    return Desk(msp, practice, connection, rt)


async def test_a_connection_is_tried_out_with_a_ticket_that_is_closed_again(desk: Desk, runtime: Runtime) -> None:
    msp, path = desk.msp, f"/connections/{desk.connection['id']}"
    asked = expect(await msp.post(f"{path}/test", {}), 202)
    assert asked["state"] == "waiting"

    async def tested(state: str) -> bool:
        return (await msp.get_json(path))["last_test"]["state"] == state

    async with working(runtime):
        await eventually(lambda: tested("passed"), "the test has passed")
        shown = (await msp.get_json(path))["last_test"]
        assert [each["step"] for each in shown["steps"]] == ["create", "find", "comment", "close", "look"]
        assert (await desk.rt.json("GET", f"/ticket/{shown['ticket_id']}"))["Status"] == "resolved"
        await msp.patch(path, {"credentials": {"token": "wrong"}})
        expect(await msp.post(f"{path}/test", {}), 202)
        await eventually(lambda: tested("failed"), "the test has failed")
    failed = (await msp.get_json(path))["last_test"]["steps"]
    assert [(each["step"], each["trouble"]) for each in failed] == [("create", "credentials")]


async def test_the_two_way_life_of_a_ticket(desk: Desk, runtime: Runtime) -> None:
    msp, rt = desk.msp, desk.rt
    async with working(runtime):
        finding = await make_finding(msp, desk.practice)
        another = await make_finding(msp, desk.practice)
        words = {"title": "Encrypt the NAS", "due_on": "2027-01-15", "finding_ids": [finding["id"], another["id"]]}
        task = await make_task(msp, desk.practice, **words)
        ticket = await desk.ticket(task, lambda each: each["remote_id"] is not None, "the ticket is made")
        number = ticket["remote_id"]
        there = await rt.json("GET", f"/ticket/{number}")
        assert (there["Subject"], there["Priority"], there["Due"][:10]) == ("Encrypt the NAS", "40", "2027-01-15")
        assert await rt.tickets(ticket["id"]) == [number], "a group of findings is one ticket, found by our id"
        assert (await msp.post(f"/tasks/{task['id']}/tickets", {"connection_id": desk.connection["id"]})).status_code == 409

        # Ours -> theirs.
        await msp.make(f"/tasks/{task['id']}/comments", {"text": "Drive is ordered."})
        await msp.patch(f"/tasks/{task['id']}", {"status": "in_progress", "title": "Encrypt both NAS"})
        await desk.ticket(task, lambda each: each["waiting"] == 0 and each["remote_status"] == "open", "it was told")
        assert await rt.said(number) == ["Olivia Owner: Drive is ordered.", "open"]
        assert (await rt.json("GET", f"/ticket/{number}"))["Subject"] == "Encrypt both NAS"
        assert (await desk.hand_on()).json() == {"looks": 1}, "RT tells us what we have told it"

        # Theirs -> ours, by RT's own signed callback.
        await rt.json("POST", f"/ticket/{number}/comment", json={"Content": "Done on site.", "ContentType": "text/plain"})
        await rt.json("PUT", f"/ticket/{number}", json={"Status": "resolved"})
        assert (await desk.hand_on()).json() == {"looks": 1}
        done = await desk.task(task, "done")
        assert (done["completed_by"], done["verified_at"]) == (None, None), "done, never verified, by nobody of ours"
        assert await desk.comments(task) == ["Drive is ordered.", "root: Done on site."]
        await rt.json("PUT", f"/ticket/{number}", json={"Status": "open"})
        await desk.hand_on()
        await desk.task(task, "in_progress")

        # The loop guard: what a ticket brought about is not told back to it, and its own news are no news.
        said = await rt.said(number)
        assert said == ["Olivia Owner: Drive is ordered.", "open", "Done on site.", "resolved", "open"]
        kinds = [each["kind"] for each in await msp.all("/events") if each["subject"]["id"] == task["id"]]
        assert kinds.count("task.completed") == kinds.count("task.reopened") == 1

        # And to the end: completed here, closed there; verified here, said there.
        await msp.make(f"/tasks/{task['id']}/completion", {"note": "Both drives."})
        await desk.ticket(task, lambda each: each["state"] == "done" and each["waiting"] == 0, "it is closed there")
        assert (await rt.said(number))[-2:] == ["Olivia Owner: Both drives.", "resolved"]


async def test_what_is_not_signed_or_was_heard_before_moves_nothing(desk: Desk, runtime: Runtime) -> None:
    msp, rt = desk.msp, desk.rt
    async with working(runtime):
        task = await make_task(msp, desk.practice)
        ticket = await desk.ticket(task, lambda each: each["remote_id"] is not None, "the ticket is made")
        claim = json.dumps({"ticket": int(ticket["remote_id"]), "status": "resolved", "txn": 1}).encode()
        for forged in ("", "sha256=", "sha256=" + "0" * 64, hmac.new(SECRET.encode(), claim, hashlib.sha256).hexdigest()):
            assert (await desk.call(claim, forged)).status_code == 401
        signed = "sha256=" + hmac.new(SECRET.encode(), claim, hashlib.sha256).hexdigest()
        assert (await desk.call(claim + b" ", signed)).status_code == 401, "the signature is of the raw body"
        assert expect(await desk.call(claim, signed), 202) == {"looks": 1}
        assert expect(await desk.call(claim, signed), 202) == {"looks": 0}, "heard before"
        await rt.json("POST", f"/ticket/{ticket['remote_id']}/comment", json={"Content": "x", "ContentType": "text/plain"})
        await polling.poll(runtime, {"tenant_id": str(msp.tenant_id), "connection_id": desk.connection["id"]})

        async def heard() -> bool:
            return await desk.comments(task) == ["root: x"]

        await eventually(heard, "the poll hears what no callback told")
        assert (await msp.get_json(f"/tasks/{task['id']}"))["status"] == "open", "a callback is a hint: RT says it is new"
        other = await msp.http.post("/v1/inbound/" + "0" * 32 + "." + "1" * 32, content=claim)
        assert other.status_code == 404


async def test_rt_is_killed_in_the_middle_and_nothing_is_lost_or_out_of_order(desk: Desk, runtime: Runtime) -> None:
    msp, rt = desk.msp, desk.rt
    async with working(runtime):
        task = await make_task(msp, desk.practice)
        number = (await desk.ticket(task, lambda each: each["remote_id"] is not None, "it is made"))["remote_id"]
        rt.kill()
        try:
            await msp.make(f"/tasks/{task['id']}/comments", {"text": "one"})
            await msp.make(f"/tasks/{task['id']}/completion", {"note": "two"})
            await msp.patch(f"/tasks/{task['id']}", {"status": "open"})
            await msp.make(f"/tasks/{task['id']}/comments", {"text": "three"})
            unborn = await make_task(msp, desk.practice)
            await desk.ticket(task, lambda each: (each["trouble"], each["waiting"]) == ("unreachable", 5), "all of it waits")
            connection = await msp.get_json(f"/connections/{desk.connection['id']}")
            assert (connection["trouble"], connection["failing_since"] is not None) == ("unreachable", True)
        finally:
            await rt.start()
        await desk.ticket(task, lambda each: each["waiting"] == 0, "everything was told")
        said = [each.removeprefix("Olivia Owner: ") for each in await rt.said(number)]
        assert said == ["one", "two", "resolved", "new", "three"]
        late = await desk.ticket(unborn, lambda each: each["remote_id"] is not None, "the other one is made as well")
        assert await rt.tickets(late["id"]) == [late["remote_id"]]
        assert (await msp.get_json(f"/connections/{desk.connection['id']}"))["failing_since"] is None


async def test_a_worker_that_dies_between_making_a_ticket_and_noting_it_makes_no_second_one(
    desk: Desk, runtime: Runtime
) -> None:
    msp, rt = desk.msp, desk.rt
    made = await make_task(msp, desk.practice)
    async with working(runtime):
        ticket = await desk.ticket(made, lambda each: each["remote_id"] is not None, "it is made")
    await msp.make(f"/tasks/{made['id']}/comments", {"text": "once"})

    async def told() -> bool:
        return await rt.said(ticket["remote_id"]) == ["Olivia Owner: once"]

    async with working(runtime):
        await eventually(told, "it was told")
        await desk.ticket(made, lambda each: each["waiting"] == 0, "and noted")
    wall = Wall(msp.tenant_id)
    # As if both had never been noted: the ticket's number and both changes are forgotten, their beginnings are not.
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        row = await session.fetch(Ticket, UUID(ticket["id"]))
        row.remote_id = row.state = row.remote_status = None
        driver = await session.driver()
        await driver.execute("update ticket_change set status = 'waiting' where ticket_id = $1", row.id)
        await driver.execute("update ticket set next_attempt_at = now() where id = $1", row.id)
    job = {"tenant_id": str(msp.tenant_id), "ticket_id": ticket["id"]}
    await asyncio.gather(*(telling.tell(runtime, job) for _ in range(3)))
    again = await desk.ticket(made, lambda each: each["waiting"] == 0, "it was told again")
    assert again["remote_id"] == ticket["remote_id"]
    assert await rt.tickets(ticket["id"]) == [ticket["remote_id"]]
    assert await rt.said(ticket["remote_id"]) == ["Olivia Owner: once"], "nor was the comment made twice"


async def test_a_ticket_that_is_gone_is_made_anew_and_what_was_known_is_kept(desk: Desk, runtime: Runtime) -> None:
    msp, rt = desk.msp, desk.rt
    async with working(runtime, replace(HURRIED)):
        task = await make_task(msp, desk.practice)
        first = await desk.ticket(task, lambda each: each["remote_id"] is not None, "it is made")
        await rt.json("DELETE", f"/ticket/{first['remote_id']}")
        await desk.hand_on()
        second = await desk.ticket(task, lambda each: each["replaces"] == first["id"] and bool(each["remote_id"]), "anew")
        kept = (await msp.all(f"/tasks/{task['id']}/tickets"))[0]
        assert (kept["remote_id"], kept["remote_status"], kept["gone_at"] is not None) == (first["remote_id"], "new", True)
        assert await rt.tickets(second["id"]) == [second["remote_id"]] != [first["remote_id"]]
        await rt.json("DELETE", f"/ticket/{second['remote_id']}")
        await msp.make(f"/tasks/{task['id']}/comments", {"text": "Is anybody there?"})
        third = await desk.ticket(task, lambda each: each["replaces"] == second["id"] and each["waiting"] == 0, "once more")
        assert "Olivia Owner: Is anybody there?" in await rt.said(third["remote_id"]), "RT took it, where nobody reads it"


async def test_bad_risks_make_tasks_and_tickets_by_themselves(desk: Desk, runtime: Runtime) -> None:
    msp = desk.msp
    mapping = (await msp.all(f"/connections/{desk.connection['id']}/mappings"))[0]
    await msp.patch(f"/mappings/{mapping['id']}", {"automatic": "findings", "least_level": "high"})
    async with working(runtime):
        await make_finding(msp, desk.practice, likelihood="low", impact="low")
        bad = await make_finding(msp, desk.practice, likelihood="very_high", impact="high")

        async def planned() -> bool:
            return len(await msp.all(f"/organizations/{desk.practice}/tasks")) == 1

        await eventually(planned, "a task is planned")
        task = (await msp.all(f"/organizations/{desk.practice}/tasks"))[0]
        assert task["finding_ids"] == [bad["id"]]
        ticket = await desk.ticket(task, lambda each: each["remote_id"] is not None, "and a ticket is made")
        assert (await desk.rt.json("GET", f"/ticket/{ticket['remote_id']}"))["Priority"] == "77"
