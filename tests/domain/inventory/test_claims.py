"""Who is believed: a person before a machine, a machine before the survey, whatever the order in which they spoke."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.inventory.claims import PERSON, SURVEY, Card, Claim, believe, settle
from domain.inventory.reconcile import agree

SWITCH = "encryption_at_rest"
VALUES = st.sampled_from(["none", "volume", "database", None])
SPOKEN = st.lists(st.tuples(st.sampled_from([SURVEY, "ninjaone"]), VALUES), max_size=6)


def card(value: str | None = None, source: str | None = None) -> Card:
    provenance = {SWITCH: Claim(source, value, "2026-11-01").mark()} if source else {}
    row: dict[str, Any] = {SWITCH: value, "owner": None, "facts": {}, "provenance": provenance}
    return Card(row, is_new=False)


def hear(on: Card, spoken: list[tuple[str, str | None]]) -> Card:
    """Each import in turn, on the row that the one before has left. A tool that knows nothing says nothing."""
    for source, value in spoken:
        if value is not None or source == SURVEY:
            on = Card(on.values, is_new=False)
            settle(on, SWITCH, Claim(source, value, "2026-11-22"))
    return on


@given(SPOKEN, SPOKEN)
def test_only_the_last_word_of_each_voice_counts(
    one: list[tuple[str, str | None]], other: list[tuple[str, str | None]]
) -> None:
    last: list[tuple[str, str | None]] = [(SURVEY, "volume"), ("ninjaone", "none")]
    forward = hear(hear(card(), one), last)
    backward = hear(hear(card(), other), last[::-1])
    assert forward.values == backward.values
    assert forward.values[SWITCH] == "none"
    assert [each.used for each in forward.disagreements] == [each.used for each in backward.disagreements] == ["none"]


@given(SPOKEN)
def test_the_value_follows_from_what_was_said_last(spoken: list[tuple[str, str | None]]) -> None:
    words = {source: value for source, value in spoken if value is not None or source == SURVEY}
    survey, measured = words.get(SURVEY), words.get("ninjaone")
    found = hear(card(), spoken).values[SWITCH]
    if survey and measured and agree(SWITCH, survey, measured):
        assert found == survey, "the finer word of two that agree"
    else:
        assert found == (measured or survey)


@given(SPOKEN, st.sampled_from(["none", "volume"]))
def test_a_person_stands_against_everybody(spoken: list[tuple[str, str | None]], value: str) -> None:
    heard = hear(card(value, PERSON), spoken)
    assert heard.values[SWITCH] == value
    assert heard.values["provenance"][SWITCH]["source"] == PERSON
    assert not heard.is_changed


def test_a_value_without_a_source_is_a_persons() -> None:
    heard = hear(card("volume"), [("ninjaone", "none")])
    assert heard.values[SWITCH] == "volume"
    assert [each.as_json("asset:1") for each in heard.disagreements] == [
        {"subject": "asset:1", "fact": SWITCH, "survey": None, "measured": "none", "person": "volume", "used": "volume"}
    ]


def test_a_confirmation_of_the_same_value_stays() -> None:
    confirmed = card("volume", "ninjaone")
    confirmed.values["provenance"][SWITCH]["confirmed_by"] = "somebody"
    assert hear(confirmed, [("ninjaone", "volume")]).values["provenance"][SWITCH]["confirmed_by"] == "somebody"
    assert hear(confirmed, [("ninjaone", "none")]).values["provenance"][SWITCH]["confirmed_by"] is None


def test_a_plain_fact_is_taken_from_whom_may_be_replaced() -> None:
    row = card()
    believe(row, "owner", Claim(SURVEY, "office manager", "2026-11-19"), over=frozenset({SURVEY}))
    believe(row, "owner", Claim("ninjaone", "MSP", "2026-11-20"), over=frozenset({"measured"}))
    assert row.values["owner"] == "office manager"
    believe(row, "owner", Claim(SURVEY, None, "2026-11-21"), over=frozenset({SURVEY}))
    assert (row.values["owner"], row.values["provenance"]) == (None, {}), "what nobody says any more is unknown"


def test_a_later_observation_of_the_same_is_nothing_new() -> None:
    row = card("volume", "ninjaone")
    settle(row, SWITCH, Claim("ninjaone", "volume", "2026-12-24"))
    assert not row.is_to_be_written
