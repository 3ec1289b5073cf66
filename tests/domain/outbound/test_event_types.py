"""The catalogue of kinds is held against the code that emits them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import Invalid
from domain.outbound.event_types import check_filters, event_types
from domain.tables import TABLES
from domain.tenancy import Archivable

ROOT = Path(__file__).parents[3]


def emitted() -> Iterator[tuple[str, str]]:
    """Every kind that the program's text emits by name, and where. Those made from a noun are tested by noun."""
    for path in (found for package in ("domain", "api", "billing") for found in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "emit" and len(node.args) > 1:
                kinds = [each.value for each in ast.walk(node.args[1]) if isinstance(each, ast.Constant)]
                yield from ((kind, f"{path.name}:{node.lineno}") for kind in kinds if isinstance(kind, str) and kind[0] != ".")


def test_every_kind_that_is_emitted_is_in_the_catalogue() -> None:
    found = dict(emitted())
    assert {"api_key.created", "webhook_endpoint.disabled"} <= found.keys(), "the search finds what is there"
    known = event_types().keys() | {f"{each.noun}." for each in event_types().values()}
    missing = {kind: place for kind, place in found.items() if "." in kind and kind not in known}
    assert not missing, "add these to domain/outbound/event_types.toml"


def test_every_noun_of_the_records_is_in_the_catalogue() -> None:
    nouns = {getattr(table, "noun", "") for table in TABLES if issubclass(table, Archivable)}
    assert len(nouns) > 10
    missing = {f"{noun}.{act}" for noun in nouns for act in ("created", "updated", "archived")} - set(event_types())
    assert not missing, "add these nouns to domain/outbound/event_types.toml"


def test_kinds_read_as_standard_webhooks_asks() -> None:
    for each in event_types().values():
        noun, act = each.kind.split(".")
        assert noun.replace("_", "").isalpha() and act.replace("_", "").isalpha()
        assert each.kind == each.kind.lower()
        assert each.description.endswith(".") and "{" not in each.description


def test_filters_name_kinds_or_all_kinds_of_a_noun() -> None:
    assert check_filters([]) == []
    assert check_filters(["finding.*", "task.completed", "finding.*"]) == ["finding.*", "task.completed"]
    for wrong in ("*", "finding", "finding.", "finding.open*", "FINDING.opened", ""):
        with pytest.raises(Invalid):
            check_filters([wrong])
