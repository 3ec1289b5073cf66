"""Small worlds for single rules: one thing with the facts that matter, on a fixed day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from domain.sra.catalogue import catalogue
from domain.sra.evaluation import Evaluation, Finding
from domain.sra.rules import evaluate
from domain.sra.world import Thing, World

TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def things(kind: str, *rows: Mapping[str, Any]) -> tuple[Thing, ...]:
    return tuple(Thing(str(row.get("id", f"{kind}{number}")), kind, row) for number, row in enumerate(rows, 1))


def asset(kind: str, **facts: Any) -> Thing:
    return Thing("a1", kind, facts)


def world(**parts: Any) -> World:
    """A world of the given parts; the practice has nothing on record."""
    return replace(World(as_of=NOON, practice=Thing("p", "practice")), **parts)


def evaluation(**parts: Any) -> Evaluation:
    return evaluate(world(**parts), catalogue())


def outcome(rule: str, ref: str, **parts: Any) -> str:
    """fires, clear, undetermined or, when the rule did not look at the subject, not looked at."""
    found = evaluation(**parts).outcomes[rule]
    for word, subjects in (("fires", found.fired), ("clear", found.clear), ("undetermined", found.undetermined)):
        if ref in subjects:
            return word
    return "not looked at"


def finding(rule: str, ref: str, **parts: Any) -> Finding:
    return next(found for found in evaluation(**parts).findings if (found.rule, found.subject) == (rule, ref))


def missing(rule: str, ref: str, **parts: Any) -> tuple[str, ...]:
    return next(one.missing for one in evaluation(**parts).undetermined if one.rule == rule and ref in one.subjects)
