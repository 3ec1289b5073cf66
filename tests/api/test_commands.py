"""The command line as a person uses it: the demo tells the truth, and what is told to stop stops in order."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from tests.samples.practices import FOLDER

SIGN_UP = {
    "tenant_name": "North MSP",
    "name": "Ann Owner",
    "email": "ann@msp.example.com",
    "password": "seven brown foxes hum",
}
BITEWING = (sys.executable, "-m", "api.cli")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bw-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def environment(folder: Path, **settings: str) -> Mapping[str, str]:
    named = {f"BITEWING_{name.upper()}": value for name, value in settings.items()}
    return {**os.environ, "BITEWING_DATA_DIR": str(folder / "data"), **named}


def test_the_demo_finds_what_the_sample_holds(folder: Path) -> None:
    done = subprocess.run(
        [*BITEWING, "demo", "--once", "--json"],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    account = json.loads(done.stdout)
    expected = json.loads((FOLDER / "lakeview-dental" / "expected.json").read_text(encoding="utf-8"))
    words = {"very_low": "VL", "low": "L", "moderate": "M", "high": "H", "very_high": "VH"}
    assert {words[level]: count for level, count in account["findings_by_level"].items()} == expected["counts"]["by_level"]
    assert account["webhook_verified"] is True
    assert Path(account["report_pdf"]).read_bytes().startswith(b"%PDF-")
    assert account["api_key"] not in done.stderr


def test_a_killed_postgres_is_started_again_and_sigterm_ends_everything_in_order(folder: Path) -> None:
    port = 18_000 + os.getpid() % 2_000
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([*BITEWING, "up"], env=environment(folder, port=str(port), log_level="warning"), stderr=file)
    cluster = folder / "data" / "postgres" / "cluster"
    try:
        until_ready(port)
        key = call(port, "POST", "/v1/signup", SIGN_UP)["api_key"]
        killed = (cluster / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        with ThreadPoolExecutor(4) as callers:
            writing = [callers.submit(keep_writing, port, key) for _ in range(3)]
            os.kill(int(killed), signal.SIGKILL)
            statuses = set[int]()
            until_ready(port, statuses=statuses, unless=lambda: (cluster / "postmaster.pid").read_text().split()[0] == killed)
            answers = [answer for each in writing for answer in each.result()]
        assert statuses | {status for status, _ in answers} == {200, 201, 503}
        made = {name for status, name in answers if status == 201}
        assert {each["name"] for each in call(port, "GET", "/v1/organizations?limit=200", key=key)["data"]} >= made
        assert call(port, "GET", "/v1/me", key=key)["kind"] == "api_key", "what was answered is still there"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert not (cluster / "postmaster.pid").exists(), "Postgres was stopped as well"
    told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert "database.killed" in {each["event"] for each in told}, "an outage is told line by line, each an object"


def test_who_is_told_to_stop_while_postgres_starts_leaves_none_behind(folder: Path) -> None:
    pid_file = folder / "data" / "postgres" / "cluster" / "postmaster.pid"
    process = subprocess.Popen([*BITEWING, "migrate"], env=environment(folder, log_level="error"))
    try:
        deadline = time.monotonic() + 60
        while not pid_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
    assert not pid_file.exists()


def test_an_address_that_is_taken_is_named_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = environment(folder, port=str(other.getsockname()[1]))
        done = subprocess.run([*BITEWING, "up"], env=taken, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"bitewing: 127.0.0.1:{taken['BITEWING_PORT']} cannot be served at: Address already in use. Stop what listens there, "
        "or set BITEWING_HOST and BITEWING_PORT."
    ]
    assert not (folder / "data").exists()


def test_wrong_settings_are_listed_without_a_traceback(folder: Path) -> None:
    wrong = environment(folder, port="many", pool_size="0")
    done = subprocess.run([*BITEWING, "up"], env=wrong, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "BITEWING_PORT" in done.stderr
    assert "BITEWING_POOL_SIZE" in done.stderr
    assert "Traceback" not in done.stderr


def call(port: int, method: str, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method), timeout=10) as answer:
        return json.load(answer)


def keep_writing(port: int, key: str) -> list[tuple[int, str]]:
    """Make practices, each under a key of its own, until one is made after some were refused; the answers."""
    answers: list[tuple[int, str]] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        name = f"Practice {uuid4()}"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}", "Idempotency-Key": name}
        body = json.dumps({"name": name}).encode()
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}/v1/organizations", body, headers), timeout=30) as answer:
                answers.append((answer.status, name))
        except HTTPError as error:
            answers.append((error.code, name))
            time.sleep(0.02)
        if answers[-1][0] == 201 and any(status != 201 for status, _ in answers):
            break
    return answers


def until_ready(port: int, *, statuses: set[int] | None = None, unless: Callable[[], bool] = lambda: False) -> None:
    """Ask until it answers that it is ready; ``statuses`` gathers what it answers. ``unless`` says that this counts not yet."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                status = answer.status
        except HTTPError as error:
            status = error.code
        except (URLError, ConnectionError, TimeoutError):
            status = None
        if statuses is not None and status is not None:
            statuses.add(status)
        if status == 200 and not unless():
            return
        time.sleep(0.1)
    raise TimeoutError("it did not begin to serve")
