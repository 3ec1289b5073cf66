"""Lists whose rows carry something that only the domain's own rules can tell: the exception to lists built by Postgres.

Such lists belong to one organization and are short, and their rules would have to be written a second time in SQL. Pages
follow a key here too, and a filter on what was worked out reads on until the page is full.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from api.pages import MOST, Window
from domain.errors import Invalid


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


Worked = TypeVar("Worked", bound=Identified)
Reading = Callable[[UUID | None, int], Awaitable[Sequence[Worked]]]
"""Gives at most so many rows that follow an id, in the order of the ids."""


async def page_of(
    window: Window, read: Reading[Worked], wanted: Callable[[Worked], bool] | None = None
) -> tuple[list[Worked], str | None]:
    """One page of what ``read`` gives and ``wanted`` lets through, and the cursor of the next page or None."""
    after = read_identifier(window.after) if window.after is not None else None
    size = window.limit + 1 if wanted is None else MOST + 1
    found: list[Worked] = []
    while len(found) <= window.limit:
        rows = await read(after, size)
        found += rows if wanted is None else filter(wanted, rows)
        if len(rows) < size:
            break
        after = rows[-1].id
    page = found[: window.limit]
    return page, write_cursor(str(page[-1].id)) if len(found) > window.limit else None


def write_cursor(key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def read_cursor(cursor: str) -> str:
    """The key in a cursor, or the fault that it is none of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError, binascii.Error):
        raise no_cursor() from None
    if not isinstance(key, str):
        raise no_cursor()
    return key


def read_identifier(cursor: str) -> UUID:
    try:
        return UUID(read_cursor(cursor))
    except ValueError:
        raise no_cursor() from None


def no_cursor() -> Invalid:
    return Invalid.one("query/after", "invalid", "This is not a cursor that a page gave out.")
