"""The list of 100 devices: through HTTP, with a key, a wall and a page of JSON, against the same statement by pgbench in
transactions of the same shape (BEGIN with the wall in one message, the statement prepared, COMMIT).
"""

import asyncio
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import httpx

from api.pages import Window
from api.v1.devices import DEVICES, bound_today
from domain import embedded_postgres
from domain.runtime import kept_secrets
from domain.settings import Settings
from tests.bench.load import Load, load

ROUNDS = 3
SECONDS = 4.0
CLIENTS = 8
DEVICES_MADE = 100


async def bench_lists(settings: Settings) -> list[tuple[str, str, str, str, str]]:
    """Rows of (what, ours, limit, ratio, p50/p99)."""
    environment = {**os.environ, "BITEWING_DATA_DIR": str(settings.data_dir), "BITEWING_PORT": str(settings.port)}
    environment["BITEWING_LOG_LEVEL"] = "warning"
    with embedded_postgres.start(settings.data_dir / "postgres") as running:
        process = subprocess.Popen([sys.executable, "-m", "api.cli", "serve"], env=environment)
        try:
            key, tenant_id = await _furnish(f"http://127.0.0.1:{settings.port}/v1")
            request = _request(key)
            script = _script(settings.data_dir, tenant_id)
            await load("127.0.0.1", settings.port, request, clients=CLIENTS, seconds=1.5)
            ours: list[Load] = []
            limit: list[float] = []
            for _ in range(ROUNDS):
                ours.append(await load("127.0.0.1", settings.port, request, clients=CLIENTS, seconds=SECONDS))
                limit.append(await asyncio.to_thread(_pgbench, running, settings.data_dir, script))
        finally:
            process.terminate()
            process.wait(20)
    ratio = statistics.median(one.rate / other for one, other in zip(ours, limit, strict=True))
    middle = sorted(ours, key=lambda one: one.rate)[len(ours) // 2]
    return [
        (
            f"List of {DEVICES_MADE} devices, {CLIENTS} clients",
            f"{middle.rate:.0f}/s",
            f"{statistics.median(limit):.0f}/s",
            f"{ratio:.2f}",
            f"{middle.p50:.1f}/{middle.p99:.1f} ms",
        )
    ]


async def _furnish(base: str) -> tuple[str, UUID]:
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        await _until_listening(http)
        body = {"tenant_name": "Bench", "name": "Bench", "email": f"bench-{os.getpid()}@msp.example.com", "password": "x" * 16}
        made = (await http.post("/signup", json=body)).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {made['api_key']}"
        organization = (await http.post("/organizations", json={"name": "Bench"})).raise_for_status().json()
        for number in range(DEVICES_MADE):
            facts = {"stores_ephi": True, "login_mode": "named", "auto_logoff_minutes": 15, "audit_logging": "on"}
            device = {
                "name": f"OP{number}", "kind": "capture_workstation", "hostname": f"OP{number}", "os_name": "Windows 11",
                "os_edition": "Pro", "os_build": "10.0.26100", "encryption_at_rest": "volume", "facts": facts,
            }  # fmt: skip
            (await http.post(f"/organizations/{organization['id']}/devices", json=device)).raise_for_status()
        return made["api_key"], UUID(made["tenant"]["id"])


async def _until_listening(http: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            await http.get("/me")
        except httpx.TransportError:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError("the API did not begin to listen")


def _request(key: str) -> bytes:
    lines = ("GET /v1/devices?limit=100 HTTP/1.1", "Host: bench", f"Authorization: Bearer {key}", "", "")
    return "\r\n".join(lines).encode()


def _script(data_dir: Path, tenant_id: UUID) -> Path:
    """The same statement, prepared once for each client."""
    text, arguments = DEVICES.query(tenant_id, Window(limit=100, after=None, sort=None), bound=bound_today())
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


def _pgbench(running: embedded_postgres.Running, data_dir: Path, script: Path) -> float:
    command = [
        str(running.binaries / "pgbench"), f"--host={running.socket_dir}", f"--port={running.port}",
        f"--username={embedded_postgres.APP_ROLE}", "--no-vacuum", f"--client={CLIENTS}", "--jobs=1",
        f"--time={int(SECONDS)}", "--define=prepared=0", f"--file={script}", "bitewing",
    ]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": kept_secrets(data_dir)["app_password"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])
