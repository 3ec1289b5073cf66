"""One real server for the whole run: the embedded Postgres, migrated by alembic, and the application over it.

Tests speak HTTP. Every test makes its own tenants and cleans nothing up, so a leak between tenants shows as a failure.
Every answer is held against the contract on its way to the test.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.app import build
from domain.people import passwords
from domain.runtime import Runtime, Targets, database_targets, open_runtime
from domain.settings import Settings, load_settings
from domain.tenancy import NOBODYS_TENANT, Wall
from migrations import migrate
from tests.contract import Contract, Held
from tests.makers import House

_skipped: list[str] = []


LONGEST_FIRST = (
    "tests/house/test_bad_input.py",
    "tests/domain/ticketing/test_request_tracker.py",
    "tests/house/test_doors.py",
    "tests/api/v1/test_second_year.py",
    "tests/api/test_commands.py",
    "tests/house/test_matrix.py",
    "tests/house/test_fuzz.py",
    "tests/api/v1/test_sample_reports.py",
    "tests/domain/sra/report/test_accessible.py",
)
"""Modules of twenty seconds and more. A worker that begins one at the very end keeps the other waiting for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """On the machine that decides, a test that was skipped has not passed."""
    if os.environ.get("BITEWING_NO_SKIPS") and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def real_passwords() -> Iterator[PasswordHash]:
    """What the program hashes with. Meanwhile the suite does it cheaply: a thousand tenants would cost minutes of Argon2id."""
    real = passwords.PASSWORDS
    passwords.PASSWORDS = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    yield real
    passwords.PASSWORDS = real


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """Where this run keeps its database and files. Open to enter, because root runs Postgres as another account."""
    path = Path(tempfile.mkdtemp(prefix="bw-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(data_dir: Path) -> Settings:
    return load_settings(
        {
            "data_dir": data_dir,
            "webhook_allow_http": True,
            "webhook_allow_loopback": True,
            "rate_limit_address": 10_000_000,
            "rate_limit_credential": 10_000_000,
            "sign_ins_per_address": 100_000,  # the whole suite comes from one address
        }
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def targets(settings: Settings) -> AsyncIterator[Targets]:
    async with database_targets(settings) as found:
        await migrate(found.connect_as_owner)
        await _without_the_disk(found)
        yield found


async def _without_the_disk(found: Targets) -> None:
    """No test pulls the plug, and what a killed server wrote is in the kernel's hands: a commit need not wait for the disk."""
    assert found.superuser is not None
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**found.superuser)
    for setting in ("fsync", "full_page_writes"):
        await connection.execute(f"alter system set {setting} = off")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def runtime(settings: Settings, targets: Targets) -> AsyncIterator[Runtime]:
    async with open_runtime(settings, targets) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(runtime: Runtime) -> AsyncIterator[FastAPI]:
    application = build(runtime)
    async with application.router.lifespan_context(application):
        yield application


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without credentials."""
    transport = Held(httpx.ASGITransport(app, raise_app_exceptions=False), Contract(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://bitewing.test") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def house(http: httpx.AsyncClient, runtime: Runtime) -> House:
    """Makes tenants, people and things: see tests/makers.py.

    The queue is emptied first. Most tests ask for jobs that nobody does, and a worker in a later test would do them all
    before its own.
    """
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
        await connection.exec_driver_sql("delete from pgqueuer where status = 'queued'")
    return House(http, runtime)
