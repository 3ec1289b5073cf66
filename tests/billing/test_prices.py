"""The arithmetic of money, by properties: the parts are the whole, nothing is negative, and nothing drifts."""

import itertools
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.prices import (
    Period,
    accrued,
    discounted,
    in_words,
    months_after,
    part,
    remainder,
    tax_on,
    year_of,
    years_after,
)

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
CENTS = st.integers(0, 10_000_000)
QUICK = settings(deadline=None, derandomize=True, max_examples=100)


@st.composite
def periods(draw: Any) -> Period:
    start = draw(DAYS)
    return Period(start, start + timedelta(days=draw(st.integers(1, 1100))))


@QUICK
@given(CENTS, periods(), st.lists(st.integers(0, 1100), max_size=30))
def test_the_parts_are_the_whole_wherever_it_is_cut(cents: int, period: Period, cuts: list[int]) -> None:
    days = sorted({0, period.days, *(cut for cut in cuts if cut < period.days)})
    edges = [period.start + timedelta(days=day) for day in days]
    parts = [part(cents, period, first, last) for first, last in itertools.pairwise(edges)]
    assert sum(parts) == cents
    assert all(each >= 0 for each in parts)
    for each, first, last in zip(parts, days, days[1:], strict=False):
        assert abs(Fraction(cents * (last - first), period.days) - each) < 1, "and each is right to the cent"


@QUICK
@given(CENTS, periods(), st.integers(0, 1100))
def test_what_is_used_and_what_is_left_are_the_whole(cents: int, period: Period, day: int) -> None:
    on = period.start + timedelta(days=day)
    assert accrued(cents, period, on) + remainder(cents, period, on) == cents
    assert 0 <= remainder(cents, period, on) <= cents


@QUICK
@given(st.integers(1, 200), st.integers(0, 100_000), periods(), st.integers(0, 365))
def test_so_many_locations_cost_so_many_times_as_much(count: int, each: int, period: Period, day: int) -> None:
    on = period.start + timedelta(days=day)
    assert sum(remainder(each, period, on) for _ in range(count)) == count * remainder(each, period, on)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(1, 100_000), periods(), st.randoms(use_true_random=False))
def test_a_thousand_changes_do_not_drift(cents: int, period: Period, chance: Any) -> None:
    """A location that joins and leaves a thousand times pays for exactly the days it was there, each cut by the staircase."""
    on = sorted(period.start + timedelta(days=chance.randrange(period.days + 1)) for _ in range(1000))
    paid = 0
    for number, day in enumerate(on):
        paid += remainder(cents, period, day) * (1 if number % 2 == 0 else -1)
        assert 0 <= paid <= cents
    there = zip(on[::2], on[1::2], strict=True)
    assert paid == sum(part(cents, period, came, went) for came, went in there)
    stayed = [period.start, *on, period.end]
    assert sum(part(cents, period, a, b) for a, b in itertools.pairwise(stayed)) == cents


@QUICK
@given(DAYS, st.integers(0, 40), st.integers(0, 365))
def test_billing_years_follow_each_other_without_a_gap(anchor: date, years: int, days: int) -> None:
    day = years_after(anchor, years) + timedelta(days=days)
    year = year_of(anchor, day)
    assert day in year
    assert year.days in {365, 366}
    assert year_of(anchor, year.end).start == year.end
    assert year_of(anchor, year.start - timedelta(days=1)).end == year.start


def test_a_leap_day_comes_back() -> None:
    anchor = date(2024, 2, 29)
    assert [years_after(anchor, years) for years in range(5)] == [
        date(2024, 2, 29),
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
    ]
    assert [months_after(date(2025, 1, 31), months) for months in (1, 2, 13)] == [
        date(2025, 2, 28),
        date(2025, 3, 31),
        date(2026, 2, 28),
    ]


@QUICK
@given(CENTS, st.integers(0, 100))
def test_a_discount_is_right_to_half_a_cent_and_never_more_than_all(cents: int, percent: int) -> None:
    price = discounted(cents, percent)
    assert 0 <= price <= cents
    assert abs(price - Fraction(cents * (100 - percent), 100)) <= Fraction(1, 2)
    assert discounted(cents, 0) == cents
    assert discounted(cents, 100) == 0


@QUICK
@given(CENTS, st.integers(0, 3000))
def test_tax_is_right_to_half_a_cent(cents: int, rate: int) -> None:
    assert abs(tax_on(cents, rate) - Fraction(cents * rate, 10_000)) <= Fraction(1, 2)


def test_money_in_words() -> None:
    assert [in_words(cents) for cents in (0, 5, 49_900, 123_456_789, -250)] == [
        "$0.00",
        "$0.05",
        "$499.00",
        "$1,234,567.89",
        "-$2.50",
    ]
    assert in_words(100, "eur") == "EUR 1.00"
