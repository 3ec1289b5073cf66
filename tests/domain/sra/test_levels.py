"""Levels are looked up in NIST's tables, and rolled up to the worst one."""

import pytest

from domain.sra.levels import OVERALL_LIKELIHOOD, RISK_LEVEL, Level, overall_likelihood, risk_level, roll_up

I2 = {
    "VH": "VL L M H VH",
    "H": "VL L M H VH",
    "M": "VL L M M H",
    "L": "VL L L L M",
    "VL": "VL VL VL L L",
}
G5 = {
    "VH": "L M H VH VH",
    "H": "L M M H VH",
    "M": "L L M M H",
    "L": "VL L L M M",
    "VL": "VL VL L L L",
}
FIVE = [level.code for level in Level]


@pytest.mark.parametrize("row", FIVE)
@pytest.mark.parametrize("column", FIVE)
def test_both_tables_cell_by_cell(row: str, column: str) -> None:
    at = FIVE.index(column)
    looked_up = risk_level(likelihood=Level.of(row), impact=Level.of(column))
    overall = overall_likelihood(occurrence=Level.of(row), adverse_impact=Level.of(column))
    assert looked_up.code == I2[row].split()[at]
    assert overall.code == G5[row].split()[at]


def test_it_is_no_product() -> None:
    """Five times one would be the same either way round; the table knows better."""
    assert risk_level(likelihood=Level.very_high, impact=Level.very_low) is Level.very_low
    assert risk_level(likelihood=Level.very_low, impact=Level.very_high) is Level.low


def test_the_two_tables_differ_where_they_are_easily_mistaken() -> None:
    assert RISK_LEVEL[Level.very_high][0] is Level.very_low
    assert OVERALL_LIKELIHOOD[Level.very_high][0] is Level.low


@pytest.mark.parametrize(("text", "level"), [("M", Level.moderate), ("moderate", Level.moderate), ("VH", Level.very_high)])
def test_a_level_is_named_by_code_or_word(text: str, level: Level) -> None:
    assert Level.of(text) is level


@pytest.mark.parametrize("text", ["medium", "", "5", "v_high"])
def test_another_word_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"no level; known are very_low \(VL\), low \(L\)"):
        Level.of(text)


def test_words_are_printed_as_in_the_standard() -> None:
    assert [level.word for level in Level] == ["Very Low", "Low", "Moderate", "High", "Very High"]


def test_an_adjustment_stays_within_the_scale() -> None:
    assert Level.high.shifted(1) is Level.very_high
    assert Level.very_high.shifted(1) is Level.very_high
    assert Level.low.shifted(-3) is Level.very_low


def test_a_roll_up_is_the_worst_with_counts_and_no_average() -> None:
    line = roll_up([Level.low] * 10 + [Level.very_high])
    assert line.worst is Level.very_high
    assert line.counts == {
        Level.very_low: 0,
        Level.low: 10,
        Level.moderate: 0,
        Level.high: 0,
        Level.very_high: 1,
    }
    assert line.total == 11


def test_nothing_to_roll_up_is_not_a_low_risk() -> None:
    assert roll_up([]).worst is None
