"""The way to Postgres: one engine, one fair gate before it, and transactions that open inside a tenant's wall.

BEGIN and the wall travel in one message, so no statement can ever run before the tenant is set.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domain.json_forms import as_json
from domain.keyring import KeyRing
from domain.settings import Settings
from domain.tenancy import Actor, TenantSession, Wall

READ_ONLY = "SET TRANSACTION READ ONLY; "
NOT_WAITING_FOR_THE_DISK = "synchronous_commit = off"
"""For what a job does and would do again. When the database breaks down, the last half second of such commits may be lost,
but never one without all that were made after it: so the end of a job is lost before, or with, what the job has done, and
another worker does it again. A request of a customer always waits, for nobody would repeat it."""


class WalledConnection(asyncpg.Connection):  # pyright: ignore[reportMissingTypeArgument]  subscriptable in the stubs only
    """An asyncpg connection that appends the wall to every BEGIN it sends."""

    opening: str = ""
    broke_off: bool = False
    """A BEGIN did not come through. What the connection is in then, nobody knows; asyncpg would go on with a savepoint."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109  asyncpg's own signature
        if not query.startswith("BEGIN"):
            return await super().execute(query, *args, timeout=timeout)
        try:
            return await super().execute(f"{query} {self.opening}", *args, timeout=timeout)
        except BaseException:
            self.broke_off = True
            raise


def _dump_json(value: Any) -> str:
    return json.dumps(value, default=as_json, allow_nan=False)


class Database:
    """A pool of connections as the application's role, which owns nothing and cannot pass row security."""

    def __init__(self, target: Mapping[str, Any], settings: Settings, keyring: KeyRing) -> None:
        """``target`` is what :func:`asyncpg.connect` takes: a ``dsn`` (several hosts allowed), or host and role."""
        self.target = dict(target)
        self.keyring = keyring
        self._one_message = settings.begin_in_one_message
        self._timeouts = {
            "statement_timeout": str(settings.statement_timeout_ms),
            "lock_timeout": str(settings.lock_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
            "TimeZone": "UTC",
            "application_name": "bitewing",
        }
        # SQLAlchemy's asynchronous pool is unfair under load; waiting in line before it keeps the slowest request
        # within a small multiple of the median.
        self._gate = asyncio.Semaphore(settings.pool_size)
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connect,
            pool_size=settings.pool_size,
            max_overflow=0,
            hide_parameters=True,
            json_serializer=_dump_json,
        )

    async def connect(self) -> WalledConnection:
        """A connection outside the pool, for the worker's queue and for listeners."""
        return await asyncpg.connect(
            **self.target, connection_class=WalledConnection, server_settings=self._timeouts, command_timeout=120
        )

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def inside(
        self, wall: Wall, *, read_only: bool = False, may_be_repeated: bool = False
    ) -> AsyncGenerator[AsyncConnection]:
        """A pooled connection whose transactions open inside ``wall``.

        Those that ``may_be_repeated`` commit without waiting for the disk: see :data:`NOT_WAITING_FOR_THE_DISK`.

        Whoever is cancelled half-way leaves a connection of which nobody knows what it is in: perhaps a transaction inside
        his wall. Such a connection is closed, never handed to the next.
        """
        async with self._gate, self.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, WalledConnection)
            opening = (READ_ONLY if read_only else "") + wall.opening()
            if may_be_repeated:
                opening += f" SET LOCAL {NOT_WAITING_FOR_THE_DISK};"
            driver.opening = opening if self._one_message else ""
            sound = False
            try:
                if not self._one_message:
                    await connection.exec_driver_sql("SELECT 1")
                    await driver.execute(opening)
                yield connection
                sound = True
            except Exception:
                sound = True
                raise
            finally:
                driver.opening = ""
                if not sound or driver.broke_off:
                    await connection.invalidate()


@asynccontextmanager
async def tenant_session(
    database: Database,
    wall: Wall,
    *,
    actor: Actor,
    read_only: bool = False,
    may_be_repeated: bool = False,
    context: Mapping[str, Any] | None = None,
) -> AsyncGenerator[TenantSession]:
    """The only place that commits. What the block raises rolls back; what it returns is written with its events."""
    async with database.inside(wall, read_only=read_only, may_be_repeated=may_be_repeated) as connection:
        session = TenantSession(connection, wall=wall, actor=actor, context=context or {}, keyring=database.keyring)
        async with session, session.begin():
            yield session
            if not read_only:
                await _finish(session)


async def _finish(session: TenantSession) -> None:
    from domain.events import append_events  # noqa: PLC0415  events are rows too: the wall must exist before them
    from domain.jobs import enqueue_jobs  # noqa: PLC0415
    from domain.portfolio import keep_portfolio  # noqa: PLC0415

    await session.flush()
    happened = tuple(session.events)
    await append_events(session)
    await keep_portfolio(session, happened)
    await enqueue_jobs(session)
