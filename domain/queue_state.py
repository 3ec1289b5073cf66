"""What waits in the queue, what runs, and what was set aside: for whoever runs the installation. Jobs hold ids only, so this
tells nothing of any tenant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.database import Database
from domain.tenancy import NOBODYS_TENANT, Wall

_STATE = """
    select entrypoint, status::text,  count(*)::int,
        greatest(0, extract(epoch from now() - min(case when status = 'queued' then execute_after else updated end)))::float8
    from pgqueuer group by 1, 2 order by 1, 2"""


@dataclass(frozen=True)
class QueueLine:
    """Jobs of one kind in one status: ``queued``, ``picked`` (runs now) or ``failed`` (set aside, to be looked at)."""

    job: str
    status: str
    count: int
    oldest_seconds: float
    """How long the oldest is overdue, has been running, or lies set aside."""


async def queue_state(database: Database) -> Sequence[QueueLine]:
    async with database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
        rows = (await connection.exec_driver_sql(_STATE)).all()
    return [QueueLine(*row) for row in rows]
