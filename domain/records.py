"""The three verbs that every noun of the inventory has: create, change and archive, each with its event.

Here, and only here, what a caller says is checked beyond its form: facts against the vocabulary, free text for patients.
Who said a fact is kept with the fact: what a person says here is marked as a person's, and no import overwrites it.
"""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql import JSONB

from domain.clock import now, rfc3339
from domain.errors import Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.fact_columns import accept_facts, refuse_other_words
from domain.json_forms import as_json
from domain.known import is_mapping
from domain.tenancy import Archivable, Factual, Fields, TenantOwned, TenantSession

Row = TypeVar("Row", bound=TenantOwned)
FACT_COLUMNS = frozenset(
    {"hostname", "serial", "owner", "os_name", "os_edition", "os_build", "encryption_at_rest", "last_seen_at", "location_id"}
)  # fmt: skip
"""Facts that are filtered on and therefore stand in columns; their provenance is kept all the same."""


async def create(session: TenantSession, row: Row, *, also_said: Mapping[str, Any] | None = None) -> Row:
    """Write a new row and say so. ``also_said`` are words of the caller that stand in columns of another shape."""
    for name in _json_columns(type(row)):
        setattr(row, name, _as_stored(name, getattr(row, name)))
    if isinstance(row, Factual):
        row.facts = accept_facts(row, row.facts)
    suspected = await _check(session, row, before={}, also_said=also_said or {})
    if isinstance(row, Factual):
        stamp_provenance(session, row, before={}, after=said(row))
    await session.save(row)
    emit(session, f"{row.noun}.created", row, {name: value for name, value in said(row).items() if value not in (None, [], {})})
    _note_suspicion(session, row, suspected)
    return row


async def change(
    session: TenantSession,
    row: Row,
    values: Mapping[str, Any] | BaseModel,
    *,
    also_said: Mapping[str, Any] | None = None,
) -> Row:
    """Set ``values`` on a row; an event tells what was different, and nothing happens where nothing was."""
    before = said(row)
    given = dict(values) if isinstance(values, Mapping) else {name: getattr(values, name) for name in type(values).model_fields}
    for name, value in given.items():
        new = _as_stored(name, value) if name in _json_columns(type(row)) else value
        if getattr(row, name) != new:
            setattr(row, name, new)
    if isinstance(row, Factual) and row.facts != before["facts"]:
        row.facts = _accept_changed_facts(row, before=before["facts"])
    after = said(row)
    changed = differences(before, after)
    if changed:
        suspected = await _check(session, row, before=before, also_said=also_said or {})
        marks = dict(row.provenance) if isinstance(row, Factual) else {}
        if isinstance(row, Factual):
            stamp_provenance(session, row, before=before, after=after)
        await session.flush()
        emit(session, f"{row.noun}.updated", row, changed)
        if isinstance(row, Factual) and row.provenance != marks:
            await _tell_reviews(session, row, before, marks)
        _note_suspicion(session, row, suspected)
    return row


async def _tell_reviews(session: TenantSession, row: Factual, before: Mapping[str, Any], marks: Mapping[str, Any]) -> None:
    from domain.inventory.reviews import note_persons_word  # noqa: PLC0415  a review is a record as well, and needs this module

    await note_persons_word(session, row, before, marks)


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


async def _check(
    session: TenantSession, row: TenantOwned, *, before: Mapping[str, Any], also_said: Mapping[str, Any]
) -> Mapping[str, str]:
    """Look at what is new in the words of the caller; old words were looked at when they were new."""
    if isinstance(row, Factual):
        refuse_other_words(row, before=before)
    spoken = {name: _news(before.get(name), value) for name, value in said(row).items() if name in _spoken(type(row))}
    return await keep_patients_out(session, {**spoken, **also_said})


def _news(before: Any, after: Any) -> Any:
    """What is new in ``after``: for an object its new or changed members."""
    if is_mapping(before) and is_mapping(after):
        return {name: value for name, value in after.items() if before.get(name) != value}
    return None if before == after else after


def _accept_changed_facts(row: TenantOwned, *, before: Mapping[str, Any]) -> dict[str, Any]:
    """Facts that stay as they were are not checked again: an older vocabulary, or a survey, may have known them."""
    assert isinstance(row, Factual)
    new = {name: value for name, value in row.facts.items() if name not in before or before[name] != value}
    kept = {name: value for name, value in row.facts.items() if name not in new}
    return {**kept, **accept_facts(row, new)}


def _note_suspicion(session: TenantSession, row: TenantOwned, suspected: Mapping[str, str]) -> None:
    """By field, as every event tells its changes: ``{"facts": {"/facts/note": "mrn"}}``. The text itself is not repeated."""
    fields: dict[str, dict[str, str]] = {}
    for pointer, kind in suspected.items():
        fields.setdefault(pointer.split("/")[1], {})[pointer] = kind
    if fields:
        emit(session, f"{row.noun}.patient_identifier_suspected", row, fields)


def _spoken(kind: type[TenantOwned]) -> frozenset[str]:
    """The columns whose content comes from callers: those of the ``Fields`` that the table is made from."""
    return frozenset(
        name for base in kind.__mro__ if issubclass(base, Fields) and base is not kind for name in base.model_fields
    )


def _json_columns(kind: type[TenantOwned]) -> frozenset[str]:
    return frozenset(column.name for column in inspect(kind).columns if isinstance(column.type, JSONB))


def _as_stored(name: str, value: Any) -> Any:
    """What will be read again: ids and dates inside JSON are texts, so an unchanged value compares equal."""
    if value is None:
        return None
    try:
        return json.loads(json.dumps(value, default=as_json, allow_nan=False))
    except (ValueError, RecursionError):
        raise Invalid.one(f"/{name}", "does_not_fit", "This holds a number that is none, or is nested too deeply.") from None
