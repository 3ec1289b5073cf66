"""The worker: nothing is lost when it is killed, when the database goes away, or when a job fails."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from domain import worker
from domain.database import tenant_session
from domain.jobs import Errand, enqueue, enqueue_once
from domain.runtime import Runtime, Targets
from domain.tenancy import SYSTEM, Wall
from domain.worker import work
from tests.domain.outbound.listening import HURRIED, eventually, listening, working
from tests.domain.outbound.receivers import Manner, receiver
from tests.makers import House

ROOT = Path(__file__).parents[2]
WORKER = """
import asyncio, json, sys
from datetime import timedelta
from domain.runtime import Targets, open_runtime
from domain.settings import load_settings
from domain.worker import Pace, work

async def main():
    given = json.loads(sys.stdin.readline())
    async with open_runtime(load_settings(given["settings"]), Targets(app=given["target"], owner=None)) as runtime:
        print("ready", flush=True)
        await work(runtime, asyncio.Event(), pace=Pace(heartbeat_timeout=timedelta(seconds=2)))

asyncio.run(main())
"""


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kind of job that only this test knows."""
    name = f"test.{id(monkeypatch)}"
    monkeypatch.setattr(worker, "JOBS", {**worker.JOBS})
    return name


async def ask_for(runtime: Runtime, tenant_id: UUID, job: str, **ids: int) -> None:
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        enqueue(session, job, after=None, **ids)


async def jobs_of(runtime: Runtime, job: str) -> list[tuple[str, int]]:
    async with runtime.database.engine.begin() as connection:
        found = await connection.exec_driver_sql(
            "select status::text, attempts from pgqueuer where entrypoint = $1 order by id", (job,)
        )
        return [(row.status, row.attempts) for row in found]


async def none_left(runtime: Runtime, job: str) -> bool:
    return await jobs_of(runtime, job) == []


def holds_its_answer() -> Manner:
    async def manner(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return manner


async def test_a_killed_worker_is_replaced_and_the_webhook_arrives_under_the_same_id(
    house: House, runtime: Runtime, targets: Targets
) -> None:
    msp = await house.tenant()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        settings = {
            "data_dir": str(runtime.settings.data_dir),
            "webhook_allow_http": True,
            "webhook_allow_loopback": True,
            "log_level": "error",
        }
        process.stdin.write(json.dumps({"settings": settings, "target": targets.app}, default=str).encode() + b"\n")
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"ready\n"

        async with receiver(holds_its_answer()) as never_answered, listening() as answered:
            endpoint = await msp.make("/webhook-endpoints", {"url": never_answered.url(), "event_types": ["organization.*"]})
            await house.organization(msp)
            await eventually(lambda: never_answered.connections == 1 and bool(never_answered.bodies), "the worker sends")
            process.send_signal(signal.SIGKILL)
            await process.wait()

            # The receiver comes back at another port, so that what the second worker sends can be told apart.
            await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"url": answered.url})
            async with working(runtime):
                [arrival] = await answered.hears(1)
            sent_before = next(line for line in never_answered.heads[0].split("\r\n") if line.lower().startswith("webhook-id"))
            assert sent_before.split(": ")[1] == arrival.id
            assert arrival.verified_by(endpoint["secret"])["type"] == "organization.created"
            [delivery] = (await msp.get_json(f"/webhook-endpoints/{endpoint['id']}/deliveries"))["data"]
            assert (delivery["status"], delivery["attempts"]) == ("delivered", 1)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worker_outlives_its_database_connection(house: House, runtime: Runtime, targets: Targets) -> None:
    msp = await house.tenant()
    assert targets.superuser is not None
    async with listening() as answered, working(runtime):
        await msp.make("/webhook-endpoints", {"url": answered.url, "event_types": ["organization.*"]})
        await house.organization(msp)
        await answered.hears(1)
        connection = await asyncpg.connect(**targets.superuser)
        try:
            # The worker that does the chores holds an advisory lock, and so gives its connection away.
            ended = await connection.fetch(
                "select pg_terminate_backend(pid) as ended from pg_locks where locktype = 'advisory'"
            )
        finally:
            await connection.close()
        assert [row["ended"] for row in ended] == [True]
        await house.organization(msp)
        assert len({each.id for each in await answered.hears(2)}) == 2


