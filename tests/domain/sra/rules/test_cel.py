"""Conditions by themselves: three outcomes, and the two explanations that the CEL library does not give."""

from datetime import date
from typing import Any

import cel
import pytest

from domain.sra.cel import ROOTS, Calendar, Condition, Variables, facts_in


def always_a_gap(fact: str) -> str | None:
    return "unknown"


def context(variables: Variables) -> cel.Context:
    return cel.Context({**{root: {} for root in ROOTS}, **variables}, Calendar(today=date(2026, 11, 22), now=0).functions())


def condition(expression: str) -> Condition:
    return Condition(expression, gap=always_a_gap)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("asset.missing && false", False),
        ("asset.missing || true", True),
        ("asset.missing && true", None),
        ("!asset.missing", None),
        ("!has(asset.missing)", True),
        ("!has(asset.os.ended)", None),
        ("asset.number", None),
        ('asset.number > "word"', None),
        ("days_since(asset.word) > 3", None),
        ('date("no day at all") < 3', None),
    ],
)
def test_a_missing_fact_or_a_wrong_type_decides_only_if_the_rest_does_not(expression: str, expected: bool | None) -> None:
    variables: Variables = {"asset": {"number": 5, "word": "w"}}
    assert condition(expression).outcome(context(variables)) is expected


def test_facts_are_named_without_methods_words_and_inner_parts() -> None:
    expression = 'asset.os.ended && asset.ports.exists(port, port in [1]) && flow.method == "asset.fake" && has(vendor.x)'
    assert facts_in(expression) == ("asset.os", "asset.ports", "flow.method", "vendor.x")


@pytest.mark.parametrize(
    ("facts", "silent"),
    [
        ({"a": False, "b": True}, ()),
        ({"b": True}, ("asset.a",)),
        ({}, ("asset.a", "asset.b")),
        ({"a": False}, ()),
    ],
)
def test_an_outcome_rests_on_silence_only_where_recorded_values_do_not_show_it(
    facts: dict[str, Any], silent: tuple[str, ...]
) -> None:
    either = condition("(!has(asset.a) || !asset.a) || (!has(asset.b) || !asset.b)")
    assert either.resting_on(context({"asset": facts})) == silent


def test_silences_that_only_matter_together_are_named_together() -> None:
    both = condition("(!has(asset.a) || !asset.a) && (!has(asset.b) || !asset.b)")
    assert both.resting_on(context({"asset": {}})) == ("asset.a", "asset.b")
    assert both.resting_on(context({"asset": {"a": False}})) == ("asset.b",)


def test_silence_about_an_ordinary_state_is_no_gap() -> None:
    closed = Condition("!has(incident.closed_on)", gap=lambda fact: None)
    assert closed.outcome(context({})) is True
    assert closed.resting_on(context({})) == ()


@pytest.mark.parametrize(
    ("expression", "facts", "expected"),
    [
        ("asset.a && asset.b", {}, ("asset.a", "asset.b")),
        ("asset.a && asset.b", {"a": True}, ("asset.b",)),
        ("(asset.a || asset.b) && asset.c", {"b": True}, ("asset.c",)),
        ("(asset.a || asset.b) && asset.c", {"b": False}, ("asset.a", "asset.c")),
        ('asset.a == "x" && asset.b > 100', {}, ("asset.a", "asset.b")),
        ("asset.a && asset.a.b", {"a": True}, ("asset.a",)),
        ("asset.list.exists(i, i == 7) && asset.b", {}, ("asset.b", "asset.list")),
    ],
)
def test_what_is_missing_is_what_could_decide(expression: str, facts: dict[str, Any], expected: tuple[str, ...]) -> None:
    undecided = condition(expression)
    variables: Variables = {"asset": facts}
    assert undecided.outcome(context(variables)) is None
    assert undecided.undecided_for(variables, context, {}) == expected


@pytest.mark.parametrize(
    ("years", "expected"), [(0, date(2028, 2, 29)), (1, date(2027, 2, 28)), (4, date(2024, 2, 29)), (128, date(1900, 2, 28))]
)
def test_the_29th_of_february_falls_back_in_years_without_one(years: int, expected: date) -> None:
    assert Calendar(today=date(2028, 2, 29), now=0).years_ago(years) == expected.toordinal()


@pytest.mark.parametrize("years", [-1, 2028, "3", None, 1.5])
def test_impossible_years_give_no_answer(years: object) -> None:
    assert Calendar(today=date(2028, 2, 29), now=0).years_ago(years) is None
