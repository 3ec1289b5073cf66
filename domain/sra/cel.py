"""Conditions in CEL over facts that may be missing: three outcomes, and which silence an outcome rests on.

The CEL library gives the three values by itself: ``&&`` and ``||`` absorb errors, so an expression fails on a missing fact
only when that fact would decide it. What it does not say is *why* a condition holds. For that the expression is compiled
again with its tests for silence switched off one by one: ``!has(x)`` becomes ``false``, and what then still holds was
shown by recorded values.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import cel

from domain.known import is_mapping

ROOTS = (
    "asset",
    "flow",
    "consent",
    "vendor",
    "baa",
    "remote_access",
    "backup",
    "practice",
    "policy",
    "sra",
    "setting",
    "user",
    "account",
    "answer",
    "risk",
    "incident",
    "access_request",
    "document",
    "software",
    "known_issue",
)
"""Every variable that an expression may name. Each is always bound, if only to nothing."""

Variables = Mapping[str, Mapping[str, Any]]
"""Root -> fact -> value; a missing fact is left out."""

_UNDECIDED = (KeyError, TypeError, ValueError, RuntimeError, OverflowError)
"""What the library raises when a missing fact, or a value of another type than the expression expects, would decide."""

_TEXT = re.compile(r'"[^"]*"')
_PATH = re.compile(rf"(?<![\w.])((?:{'|'.join(ROOTS)})(?:\.\w+)+)(\()?")
_SILENCE = re.compile(r"!has\(([\w.]+)\)")


class Condition:
    """One expression. ``gap`` says for a fact whether its silence is a gap (else silence is an ordinary state)."""

    def __init__(self, expression: str, *, gap: Callable[[str], str | None]) -> None:
        self.expression = expression
        self.paths = _paths(expression)
        self.facts = tuple(sorted({fact_of(path) for path in self.paths}))
        self.silences = tuple(dict.fromkeys(p for p in _SILENCE.findall(expression) if gap(fact_of(p)) is not None))
        self._program = cel.compile(expression)
        tested = set(_SILENCE.findall(expression)) | set(re.findall(r"\bhas\(([\w.]+)\)", expression))
        self._deciding = tuple(path for path in self.paths if path not in tested)
        self._literals = tuple(dict.fromkeys(text[1:-1] for text in _TEXT.findall(expression)))

    def outcome(self, context: cel.Context) -> bool | None:
        """True: it holds. False: it does not. None: it cannot be decided."""
        return _run(self._program, context)

    def resting_on(self, context: cel.Context) -> tuple[str, ...]:
        """For a condition that holds: the facts on whose silence alone it rests. Empty: recorded values show it."""
        if self._holds(context, ()):
            return ()
        alone = {path for path in self.silences if self._holds(context, (path,))}
        needed = {path for path in self.silences if not self._holds(context, tuple(p for p in self.silences if p != path))}
        return tuple(sorted({fact_of(path) for path in alone | needed or self.silences}))

    def undecided_for(
        self, variables: Variables, rebuild: Callable[[Variables], cel.Context], seen: dict[str, tuple[str, ...]]
    ) -> tuple[str, ...]:
        """For a condition that cannot be decided: the missing facts that could decide it. Of one it is that one; of
        several, those are named with which some value gives an answer. ``rebuild`` makes a context of variables, and
        ``seen`` remembers the trials: most assets of an organization lack the same facts."""
        missing = tuple(path for path in self._deciding if not _is_there(variables, path))
        if len(missing) > 1:
            read = self._read_from(variables)
            key = f"{self.expression}{read!r}"
            if key not in seen:
                seen[key] = tuple(path for path in missing if self._could_decide(read, path, rebuild)) or missing
            missing = seen[key]
        return tuple(sorted({fact_of(path) for path in missing}))

    def _read_from(self, variables: Variables) -> Variables:
        """Only what the expression reads, in a fixed order."""
        read: dict[str, dict[str, Any]] = {}
        for fact in self.facts:
            root, name = fact.split(".")
            known = variables.get(root, {})
            read.setdefault(root, {}).update({name: known[name]} if name in known else {})
        return read

    def _holds(self, context: cel.Context, heard: tuple[str, ...]) -> bool:
        return _run(_hearing_only(self.expression, self.silences, heard), context) is True

    def _could_decide(self, variables: Variables, path: str, rebuild: Callable[[Variables], cel.Context]) -> bool:
        words = [*self._literals, "0", "999999", "any other word"]
        values = [True, False, 0, -1_000_000_000, 1_000_000_000, *words, [], [1], words]
        return any(self.outcome(rebuild(_with(variables, path, value))) is not None for value in values)


def fact_of(path: str) -> str:
    """``asset.os.ended`` is a part of the fact ``asset.os``."""
    return ".".join(path.split(".")[:2])


def facts_in(expression: str) -> tuple[str, ...]:
    """Every fact that an expression names, settings included."""
    return tuple(sorted({fact_of(path) for path in _paths(expression)}))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The functions that a rule may call, on one day. Days are numbers; a call with anything else gives no answer."""

    today: date
    now: float
    """Seconds since 1970, UTC."""

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "days_since": self.days_since,
            "days_until": self.days_until,
            "hours_since": self.hours_since,
            "years_ago": self.years_ago,
            "date": _day,
        }

    def days_since(self, day: object) -> int | None:
        return self.today.toordinal() - day if isinstance(day, int) else None

    def days_until(self, day: object) -> int | None:
        return day - self.today.toordinal() if isinstance(day, int) else None

    def hours_since(self, moment: object) -> float | None:
        return (self.now - moment) / 3600 if isinstance(moment, int | float) else None

    def years_ago(self, years: object) -> int | None:
        """The same day of an earlier year; 29 February falls back to the 28th."""
        if not isinstance(years, int) or not 0 <= years < self.today.year:
            return None
        year = self.today.year - years
        day = 28 if (self.today.month, self.today.day) == (2, 29) and not _is_leap(year) else self.today.day
        return date(year, self.today.month, day).toordinal()


