"""A real Request Tracker 5 on the loopback interface, with a database of its own: it can be killed and started again."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
MISSING = "Request Tracker 5 is not installed here (Debian: request-tracker5 rt5-db-sqlite rt5-standalone)"
SECRET = "a secret that RT and Bitewing share"
_CONFIG = """
Set($rtname, 'local.test'); Set($Organization, 'local.test'); Set($WebDomain, '127.0.0.1'); Set($WebPort, {port});
Set($WebBaseURL, 'http://127.0.0.1:{port}'); Set($WebPath, ''); Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{home}/rtdb');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'error'); Set($MailCommand, 'testfile'); Set($RestrictReferrer, 0);
1;
"""


def installed() -> bool:
    return SERVER.exists() and shutil.which("rt-setup-database-5") is not None


@dataclass
class Forwarder:
    """Takes the callbacks of RT and hands them on, to wherever ``to`` says by then: an address that RT need not know when
    it is started."""

    port: int = 0
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    arrived: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue[tuple[dict[str, str], bytes]])

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            headers = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.seen.append((headers, body))
            self.arrived.put_nowait((headers, body))
            writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


@dataclass
class RequestTracker:
    port: int
    home: Path
    token: str
    callbacks: Forwarder
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = [str(SERVER), "--server", "Starlet", "--host", "127.0.0.1", "--port", str(self.port), "--max-workers", "3"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log, start_new_session=True)
        for _ in range(240):
            with suppress(httpx.TransportError):
                if (await self.ask("GET", "/rt")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
        raise AssertionError((self.home / "log").read_text())

    def kill(self) -> None:
        """All at once, as when its machine loses power."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    async def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            return await http.request(method, f"{self.url}/REST/2.0{path}", headers=headers, **arguments)

    async def json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = await self.ask(method, path, **arguments)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def tickets(self, external_id: str) -> list[str]:
        query = {"query": f"CF.{{ExternalID}} = '{external_id}'"}
        return [str(each["id"]) for each in (await self.json("GET", "/tickets", params=query))["items"]]

    async def said(self, ticket: str) -> list[str]:
        """The status changes and comments of a ticket, in order."""
        found: list[str] = []
        query = {"fields": "Type,NewValue", "per_page": "100"}
        for each in (await self.json("GET", f"/ticket/{ticket}/history", params=query))["items"]:
            if each["Type"] == "Status":
                found.append(each["NewValue"])
            elif each["Type"] == "Comment":
                parts = await self.json("GET", f"/transaction/{each['id']}/attachments", params={"fields": "Content"})
                found.append(parts["items"][0]["Content"].split("\n\n[bitewing:")[0])
        return found

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "RT_SITE_CONFIG": str(self.home / "RT_SiteConfig.pm"),
            "RT_SITE_CONFIG_DIR": str(self.home / "conf.d"),
            "CALLBACK_URL": f"http://127.0.0.1:{self.callbacks.port}/",
            "CALLBACK_SECRET": SECRET,
        }

    async def prepare(self) -> None:
        (self.home / "conf.d").mkdir(parents=True)
        (self.home / "RT_SiteConfig.pm").write_text(_CONFIG.replace("{port}", str(self.port)).replace("{home}", str(self.home)))
        await self._run("rt-setup-database-5", "--action", "init", "--skip-create")
        seeded = await self._run("perl", str(Path(__file__).with_name("rt_seed.pl")))
        self.token = seeded.split("TOKEN ", 1)[1].split()[0]

    async def _run(self, *command: str) -> str:
        done = await asyncio.to_thread(subprocess.run, command, env=self._environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@asynccontextmanager
async def request_tracker(home: Path) -> AsyncGenerator[RequestTracker]:
    """A fresh one, with the queue "Smile Dental". Skips where RT is not installed."""
    if not installed():
        pytest.skip(MISSING)
    callbacks = Forwarder()
    server = await asyncio.start_server(callbacks.talk, "127.0.0.1", 0)
    callbacks.port = server.sockets[0].getsockname()[1]
    tracker = RequestTracker(_free_port(), home, "", callbacks)
    try:
        await tracker.prepare()
        await tracker.start()
        yield tracker
    finally:
        tracker.kill()
        server.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
