"""What leaves us of an event: never a text that somebody typed, never 20 kB, always enough to know what to fetch."""

import json
from typing import Any
from uuid import UUID

import pytest

from domain.clock import new_id, now
from domain.events import Event
from domain.outbound import payloads
from domain.outbound.event_types import event_types
from domain.tables import TABLES

TYPED = "Jane Roe, born 1980-01-02"
NOUNS = sorted({noun for table in TABLES if (noun := getattr(table, "noun", None))})


def make_event(subject_type: str, changes: dict[str, Any], *, kind: str = "device.updated") -> Event:
    return Event(
        tenant_id=new_id(),
        at=now(),
        id=new_id(),
        sequence=7,
        kind=kind,
        subject_type=subject_type,
        subject_id=new_id(),
        changes=changes,
        actor={"kind": "member", "id": "somebody"},
        context={"address": "192.0.2.1"},
        previous_hash="",
        hash="",
    )


def every_column(noun: str) -> list[str]:
    return [name for table in TABLES if getattr(table, "noun", None) == noun for name in table.model_fields]


@pytest.mark.parametrize("noun", NOUNS)
def test_no_column_lets_a_typed_text_out(noun: str) -> None:
    for value in (TYPED, [TYPED], {TYPED: TYPED}, {"a": {"b": TYPED}}, {TYPED: 1}, {"from": TYPED, "to": TYPED}):
        event = make_event(noun, dict.fromkeys([*every_column(noun), "something_else"], value))
        assert TYPED.encode() not in payloads.body(event)
        assert "something_else" in payloads.thin(event)["changed"]


@pytest.mark.parametrize(
    ("noun", "change", "shown"),
    [
        ("device", {"kind": "laptop"}, {"kind": {"from": None, "to": "laptop"}}),
        ("device", {"kind": "Mary's laptop"}, {}),
        ("device", {"status": {"from": "active", "to": "retired"}}, {"status": {"from": "active", "to": "retired"}}),
        ("device", {"name": "laptop"}, {}),
        (
            "device",
            {"location_id": {"from": None, "to": str(UUID(int=5))}},
            {"location_id": {"from": None, "to": str(UUID(int=5))}},
        ),
        ("device", {"last_seen_at": "2026-01-01T00:00:00Z"}, {}),
        ("flow", {"encrypted": False}, {"encrypted": {"from": None, "to": False}}),
        ("finding", {"rule_id": "TH-014"}, {"rule_id": {"from": None, "to": "TH-014"}}),
        ("finding", {"rule_id": "not a code"}, {}),
        ("import", {"counts": {"created": 3}}, {"counts": {"from": None, "to": {"created": 3}}}),
        ("import", {"counts": {"Jane Roe": 3}}, {}),
        ("backup", {"covers": [str(UUID(int=5))]}, {"covers": {"from": None, "to": [str(UUID(int=5))]}}),
        ("quote", {"total": 49_900, "status": "open", "note": "hello"}, {"total": 49_900, "status": "open"}),
        ("quote", {"customer": str(UUID(int=5))}, {"customer": str(UUID(int=5))}),
    ],
)
def test_levels_states_and_ids_are_shown(noun: str, change: dict[str, Any], shown: dict[str, Any]) -> None:
    changes = payloads.thin(make_event(noun, change))["changes"]
    if noun == "quote":  # no table of ours in the domain: by their form alone
        shown = {name: {"from": None, "to": value} for name, value in shown.items()}
    assert changes == shown


def test_neither_actor_nor_circumstances_leave_us() -> None:
    written = payloads.body(make_event("device", {"kind": "laptop"}))
    assert b"somebody" not in written and b"192.0.2.1" not in written
    assert set(json.loads(written)) == {"type", "timestamp", "data"}


def test_names_that_are_no_names_of_fields_are_left_out() -> None:
    event = make_event("device", {TYPED: 1, "kind": "laptop", "Name": 1, "x" * 65: 1})
    assert payloads.thin(event)["changed"] == ["kind"]


def test_a_payload_stays_below_20_kilobytes() -> None:
    many = make_event("quote", {f"field_{number}": str(new_id()) for number in range(5_000)})
    assert len(payloads.body(many)) < 20_000
    large = make_event("backup", {"covers": {"from": [str(new_id())] * 50, "to": [str(new_id())] * 50}})
    assert len(payloads.thin(large)["changes"]["covers"]["to"]) == 50
    endless = make_event("backup", {"covers": [str(new_id())] * 51})
    assert payloads.thin(endless)["changes"] == {}
    assert payloads.thin(endless)["changed"] == ["covers"]
    wide = make_event("quote", {f"{'long' * 14}_{number:04}": "active" for number in range(100)})
    assert len(payloads.body(wide)) < 20_000


def test_the_same_event_always_gives_the_same_bytes() -> None:
    event = make_event("device", {"kind": "laptop", "status": "active"})
    assert payloads.body(event) == payloads.body(event)


@pytest.mark.parametrize("kind", sorted(event_types()))
def test_every_kind_has_an_example_as_it_would_be_sent(kind: str) -> None:
    made = event_types()[kind]
    example = payloads.example(made)
    assert example["data"]["changed"] == sorted(made.changes)
    untyped = set(made.changes) - {"name", "title", "text", "service", "scope", "scopes", "key", "what", "contact_role"}
    shown = set(example["data"]["changes"])
    assert shown <= untyped
