"""Many rows in one statement: how an import reads what is there and writes what it has decided.

The rows travel as one JSON text, which Postgres takes apart again by the columns' own types. They are plain mappings from
column to value; nothing here checks or tells anything, which the verbs do.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from pydantic_core import to_json
from sqlalchemy import ColumnElement, inspect, select
from sqlalchemy.dialects import postgresql
from sqlmodel import col

from domain.clock import new_id, now
from domain.tenancy import TenantOwned, TenantSession

AT_ONCE = 2_000
"""Rows in one statement, so that none runs into the statement timeout."""
GIVEN = frozenset({"tenant_id", "id", "created_at", "updated_at", "version"})
"""Columns that every row has and no verb sets."""
KEPT = frozenset({"tenant_id", "id", "created_at", "organization_id"})
"""Columns that no update touches."""
Values = dict[str, Any]


async def read_rows(session: TenantSession, kind: type[TenantOwned], *where: ColumnElement[bool], lock: bool) -> list[Values]:
    """Every row that meets the conditions, in the order of the ids. ``lock``: nobody else changes them until we are done."""
    names = column_names(kind)
    columns: list[Any] = [getattr(kind, name) for name in names]
    statement: Any = select(*columns).where(*where).order_by(col(kind.id))
    if lock:
        statement = statement.with_for_update(key_share=True)
    return [dict(zip(names, row, strict=True)) for row in await session.execute(statement)]


async def insert_rows(session: TenantSession, kind: type[TenantOwned], rows: Iterable[Values], **same: Any) -> None:
    """Write new rows. What a row leaves out is null, but for its keys, times and version, which are given here. ``same``:
    columns that are equal in all of them, and therefore travel once."""
    moment = now()
    shared = {**same, "tenant_id": session.tenant_id, "created_at": moment, "updated_at": moment, "version": 1}
    statement, told = _insertion(kind, frozenset(shared)), to_json(shared).decode()  # pyright: ignore[reportArgumentType]  a class can be hashed, whatever its rows can
    for batch in _batches(row if "id" in row else {"id": new_id(), **row} for row in rows):
        # Unsaid is null to Postgres anyway, and half of what a new row could say is unsaid.
        text = _text([{name: value for name, value in row.items() if value is not None} for row in batch])
        await (await session.driver()).execute(statement, text, told)


@cache
def _insertion(kind: type[TenantOwned], shared: frozenset[str]) -> str:
    columns = ", ".join(map(_quoted, column_names(kind)))
    values = ", ".join(f"{'shared' if name in shared else 'own'}.{_quoted(name)}" for name in column_names(kind))
    return (
        f"insert into {_table(kind)} ({columns}) select {values} "  # noqa: S608  names of our own columns
        f"from jsonb_to_recordset($1::jsonb) as own({_types(kind, without=shared)}), "
        f"jsonb_to_record($2::jsonb) as shared({_types(kind, only=shared)})"
    )


async def update_rows(session: TenantSession, kind: type[TenantOwned], rows: Iterable[Values]) -> None:
    """Write changed rows whole, as ``read_rows`` gave them. Their versions count up.

    Said as an insert that always conflicts: a join with the given rows is planned behind row security, where Postgres
    takes the tenant for a handful of rows and compares each with each.
    """
    table = _table(kind)
    columns = ", ".join(map(_quoted, column_names(kind)))
    names = [name for name in column_names(kind) if name not in KEPT | {"version"}]
    changes = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in names)
    statement = (
        f"insert into {table} ({columns}) select {columns} "  # noqa: S608  names of our own columns
        f"from jsonb_to_recordset($1::jsonb) as given({_types(kind)}) "
        f"on conflict (tenant_id, id) do update set {changes}, version = {table}.version + 1"
    )
    moment = now()
    for batch in _batches({**row, "updated_at": moment} for row in rows):
        await (await session.driver()).execute(statement, _text(batch))


def blank_row(kind: type[TenantOwned], /, **values: Any) -> Values:
    """A new row with the defaults of its table; ``values`` are those that are known already."""
    defaults, containers = _defaults(kind)  # pyright: ignore[reportArgumentType]  as above
    return {**defaults, **{name: type_() for name, type_ in containers.items()}, "id": new_id(), **values}


@cache
def _defaults(kind: type[TenantOwned]) -> tuple[Values, Mapping[str, Callable[[], Any]]]:
    """What thousands of rows begin with alike, and what each has an empty one of its own of."""
    fields = {name: kind.model_fields[name] for name in column_names(kind) if name not in GIVEN}
    defaults: Values = {
        name: None if field.is_required() else field.get_default(call_default_factory=True) for name, field in fields.items()
    }
    containers = {name: kept for name, value in defaults.items() for kept in (dict, list) if isinstance(value, kept)}
    return defaults, containers


def column_names(kind: type[TenantOwned]) -> tuple[str, ...]:
    return tuple(column.name for column in inspect(kind).columns)


def _table(kind: type[TenantOwned]) -> str:
    table: Any = inspect(kind).local_table
    return _quoted(table.name)


def _types(kind: type[TenantOwned], *, without: Container[str] = (), only: Container[str] | None = None) -> str:
    dialect = postgresql.dialect()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped there
    columns = [each for each in inspect(kind).columns if each.name not in without and (only is None or each.name in only)]
    return ", ".join(f"{_quoted(column.name)} {column.type.compile(dialect)}" for column in columns)  # pyright: ignore[reportUnknownArgumentType]  as above


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Dates, ids and enums stand in columns here, where Postgres reads any form: the fastest writer will do."""
    return to_json(rows).decode()


def _batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    source = iter(rows)
    while batch := list(islice(source, AT_ONCE)):
        yield batch
