"""Bring a database to the newest schema, as its owner."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from domain.audit_partitions import MONTHS_AHEAD

LOCK = 6_237_119_400_117
"""The advisory lock of whoever migrates."""


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str | None:
    return ScriptDirectory.from_config(configuration()).get_current_head()


def suffices(revision: str | None) -> bool:
    """Whether this version can work with a database at that revision: its own newest, or one that a newer version made.

    Migrations only add while the version before still runs, so an older version does not mind what came after it.
    """
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    return revision is not None and (revision == newest_revision() or revision not in known)


async def migrate(connect: Callable[[], Awaitable[Any]]) -> None:
    """Run every migration that is missing, then make the coming months' partitions.

    ``connect`` opens an asyncpg connection as the owner. Safe to call from several processes at once.
    """
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


async def revision_of(connect: Callable[[], Awaitable[Any]]) -> str | None:
    """The revision that a database stands at, or None when it is empty."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    if not suffices(MigrationContext.configure(connection).get_current_revision()):
        command.upgrade(config, "head")
    connection.exec_driver_sql(f"select make_event_partitions({MONTHS_AHEAD})")
    connection.commit()
