"""Connections are shared by all tenants, so what one transaction leaves behind must never reach the next."""

import asyncio
from collections.abc import AsyncGenerator

import pytest_asyncio
from sqlmodel import col, select

from domain.clock import new_id
from domain.database import Database, tenant_session
from domain.inventory.organizations import Organization
from domain.records import create
from domain.runtime import Runtime, Targets
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House


@pytest_asyncio.fixture
async def one_connection(runtime: Runtime, targets: Targets) -> AsyncGenerator[Database]:
    """A database of which whoever comes next gets the connection of whoever was there before."""
    database = Database(targets.app, runtime.settings.model_copy(update={"pool_size": 1}), runtime.keyring)
    yield database
    await database.close()


async def dawdle(database: Database, msp: Caller, *, by_driver: bool) -> None:
    async with tenant_session(database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        if by_driver:
            await (await session.driver()).fetch("select 1")
        await create(session, Organization(name="Never committed"))
        await asyncio.sleep(1)


async def names_after(database: Database, msp: Caller, name: str) -> list[str]:
    async with tenant_session(database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        await (await session.driver()).fetch("select 1")
        await create(session, Organization(name=name))
    async with tenant_session(database, Wall(msp.tenant_id), actor=SYSTEM, read_only=True) as session:
        wanted = select(Organization.name).order_by(col(Organization.id))
        return list((await session.execute(wanted)).scalars())


async def test_a_transaction_that_is_cancelled_leaves_nothing_behind(house: House, one_connection: Database) -> None:
    """Cancelled in the middle of BEGIN, a connection would stay in that transaction, and inside that tenant's wall."""
    first, second = await house.tenant(), await house.tenant()
    expected: list[str] = []
    for moment in range(40):
        cancelled = asyncio.create_task(dawdle(one_connection, first, by_driver=moment % 2 == 0))
        for _ in range(moment // 2):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        expected.append(f"Practice {new_id()}")
        assert await names_after(one_connection, second, expected[-1]) == expected, f"cancelled after {moment // 2} steps"
    assert [each["name"] for each in await second.all("/organizations")] == sorted(expected)
    assert await first.all("/organizations") == []
