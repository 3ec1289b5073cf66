"""One real server for the whole run: the embedded Postgres, migrated by alembic, and the application over it.

Tests speak HTTP. Every test makes its own tenants and cleans nothing up, so a leak between tenants shows as a failure.
Every answer is held against the contract on its way to the test.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.app import build
from domain.runtime import Runtime, Targets, database_targets, open_runtime
from domain.settings import Settings, load_settings
from domain.tenancy import NOBODYS_TENANT, Wall
from migrations import migrate
from tests.contract import Contract, Held
from tests.makers import House

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """On the machine that decides, a test that was skipped has not passed."""
    if os.environ.get("BITEWING_NO_SKIPS") and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


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
        yield found


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
