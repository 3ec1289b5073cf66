"""The rule of a group, in CEL over an organization: ``organization.state == "TX" && organization.ref.startsWith("a")``.

Whoever runs the account writes it, so it is bounded before it runs: its length, how deep its brackets nest, how often it
may walk a list, and the time that it may take over all organizations. What an organization has not said is absent, and a
rule that needs it does not hold: nobody gets into a group by silence.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import cel

from domain.errors import Invalid
from domain.inventory.fact_columns import vocabulary

MOST_CHARACTERS = 1_000
DEEPEST = 10
MOST_WALKS = 2
"""How many times a rule may walk a list: two nested ones over what fits into its length end within a tenth of a second."""
MOST_SECONDS = 2.0
FIELDS = (
    "name", "legal_name", "state", "specialty", "contact_role", "contact_email", "security_official", "ref", "settings",
    "facts",
)  # fmt: skip
"""What a rule can read of an organization: what callers say of it, nothing that changes by itself."""

_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_WALK = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_PATH = re.compile(r"\borganization\s*\.\s*(\w+)(?:\s*\.\s*(\w+))?")
_UNDECIDED = (KeyError, TypeError, ValueError, RuntimeError, OverflowError)
_AT = "/rule"


class Said(Protocol):
    """An organization, as far as a rule reads it."""

    id: UUID


def members(rule: str, organizations: Iterable[Said], *, clock: Callable[[], float] = time.monotonic) -> set[UUID]:
    """The organizations for which a rule holds; :class:`Invalid` when that takes too long."""
    end = clock() + MOST_SECONDS
    found: set[UUID] = set()
    for each in organizations:
        if holds(rule, each):
            found.add(each.id)
        if clock() > end:
            detail = f"Over all organizations this rule takes longer than {MOST_SECONDS:.0f} seconds. Say it more simply."
            raise Invalid.one(_AT, "too_slow", detail)
    return found


def holds(rule: str, organization: Said) -> bool:
    """Whether the rule is true of the organization. Undecided is not true."""
    try:
        return _program(rule).execute(_context(organization)) is True
    except _UNDECIDED:
        return False


def check_rule(rule: str) -> None:
    """Refuse a rule that is too large, that cannot be read, or that names what no organization has."""
    if len(rule) > MOST_CHARACTERS:
        raise Invalid.one(_AT, "too_long", f"A rule has at most {MOST_CHARACTERS} characters.")
    bare = _TEXT.sub('""', rule)
    if _depth(bare) > DEEPEST:
        raise Invalid.one(_AT, "nested_too_deeply", f"Brackets nest at most {DEEPEST} deep.")
    if len(_WALK.findall(bare)) > MOST_WALKS:
        raise Invalid.one(_AT, "too_many_walks", f"A rule walks lists (all, exists, map, filter) at most {MOST_WALKS} times.")
    try:
        names = _program(rule).references()["variables"]
    except ValueError as error:
        raise Invalid.one(_AT, "not_cel", f"This is no expression in CEL: {_first_line(error)}") from None
    if "organization" not in names:
        raise Invalid.one(_AT, "not_about_organizations", "A rule says something about `organization`.")
    _refuse_unknown_names(bare)


def _refuse_unknown_names(rule: str) -> None:
    known = {"facts": vocabulary().rows("practice"), "settings": vocabulary().rows("setting")}
    for field, inner in _PATH.findall(rule):
        if field not in FIELDS:
            raise Invalid.one(_AT, "unknown_field", f"An organization has no {field!r}; it has: {', '.join(FIELDS)}.")
        if inner and field in known and inner not in known[field]:
            raise Invalid.one(_AT, "unknown_fact", f"There is no {field}.{inner}; see GET /v1/catalogue/facts.")


def _context(organization: Said) -> cel.Context:
    """Facts are absent or known; so are fields."""
    said: dict[str, Any] = {name: getattr(organization, name) for name in FIELDS}
    known = {name: value for name, value in said.items() if value is not None}
    return cel.Context(variables={"organization": known})


@lru_cache(maxsize=256)
def _program(rule: str) -> cel.Program:
    return cel.compile(rule)


def _depth(rule: str) -> int:
    deepest = depth = 0
    for character in rule:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _first_line(error: ValueError) -> str:
    found: Mapping[int, str] = dict(enumerate(str(error).split("ERROR: ")))
    return found.get(1, found[0]).splitlines()[0][:300]
