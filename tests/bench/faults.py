"""Faults: for a minute, workers and the database are killed at random while the API takes orders. Then everything that was
answered must be there, everything that was committed must have reached the receiver, and nothing else may have.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from domain.settings import Settings
from tests.bench.webhooks import Far, Row, receiver

SECONDS = 60.0
CALLERS = 4
PATIENCE = 180.0
"""Seconds until the last delivery must have come: a killed worker's jobs and lease are taken up again within some."""


async def bench_faults(settings: Settings, *, seconds: float = SECONDS) -> Row:
    """A row of (what, ours, limit, ratio, p50/p99)."""
    environment = {
        **os.environ,
        "BITEWING_DATA_DIR": str(settings.data_dir),
        "BITEWING_PORT": str(settings.port),
        "BITEWING_LOG_LEVEL": "error",
        "BITEWING_WEBHOOK_ALLOW_HTTP": "true",
        "BITEWING_WEBHOOK_ALLOW_LOOPBACK": "true",
    }
    api = _start("serve", environment)
    workers = [_start("worker", environment) for _ in range(2)]
    base = f"http://127.0.0.1:{settings.port}"
    try:
        async with receiver() as far, httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
            await _ready(http)
            await _sign_up(http, far)
            over = asyncio.Event()
            callers = [asyncio.create_task(_call(http, over)) for _ in range(CALLERS)]
            kills = await _kill_at_random(settings, environment, workers, seconds)
            over.set()
            answered = {name for each in callers for name in await each}
            await _ready(http)
            events = await _all(http, "/v1/events")
            committed = {each["id"] for each in events if each["kind"] == "vendor.created"}
            came = await _everything(far, committed)
            there = {each["name"] for each in await _all(http, "/v1/vendors")}
    finally:
        for process in (*workers, api):
            process.terminate()
        for process in (*workers, api):
            process.wait(60)
    assert answered <= there, f"{len(answered - there)} of what was answered is lost"
    assert len(committed) == len(there), "each has its one event"
    assert committed <= came, f"{len(committed - came)} of {len(committed)} events never came"
    assert came <= committed, "nothing came that was not committed"
    return (
        f"Events delivered over {kills['worker']} kills of a worker and {kills['database']} of the database",
        f"{len(committed & came)}",
        f"{len(committed)} (committed)",
        f"{len(committed & came) / len(committed):.2f}",
        "-",
    )


def _start(command: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "api.cli", command], env=environment)


async def _ready(http: httpx.AsyncClient) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
    raise TimeoutError("the API does not answer")


async def _sign_up(http: httpx.AsyncClient, far: Far) -> None:
    person = {"tenant_name": "Faults", "name": "Ann", "email": f"{uuid4()}@msp.example.com", "password": str(uuid4())}
    made = (await http.post("/v1/signup", json=person)).raise_for_status().json()
    http.headers["Authorization"] = f"Bearer {made['api_key']}"
    endpoint = {"url": f"{far.url}/hooks", "event_types": ["vendor.created"]}
    (await http.post("/v1/webhook-endpoints", json=endpoint)).raise_for_status()


async def _call(http: httpx.AsyncClient, over: asyncio.Event) -> list[str]:
    """Register vendors, each under a key of its own and again until it is answered; the names of those."""
    answered: list[str] = []
    while not over.is_set():
        name = str(uuid4())
        while True:
            try:
                answer = await http.post("/v1/vendors", json={"name": name}, headers={"Idempotency-Key": name})
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 201:
                answered.append(name)
                break
            assert answer.status_code == 503, f"{answer.status_code}: {answer.text[:300]}"
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.05)
    return answered


async def _kill_at_random(
    settings: Settings, environment: Mapping[str, str], workers: list[subprocess.Popen[bytes]], seconds: float
) -> dict[str, int]:
    kills = {"worker": 0, "database": 0}
    pid_file = settings.data_dir / "postgres" / "cluster" / "postmaster.pid"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(random.uniform(1, 5))
        if random.random() < 0.7:
            number = random.randrange(len(workers))
            workers[number].kill()
            workers[number].wait()
            workers[number] = _start("worker", environment)
            kills["worker"] += 1
        elif pid_file.exists():
            os.kill(int(pid_file.read_text(encoding="utf-8").split()[0]), signal.SIGKILL)
            kills["database"] += 1
    return kills


async def _all(http: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = (await http.get(path, params={"limit": 200, **({"after": after} if after else {})})).raise_for_status().json()
        rows += page["data"]
        after = page["next"]
        if after is None or not page["data"]:
            return rows


async def _everything(far: Far, committed: set[str]) -> set[str]:
    """What has come, once everything has or patience has ended; waits a little for what must not come."""
    came = set[str]()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not committed <= came:
        await asyncio.sleep(0.5)
        came |= {name.split(" ", 1)[1] for name in await far.came()}
    await asyncio.sleep(2)
    return came | {name.split(" ", 1)[1] for name in await far.came()}
