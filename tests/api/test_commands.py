"""The command line as a person uses it: the demo tells the truth, and what is told to stop stops in order."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.samples.practices import FOLDER

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


def test_sigterm_ends_everything_in_order(folder: Path) -> None:
    port = 18_000 + os.getpid() % 2_000
    process = subprocess.Popen([*BITEWING, "up"], env=environment(folder, port=str(port), log_level="warning"))
    try:
        until_ready(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert not (folder / "data" / "postgres" / "cluster" / "postmaster.pid").exists(), "Postgres was stopped as well"


def test_wrong_settings_are_listed_without_a_traceback(folder: Path) -> None:
    wrong = environment(folder, port="many", pool_size="0")
    done = subprocess.run([*BITEWING, "up"], env=wrong, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "BITEWING_PORT" in done.stderr
    assert "BITEWING_POOL_SIZE" in done.stderr
    assert "Traceback" not in done.stderr


def until_ready(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                assert answer.status == 200
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise TimeoutError("it did not begin to serve")
