"""What a running process holds: settings, database, key ring, file store and tallies, opened and closed together.

On one machine the database is our own, and its passwords and the first key are made once and kept in ``data_dir``.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import asyncpg
import structlog

from domain import embedded_postgres
from domain.database import Database
from domain.keyring import KeyRing
from domain.people.attempts import Attempts
from domain.settings import Settings
from domain.storage import Files, open_files
from domain.tallies import Tallies

log = structlog.get_logger()


class NoOwner(Exception):
    """Something needs the owner of the database, and the settings do not name one."""


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    database: Database
    keyring: KeyRing
    files: Files
    tallies: Tallies
    attempts: Attempts


@dataclass(frozen=True)
class Targets:
    """Where the database is, for the application's role and for the owner (None: this process may not migrate)."""

    app: dict[str, Any]
    owner: dict[str, Any] | None
    superuser: dict[str, Any] | None = None

    async def connect_as_owner(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self.owner is None:
            raise NoOwner("Set BITEWING_OWNER_DATABASE_URL to migrate: the application's role owns nothing.")
        return await asyncpg.connect(**self.owner)


@asynccontextmanager
async def database_targets(settings: Settings) -> AsyncGenerator[Targets]:
    """The outside database, or our own one, started if it is not running and stopped when its last user leaves."""
    if settings.database_url is not None:
        owner = settings.owner_database_url
        yield Targets(
            app={"dsn": settings.database_url.get_secret_value()},
            owner={"dsn": owner.get_secret_value()} if owner else None,
        )
        return
    kept = kept_secrets(settings.data_dir)
    running = await _started_postgres(settings, kept)
    watch = asyncio.create_task(_keep_running(running))
    try:
        yield Targets(
            app=dict(running.dsn(embedded_postgres.APP_ROLE, kept["app_password"])),
            owner=dict(running.dsn(embedded_postgres.OWNER_ROLE, kept["owner_password"])),
            superuser=dict(running.dsn(embedded_postgres.SUPERUSER)),
        )
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await anyio.to_thread.run_sync(running.stop)


async def _started_postgres(settings: Settings, kept: dict[str, str]) -> embedded_postgres.Running:
    """Start it; when we are told to stop meanwhile, finish, stop it again, and leave nothing behind."""
    starting = asyncio.create_task(anyio.to_thread.run_sync(_start_postgres, settings, kept))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await anyio.to_thread.run_sync(starting.result().stop)
        raise


async def _keep_running(running: embedded_postgres.Running) -> None:
    """Bring our Postgres back when it was killed, as by the system when memory runs out. Requests get 503 meanwhile."""
    while True:
        await asyncio.sleep(1)
        if not running.is_gone():
            continue
        log.warning("database.killed", pid=running.pid)
        try:
            await anyio.to_thread.run_sync(running.revive)
        except (embedded_postgres.EmbeddedPostgresError, OSError) as error:
            log.error("database.not_started", reason=str(error))
        else:
            log.info("database.started_again", pid=running.pid)


@asynccontextmanager
async def open_runtime(settings: Settings, targets: Targets) -> AsyncGenerator[Runtime]:
    keyring = open_keyring(settings)
    database = Database(targets.app, settings, keyring)
    tallies = Tallies(settings)
    try:
        yield Runtime(settings, database, keyring, open_files(settings), tallies, Attempts(settings, tallies))
    finally:
        await tallies.close()
        await database.close()


def open_keyring(settings: Settings) -> KeyRing:
    """The key ring of the settings, or on one machine the one kept beside the data."""
    if settings.secret_keys:
        return KeyRing([key.get_secret_value() for key in settings.secret_keys])
    return KeyRing([kept_secrets(settings.data_dir)["secret_key"]])


def kept_secrets(data_dir: Path) -> dict[str, str]:
    """The passwords and the key of a one-machine installation: made once, readable by their owner only.

    Two processes may start at once; the file is linked into place whole, and the loser of the race reads the winner's.
    """
    path = data_dir / "secrets.json"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        made = {
            "owner_password": secrets.token_urlsafe(24),
            "app_password": secrets.token_urlsafe(24),
            "secret_key": KeyRing.generate_key(),
        }
        draft = data_dir / f".secrets-{os.getpid()}-{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _start_postgres(settings: Settings, kept: dict[str, str]) -> embedded_postgres.Running:
    running = embedded_postgres.start(settings.data_dir / "postgres", binaries=settings.postgres_binaries)
    try:
        embedded_postgres.bootstrap(running, owner_password=kept["owner_password"], app_password=kept["app_password"])
    except BaseException:
        running.stop()
        raise
    return running
