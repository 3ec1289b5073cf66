"""The arithmetic of money: whole cents, whole days, and parts that always add up to the whole.

A part of a year's price is the difference of two points on one staircase (:func:`accrued`), never a rounded product. So
whatever is cut is put together again without a cent of drift, however often a subscription changes. Each location is cut
by itself: three locations cost exactly three times as much as one, on every day.

Days are calendar days in UTC, from the first inclusive to the last exclusive.
"""

import calendar
from dataclasses import dataclass
from datetime import date

WHOLE = 10_000
"""Hundredths of a percent in the whole."""


@dataclass(frozen=True)
class Period:
    """Days that are paid for together: from ``start`` until the day before ``end``."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a period has at least one day")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


def years_after(start: date, years: int) -> date:
    """The same day so many years later; 29 February gives way to 28 February in years that have none."""
    year = start.year + years
    return date(year, start.month, min(start.day, calendar.monthrange(year, start.month)[1]))


def months_after(start: date, months: int) -> date:
    """The same day so many months later, or the month's last where it has no such day."""
    count = start.year * 12 + start.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def year_of(anchor: date, day: date) -> Period:
    """The billing year that ``day`` lies in, counted from the anchor each time, so a leap day is not lost for good."""
    years = day.year - anchor.year
    while years_after(anchor, years) > day:
        years -= 1
    while years_after(anchor, years + 1) <= day:
        years += 1
    return Period(years_after(anchor, years), years_after(anchor, years + 1))


def accrued(cents: int, period: Period, day: date) -> int:
    """What of a period's price has been used up when ``day`` begins; nothing before the period, all of it after."""
    gone = min(max((day - period.start).days, 0), period.days)
    return cents * gone // period.days


def part(cents: int, period: Period, first: date, last: date) -> int:
    """The price of the days from ``first`` until the day before ``last``."""
    return accrued(cents, period, last) - accrued(cents, period, first)


def remainder(cents: int, period: Period, day: date) -> int:
    """The price of the days from ``day`` to the end of the period."""
    return part(cents, period, day, period.end)


def discounted(cents: int, percent: int) -> int:
    """A price less so many percent; half a cent is rounded up. Discounts are taken off the rate, never off a sum."""
    return (cents * (100 - percent) * 2 + 100) // 200


def tax_on(cents: int, rate: int) -> int:
    """Tax on a sum without tax; ``rate`` in hundredths of a percent, half a cent is rounded up."""
    return (cents * rate * 2 + WHOLE) // (WHOLE * 2)


def in_words(cents: int, currency: str = "usd") -> str:
    """``$1,234.50``; other currencies with their code, as ``EUR 1,234.50``."""
    mark = "$" if currency == "usd" else f"{currency.upper()} "
    sign = "-" if cents < 0 else ""
    return f"{sign}{mark}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
