"""Conditions in CEL that customers write: which organizations belong to a group, which events go to a webhook endpoint.

Whoever runs the account writes them, so each is bounded before it runs: its length, how deep its brackets nest, and how
often it may walk a list. What it needs and is not there is undecided, and undecided is not true.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cel

from domain.errors import Invalid

MOST_CHARACTERS = 1_000
DEEPEST = 10
MOST_WALKS = 2
"""How many times a condition may walk a list: two nested ones over what fits into its length end within a tenth of a second."""

_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_WALK = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_UNDECIDED = (KeyError, TypeError, ValueError, RuntimeError, OverflowError)


def outcome(condition: str, variables: Mapping[str, Any]) -> Any:
    """What it comes to; None where it needs something that is not there or is of another kind."""
    try:
        return _program(condition).execute(cel.Context(variables=dict(variables)))
    except _UNDECIDED:
        return None


def check_bounds(condition: str, *, about: str, at: str, code: str, sentence: str) -> str:
    """The condition without its texts, for a look at the names in it. Raises Invalid at ``at`` where it is too large, cannot
    be read, or says nothing about the variable ``about``, which has the given ``code`` and ``sentence``."""
    if len(condition) > MOST_CHARACTERS:
        raise Invalid.one(at, "too_long", f"It has at most {MOST_CHARACTERS} characters.")
    bare = _TEXT.sub('""', condition)
    if _depth(bare) > DEEPEST:
        raise Invalid.one(at, "nested_too_deeply", f"Brackets nest at most {DEEPEST} deep.")
    if len(_WALK.findall(bare)) > MOST_WALKS:
        raise Invalid.one(at, "too_many_walks", f"It walks lists (all, exists, map, filter) at most {MOST_WALKS} times.")
    try:
        names = _program(condition).references()["variables"]
    except ValueError as error:
        raise Invalid.one(at, "not_cel", f"This is no expression in CEL: {_first_line(error)}") from None
    if about not in names:
        raise Invalid.one(at, code, sentence)
    return bare


@lru_cache(maxsize=256)
def _program(condition: str) -> cel.Program:
    return cel.compile(condition)


def _depth(condition: str) -> int:
    deepest = depth = 0
    for character in condition:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _first_line(error: ValueError) -> str:
    found: Mapping[int, str] = dict(enumerate(str(error).split("ERROR: ")))
    return found.get(1, found[0]).splitlines()[0][:300]
