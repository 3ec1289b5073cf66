"""Lists of 100 over fleets of 1,000 and of 60,000 devices, and the portfolio of 2,000 clients: through HTTP, with a key, a
wall and a page of JSON, against the same statement by pgbench in transactions of the same shape (BEGIN with the wall in one
message, the statement prepared, COMMIT).
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from api.pages import Window
from api.v1.devices import DEVICES, bound_today
from api.v1.portfolio import PORTFOLIO
from domain import embedded_postgres
from domain.clock import today
from domain.runtime import kept_secrets
from domain.settings import Settings
from tests.bench.load import Load, load

ROUNDS = 3
SECONDS = 4.0
CLIENTS = (8, 16)
DEVICES_EACH = 30
FIRST = Window(limit=100, after=None, sort=None)
_IDENTITY = "md5(t.id::text || n)::uuid"
_CLIENT = "md5(t.organization_id::text || n)::uuid"
COPIED = {
    "organization": {"id": _IDENTITY, "name": "t.name || ' ' || n"},
    "portfolio_line": {"id": _IDENTITY, "organization_id": _CLIENT},
    "device": {"id": _IDENTITY, "organization_id": _CLIENT, "name": "t.name || ' ' || n"},
}
"""What is copied, and which of its columns are others in each copy."""


@dataclass(frozen=True)
class Case:
    """One list, as it is asked for and as pgbench asks the database for it."""

    what: str
    path: str
    key: str
    tenant_id: UUID
    statement: str
    arguments: tuple[Any, ...]


async def bench_lists(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """Rows of (what, ours, limit, ratio, p50/p99)."""
    environment = {**os.environ, "BITEWING_DATA_DIR": str(settings.data_dir), "BITEWING_PORT": str(settings.port)}
    environment |= {
        "BITEWING_LOG_LEVEL": "warning",
        "BITEWING_RATE_LIMIT_CREDENTIAL": "100000000",
        "BITEWING_RATE_LIMIT_ADDRESS": "100000000",
    }
    with embedded_postgres.start(settings.data_dir / "postgres") as running:
        process = subprocess.Popen([sys.executable, "-m", "api.cli", "serve"], env=environment)
        try:
            small = await _furnish(settings, running, organizations=34)
            large = await _furnish(settings, running, organizations=2_000)
            cases = [_devices("1,000", *small), _devices("60,000", *large), _portfolio(*large)]
            return [await _measure(each, settings, running, clients) for each in cases for clients in CLIENTS]
        finally:
            process.terminate()
            process.wait(20)


async def _measure(
    case: Case, settings: Settings, running: embedded_postgres.Running, clients: int
) -> tuple[str, str, str, str, str]:
    request, script = _request(case), _script(settings.data_dir, case)
    await load("127.0.0.1", settings.port, request, clients=clients, seconds=1.5)
    ours: list[Load] = []
    limit: list[float] = []
    for _ in range(ROUNDS):
        ours.append(await load("127.0.0.1", settings.port, request, clients=clients, seconds=SECONDS))
        limit.append(await asyncio.to_thread(_pgbench, running, settings.data_dir, script, clients))
    ratio = statistics.median(one.rate / other for one, other in zip(ours, limit, strict=True))
    middle = sorted(ours, key=lambda one: one.rate)[len(ours) // 2]
    return (
        f"{case.what}, {clients} clients",
        f"{middle.rate:.0f}/s",
        f"{statistics.median(limit):.0f}/s",
        f"{ratio:.2f}",
        f"{middle.p50:.1f}/{middle.p99:.1f} ms",
    )


def _devices(many: str, key: str, tenant_id: UUID) -> Case:
    statement, arguments = DEVICES.query(tenant_id, FIRST, bound=bound_today())
    return Case(f"List of 100 of {many} devices", "/v1/devices?limit=100", key, tenant_id, statement, arguments)


def _portfolio(key: str, tenant_id: UUID) -> Case:
    statement, arguments = PORTFOLIO.query(tenant_id, FIRST, bound={"today": today()})
    return Case("Portfolio, 100 of 2,000 clients", "/v1/portfolio?limit=100", key, tenant_id, statement, arguments)


async def _furnish(settings: Settings, running: embedded_postgres.Running, *, organizations: int) -> tuple[str, UUID]:
    """A tenant whose clients have thirty devices each: the first through the API, the others copies of it."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}/v1", timeout=30) as http:
        await _until_listening(http)
        email = f"bench-{os.getpid()}-{organizations}@msp.example.com"
        body = {"tenant_name": "Bench", "name": "Bench", "email": email, "password": "a long enough passphrase"}
        made = (await http.post("/signup", json=body)).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {made['api_key']}"
        organization = (await http.post("/organizations", json={"name": "Bench"})).raise_for_status().json()
        for number in range(DEVICES_EACH):
            facts = {"stores_ephi": True, "login_mode": "named", "auto_logoff_minutes": 15, "audit_logging": "on"}
            device = {
                "name": f"OP{number}", "kind": "capture_workstation", "hostname": f"OP{number}", "os_name": "Windows 11",
                "os_edition": "Pro", "os_build": "10.0.26100", "encryption_at_rest": "volume", "facts": facts,
            }  # fmt: skip
            (await http.post(f"/organizations/{organization['id']}/devices", json=device)).raise_for_status()
    await _copy(settings, running, UUID(made["tenant"]["id"]), copies=organizations - 1)
    return made["api_key"], UUID(made["tenant"]["id"])


