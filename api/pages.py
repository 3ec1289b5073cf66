"""Lists: built by Postgres as JSON text and handed on as bytes.

The columns come from the ``Out`` model, so the contract and the SQL cannot drift. Pages follow a key, never an offset,
and nothing is counted.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel, col

from api.door import Inside
from domain.errors import Invalid
from domain.tenancy import TenantOwned

RFC3339 = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''
DEFAULT_LIMIT = 50
MOST = 200
Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """One page of a list. Follow ``next`` with ``?after=`` until it is null."""

    data: list[Item]
    next: str | None


@dataclass(frozen=True)
class Window:
    """Which part of a list is wanted."""

    limit: int
    after: str | None
    sort: str | None


async def _window(
    limit: Annotated[int, Query(ge=1, description="Items per page; more than 200 gives 200.")] = DEFAULT_LIMIT,
    after: Annotated[str | None, Query(description="The `next` of the page before.")] = None,
) -> Window:
    return Window(min(limit, MOST), after, None)


async def _sorted_window(
    limit: Annotated[int, Query(ge=1, description="Items per page; more than 200 gives 200.")] = DEFAULT_LIMIT,
    after: Annotated[str | None, Query(description="The `next` of the page before.")] = None,
    sort: Annotated[str | None, Query(description="A field to sort by; `-field` for descending.")] = None,
) -> Window:
    return Window(min(limit, MOST), after, sort)


Paged = Annotated[Window, Depends(_window)]
PagedAndSorted = Annotated[Window, Depends(_sorted_window)]


class Listing:
    """A list that can be asked for: its rows, its columns, its filters and its orders. One per module, built once.

    ``filters`` maps a name to a condition over ``bindparam`` of the same name; ``sorts`` maps a name to an expression
    that is never null. Ties are broken by id.
    """

    def __init__(
        self,
        out: type[BaseModel],
        row: type[TenantOwned],
        *,
        sorts: Mapping[str, Any],
        filters: Mapping[str, ColumnElement[bool]] | None = None,
        columns: Mapping[str, Any] | None = None,
        where: ColumnElement[bool] | None = None,
        joins: Callable[[Select[Any]], Select[Any]] | None = None,
    ) -> None:
        self._out = out
        self._row = row
        self._sorts = dict(sorts)
        self._filters = dict(filters or {})
        self._columns = dict(columns or {})
        self._where = where
        self._joins = joins
        self._compiled: dict[tuple[frozenset[str], str, bool, bool], tuple[str, tuple[str, ...]]] = {}

    async def page(self, by: Inside, window: Window, *, bound: Mapping[str, Any] | None = None, **values: Any) -> Response:
        """The page as a response; ``values`` are the filters, and those that are None do not count. ``bound`` are the
        values that the columns themselves need."""
        statement, arguments = self.query(by.session.tenant_id, window, bound=bound, **values)
        connection = await by.session.driver()
        return Response(await connection.fetchval(statement, *arguments), media_type="application/json")

    def query(
        self, tenant_id: UUID, window: Window, *, bound: Mapping[str, Any] | None = None, **values: Any
    ) -> tuple[str, tuple[Any, ...]]:
        """The statement behind a page and its arguments in order."""
        present = {name: value for name, value in values.items() if value is not None}
        name, descending = self._order(window.sort)
        arguments: dict[str, Any] = {**present, **(bound or {}), "tenant_id": tenant_id, "page_size": window.limit}
        if window.after is not None:
            arguments["after_value"], arguments["after_id"] = self._read_cursor(window.after, name)
        statement, names = self._sql(frozenset(present), name, descending=descending, following=window.after is not None)
        return statement, tuple(arguments[each] for each in names)

    def _order(self, wanted: str | None) -> tuple[str, bool]:
        if wanted is None:
            return next(iter(self._sorts)), False
        name = wanted.removeprefix("-")
        if name not in self._sorts:
            raise Invalid.one("query/sort", "unknown", f"Sort by one of: {', '.join(self._sorts)}.")
        return name, wanted.startswith("-")

    def _order_name(self, sort: str) -> str:
        """What a cursor belongs to: this list, in this order."""
        return f"{self._out.__name__}.{sort}"

    def _read_cursor(self, cursor: str, sort: str) -> tuple[Any, UUID]:
        try:
            name, value, identifier = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            if name != self._order_name(sort):
                raise Invalid.one("query/after", "other_order", "This cursor belongs to a list in another order.")
            return self._python_value(sort, value), UUID(identifier)
        except (ValueError, TypeError, binascii.Error):
            raise Invalid.one("query/after", "invalid", "This is not a cursor that a page gave out.") from None

    def _python_value(self, sort: str, value: Any) -> Any:
        kind = self._sorts[sort].type.python_type
        if kind is datetime:
            return datetime.fromisoformat(value)
        if kind is date:
            return date.fromisoformat(value) if value != "infinity" else date.max
        if not isinstance(value, kind):
            raise TypeError
        return value

    def _sql(self, filters: frozenset[str], sort: str, *, descending: bool, following: bool) -> tuple[str, tuple[str, ...]]:
        key = (filters, sort, descending, following)
        if key not in self._compiled:
            compiled = self._statement(filters, sort, descending=descending, following=following).compile(
                dialect=postgresql.asyncpg.dialect()
            )
            assert compiled.positiontup is not None
            self._compiled[key] = (str(compiled), tuple(compiled.positiontup))
        return self._compiled[key]

    def _statement(self, filters: frozenset[str], sort: str, *, descending: bool, following: bool) -> Select[Any]:
        order: Any = self._sorts[sort]
        identifier: Any = col(self._row.id)
        size = bindparam("page_size", type_=Integer())
        inner: Any = select(
            *(self._column(name).label(name) for name in self._out.model_fields),
            order.label("_sort"),
            identifier.label("_id"),
        ).where(col(self._row.tenant_id) == bindparam("tenant_id"))
        if self._joins is not None:
            inner = self._joins(inner)
        for name in sorted(filters):
            inner = inner.where(self._filters[name])
        if self._where is not None:
            inner = inner.where(self._where)
        if following:
            place = tuple_(order, identifier)
            mark = tuple_(bindparam("after_value", type_=order.type), bindparam("after_id", type_=identifier.type))
            inner = inner.where(place < mark if descending else place > mark)
        ordering = (order.desc(), identifier.desc()) if descending else (order, identifier)
        rows = inner.order_by(*ordering).limit(size + constant("1")).subquery("rows")  # pyright: ignore[reportArgumentType]  an expression is accepted
        numbered = select(rows, func.row_number().over().label("_n")).subquery("numbered")
        item = func.json_build_object(
            *(part for name in self._out.model_fields for part in (constant(f"'{name}'"), _as_json(numbered.c[name])))
        )
        last = numbered.c._n == size
        cursor = func.json_build_array(
            constant(f"'{self._order_name(sort)}'"),
            func.max(numbered.c._sort).filter(last),
            func.max(cast(numbered.c._id, postgresql.TEXT)).filter(last),
        )
        octets = func.convert_to(cast(cursor, postgresql.TEXT), constant("'UTF8'"))
        encoded = func.translate(func.encode(octets, constant("'base64'")), constant("E'+/\\n'"), constant("'-_'"))
        following_page = case((func.count() > size, func.to_json(encoded)), else_=constant("'null'::json"))
        data = func.coalesce(func.json_agg(item).filter(numbered.c._n <= size), constant("'[]'::json"))
        whole = func.json_build_object(constant("'data'"), data, constant("'next'"), following_page)
        return select(cast(whole, postgresql.TEXT))

    def _column(self, name: str) -> Any:
        return self._columns[name] if name in self._columns else col(getattr(self._row, name))


def _as_json(column: Any) -> Any:
    """Times are written as RFC 3339 with a Z; Postgres by itself would write the offset."""
    if isinstance(column.type, DateTime):
        return func.to_char(func.timezone(constant("'UTC'"), column), constant(RFC3339))
    return column


def constant(sql: str) -> Any:
    """A constant of ours written into the statement itself, so that only real values are parameters."""
    return literal_column(sql)  # pyright: ignore[reportUnknownVariableType]  its type is given by the SQL


def filters_of(row: type[SQLModel], *names: str) -> dict[str, ColumnElement[bool]]:
    """Plain equality filters on columns of the same names."""
    found: dict[str, ColumnElement[bool]] = {}
    for name in names:
        column: Any = col(getattr(row, name))
        found[name] = column == bindparam(name, type_=column.type)
    return found


def page_of(items: Sequence[Item], window: Window, *, key: Callable[[Item], str]) -> Page[Item]:
    """A page of a short list that is in memory already, such as the catalogue; the cursor is the last item's key."""
    start = 0
    if window.after is not None:
        place = next((number for number, item in enumerate(items) if key(item) == window.after), None)
        if place is None:
            raise Invalid.one("query/after", "invalid", "This is not a cursor that a page gave out.")
        start = place + 1
    shown = list(items[start : start + window.limit])
    more = start + window.limit < len(items)
    return Page(data=shown, next=key(shown[-1]) if more else None)


def part_of(name: str, *columns: Any) -> ColumnElement[bool]:
    """A filter that finds the text anywhere in one of the columns, in any case. ``%`` and ``_`` mean themselves."""
    text = func.lower(bindparam(name, type_=String()))
    return or_(*(func.strpos(func.lower(column), text) > constant("0") for column in columns))
