"""Webhooks: how many events a second two workers bring from the commit to a receiver, against a bare loop that posts the same
signed bodies; how soon the first attempt follows a commit; and what one dead endpoint costs ninety-nine others.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import httpx

from domain.clock import new_id, now
from domain.database import tenant_session
from domain.events import emit
from domain.keyring import KeyRing
from domain.outbound import endpoints
from domain.outbound.destinations import EgressPolicy
from domain.outbound.endpoints import NewEndpointFields, WebhookEndpoint
from domain.outbound.signing import new_secret, sign
from domain.people.tenants import Tenant
from domain.runtime import Runtime, database_targets, open_runtime
from domain.settings import Settings
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall

EVENTS, ROUNDS = 2_000, 3
IDLE = 30
ENDPOINTS, EACH = 100, 40
POLICY = EgressPolicy(allow_http=True, allow_loopback=True)
Row = tuple[str, str, str, str, str]


@dataclass
class Thing:
    """What the events of a bench happen to."""

    id: UUID
    noun: ClassVar[str] = "device"


@dataclass(frozen=True)
class Far:
    """The receiver, as it is spoken to."""

    url: str
    http: httpx.AsyncClient

    async def came(self) -> Mapping[str, Sequence[float]]:
        """What has come since the last question."""
        return (await self.http.get(self.url)).json()

    async def all_of(self, count: int, *, path: str | None = None) -> dict[str, float]:
        """When each webhook came first, once there are so many; those to one path only."""
        found: dict[str, float] = {}
        end = time.monotonic() + 120
        while len(found) < count:
            assert time.monotonic() < end, f"only {len(found)} of {count} have come"
            await asyncio.sleep(0.1)
            for name, times in (await self.came()).items():
                if path is None or name.startswith(f"{path} "):
                    found.setdefault(name, times[0])
        return found


async def bench_webhooks(settings: Settings) -> list[Row]:
    """Rows of (what, ours, limit, ratio, p50/p99)."""
    async with (
        database_targets(settings) as targets,
        open_runtime(settings, targets) as runtime,
        receiver() as far,
    ):
        with _workers(settings):
            return [await _through_the_outbox(runtime, far), await _delay(runtime, far), await _one_is_dead(runtime, far)]


async def _through_the_outbox(runtime: Runtime, far: Far) -> Row:
    tenant_id = await _tenant(runtime)
    await _listen(runtime, tenant_id, f"{far.url}/hooks")
    ours, bare = list[float](), list[float]()
    for _ in range(ROUNDS):
        began = time.monotonic()
        for _ in range(EVENTS // 10):
            await _happen(runtime, tenant_id, 10)
        came = await far.all_of(EVENTS)
        ours.append(EVENTS / (max(came.values()) - began))
        bare.append(await _bare_loop(far))
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    rate, limit = statistics.median(ours), statistics.median(bare)
    return ("Events from commit to receiver, two workers", f"{rate:.0f}/s", f"{limit:.0f}/s (bare loop)", f"{ratio:.2f}", "-")


async def _bare_loop(far: Far) -> float:
    """The same bodies, signed as they are, one after the other."""
    secret = new_secret()
    body = json.dumps({"type": "device.updated", "timestamp": "2026-03-02T14:05:09Z", "data": {"pad": "x" * 420}}).encode()
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(EVENTS):
            headers = sign([secret], webhook_id=str(new_id()), timestamp=now(), body=body)
            answer = await http.post(f"{far.url}/bare", content=body, headers={**headers, "content-type": "application/json"})
            assert answer.status_code == 204
    took = time.monotonic() - began
    await far.came()
    return EVENTS / took


async def _delay(runtime: Runtime, far: Far) -> Row:
    """From the commit to the first attempt, with nothing else to do."""
    tenant_id = await _tenant(runtime)
    await _listen(runtime, tenant_id, f"{far.url}/idle")
    await asyncio.sleep(1)
    await far.came()
    delays = list[float]()
    for _ in range(IDLE):
        await _happen(runtime, tenant_id, 1)
        committed = time.monotonic()
        [came] = (await far.all_of(1)).values()
        delays.append((came - committed) * 1000)
        await asyncio.sleep(0.1)
    delays.sort()
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    return (
        "From commit to first attempt, idle",
        f"{p50:.0f} ms",
        "100 ms (asked)",
        f"{p50 / 100:.2f}",
        f"{p50:.0f}/{p99:.0f} ms",
    )


async def _one_is_dead(runtime: Runtime, far: Far) -> Row:
    """The rate of 99 endpoints, alone and beside one that never answers."""
    tenant_ids = [await _tenant(runtime) for _ in range(2)]
    for tenant_id in tenant_ids:
        for number in range(49):
            await _listen(runtime, tenant_id, f"{far.url}/{number}")
    await _listen(runtime, tenant_ids[0], f"{far.url}/98")
    dead = await _listen(runtime, tenant_ids[1], f"{far.url}/dead", enabled=False)
    alone, beside = list[float](), list[float]()
    for round_ in range(ROUNDS * 2):
        with_dead = round_ % 2 == 1
        async with tenant_session(runtime.database, Wall(tenant_ids[1]), actor=SYSTEM) as session:
            (await session.fetch(WebhookEndpoint, dead)).enabled = with_dead
        began = time.monotonic()
        for _ in range(EACH):
            await asyncio.gather(*(_happen(runtime, each, 1) for each in tenant_ids))
        came = await far.all_of((ENDPOINTS - 1) * EACH)
        (beside if with_dead else alone).append(len(came) / (max(came.values()) - began))
    ratio = statistics.median(beside) / statistics.median(alone)
    rate, limit = statistics.median(beside), statistics.median(alone)
    return ("99 endpoints beside a dead one", f"{rate:.0f}/s", f"{limit:.0f}/s (without it)", f"{ratio:.2f}", "-")


async def _tenant(runtime: Runtime) -> UUID:
    tenant_id = new_id()
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        session.add(Tenant(id=tenant_id, name="Webhooks"))
    return tenant_id


async def _listen(runtime: Runtime, tenant_id: UUID, url: str, *, enabled: bool = True) -> UUID:
    keyring: KeyRing = runtime.keyring
    fields = NewEndpointFields(url=url, event_types=["device.updated"], enabled=enabled)
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        endpoint, _ = await endpoints.register(session, fields, policy=POLICY, keyring=keyring)
        return endpoint.id


async def _happen(runtime: Runtime, tenant_id: UUID, count: int) -> None:
    """So many events in one commit."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        for _ in range(count):
            changes = {"status": {"from": "active", "to": "retired"}, "name": {"from": "OP1", "to": "OP2"}}
            emit(session, "device.updated", Thing(new_id()), changes)


@asynccontextmanager
async def receiver() -> AsyncGenerator[Far]:
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.receiving"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            yield Far(f"http://127.0.0.1:{port}", http)
    finally:
        process.kill()
        process.wait()


class _workers:
    def __init__(self, settings: Settings) -> None:
        self._environment = {
            **os.environ,
            "BITEWING_DATA_DIR": str(settings.data_dir),
            "BITEWING_LOG_LEVEL": "warning",
            "BITEWING_WEBHOOK_ALLOW_HTTP": "true",
            "BITEWING_WEBHOOK_ALLOW_LOOPBACK": "true",
        }

    def __enter__(self) -> None:
        command = [sys.executable, "-m", "api.cli", "worker"]
        self._started = [subprocess.Popen(command, env=self._environment) for _ in range(2)]

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(40)
