"""Reads recorded facts into the values that rules calculate with, by the catalogue's vocabulary.

A fact that is not known is left out; one that nobody records because it is the usual state gets that state. Days become
day numbers and instants become seconds, so that the expressions compare plain numbers.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from domain.known import as_date, as_instant, as_list, is_known, is_mapping
from domain.sra.catalogue import Fact


class Vocabulary:
    """The facts by what they belong to, and what silence about each of them means."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._of: dict[str, dict[str, Fact]] = {}
        for fact in facts:
            self._of.setdefault(fact.of, {})[fact.name] = fact

    def gap(self, path: str) -> str | None:
        """How a finding is labelled that rests on the silence about a fact: absent, unknown, or None for never missing."""
        fact = self._fact(path)
        return fact.gap if fact else None

    def read(self, of: str, facts: Mapping[str, Any], *, kind: str = "") -> dict[str, Any]:
        """The known facts as rules see them, with the usual states filled in. Names outside the vocabulary are left out."""
        rows = self._of.get(of, {})
        values: dict[str, Any] = {}
        for name, recorded in facts.items():
            row = rows.get(name)
            readable = row is not None and not row.computed and is_known(recorded)
            value = self._value(row, recorded) if row is not None and readable else None
            if value is not None:
                values[name] = value
        for name, row in rows.items():
            if name not in values:
                usual = _usual_state(row, kind)
                if usual is not None:
                    values[name] = usual
        for name, row in rows.items():
            if row.absent_same_as in values:
                values.setdefault(name, values[row.absent_same_as])
        return values

    def settings(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting, as the practice chose it or else its default. What is no number counts as not chosen."""
        rows = self._of.get("setting", {}).values()
        return {row.name: _number(chosen.get(row.name), otherwise=row.default) for row in rows}

    def printed(self, path: str, value: Any) -> Any:
        """A value that a rule has read, as JSON prints it: days and instants are texts again."""
        fact = self._fact(path)
        return value if fact is None else self._printed(fact, value)

    def _fact(self, path: str) -> Fact | None:
        of, name = path.split(".")[:2]
        return self._of.get(of, {}).get(name)

    def _value(self, row: Fact, recorded: Any) -> Any:
        match row.type:
            case "boolean":
                return recorded if isinstance(recorded, bool) else None
            case "integer":
                return _number(recorded, otherwise=None)
            case "date":
                day = as_date(recorded)
                return day.toordinal() if day else None
            case "datetime":
                moment = as_instant(recorded)
                return moment.timestamp() if moment else None
            case "list":
                return self._list(row, recorded)
            case "object":
                return self._object(row, recorded)
            case _:
                return self._text(row, recorded)

    def _text(self, row: Fact, recorded: Any) -> str | None:
        """A yes or no where a word of a closed list belongs is not understood, so it is not known."""
        if isinstance(recorded, bool) and row.values:
            return None
        return _text(recorded)

    def _list(self, row: Fact, recorded: Any) -> list[Any] | None:
        members = as_list(recorded)
        if members is None:
            return None
        if row.shape is not None:
            return [self.read(row.shape, member) for member in members if is_mapping(member)]
        if row.items == "integer":
            return [number for number in map(_whole_number, members) if number is not None]
        return [_text(member) for member in members if _is_plain(member)]

    def _object(self, row: Fact, recorded: Any) -> Any:
        """A record counts as recorded when anything in it is known, also under names that no rule reads."""
        if not is_mapping(recorded):
            return _text(recorded) if _is_plain(recorded) and recorded is not False else None
        if not any(is_known(value) for value in recorded.values()):
            return None
        return self.read(row.shape, recorded) if row.shape else {}

    def _printed(self, fact: Fact, value: Any) -> Any:
        if fact.type == "date" and isinstance(value, int):
            return date.fromordinal(value).isoformat()
        if fact.type == "datetime" and isinstance(value, float):
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if fact.shape is not None and is_mapping(value):
            return {name: self.printed(f"{fact.shape}.{name}", inner) for name, inner in value.items()}
        members = as_list(value)
        if fact.shape is not None and members is not None:
            return [{name: self.printed(f"{fact.shape}.{name}", inner) for name, inner in member.items()} for member in members]
        return value


_USUAL_STATES: Mapping[str, Any] = {"unknown": None, "none": None, "true": True, "false": False}


def _usual_state(row: Fact, kind: str) -> Any:
    """The state that goes without saying, or None where silence is no state. A list that is absent as "none" is empty."""
    if kind in row.absent_true_for:
        return True
    if row.type == "list" and row.absent == "none":
        return []
    return _USUAL_STATES.get(row.absent, row.absent)


def _number(value: Any, *, otherwise: int | None) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    whole = int(value) if value == value and abs(value) < 1e15 else None  # noqa: PLR0124 - NaN is not equal to itself
    return otherwise if whole is None else whole if whole == value else value


def _whole_number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= 15:
        return int(value)
    number = _number(value, otherwise=None)
    return number if isinstance(number, int) else None


def _text(value: Any) -> str:
    """As text that can be written as UTF-8: half of a surrogate pair, which JSON can carry, becomes a question mark."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
