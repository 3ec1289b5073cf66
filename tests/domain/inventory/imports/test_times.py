"""Points in time: three units of epoch, ISO in its variants, stated formats, zones, and what is no time at all."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.inventory.imports.normal_form import Json, UnreadableImport
from domain.inventory.imports.times import Clock, date_format, zone_named
from tests.domain.inventory.imports.samples import AS_OF


def clock(zone: str = "UTC", stated: str | None = None, unit: Any = "any") -> Clock:
    return Clock(AS_OF, zone_named(zone), unit, date_format(stated) if stated else None)


def read(value: Json, **options: Any) -> str | None:
    moment = clock(**options).read(value)
    return moment.at.isoformat() if moment.at else None


NOON = "2026-11-22T11:00:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        1795345200,
        1795345200.987,
        "1795345200",
        1795345200000,
        "1795345200000",
        1795345200000000,
        "2026-11-22T11:00:00Z",
        "2026-11-22T11:00:00.1234567Z",
        "2026-11-22T05:00:00.250-06:00",
        "2026-11-22T05:00:00-0600",
        "2026-11-22 11:00:00",
        "2026-11-22 11:00:00 UTC",
        "2026-11-22 11:00",
        "2026-11-22_11-00-00",
    ],
)
def test_one_moment_in_many_forms(value: Json) -> None:
    assert read(value) == NOON


@pytest.mark.parametrize("value", [None, "", "  ", "N/A", "-", "never", "Unknown", "None"])
def test_no_time_said_is_no_warning(value: Json) -> None:
    assert clock().read(value) == (None, ())


@pytest.mark.parametrize(
    "value",
    [
        0,
        -5,
        915148800,
        "1999-12-31T23:59:59Z",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "2026-02-30",
        "2026-13-40_99-00-00",
        "2026-11-22T25:00:00Z",
        "11/22/2026 06:15 AM",
        "22.11.2026",
        "20261122",
        "yesterday",
        float("1e300"),
        10**400,
        True,
        [],
        {},
        "2026-W47-7",
        "٢٠٢٦-١١-٢٢",
    ],
)
def test_what_is_no_time_is_none_with_a_warning(value: Json) -> None:
    assert clock().read(value) == (None, ("bad_date",))


def test_up_to_a_day_in_the_future_is_a_clock_that_is_wrong_and_more_is_no_contact() -> None:
    assert read("2026-11-23T12:00:00Z") == "2026-11-23T12:00:00+00:00"
    assert clock().read("2026-11-23T12:00:01Z") == (None, ("last_seen_in_future",))


def test_the_last_moment_of_the_calendar_is_no_trap() -> None:
    late = Clock(datetime.max.replace(tzinfo=UTC), UTC)
    assert late.read("9999-12-31T23:59:59Z").warnings == ()


@pytest.mark.parametrize(
    ("own", "value", "warnings"),
    [
        ("s", 1795345200, ()),
        ("s", 1795345200000, ("epoch_ms",)),
        ("ms", 1795345200000, ()),
        ("ms", 1795345200, ("epoch_s",)),
        ("ms", 1795345200000000, ("epoch_us",)),
        (None, 1795345200, ("epoch_s",)),
        ("any", 1795345200, ()),
    ],
)
def test_a_unit_that_is_not_the_sources_own_is_kept_and_flagged(own: str, value: int, warnings: tuple[str, ...]) -> None:
    moment = clock(unit=own).read(value)
    assert moment.at == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert moment.warnings == warnings


def test_a_time_without_a_zone_is_in_the_stated_one_with_its_summer_time() -> None:
    assert read("2026-11-20 15:00:00", zone="America/Chicago") == "2026-11-20T21:00:00+00:00"
    assert read("2026-10-05 09:30:00", zone="America/Chicago") == "2026-10-05T14:30:00+00:00"
    assert read("2026-11-21", zone="America/New_York") == "2026-11-21T05:00:00+00:00"
    assert read("2026-11-20T15:00:00Z", zone="America/Chicago") == "2026-11-20T15:00:00+00:00"


@pytest.mark.parametrize(
    ("stated", "value", "expected"),
    [
        ("DD.MM.YYYY HH:mm", "22.11.2026 05:00", "2026-11-22T05:00:00+00:00"),
        ("DD.MM.YYYY HH:mm", "1.11.2026 00:30", "2026-11-01T00:30:00+00:00"),
        ("DD.MM.YYYY HH:mm", "1.11.2026", "2026-11-01T00:00:00+00:00"),
        ("MM/DD/YYYY hh:mm AM/PM", "11/21/2026 12:30 AM", "2026-11-21T00:30:00+00:00"),
        ("MM/DD/YYYY hh:mm AM/PM", "11/21/2026 12:30 pm", "2026-11-21T12:30:00+00:00"),
        ("M/D/YYYY h:mm A", "1/2/2026 3:04 PM", "2026-01-02T15:04:00+00:00"),
        ("DD MMM YYYY", "05 Mar 2026", "2026-03-05T00:00:00+00:00"),
        ("HH:mm DD.MM.YYYY", "05:10 22.11.2026", "2026-11-22T05:10:00+00:00"),
        ("YYYY-MM-DDTHH:mm:ss", "2026-11-22T05:10:11", "2026-11-22T05:10:11+00:00"),
        ("MM/DD/YYYY", "2026-11-22T11:00:00Z", NOON),
        ("MM/DD/YYYY", "1795345200", NOON),
    ],
)
def test_a_stated_format(stated: str, value: str, expected: str) -> None:
    assert read(value, stated=stated) == expected


@pytest.mark.parametrize("value", ["31.04.2026 10:00", "22.11.2026 24:00", "00.11.2026", "22.11.26", "22/11/2026"])
def test_a_day_that_does_not_exist_or_another_format_is_unreadable(value: str) -> None:
    assert clock(stated="DD.MM.YYYY HH:mm").read(value) == (None, ("bad_date",))


def test_the_thirteenth_hour_of_a_half_day_does_not_exist() -> None:
    assert clock(stated="MM/DD/YYYY hh:mm AM/PM").read("11/21/2026 13:30 PM") == (None, ("bad_date",))


@pytest.mark.parametrize("stated", ["", "HH:mm", "MM/DD", "MM/DD/YYYY MM", "MMM MM DD YYYY", "(.*)+$"])
def test_a_format_without_year_month_and_day_is_refused(stated: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        date_format(stated)
    assert refusal.value.specific_code == "bad_date_format"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "America", "\x00", "utc " * 99])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        zone_named(name)
    assert refusal.value.specific_code == "unknown_timezone"
