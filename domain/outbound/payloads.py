"""What the outside learns of an event: ids, kinds, levels and states, and the names of the fields that changed.

Not a text that somebody typed, so nothing that slipped into one can leak through a webhook; who may read more fetches it
with a permission of their own, and that look is on record. One function decides it for webhooks and ``GET /events``. An
endpoint may ask for texts as well: then those are withheld that look as if they named a patient.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, cast, get_args
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from domain.clock import rfc3339
from domain.events import Event
from domain.inventory.patient_data import patient_identifiers
from domain.json_forms import as_json
from domain.outbound.event_types import EventType

MOST_BYTES = 20_000
"""Standard Webhooks asks for payloads below 20 kB."""
_MOST_NAMES = 100
_MOST_ITEMS = 50
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_EXAMPLE_ID = UUID("01a1f0c6-3a00-7c4e-9d52-6d1f0a5b7c01")
_EXAMPLE_SUBJECT = UUID("01a1f0c6-3a00-7c4e-9d52-6d1f0a5b7c02")
_EXAMPLE_ORGANIZATION = UUID("01a1f0c6-3a00-7c4e-9d52-6d1f0a5b7c05")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")
_PLAIN = (bool, int, UUID, NoneType)
_CODES = frozenset(
    {
        ("access_request", "due_on"),
        ("answer", "state"),
        ("answer", "topic_id"),
        ("assessment", "edition"),
        ("assessment", "role"),
        ("connection", "product"),
        ("engagement", "decision"),
        ("engagement", "reason_code"),
        ("finding", "rule_id"),
        ("finding", "topic_id"),
        ("incident", "due_on"),
        ("mail", "failure"),
        ("webhook_endpoint", "disabled_reason"),
    }
)
"""Texts that only ever hold a word of ours or of the catalogue."""


def thin(event: Event, *, free_text: bool = False) -> dict[str, Any]:
    """An event for the outside, in JSON's terms.

    ``changed`` names every field that changed; ``changes`` shows ``{"from", "to"}`` of those whose values nobody typed, and
    with ``free_text`` of the others too.
    """
    names = [name for name in sorted(event.changes) if _NAME.fullmatch(name)][:_MOST_NAMES]
    changes = {name: _pair(event.changes[name]) for name in names}
    shown = {name: pair for name, pair in changes.items() if _all_shown(event.subject_type, name, pair, free_text=free_text)}
    return {
        "id": str(event.id),
        "sequence": event.sequence,
        "kind": event.kind,
        "at": rfc3339(event.at),
        "subject": {"type": event.subject_type, "id": str(event.subject_id)},
        "organization_id": str(event.organization_id) if event.organization_id else None,
        "changed": names,
        "changes": shown,
    }


def body(event: Event, *, free_text: bool = False) -> bytes:
    """The payload of a webhook, below 20 kB: the same bytes for every attempt and every endpoint that asks for as much."""
    data = thin(event, free_text=free_text)
    written = _write({"type": event.kind, "timestamp": data["at"], "data": data})
    if len(written) < MOST_BYTES:
        return written
    data = thin(event)
    written = _write({"type": event.kind, "timestamp": data["at"], "data": data})
    if len(written) < MOST_BYTES:
        return written
    return _write({"type": event.kind, "timestamp": data["at"], "data": {**data, "changes": {}}})


def example(kind: EventType) -> dict[str, Any]:
    """The payload of a made-up event of this kind."""
    narrowed = kind.noun == "organization" or "organization_id" in _columns().get(kind.noun, {})
    data = thin(
        Event(
            tenant_id=_EXAMPLE_ID,
            at=datetime(2026, 3, 2, 14, 5, 9, 120_000, tzinfo=UTC),
            id=_EXAMPLE_ID,
            sequence=1042,
            kind=kind.kind,
            subject_type=kind.noun,
            subject_id=_EXAMPLE_SUBJECT,
            organization_id=_EXAMPLE_SUBJECT if kind.noun == "organization" else _EXAMPLE_ORGANIZATION if narrowed else None,
            changes=dict(kind.changes),
            previous_hash="",
            hash="",
        )
    )
    return {"type": kind.kind, "timestamp": data["at"], "data": data}


def schema(kind: EventType) -> dict[str, Any]:
    """JSON Schema 2020-12 of what is sent. More members may come: a receiver ignores what it does not know."""
    organization = {"type": ["string", "null"], "format": "uuid"}
    change: dict[str, Any] = {"type": "object", "properties": {"from": {}, "to": {}}, "required": ["from", "to"]}
    data: dict[str, Any] = {
        "id": {"type": "string", "format": "uuid"},
        "sequence": {"type": "integer", "minimum": 1},
        "kind": {"const": kind.kind},
        "at": {"type": "string", "format": "date-time"},
        "subject": {
            "type": "object",
            "properties": {"type": {"type": "string"}, "id": {"type": "string", "format": "uuid"}},
            "required": ["type", "id"],
        },
        "organization_id": organization,
        "changed": {"type": "array", "items": {"type": "string"}},
        "changes": {"type": "object", "additionalProperties": change},
    }
    return {
        "type": "object",
        "properties": {
            "type": {"const": kind.kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "properties": data, "required": list(data)},
        },
        "required": ["type", "timestamp", "data"],
    }


def _write(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False, default=as_json).encode()


def _pair(change: Any) -> dict[str, Any]:
    """A change as before and after. What was created has no before."""
    if isinstance(change, dict) and set(cast("dict[str, Any]", change)) == {"from", "to"}:
        return cast("dict[str, Any]", change)
    return {"from": None, "to": change}


def _all_shown(noun: str, name: str, pair: Mapping[str, Any], *, free_text: bool) -> bool:
    if all(_is_shown(noun, name, value) for value in pair.values()):
        return True
    return free_text and next(patient_identifiers({name: list(pair.values())}), None) is None


def _is_shown(noun: str, name: str, value: Any) -> bool:
    if value is None:
        return True
    if (noun, name) in _CODES:
        return isinstance(value, str) and _CODE.fullmatch(value) is not None
    columns = _columns().get(noun, {})
    if name in columns:
        untyped = columns[name]
        return untyped is not None and _size(value) <= _MOST_ITEMS and _fits(untyped, value)
    return isinstance(value, bool | int) or _is_word_of_ours(value)


def _fits(untyped: TypeAdapter[Any], value: Any) -> bool:
    try:
        untyped.validate_python(value)
    except ValidationError:
        return False
    keys: list[Any] = list(cast("dict[Any, Any]", value)) if isinstance(value, dict) else []
    return all(isinstance(key, str) and _NAME.fullmatch(key) for key in keys)


def _size(value: Any) -> int:
    return len(cast("list[Any]", value)) if isinstance(value, list | dict) else 1


def _is_word_of_ours(value: Any) -> bool:
    """An id, a SHA-256, or a word of one of our closed lists, where an event names something that is no column."""
    if not isinstance(value, str):
        return False
    return value in _words() or _ID.fullmatch(value) is not None


@cache
def _columns() -> Mapping[str, Mapping[str, TypeAdapter[Any] | None]]:
    """Per noun and column: how to recognise a value that nobody typed; None where people type."""
    from domain.tables import TABLES  # noqa: PLC0415  among the tables are those of what is sent, which need this module

    return {
        noun: {name: _untyped(field.annotation) for name, field in table.model_fields.items()}
        for table in TABLES
        if (noun := cast("str | None", getattr(table, "noun", None))) is not None
    }


def _untyped(annotation: Any) -> TypeAdapter[Any] | None:
    """Ids, numbers, yes or no, and the words of a closed list; also lists of them, and counts by name."""
    leaves = _leaves(annotation)
    if annotation == dict[str, int]:
        return TypeAdapter(annotation)
    return TypeAdapter(annotation) if all(_is_plain(each) for each in leaves) else None


def _leaves(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    return [leaf for each in arguments for leaf in _leaves(each)] if arguments else [annotation]


def _is_plain(kind: Any) -> bool:
    return kind in _PLAIN or (isinstance(kind, type) and issubclass(kind, Enum))


@cache
def _words() -> frozenset[str]:
    from domain.tables import TABLES  # noqa: PLC0415  as above

    kinds = {
        leaf
        for table in TABLES
        for field in table.model_fields.values()
        for leaf in _leaves(field.annotation)
        if isinstance(leaf, type) and issubclass(leaf, Enum)
    }
    return frozenset(str(member.value) for kind in kinds for member in kind)