async def test_a_failing_job_is_tried_again_and_then_set_aside_without_its_secrets(
    house: House, runtime: Runtime, job: str
) -> None:
    msp = await house.tenant()
    runs: list[int] = []

    async def fail(_: Runtime, payload: Mapping[str, Any]) -> None:
        runs.append(payload["number"])
        raise ValueError("the secret is whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    worker.JOBS[job] = fail
    await ask_for(runtime, msp.tenant_id, job, number=5)
    with capture_logs() as logged:
        async with working(runtime, replace(HURRIED, attempts=3, first_delay=timedelta(seconds=0.02))):

            async def is_set_aside() -> bool:
                return [status for status, _ in await jobs_of(runtime, job)] == ["failed"]

            await eventually(is_set_aside, "the job is set aside")
    assert runs == [5, 5, 5]
    told = [each for each in logged if each.get("job") == job]
    assert [each["event"] for each in told] == ["job.failed", "job.failed", "job.set_aside"]
    assert all(each["error"] == "ValueError" and each["where"].startswith("test_worker.py:") for each in told)
    async with runtime.database.engine.begin() as connection:
        kept = await connection.exec_driver_sql("select traceback::text from pgqueuer_log where entrypoint = $1", (job,))
        assert "whsec_" not in str([*logged, *kept.scalars()])


async def test_a_job_that_fails_once_is_done_in_the_end(house: House, runtime: Runtime, job: str) -> None:
    msp = await house.tenant()
    runs: list[Mapping[str, Any]] = []

    async def fail_once(_: Runtime, payload: Mapping[str, Any]) -> None:
        runs.append(payload)
        if len(runs) == 1:
            raise OSError

    worker.JOBS[job] = fail_once
    await ask_for(runtime, msp.tenant_id, job, number=5)
    async with working(runtime):
        await eventually(lambda: none_left(runtime, job), "the job is done")
    assert runs == [{"tenant_id": str(msp.tenant_id), "number": 5}] * 2


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(house: House, runtime: Runtime, job: str) -> None:
    msp = await house.tenant()
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def take_long(_: Runtime, __: Mapping[str, Any]) -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    worker.JOBS[job] = take_long
    stop = asyncio.Event()
    running = asyncio.create_task(work(runtime, stop, pace=HURRIED))
    await ask_for(runtime, msp.tenant_id, job)
    await asyncio.wait_for(begun.wait(), 20)
    stop.set()
    await ask_for(runtime, msp.tenant_id, job)
    await asyncio.sleep(0.3)
    assert not running.done(), "it waits for the job"
    may_end.set()
    await asyncio.wait_for(running, 20)
    assert ended.is_set()
    assert await jobs_of(runtime, job) == [("queued", 0)], "what came later is left for others"


async def test_two_workers_share_the_jobs_and_one_does_the_chores(
    house: House, runtime: Runtime, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()
    done: list[int] = []
    chores: list[str] = []

    async def note(_: Runtime, payload: Mapping[str, Any]) -> None:
        await asyncio.sleep(0.01)
        done.append(payload["number"])

    async def fail_at_chores(_: Runtime) -> None:
        chores.append("failed")
        raise OSError

    async def do_chores(_: Runtime) -> None:
        chores.append("done")

    worker.JOBS[job] = note
    monkeypatch.setattr(
        worker,
        "CHORES",
        (
            worker.Chore("test.failing", timedelta(hours=1), fail_at_chores),
            worker.Chore("test.chore", timedelta(hours=1), do_chores),
        ),
    )
    async with working(runtime), working(runtime):
        for number in range(40):
            await ask_for(runtime, msp.tenant_id, job, number=number)
        await eventually(lambda: none_left(runtime, job), "all jobs are done")
        await eventually(lambda: len(chores) == 2, "the chores are done")
    assert sorted(done) == list(range(40)), "each once"
    assert chores == ["failed", "done"]


async def test_a_heavy_kind_of_job_is_bounded_over_all_workers(
    house: House, runtime: Runtime, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()
    running = most = 0

    async def weigh(_: Runtime, __: Mapping[str, Any]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1

    worker.JOBS[job] = weigh
    monkeypatch.setattr(worker, "AT_ONCE", {job: 2})
    for _ in range(8):
        await ask_for(runtime, msp.tenant_id, job)
    async with working(runtime), working(runtime):
        await eventually(lambda: none_left(runtime, job), "all jobs are done")
    assert most == 2


async def test_a_job_with_a_key_is_queued_once_and_the_urgent_one_goes_first(house: House, runtime: Runtime, job: str) -> None:
    msp = await house.tenant()
    done: list[int] = []

    async def note(_: Runtime, payload: Mapping[str, Any]) -> None:
        done.append(payload["number"])

    worker.JOBS[job] = note
    for _ in range(2):
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            patient = Errand(key=f"{job}:patient", ids={"number": 1}, priority=-1)
            await enqueue_once(session, job, [patient, Errand(key=f"{job}:urgent", ids={"number": 2})])
    assert len(await jobs_of(runtime, job)) == 2
    async with working(runtime):
        await eventually(lambda: none_left(runtime, job), "both are done")
    assert done == [2, 1]


async def test_what_became_of_jobs_is_forgotten_in_time(house: House, runtime: Runtime, job: str) -> None:
    msp = await house.tenant()
    await ask_for(runtime, msp.tenant_id, job)
    async with runtime.database.engine.begin() as connection:
        await connection.exec_driver_sql(
            "update pgqueuer_log set created = created - interval '8 days' where entrypoint = $1", (job,)
        )
    await ask_for(runtime, msp.tenant_id, job)
    await worker.prune_queue_log(runtime)
    async with runtime.database.engine.begin() as connection:
        left = await connection.exec_driver_sql("select count(*) from pgqueuer_log where entrypoint = $1", (job,))
        assert left.scalar_one() == 1
