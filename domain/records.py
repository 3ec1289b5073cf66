"""The three verbs that every noun of the inventory has: create, change and archive, each with its event.

Who said a fact is kept with the fact: what a person says here is marked as a person's, and no import overwrites it.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from domain.clock import now, rfc3339
from domain.events import differences, emit
from domain.tenancy import Archivable, Factual, TenantOwned, TenantSession

Row = TypeVar("Row", bound=TenantOwned)
FACT_COLUMNS = frozenset(
    {"hostname", "serial", "owner", "os_name", "os_edition", "os_build", "encryption_at_rest", "last_seen_at", "location_id"}
)  # fmt: skip
"""Facts that are filtered on and therefore stand in columns; their provenance is kept all the same."""


async def create(session: TenantSession, row: Row) -> Row:
    """Write a new row and say so."""
    if isinstance(row, Factual):
        stamp_provenance(session, row, before={}, after=said(row))
    await session.save(row)
    emit(session, f"{row.noun}.created", row, {name: value for name, value in said(row).items() if value not in (None, [], {})})
    return row


async def change(session: TenantSession, row: Row, values: Mapping[str, Any] | BaseModel) -> Row:
    """Set ``values`` on a row; an event tells what was different, and nothing happens where nothing was."""
    before = said(row)
    given = dict(values) if isinstance(values, Mapping) else {name: getattr(values, name) for name in type(values).model_fields}
    for name, value in given.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    after = said(row)
    changed = differences(before, after)
    if changed:
        if isinstance(row, Factual):
            stamp_provenance(session, row, before=before, after=after)
        await session.flush()
        emit(session, f"{row.noun}.updated", row, changed)
    return row


async def archive(session: TenantSession, row: TenantOwned) -> None:
    """Take a row out of the lists. It is kept, because the analyses that name it are kept."""
    assert isinstance(row, Archivable)
    if row.archived_at is None:
        row.archived_at = now()
        await session.flush()
        emit(session, f"{row.noun}.archived", row)


def said(row: TenantOwned) -> dict[str, Any]:
    """Everything that the row says, in JSON's terms, without what we keep for ourselves."""
    ours = {"tenant_id", "id", "created_at", "updated_at", "version", "provenance", "archived_at", "organization_id"}
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in ((name, getattr(row, name)) for name in type(row).model_fields if name not in ours)
    }


def stamp_provenance(session: TenantSession, row: Factual, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Mark the facts that changed as said by a person, now."""
    member_id = session.actor.member_id
    mark = {"source": "person", "observed_at": rfc3339(now()), "confirmed_by": str(member_id) if member_id else None}
    provenance = dict(row.provenance)
    columns = {name for name in FACT_COLUMNS if after.get(name) is not None and before.get(name) != after.get(name)}
    facts_before: dict[str, Any] = before.get("facts") or {}
    facts_after: dict[str, Any] = after.get("facts") or {}
    facts = {name for name, value in facts_after.items() if facts_before.get(name) != value}
    for name in columns | facts:
        provenance[name] = mark
    for name in set(provenance):
        if name not in facts_after and after.get(name) is None:
            del provenance[name]
    if provenance != row.provenance:
        row.provenance = provenance
