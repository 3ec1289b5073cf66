"""What counts as known. Missing, null, an empty text and the word "unknown" are one state, and it is never "no".

Facts arrive as database values, as JSON and from files, so dates come as dates and as texts; what cannot be read as what
it should be is not known either.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeGuard


def is_known(value: object) -> bool:
    """False for None, an empty text and the word "unknown". An empty list is known: asked, none."""
    if isinstance(value, str):
        return value.strip().casefold() not in ("", "unknown")
    return value is not None


def known(facts: Mapping[str, Any], name: str) -> Any:
    """The recorded value, or None when it is not known."""
    value = facts.get(name)
    return value if is_known(value) else None


def flag(facts: Mapping[str, Any], name: str) -> bool | None:
    """True or False, or None for anything else."""
    value = facts.get(name)
    return value if isinstance(value, bool) else None


def as_date(value: object) -> date | None:
    """A calendar day; an instant counts for its day in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date() if value.tzinfo else value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        moment = as_instant(value)
        return moment.date() if moment else None


def as_instant(value: object) -> datetime | None:
    """An instant in UTC; one without a zone counts as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def as_list(value: object) -> list[Any] | None:
    """A list, or None for what is none."""
    if isinstance(value, list | tuple):
        items: list[Any] = [*value]  # pyright: ignore[reportUnknownVariableType] - the members are looked at one by one later
        return items
    return None
