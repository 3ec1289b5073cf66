"""``bitewing doctor``: looks at an installation and says, line by line, what holds and what to mend."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import aiosmtplib
import asyncpg
from rich.console import Console
from rich.table import Table

from domain.database import Database
from domain.embedded_postgres import EmbeddedPostgresError
from domain.keyring import KeyRingError
from domain.outbound.mail import smtp_server
from domain.queue_state import queue_state
from domain.runtime import Targets, database_targets, open_keyring
from domain.settings import Settings
from domain.sra.catalogue import CatalogueError, catalogue
from domain.storage import open_files
from domain.tallies import Tallies
from domain.tenancy import NOBODYS_TENANT
from migrations import suffices

OLDEST = 150_000
"""Postgres 15, in the server's own numbering."""
UNWALLED = """
select c.relname from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
  and not (c.relrowsecurity and c.relforcerowsecurity)
"""


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``advice`` says what to do when it does not hold."""

    what: str
    holds: bool
    advice: str = ""


async def examine(settings: Settings) -> bool:
    """Print a table of findings; True when all of them hold."""
    table = Table(title="Bitewing doctor", title_justify="left")
    for column in ("", "Looked at", "To do"):
        table.add_column(column)
    healthy = True
    async for finding in _findings(settings):
        healthy = healthy and finding.holds
        mark, advice = ("[green]ok[/]", "") if finding.holds else ("[red]mend[/]", finding.advice)
        table.add_row(mark, finding.what, advice)
    Console().print(table)
    return healthy


async def examine_jobs(settings: Settings) -> bool:
    """Print what waits in the queue, what runs and what was set aside; True when nothing was."""
    table = Table(title="Jobs", title_justify="left")
    for column in ("Job", "Status", "Count", "Oldest"):
        table.add_column(column)
    async with database_targets(settings) as targets:
        database = Database(targets.app, settings, open_keyring(settings))
        try:
            lines = await queue_state(database)
        finally:
            await database.close()
    for each in lines:
        table.add_row(each.job, each.status, str(each.count), f"{each.oldest_seconds:.0f} s")
    Console().print(table)
    return not any(each.status == "failed" for each in lines)


async def _findings(settings: Settings) -> AsyncGenerator[Finding]:
    yield _tried("Catalogue of law and rules", catalogue, CatalogueError)
    yield _tried("Key ring", lambda: open_keyring(settings), KeyRingError, OSError)
    yield await _files(settings)
    yield await _mail(settings)
    if settings.rate_limit_url is not None:
        yield await _redis(settings)
    try:
        async with database_targets(settings) as targets:
            async for finding in _database(targets):
                yield finding
    except (EmbeddedPostgresError, OSError, asyncpg.PostgresError) as error:
        yield Finding("Database reachable", False, f"{type(error).__name__}: check the address, the network and the password.")


def _tried(what: str, attempt: Callable[[], Any], *errors: type[Exception]) -> Finding:
    try:
        attempt()
    except errors as error:
        return Finding(what, False, str(error))
    return Finding(what, True)


async def _files(settings: Settings) -> Finding:
    try:
        files = open_files(settings)
        stored = await files.put(NOBODYS_TENANT, b"bitewing doctor")
        await files.get(stored.key, stored.sha256)
    except Exception as error:  # each kind of store raises its own; here any of them is a finding
        advice = f"{type(error).__name__}: check BITEWING_FILES_URL and its rights."
        return Finding("File store writes and reads", False, advice)
    return Finding("File store writes and reads", True)


async def _mail(settings: Settings) -> Finding:
    if settings.smtp_host is None:
        advice = "Set BITEWING_SMTP_HOST: invitations and forgotten passwords wait for it."
        return Finding("Letters go to the log" if settings.embedded else "Letters can be sent", settings.embedded, advice)
    try:
        async with smtp_server(settings):
            pass
    except (aiosmtplib.SMTPException, OSError) as error:
        return Finding("SMTP server takes letters", False, f"{type(error).__name__}: check the settings BITEWING_SMTP_*.")
    return Finding("SMTP server takes letters", True)


async def _redis(settings: Settings) -> Finding:
    tallies = Tallies(settings)
    answers = await tallies.redis_answers()
    await tallies.close()
    advice = "Check BITEWING_RATE_LIMIT_URL and the network: until it answers, each process counts for itself."
    return Finding("Redis counts for all processes", bool(answers), advice)


async def _database(targets: Targets) -> AsyncGenerator[Finding]:
    connection = await asyncpg.connect(**targets.app)
    try:
        version = connection.get_server_version()
        number = version.major * 10_000 + version.minor
        yield Finding(f"Postgres {version.major}.{version.minor}", number >= OLDEST, "Bitewing needs Postgres 15 or newer.")
        role = await connection.fetchrow("select rolname, rolsuper, rolbypassrls from pg_roles where rolname = current_user")
        assert role is not None
        walled = not role["rolsuper"] and not role["rolbypassrls"]
        yield Finding(
            f"Role {role['rolname']} cannot pass row security",
            walled,
            "Serve as bitewing_app: alter role ... nosuperuser nobypassrls. See deploy/roles.sql.",
        )
        owned = await connection.fetchval("select count(*) from pg_class where relowner = current_user::regrole")
        yield Finding("The serving role owns nothing", owned == 0, "Migrate as bitewing_owner and serve as bitewing_app.")
        revision = await _revision(connection)
        yield Finding(f"Schema at {revision or 'nothing'}", suffices(revision), "Run: bitewing migrate")
        if revision is not None:
            open_tables = [row["relname"] for row in await connection.fetch(UNWALLED)]
            yield Finding("Every tenant's table stands behind its wall", not open_tables, f"No wall: {', '.join(open_tables)}")
            failed = await connection.fetchval("select count(*) from pgqueuer where status = 'failed'")
            yield Finding(f"Jobs set aside: {failed}", failed == 0, "Look at the worker's log for 'job.set_aside'.")
    finally:
        await connection.close()


async def _revision(connection: Any) -> str | None:
    try:
        return await connection.fetchval("select version_num from alembic_version")
    except asyncpg.PostgresError:
        return None