def _day(text: object) -> int | None:
    return date.fromisoformat(text).toordinal() if isinstance(text, str) and _DAY.fullmatch(text) else None


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _run(program: cel.Program, context: cel.Context) -> bool | None:
    try:
        answer = program.execute(context)
    except _UNDECIDED:
        return None
    return answer if isinstance(answer, bool) else None


@lru_cache(maxsize=4096)
def _hearing_only(expression: str, silences: tuple[str, ...], heard: tuple[str, ...]) -> cel.Program:
    """The expression with the tests for silence switched off, except those in ``heard``."""
    deaf = {path for path in silences if path not in heard}
    return cel.compile(_SILENCE.sub(lambda m: "false" if m.group(1) in deaf else m.group(0), expression))


def _paths(expression: str) -> tuple[str, ...]:
    """Fact paths in reading order. A method call such as ``asset.open_ports.exists(`` is no fact."""
    found: dict[str, None] = {}
    for path, called in _PATH.findall(_TEXT.sub('""', expression)):
        found.setdefault(path.rpartition(".")[0] if called else path)
    return tuple(found)


def _is_there(variables: Variables, path: str) -> bool:
    value: Any = variables
    for name in path.split("."):
        if not is_mapping(value) or name not in value:
            return False
        value = value[name]
    return True


def _with(variables: Variables, path: str, value: Any) -> Variables:
    """The variables with one more fact; an inner fact gets the objects around it."""
    root, *inner = path.split(".")
    return {**variables, root: _nested(variables.get(root, {}), inner, value)}


def _nested(facts: Mapping[str, Any], names: Iterable[str], value: Any) -> Mapping[str, Any]:
    first, *rest = names
    if not rest:
        return {**facts, first: value}
    inner = facts.get(first)
    return {**facts, first: _nested(inner if is_mapping(inner) else {}, rest, value)}
