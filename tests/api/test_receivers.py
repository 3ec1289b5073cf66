"""The receivers that we hand out, run as they are against real deliveries, and against what is none."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import api.receivers
from domain.outbound.signing import new_private_key, new_secret, public_key, sign
from domain.runtime import Runtime
from tests.domain.outbound.listening import eventually, settled, working
from tests.makers import House, expect

HERE = Path(api.receivers.__file__).parent
TYPESCRIPT = Path(__file__).parents[1] / "peers" / "node_modules" / "typescript" / "bin" / "tsc"
needs_typescript = pytest.mark.skipif(
    not TYPESCRIPT.exists() or shutil.which("node") is None, reason="needs node and: npm ci --prefix tests/peers"
)
each_receiver = pytest.mark.parametrize("language", ["python", pytest.param("typescript", marks=needs_typescript)])


@dataclass
class Running:
    port: int = 0
    printed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one in TypeScript, checked by its compiler and made JavaScript, which older versions of Node need."""
    made = tmp_path_factory.mktemp("receiver")
    types = TYPESCRIPT.parents[2] / "@types"
    strict = ["--strict", "--noUnusedLocals", "--target", "es2022", "--module", "nodenext", "--types", "node"]
    command = ["node", str(TYPESCRIPT), *strict, "--typeRoots", str(types), "--outDir", str(made), str(HERE / "receiver.ts")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return made / "receiver.js"


@pytest.fixture
def command(language: str, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """How to run it, without the key."""
    if language == "python":
        shutil.copy(HERE / "receiver.py", tmp_path)
        return [sys.executable, str(tmp_path / "receiver.py")]
    return ["node", str(request.getfixturevalue("compiled"))]


@contextmanager
def running(command: list[str], key: str, at: Path) -> Generator[Running]:
    process = subprocess.Popen([*command, key, "0"], stdout=subprocess.PIPE, text=True, cwd=at)
    assert process.stdout is not None
    output, found = process.stdout, Running()

    def listen() -> None:
        found.printed.extend(json.loads(line) for line in output)

    listener = threading.Thread(target=listen, daemon=True)
    with process:
        try:
            found.port = json.loads(output.readline())["port"]
            listener.start()
            yield found
        finally:
            process.kill()
            if listener.is_alive():
                listener.join()


def post(to: Running, key: str, event: Mapping[str, Any], *, at: datetime | None = None, tampered: bool = False) -> int:
    body = json.dumps(event).encode()
    headers = sign([key], webhook_id=str(event["data"]["id"]), timestamp=at or datetime.now(UTC), body=body)
    return httpx.post(to.url, content=body + b" " * tampered, headers=headers, trust_env=False).status_code


def event(number: int, *, subject: str = "one") -> dict[str, Any]:
    data = {"id": f"event-{number}", "sequence": number, "subject": {"type": "device", "id": subject}}
    return {"type": "device.updated", "timestamp": "2026-03-02T14:05:09Z", "data": data}


@each_receiver
async def test_a_receiver_takes_real_deliveries(house: House, runtime: Runtime, command: list[str], tmp_path: Path) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    fields = {"url": "http://127.0.0.1:9/hooks", "event_types": ["organization.updated"], "enabled": False}
    endpoint = await msp.make("/webhook-endpoints", fields)
    at = f"/webhook-endpoints/{endpoint['id']}"
    with running(command, endpoint["secret"], tmp_path) as receiver:
        expect(await msp.patch(at, {"url": receiver.url, "enabled": True}), 200)
        async with working(runtime):
            for name in ("Harbor", "Lakeview"):
                await msp.patch(f"/organizations/{practice}", {"name": name})
            [first, _] = await settled(msp, endpoint, delivered=2)
            expect(await msp.post(f"/deliveries/{first['id']}/resend"), 202)
            rotated = await msp.make(f"{at}/secret-rotation", {"signature": "v1a", "grace_seconds": 600})
            await msp.patch(f"/organizations/{practice}", {"name": "Both sign"})
            await settled(msp, endpoint, delivered=3)
        await eventually(lambda: len(receiver.printed) == 3, "three events, each once")
        assert {each["event"]["data"]["subject"]["id"] for each in receiver.printed} == {practice}
    with running(command, rotated["public_keys"][0]["key"], tmp_path / ".") as receiver:
        expect(await msp.patch(at, {"url": receiver.url}), 200)
        async with working(runtime):
            await msp.patch(f"/organizations/{practice}", {"name": "By the pair"})
            await settled(msp, endpoint, delivered=4)
        await eventually(lambda: len(receiver.printed) == 1, "one event, by the public key")


@each_receiver
@pytest.mark.parametrize("paired", [False, True], ids=["secret", "pair"])
async def test_a_receiver_drops_what_it_knows_and_marks_what_is_late(command: list[str], tmp_path: Path, paired: bool) -> None:
    key = new_private_key() if paired else new_secret()
    other = new_private_key() if paired else new_secret()
    with running(command, public_key(key) if paired else key, tmp_path) as to:
        spoken = [post(to, key, each) for each in (event(7), event(7), event(5), event(6, subject="two"), event(8))]
        assert spoken == [204] * 5, "what is known is not asked for again"
        long_ago = datetime.now(UTC) - timedelta(minutes=6)
        assert post(to, other, event(9)) == 401
        assert post(to, key, event(9), tampered=True) == 401
        assert post(to, key, event(9), at=long_ago) == 401
        assert httpx.post(to.url, content=b"{}", trust_env=False).status_code == 401
        garbage = {"webhook-id": "a", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,A garbage v1a,"}
        assert httpx.post(to.url, content=b"{}", headers=garbage, trust_env=False).status_code == 401
        await eventually(lambda: len(to.printed) == 4, "four events")
        came = [(each["event"]["data"]["sequence"], each["came"]) for each in to.printed]
        assert came == [(7, "new"), (5, "late"), (6, "new"), (8, "new")]


async def test_the_receivers_are_shown(house: House) -> None:
    for name in ("receiver.py", "receiver.ts"):
        shown = await house.http.get(f"/docs/receivers/{name}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert shown.text == (HERE / name).read_text(encoding="utf-8")
    assert (await house.http.get("/docs/receivers/__init__.py")).status_code == 404
