"""An import of 10,000 devices against a raw COPY of the same rows, and what memory it takes.

"The same rows" are all those that the import leaves behind: the devices with their facts and the provenance of each, the rows
of the report with what came in, and the events, linked into the audit trail. They are copied back, as text, into tables of the
same columns that have no key, no index, no reference and no wall, so COPY does nothing but write. What the import does beside
(receive and keep 15 MB, read and check them, find out which machine each row is about, check every reference, chain every
event) is all in its time.
"""

import asyncio
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
import httpx
from asyncpg.transaction import Transaction
from sqlalchemy import Engine, event

from api.app import build
from domain.database import tenant_session
from domain.inventory import import_jobs
from domain.inventory.organizations import Organization
from domain.runtime import Runtime, Targets, database_targets, open_runtime
from domain.settings import Settings
from domain.tenancy import SYSTEM, Wall

DEVICES, ROUNDS = 10_000, 5
WHOLE, SQL, MEGABYTES = 6.0, 4.0, 200
LEFT_BEHIND = ("device", "import_row", "event")


@dataclass(frozen=True)
class Round:
    """Seconds by the clock, and of processors: ours and Postgres's together."""

    whole: float
    sql: float
    copy: float
    whole_cpu: float
    copy_cpu: float


async def bench_imports(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """Rows of (what, ours, limit, ratio, note)."""
    async with database_targets(settings) as targets, open_runtime(settings, targets) as runtime:
        application = build(runtime)
        async with application.router.lifespan_context(application):
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://bench/v1", timeout=120) as http:
                tenant_id = await _sign_up(http)
                rounds = [await _round(http, runtime, targets, tenant_id, number) for number in range(ROUNDS + 1)][1:]
                memory = await _memory(http, runtime, settings, tenant_id)
    return [
        _row("Import of 10,000 devices, whole", rounds, "whole", "copy", WHOLE),
        _row("Its statements alone", rounds, "sql", "copy", SQL),
        _row("Whole, in CPU seconds of ours and Postgres's", rounds, "whole_cpu", "copy_cpu", WHOLE),
        ("Memory of the worker above idle", f"{memory:.0f} MB", f"{MEGABYTES} MB", f"{memory / MEGABYTES:.2f}", "peak"),
    ]


def _row(what: str, rounds: list[Round], name: str, limit: str, bar: float) -> tuple[str, str, str, str, str]:
    ours, theirs = [getattr(each, name) for each in rounds], [getattr(each, limit) for each in rounds]
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    seconds = f"{statistics.median(ours):.2f} s", f"{statistics.median(theirs):.2f} s (COPY)"
    return what, *seconds, f"{statistics.median(ratios):.1f}", f"at most {bar:g}; {min(ratios):.1f} to {max(ratios):.1f}"


async def _round(http: httpx.AsyncClient, runtime: Runtime, targets: Targets, tenant_id: UUID, number: int) -> Round:
    organization = await _practice(http, runtime, tenant_id, f"Practice {number}")
    files = export()
    server = await _Postgres.of(targets)
    with timed_statements() as statements:
        began, cpu = time.perf_counter(), time.process_time() + server.cpu()
        sent = await http.post(f"/organizations/{organization}/imports", data={"source": "ninjaone"}, files=files)
        await import_jobs.carry_out(runtime, {"tenant_id": str(tenant_id), "import_id": sent.raise_for_status().json()["id"]})
        whole, whole_cpu = time.perf_counter() - began, time.process_time() + server.cpu() - cpu
    done = (await http.get(f"/imports/{sent.json()['id']}")).json()
    assert done["counts"]["created"] == DEVICES, done
    copy, copy_cpu = await _copy(targets, server, tenant_id, organization)
    return Round(whole, sum(statements), copy, whole_cpu, copy_cpu)


async def _copy(targets: Targets, server: "_Postgres", tenant_id: UUID, organization: str) -> tuple[float, float]:
    """Write what the import left behind once more, bare."""
    owner: Any = await targets.connect_as_owner()
    spent = spent_cpu = 0.0
    try:
        await owner.execute("select set_config('app.tenant_id', $1, false)", str(tenant_id))
        for table in LEFT_BEHIND:
            text = io.BytesIO()
            rows = f"select * from {table} where organization_id = '{UUID(organization)}'"
            await owner.copy_from_query(rows, output=text)
            await owner.execute(f"create table bare (like {table})")
            text.seek(0)
            began, cpu = time.perf_counter(), time.process_time() + server.cpu()
            await owner.copy_to_table("bare", source=text)
            spent += time.perf_counter() - began
            spent_cpu += time.process_time() + server.cpu() - cpu
            await owner.execute("drop table bare")
    finally:
        await owner.close()
    return spent, spent_cpu


async def _memory(http: httpx.AsyncClient, runtime: Runtime, settings: Settings, tenant_id: UUID) -> float:
    """How much the peak of a worker's memory lies above what it has while it idles, in MB."""
    environment = {**os.environ, "BITEWING_DATA_DIR": str(settings.data_dir), "BITEWING_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "api.cli", "worker"], env=environment)
    try:
        idle = await _idle(process.pid)
        large = await _practice(http, runtime, tenant_id, "Large")
        await _imported(http, large, export())
        return _megabytes(process.pid, "VmHWM") - idle
    finally:
        process.terminate()
        process.wait(30)


async def _idle(pid: int) -> float:
    """What a worker has once it has come up and does nothing: its memory grows no more."""
    before, now = 0.0, _megabytes(pid, "VmRSS")
    while now > before + 0.5:
        await asyncio.sleep(3)
        before, now = now, _megabytes(pid, "VmRSS")
    return now


async def _imported(http: httpx.AsyncClient, organization: str, files: dict[str, Any]) -> None:
    """Through the queue, done by whichever worker there is."""
    sent = await http.post(f"/organizations/{organization}/imports", data={"source": "ninjaone"}, files=files)
    path = f"/imports/{sent.raise_for_status().json()['id']}"
    for _ in range(1_200):
        if (await http.get(path)).json()["status"] == "completed":
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("the import was not finished")


def _megabytes(pid: int, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{what}:")) / 1024


async def _sign_up(http: httpx.AsyncClient) -> UUID:
    email = f"bench-imports-{os.getpid()}@msp.example.com"
    body = {"tenant_name": "Bench", "name": "Bench", "email": email, "password": "a long enough passphrase"}
    made = (await http.post("/signup", json=body)).raise_for_status().json()
    http.headers["Authorization"] = f"Bearer {made['api_key']}"
    return UUID(made["tenant"]["id"])


async def _practice(http: httpx.AsyncClient, runtime: Runtime, tenant_id: UUID, name: str) -> str:
    """An organization whose plan covers as many devices as may come."""
    organization: str = (await http.post("/organizations", json={"name": name})).raise_for_status().json()["id"]
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        (await session.fetch(Organization, UUID(organization))).limits = {"devices": 100_000}
    return organization


@contextmanager
def timed_statements() -> Generator[list[float]]:
    """How long each statement of this process takes, commits as well, from sending it to having its answer: those of
    SQLAlchemy, and those that are sent past it."""
    spent: list[float] = []
    begun: list[float] = []

    def timed(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return await ask(*arguments, **named)
            finally:
                spent.append(time.perf_counter() - began)

        return asked

    def before(*_: Any) -> None:
        begun.append(time.perf_counter())

    def after(*_: Any) -> None:
        spent.append(time.perf_counter() - begun.pop())

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        with (
            patch.object(asyncpg.Connection, "_execute", timed(getattr(asyncpg.Connection, "_execute"))),  # noqa: B009  its own
            patch.object(Transaction, "commit", timed(Transaction.commit)),
        ):
            yield spent
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


class _Postgres:
    """The processes of our server, as the system counts their processor time."""

    def __init__(self, backend_pid: int) -> None:
        self._postmaster = _stat(Path(f"/proc/{backend_pid}/stat"))[1]

    @classmethod
    async def of(cls, targets: Targets) -> "_Postgres":
        owner: Any = await targets.connect_as_owner()
        try:
            return cls(owner.get_server_pid())
        finally:
            await owner.close()

    def cpu(self) -> float:
        """Seconds that its living processes have spent. None ends while something is measured."""
        living = [_stat(each) for each in Path("/proc").glob("[0-9]*/stat")]
        ticks = sum(int(each[11]) + int(each[12]) for each in living if each and each[1] == self._postmaster)
        return ticks / os.sysconf("SC_CLK_TCK")


def _stat(path: Path) -> list[str]:
    """The fields behind the name: state, parent, and so on (proc_pid_stat(5)); none of a process that has gone."""
    try:
        return path.read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def export(devices: int = DEVICES) -> dict[str, Any]:
    """What NinjaOne tells of Windows workstations of one client: detailed devices, volumes, antivirus; 15 MB for 10,000."""
    known: list[Any] = []
    volumes: list[Any] = []
    products: list[Any] = []
    for number in range(1, devices + 1):
        name, serial = f"WS-{number:05}", f"SN{number:07}"
        known.append(
            {
                "id": number, "uid": f"3343ff52-169e-4acf-aa12-{number:012}", "organizationId": 5, "locationId": 6,
                "nodeClass": "WINDOWS_WORKSTATION", "nodeRoleId": 201, "rolePolicyId": 3, "policyId": 3,
                "approvalStatus": "APPROVED", "offline": False, "displayName": name, "systemName": name,
                "dnsName": f"{name}.example.test", "netbiosName": name, "created": 1700000000.25,
                "lastContact": 1790000000.98, "lastUpdate": 1790000000.98, "tags": [],
                "references": {"organization": {"id": 5, "name": "Bench"}, "location": {"id": 6, "name": "Main"}},
                "ipAddresses": ["10.9.0.1"], "macAddresses": ["02:00:5E:26:08:C7"], "publicIP": "198.51.100.7",
                "os": {
                    "manufacturer": "Microsoft Corporation", "name": "Windows 11 Professional Edition",
                    "architecture": "64-bit", "buildNumber": "26200", "releaseId": "25H2", "needsReboot": False,
                },
                "system": {
                    "name": name, "biosSerialNumber": serial, "serialNumber": serial, "virtualMachine": False,
                    "chassisType": "DESKTOP",
                },
            }
        )  # fmt: skip
        volumes.append(
            {
                "name": "C:", "driveLetter": "C:", "deviceType": "Fixed", "fileSystem": "NTFS", "capacity": 500000000000,
                "freeSpace": 100000000000, "deviceId": number, "timestamp": 1790000000.0,
                "bitLockerStatus": {
                    "conversionStatus": "FULLY_ENCRYPTED", "encryptionMethod": "XTS_AES_256",
                    "protectionStatus": "PROTECTED", "lockStatus": "UNLOCKED", "initializedForProtection": True,
                },
            }
        )  # fmt: skip
        products.append({"deviceId": number, "productName": "Defender", "productState": "ON", "definitionStatus": "UP_TO_DATE"})
    parts = {"devices": known, "volumes": {"results": volumes}, "antivirus": {"results": products}}
    return {name: (f"{name}.json", json.dumps(part).encode(), "application/json") for name, part in parts.items()}
