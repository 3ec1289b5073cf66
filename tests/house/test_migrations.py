"""One head, no drift between the models and the database, and no harm in migrating again or twice at once."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from domain.clock import new_id
from domain.runtime import Targets
from migrations import configuration, migrate, newest_revision, revision_of, suffices
from tests.house.catalog import Eyes

PROJECT = Path(__file__).parents[2]
SCHEMA = """
    select string_agg(line, chr(10) order by line) from (
        select c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull as line
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
        union all select conrelid::regclass || pg_get_constraintdef(oid) from pg_constraint
            where connamespace = 'public'::regnamespace
        union all select tablename || policyname || qual || with_check from pg_policies where schemaname = 'public'
        union all select tgrelid::regclass || tgname || tgenabled::text from pg_trigger where not tgisinternal
        union all select proname || prosrc from pg_proc where pronamespace = 'public'::regnamespace
    ) as lines"""


def test_there_is_one_head() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert scripts.get_heads() == [newest_revision()]
    assert len(scripts.get_bases()) == 1


async def test_the_database_stands_at_the_head(targets: Targets) -> None:
    assert await revision_of(targets.connect_as_owner) == newest_revision()


def test_a_version_works_with_what_a_newer_one_made_and_not_with_less() -> None:
    older = next(script.down_revision for script in ScriptDirectory.from_config(configuration()).walk_revisions())
    assert isinstance(older, str)
    assert [suffices(each) for each in (None, older, newest_revision(), "9999_of_a_later_version")] == [
        False,
        False,
        True,
        True,
    ]


async def test_the_models_say_what_the_database_is(targets: Targets) -> None:
    """``alembic check``: raises when a migration would have something to do."""

    def check(connection: Connection) -> None:
        config = configuration()
        config.attributes["connection"] = connection
        command.check(config)

    await through_sqlalchemy(targets.connect_as_owner, check)


async def test_migrating_again_is_harmless(targets: Targets, eyes: Eyes) -> None:
    before = await eyes.connection.fetchval(SCHEMA)
    await migrate(targets.connect_as_owner)
    assert await eyes.connection.fetchval(SCHEMA) == before


@pytest_asyncio.fixture
async def empty_database(targets: Targets, eyes: Eyes) -> AsyncIterator[dict[str, Any]]:
    """Another database in the same server, as empty as at a first start; how its owner reaches it."""
    assert targets.superuser is not None
    assert targets.owner is not None
    name = f"empty_{new_id().hex[-12:]}"
    await eyes.connection.execute(f"create database {name} owner bitewing_owner")
    superuser: dict[str, Any] = {**targets.superuser, "database": name}
    inside: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**superuser)
    await inside.execute("alter schema public owner to bitewing_owner")
    await inside.close()
    yield {**targets.owner, "database": name}
    await eyes.connection.execute(f"drop database {name} with (force)")


ANOTHER_PROCESS = """
import asyncio, asyncpg, json, sys
from migrations import migrate
target = json.loads(sys.stdin.readline())
async def connect(): return await asyncpg.connect(**target)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(migrate(connect))
"""


async def test_two_that_start_at_once_migrate_once(empty_database: dict[str, Any], eyes: Eyes) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", ANOTHER_PROCESS, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=PROJECT
        )
        for _ in range(2)
    ]
    target = json.dumps(empty_database).encode() + b"\n"
    for process in processes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(target)
        assert await process.stdout.readline() == b"ready\n"
    ended = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0], [errors.decode() for _, errors in ended]
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**empty_database)
    assert await connection.fetchval(SCHEMA) == await eyes.connection.fetchval(SCHEMA)
    await connection.close()


async def through_sqlalchemy(connect: Callable[[], Awaitable[Any]], act: Callable[[Connection], None]) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(act)
    finally:
        await engine.dispose()
