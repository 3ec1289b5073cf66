"""Fan-out and attempts when things go wrong: roll-backs, a lost queue, jobs that run twice, answers that come late."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.clock import new_id, now, rfc3339
from domain.database import tenant_session
from domain.events import Told, emit_all
from domain.outbound import deliveries as deliveries_of_events
from domain.outbound import dispatch, sending
from domain.outbound.deliveries import Delivery, send_test
from domain.outbound.egress import EgressPolicy, egress_under
from domain.outbound.endpoints import WebhookEndpoint
from domain.outbound.signing import new_secret
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.domain.outbound.listening import HURRIED, deliveries, eventually, listen, listening, settled, working
from tests.domain.outbound.receivers import answers, receiver
from tests.makers import Caller, House, expect


def job_of(msp: Caller, endpoint: dict[str, Any]) -> dict[str, Any]:
    return {"tenant_id": str(msp.tenant_id), "endpoint_id": endpoint["id"], "run": str(new_id())}


async def test_what_is_rolled_back_is_never_told(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard)
        with pytest.raises(RuntimeError, match="on second thought"):
            async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
                await send_test(session, await session.fetch(WebhookEndpoint, UUID(endpoint["id"])))
                raise RuntimeError("on second thought")
        async with working(runtime):
            await house.organization(msp)
            await heard.hears(2)
        assert [each.kind for each in heard.arrivals if each.kind == "webhook.test"] == []
        assert await deliveries(msp, endpoint, event_kind="webhook.test") == []


async def test_a_lost_queue_is_rebuilt_from_the_deliveries(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, enabled=False)
        delivery = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        async with runtime.database.engine.begin() as connection:
            lost = await connection.exec_driver_sql("delete from pgqueuer where dedupe_key like $1", (f"%{delivery['id']}%",))
            assert lost.rowcount == 1
        monkeypatch.setattr(dispatch, "OVERDUE", timedelta(0))
        await dispatch.sweep(runtime)
        await dispatch.sweep(runtime)
        async with runtime.database.engine.begin() as connection:
            jobs = await connection.exec_driver_sql(
                "select count(*) from pgqueuer where dedupe_key like $1", (f"%{endpoint['id']}%",)
            )
            assert jobs.scalar_one() == 1, "found twice, queued once"
        async with working(runtime):
            await settled(msp, endpoint, delivered=1)
        assert len(heard.arrivals) == 1


async def test_a_delivery_that_we_cannot_sign_waits_until_we_can(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()

    async def put(secrets: list[dict[str, str | None]]) -> list[dict[str, str | None]]:
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            row = await session.fetch(WebhookEndpoint, UUID(endpoint["id"]))
            before, row.secrets = row.secrets, secrets
            return before

    async def set_aside() -> bool:
        async with runtime.database.engine.begin() as connection:
            found = await connection.exec_driver_sql(
                "select count(*) from pgqueuer where status = 'failed' and dedupe_key like $1", (f"%{endpoint['id']}%",)
            )
            return found.scalar_one() >= 1

    async with listening() as heard:
        endpoint = await listen(msp, heard, "finding.*")
        other = await listen(msp, heard, "finding.*")
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            moved = (await session.fetch(WebhookEndpoint, UUID(other["id"]))).secrets
        kept = await put(moved)
        expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        monkeypatch.setattr(dispatch, "OVERDUE", timedelta(0))
        async with working(runtime, replace(HURRIED, attempts=1)):
            await eventually(set_aside, "the job is set aside")
            await dispatch.sweep(runtime)
            assert await set_aside(), "not tried again and again"
            assert heard.arrivals == [], "a secret sealed for another endpoint signs nothing"
            await put(kept)
            monkeypatch.setattr(dispatch, "SET_ASIDE_FOR", timedelta(0))

            async def delivered() -> bool:
                # Each minute in earnest. A job that had begun before the secret was back stands in for the first one.
                await dispatch.sweep(runtime)
                return [each["status"] for each in await deliveries(msp, endpoint)] == ["delivered"]

            await eventually(delivered, "the delivery")
        heard.arrivals[0].verified_by(endpoint["secret"])


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
async def test_a_fan_out_that_runs_twice_doubles_nothing(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(dispatch, "EVENTS_AT_ONCE", at_once)
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, "organization.*")
        for _ in range(3):
            await house.organization(msp)
        last = (await msp.all("/events"))[-1]["sequence"]
        async with working(runtime):
            await settled(msp, endpoint, delivered=3)
            job = {"tenant_id": str(msp.tenant_id), "after_sequence": 0, "up_to_sequence": last}
            await asyncio.gather(*(dispatch.fan_out(runtime, job) for _ in range(3)))
            await settled(msp, endpoint, delivered=3)
        assert len({each.id for each in heard.arrivals}) == len(heard.arrivals) == 3


async def test_many_jobs_for_one_endpoint_send_once(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, enabled=False)
        first = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        resent = expect(await msp.post(f"/deliveries/{first['id']}/resend"), 202)
        assert resent["id"] == first["id"]
        await asyncio.gather(*(sending.send(runtime, job_of(msp, endpoint)) for _ in range(4)))
        await settled(msp, endpoint, delivered=1)
        assert len(heard.arrivals) == 1, "queued twice, sent once"


async def test_an_answer_that_comes_late_does_not_undo_a_resend(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    may_answer = asyncio.Event()

    async def slow_failure(writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await answers(500)(writer)

    async with receiver(slow_failure) as slow, listening() as quick:
        endpoint = await msp.make("/webhook-endpoints", {"url": slow.url(), "event_types": ["webhook.test"], "enabled": False})
        delivery = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        under_way = asyncio.create_task(sending.send(runtime, job_of(msp, endpoint)))
        await eventually(lambda: len(slow.bodies) == 1, "the request is under way")
        await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": quick.url})
        expect(await msp.post(f"/deliveries/{delivery['id']}/resend"), 202)
        may_answer.set()
        await under_way
        found = await msp.get_json(f"/deliveries/{delivery['id']}")
        assert [each["response_status"] for each in found["history"]] == [500], "noted all the same"
        assert (found["status"], found["attempts"]) == ("pending", 0)
        async with working(runtime):
            await settled(msp, endpoint, delivered=1)


async def test_a_resend_and_an_answer_at_the_same_moment_do_not_overwrite_each_other(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, enabled=False)
        delivery = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            row = await session.fetch(Delivery, UUID(delivery["id"]), lock=True)
            row.attempts += 1
            await session.flush()
            resending = asyncio.create_task(msp.post(f"/deliveries/{delivery['id']}/resend"))
            await asyncio.sleep(0.2)
            assert not resending.done(), "it waits for the answer to be noted"
        expect(await resending, 202)
        assert (await msp.get(f"/deliveries/{delivery['id']}")).headers["etag"] == '"3"', "one attempt, then one resend"


async def test_what_would_come_too_late_is_left_for_the_next_round(runtime: Runtime) -> None:
    """Or a job would hold its endpoint longer than its lease, and another would send the same beside it."""
    async with listening() as heard:
        egress = egress_under(EgressPolicy.of(runtime.settings))
        due = [sending.Due(id=new_id(), version=1, attempts=0, event_id=new_id(), is_test=False, body=b"{}") for _ in range(3)]
        current = sending.Round(
            url=heard.url,
            keys=[new_secret()],
            own_headers={},
            at_once=3,
            pace=sending.Pace(interval=3600.0),
            due=deque(due),
        )
        lines = sending.Lines(egress)
        async with asyncio.timeout(20):
            await sending._send(current, lines)  # pyright: ignore[reportPrivateUsage]  a round as the job makes it
        await lines.close()
        assert [each.delivery_id for each in current.made] == [due[0].id]
        assert {each.id for each in current.due} == {each.id for each in due[1:]}


async def test_recovery_gets_over_an_import_that_nobody_wants_to_hear_of(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All events of an import bear one time; those that a condition holds back are missed for ever."""
    monkeypatch.setattr(deliveries_of_events, "RECOVERED_AT_ONCE", 2)
    msp = await house.tenant()
    since = rfc3339(now())
    async with listening() as heard:
        endpoint = await listen(msp, heard, "device.*", condition="has(event.changes.active)", enabled=False)
        for changes in ({}, {"active": True}):
            async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
                emit_all(session, "device.created", "device", [Told(new_id(), new_id(), changes) for _ in range(5)])
        at = f"/webhook-endpoints/{endpoint['id']}"
        expect(await msp.patch(at, {"enabled": True}), 200)
        recovered: list[int] = []
        while since is not None and len(recovered) < 10:
            done = expect(await msp.post(f"{at}/recovery", {"since": since}), 202)
            recovered.append(done["recovered"])
            since = done["go_on_from"]
        assert (since, sum(recovered)) == (None, 5), recovered
