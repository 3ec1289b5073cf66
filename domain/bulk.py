"""Many rows in one statement: how an import reads what is there and writes what it has decided.

The rows travel as one JSON text, which Postgres takes apart again by the columns' own types. They are plain mappings from
column to value; nothing here checks or tells anything, which the verbs do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
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


async def insert_rows(session: TenantSession, kind: type[TenantOwned], rows: Iterable[Values]) -> None:
    """Write new rows. What a row leaves out is null, but for its keys, times and version, which are given here."""
    moment = now()
    given = {"tenant_id": session.tenant_id, "created_at": moment, "updated_at": moment, "version": 1}
    columns = ", ".join(map(_quoted, column_names(kind)))
    statement = (
        f"insert into {_table(kind)} ({columns}) select {columns} "  # noqa: S608  names of our own columns
        f"from jsonb_to_recordset($1::jsonb) as given({_types(kind)})"
    )
    for batch in _batches({"id": new_id(), **row, **given} for row in rows):
        await (await session.driver()).execute(statement, _text(batch))


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
    row = {name: deepcopy(default) for name, default in _defaults(kind).items()}
    return {**row, "id": new_id(), **values}


def _defaults(kind: type[TenantOwned]) -> Values:
    table = _table(kind)
    if table not in _DEFAULTS:
        fields = {name: kind.model_fields[name] for name in column_names(kind) if name not in GIVEN}
        _DEFAULTS[table] = {
            name: None if field.is_required() else field.get_default(call_default_factory=True)
            for name, field in fields.items()
        }
    return _DEFAULTS[table]


_DEFAULTS: dict[str, Values] = {}
"""By table: thousands of rows begin alike."""


def column_names(kind: type[TenantOwned]) -> tuple[str, ...]:
    return tuple(column.name for column in inspect(kind).columns)


def _table(kind: type[TenantOwned]) -> str:
    table: Any = inspect(kind).local_table
    return _quoted(table.name)


def _types(kind: type[TenantOwned]) -> str:
    dialect = postgresql.dialect()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  untyped there
    return ", ".join(f"{_quoted(column.name)} {column.type.compile(dialect)}" for column in inspect(kind).columns)  # pyright: ignore[reportUnknownArgumentType]  as above


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Dates, ids and enums stand in columns here, where Postgres reads any form: the fastest writer will do."""
    return to_json(rows).decode()


def _batches(rows: Iterable[Values]) -> Iterator[list[Values]]:
    source = iter(rows)
    while batch := list(islice(source, AT_ONCE)):
        yield batch
