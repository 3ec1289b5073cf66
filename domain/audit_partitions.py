"""The months of the audit trail, made ahead of time, each a table of its own: old ones can be kept on slower disks.

The owner's function in the database makes them, since the application's role makes no tables. Nothing is ever removed: the
trail is kept for as long as the tenant, which is longer than the six years that 45 CFR 164.316(b)(2)(i) asks for.
"""

from datetime import timedelta

from domain.database import Database
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, Wall

MONTHS_AHEAD = 24
EVERY = timedelta(days=1)


async def make_months_ahead(runtime: Runtime) -> None:
    """The chore: make the partitions that are still missing from this month on."""
    await make_partitions(runtime.database, MONTHS_AHEAD)


async def make_partitions(database: Database, months: int) -> int:
    """How many partitions were made."""
    async with database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
        made: int = (await connection.exec_driver_sql("select make_event_partitions($1)", (months,))).scalar_one()
        return made
