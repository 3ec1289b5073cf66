"""What happened, in the order in which it was committed: for those who would rather ask than be told.

A poller keeps the ``cursor`` of the last event it has seen and asks with ``?after=``: it misses nothing, because an event
gets its number as the last thing before its commit.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlmodel import col, select

from api.door import Inside, door_router, may
from api.pages import Page, Paged
from domain.access import Permission
from domain.errors import Invalid
from domain.events import Event
from domain.outbound import payloads

router = door_router("events")
Reader = Annotated[Inside, may(Permission.events_read)]
LARGEST = 2**63 - 1


class SubjectOut(BaseModel):
    type: str
    id: UUID


class ChangeOut(BaseModel):
    before: Any = Field(alias="from")
    to: Any


class EventOut(BaseModel):
    """An event as the outside may know it: no text that somebody typed."""

    id: UUID
    sequence: int
    kind: str
    at: datetime
    subject: SubjectOut
    organization_id: UUID | None
    changed: list[str]
    """The names of all fields that changed."""
    changes: dict[str, ChangeOut]
    """Before and after, of ids, states, levels and numbers only."""


class ListedEventOut(EventOut):
    cursor: str
    """Ask with ``?after=`` this to get what happened later."""


@router.get("/events", response_model=Page[ListedEventOut])
async def list_events(
    by: Reader,
    window: Paged,
    kind: Annotated[str | None, Query(description="A kind, or all of a noun: `finding.*`.")] = None,
    subject_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> dict[str, Any]:
    """Events in commit order, the oldest first. ``next`` is null at the end; to go on from there later, keep the
    ``cursor`` of the last event and ask with ``?after=`` again. No event ever appears before one you have seen."""
    wanted = select(Event).order_by(col(Event.sequence)).limit(window.limit + 1)
    if window.after is not None:
        wanted = wanted.where(col(Event.sequence) > _sequence(window.after))
    if kind is not None:
        family = kind.removesuffix("*") if kind.endswith(".*") else None
        wanted = wanted.where(col(Event.kind).startswith(family, autoescape=True) if family else col(Event.kind) == kind)
    if subject_id is not None:
        wanted = wanted.where(col(Event.subject_id) == subject_id)
    if organization_id is not None:
        wanted = wanted.where(col(Event.organization_id) == organization_id)
    found = (await by.session.execute(wanted)).scalars().all()
    data = [{**payloads.thin(event), "cursor": str(event.sequence)} for event in found[: window.limit]]
    return {"data": data, "next": data[-1]["cursor"] if len(found) > window.limit else None}


def _sequence(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 19 or int(cursor) > LARGEST:
        raise Invalid.one("query/after", "invalid", "This is not a cursor that an event or a page gave out.")
    return int(cursor)
