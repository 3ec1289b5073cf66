"""Points in time as exports write them: epoch numbers in three units, ISO forms, local times and a stated format.

A number tells its unit by its size, so a column may mix them. A time without a zone is taken in the zone the caller
names, never in that of this machine. Slashed dates are never guessed: without a stated format they are unreadable.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from domain.inventory.imports.normal_form import Json, UnreadableImport
from domain.inventory.imports.texts import letters

EpochUnit: TypeAlias = Literal["s", "ms", "us"]


class Moment(NamedTuple):
    at: datetime | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one import are to be read."""

    as_of: datetime
    zone: tzinfo
    own_unit: EpochUnit | Literal["any"] | None = None
    """The unit in which the source writes numbers; None when it writes none, so that any number is remarkable."""
    date_format: "DateFormat | None" = None

    def read(self, value: Json) -> Moment:
        """Whole seconds in UTC. None with a warning for what is no time, is before 2000 or lies in the future."""
        if value is None or (isinstance(value, str) and letters(value) in _NO_TIME):
            return Moment(None, ())
        try:
            moment, warnings = self._moment(value)
            moment = moment.astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError, OSError):
            return _UNREADABLE
        if moment.year < _EARLIEST_YEAR:
            return _UNREADABLE
        if moment - self.as_of > timedelta(days=1):
            return Moment(None, (*warnings, "last_seen_in_future"))
        return Moment(moment, warnings)

    def _moment(self, value: Json) -> tuple[datetime, tuple[str, ...]]:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        if not isinstance(value, str):
            return self._from_epoch(float(value))
        text = value.strip()
        if _NUMBER.fullmatch(text):
            return self._from_epoch(float(text))
        if self.date_format:
            naive = self.date_format.read(text)
            if naive:
                return naive.replace(tzinfo=self.zone), ()
        moment = _from_iso(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone), ()

    def _from_epoch(self, number: float) -> tuple[datetime, tuple[str, ...]]:
        if not math.isfinite(number):
            raise ValueError
        unit: EpochUnit = "us" if number >= 1e14 else "ms" if number >= 1e11 else "s"
        seconds = math.floor(number / _UNITS[unit])
        foreign = self.own_unit not in (unit, "any")
        return datetime.fromtimestamp(seconds, UTC), (f"epoch_{unit}",) if foreign else ()


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A stated format such as ``DD.MM.YYYY HH:mm`` or ``MM/DD/YYYY hh:mm AM/PM``; the time of day may be left out."""

    pattern: re.Pattern[str]

    def read(self, text: str) -> datetime | None:
        """The naive time, None if the text has another form. Raises ValueError for a day or hour that is not."""
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        parts: Mapping[str, str | None] = match.groupdict()
        hour = int(parts.get("hour") or 0)
        half = (parts.get("half") or "").upper()
        if half:
            if not 1 <= hour <= 12:
                raise ValueError
            hour = hour % 12 + (12 if half == "PM" else 0)
        name = parts.get("month_name")
        month = _MONTHS.index(name.casefold()) + 1 if name else int(parts["month"] or 0)
        return datetime(  # noqa: DTZ001  the zone is the caller's to add
            int(parts["year"] or 0),
            month,
            int(parts["day"] or 0),
            hour,
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
        )


@lru_cache(maxsize=64)
def date_format(text: str) -> DateFormat:
    """Raises UnreadableImport for a format without year, month and day, or with a token twice."""
    date, time, seen, date_first = "", "", set[str](), True
    for token in _TOKENS.findall(text.strip()):
        pattern, name, belongs_to_time = _TOKEN_PATTERNS.get(token, ("", "", False))
        if name in seen:
            raise _bad_format()
        if not name:
            pattern = r"\s+" if token.isspace() else re.escape(token)
        elif belongs_to_time and not time:  # what separates date and time is left out together with the time
            kept = _TRAILING_SEPARATOR.sub("", date)
            date, time = kept, date[len(kept) :]
        elif time and not belongs_to_time:
            date_first = False
        if name:
            seen.add(name)
        if time or belongs_to_time:
            time += pattern
        else:
            date += pattern
    if not {"year", "month", "day"} <= seen:
        raise _bad_format()
    optional = "?" if date_first else ""
    return DateFormat(re.compile(f"{date}(?:{time}){optional}" if time else date, re.IGNORECASE | re.ASCII))


def zone_named(name: str) -> ZoneInfo:
    """The zone of the tz database. Raises UnreadableImport for a name it does not have."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as fault:
        raise UnreadableImport(
            "unknown_timezone",
            "The time zone is not one of the tz database; a name such as America/Chicago is expected.",
            pointer="/timezone",
        ) from fault


def _from_iso(text: str) -> datetime:
    """ISO 8601 with any fraction, a blank or an underscore before the time, and zone words instead of Z."""
    action1 = _UNDERSCORED.fullmatch(text)
    if action1:  # this source writes UTC without saying so
        return datetime.fromisoformat(f"{action1.group(1)}T{action1.group(2).replace('-', ':')}+00:00")
    if not _ISO_START.match(text):
        raise ValueError
    return datetime.fromisoformat(_UTC_WORD.sub("Z", text))


def _bad_format() -> UnreadableImport:
    return UnreadableImport(
        "bad_date_format",
        "The date format must name year, month and day once each, for example MM/DD/YYYY hh:mm AM/PM.",
        pointer="/mapping/date_format",
    )


_UNREADABLE = Moment(None, ("bad_date",))
_EARLIEST_YEAR = 2000
_NO_TIME = {"", "na", "none", "null", "never", "unknown", "undefined"}
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE]\+?\d{1,2})?", re.ASCII)
_UNITS: Mapping[EpochUnit, float] = {"s": 1, "ms": 1e3, "us": 1e6}
_UNDERSCORED = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d-\d\d-\d\d)", re.ASCII)
_ISO_START = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]|$)", re.ASCII)
_UTC_WORD = re.compile(r"\s?(?:UTC|GMT|Z)$", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = re.compile(r"YYYY|MMM|MM|M|DD|D|HH|H|hh|h|mm|ss|AM/PM|A|a|\s+|.", re.DOTALL)
_TRAILING_SEPARATOR = re.compile(r"(?:\\s\+|\\.|[,T])+$")
_TOKEN_PATTERNS: Mapping[str, tuple[str, str, bool]] = {
    "YYYY": (r"(?P<year>\d{4})", "year", False),
    "MMM": (rf"(?P<month_name>{'|'.join(_MONTHS)})", "month", False),
    "MM": (r"(?P<month>\d{1,2})", "month", False),
    "M": (r"(?P<month>\d{1,2})", "month", False),
    "DD": (r"(?P<day>\d{1,2})", "day", False),
    "D": (r"(?P<day>\d{1,2})", "day", False),
    "HH": (r"(?P<hour>\d{1,2})", "hour", True),
    "H": (r"(?P<hour>\d{1,2})", "hour", True),
    "hh": (r"(?P<hour>\d{1,2})", "hour", True),
    "h": (r"(?P<hour>\d{1,2})", "hour", True),
    "mm": (r"(?P<minute>\d{1,2})", "minute", True),
    "ss": (r"(?P<second>\d{1,2})", "second", True),
    "AM/PM": (r"(?P<half>AM|PM)", "half", True),
    "A": (r"(?P<half>AM|PM)", "half", True),
    "a": (r"(?P<half>AM|PM)", "half", True),
}
