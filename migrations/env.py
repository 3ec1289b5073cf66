"""How migrations run: as the owner, one at a time, and never waiting long for a lock that users hold.

An advisory lock lets two starting processes ask for the same migration; a lock timeout makes a migration give up
rather than queue behind a long transaction and stop everyone behind it.
"""

from alembic import context
from sqlalchemy import Connection, ForeignKeyConstraint, text

from domain.tables import metadata
from migrations import LOCK


def run() -> None:
    connection: Connection = context.config.attributes["connection"]
    # Before the timeouts: another process may take its time to migrate.
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
    connection.execute(text("set lock_timeout = '5s'"))
    connection.execute(text("set statement_timeout = '15min'"))
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


def _ours(item: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    """Partitions, the keys that Postgres copies to each of them, and the job queue's tables are not in the models;
    everything else must be."""
    if not reflected:
        return True
    if kind == "foreign_key_constraint" and isinstance(item, ForeignKeyConstraint):
        return not _made_elsewhere(item.elements[0].target_fullname)
    return not (kind == "table" and _made_elsewhere(name or ""))


def _made_elsewhere(table: str) -> bool:
    return table.startswith(("pgqueuer", "event_20", "event_default"))


run()
