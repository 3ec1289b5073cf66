"""Two full houses for the whole run, and eyes that see behind every wall."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest_asyncio

from domain.clock import new_id
from domain.runtime import Runtime, Targets
from tests.house.catalog import Eyes
from tests.house.full import FullHouse, build
from tests.makers import House


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def eyes(targets: Targets) -> AsyncIterator[Eyes]:
    """Looks into the database as its superuser, who alone sees every tenant."""
    assert targets.superuser is not None
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**targets.superuser)
    yield await Eyes.open(connection)
    await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def theirs(http: httpx.AsyncClient, runtime: Runtime) -> FullHouse:
    """The house that nobody else may look into."""
    return await build(House(http, runtime), f"theirs{new_id().hex[-12:]}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mine(http: httpx.AsyncClient, runtime: Runtime) -> FullHouse:
    """The stranger's own house, built by the same steps."""
    return await build(House(http, runtime), f"mine{new_id().hex[-12:]}")
