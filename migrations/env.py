"""How migrations run: as the owner, one at a time, and never waiting long for a lock that users hold.

An advisory lock lets two starting processes ask for the same migration; a lock timeout makes a migration give up
rather than queue behind a long transaction and stop everyone behind it.
"""

from alembic import context
from sqlalchemy import Connection, text

from domain.tables import metadata

LOCK = 6_237_119_400_117


def run() -> None:
    connection: Connection = context.config.attributes["connection"]
    connection.execute(text("set lock_timeout = '5s'"))
    connection.execute(text("set statement_timeout = '15min'"))
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.commit()
    try:
        context.configure(connection=connection, target_metadata=metadata, compare_type=True, include_object=_ours)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()


def _ours(_object: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    """Partitions and the job queue's tables are not in the models; everything else must be."""
    return not (kind == "table" and reflected and name is not None and (name.startswith(("pgqueuer", "event_20"))))


run()