async def _copy(settings: Settings, running: embedded_postgres.Running, tenant_id: UUID, *, copies: int) -> None:
    kept = kept_secrets(settings.data_dir)
    connection = await asyncpg.connect(**running.dsn(embedded_postgres.APP_ROLE, kept["app_password"]))
    try:
        await connection.execute("select set_config('app.tenant_id', $1, false)", str(tenant_id))
        for table, changes in COPIED.items():
            names = [
                row[0]
                for row in await connection.fetch(
                    "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped",
                    table,
                )
            ]
            values = ", ".join(changes.get(name, f't."{name}"') for name in names)
            columns = ", ".join(f'"{name}"' for name in names)
            await connection.execute(
                f"insert into {table} ({columns}) select {values} from {table} t, generate_series(1, $1::int) n", copies
            )
    finally:
        await connection.close()
    # Only who owns a table may gather its statistics; for the application's role it would be a warning and no more.
    owner = await asyncpg.connect(**running.dsn(embedded_postgres.OWNER_ROLE, kept["owner_password"]))
    try:
        await owner.execute("analyze")
    finally:
        await owner.close()


async def _until_listening(http: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            await http.get("/me")
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError("the API did not begin to listen")


def _request(case: Case) -> bytes:
    lines = (f"GET {case.path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {case.key}", "", "")
    return "\r\n".join(lines).encode()


def _script(data_dir: Path, case: Case) -> Path:
    """The same statement, prepared once for each client."""
    text, arguments, tenant_id = case.statement, case.arguments, case.tenant_id
    statement = re.sub(r"\s+", " ", text)
    values = ", ".join("'" + str(each).replace("'", "''") + "'" for each in arguments)
    script = data_dir / "list.sql"
    script.write_text(
        f"\\if :prepared = 0\nPREPARE page AS {statement};\n\\set prepared 1\n\\endif\n"
        "BEGIN \\; SET TRANSACTION READ ONLY "
        f"\\; SET LOCAL app.tenant_id = '{tenant_id}' \\; SET LOCAL app.organization_ids = '';\n"
        f"EXECUTE page({values});\nCOMMIT;\n",
        encoding="utf-8",
    )
    return script


def _pgbench(running: embedded_postgres.Running, data_dir: Path, script: Path, clients: int) -> float:
    command = [
        str(running.binaries / "pgbench"), f"--host={running.socket_dir}", f"--port={running.port}",
        f"--username={embedded_postgres.APP_ROLE}", "--no-vacuum", f"--client={clients}", "--jobs=1",
        f"--time={int(SECONDS)}", "--define=prepared=0", f"--file={script}", "bitewing",
    ]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": kept_secrets(data_dir)["app_password"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])
