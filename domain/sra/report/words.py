"""How values are said in a report: one place for the words, so that "not known" is never written as anything softer."""

import datetime
from collections.abc import Iterable, Sequence

from domain.inventory.map import words as spelled
from domain.sra.levels import Level
from domain.sra.report.document import Cell, Line, Tone
from domain.sra.report.rows import FactLine

NOT_KNOWN = "Not known"
NOT_RECORDED = "Not recorded"
NONE = "None recorded."

DECISIONS = {"required": "Required", "not_required": "Not required", "needs_facts": "Not decided: facts are missing"}
BASES = {
    "fact": "A recorded fact shows it",
    "absent": "Something that must be on record is not",
    "unknown": "A fact is not known",
    "answer": "An answer shows it",
    "judgement": "Judged by a person",
}
OS_SUPPORT = {
    "supported": "In support",
    "ended": "Out of support",
    "unknown": "Support not known",
    "not_applicable": "Support not applicable",
}
READINESS = {
    "ready": "Ready",
    "partly": "Partly ready",
    "not_ready": "Not ready",
    "unknown": "Not known",
    "not_measured": "About the rule itself",
    "not_applicable": "Not applicable",
}


def cell(*lines: Line | str | None) -> Cell:
    """Lines from texts; an absent text leaves no line."""
    return tuple(line if isinstance(line, Line) else Line(line) for line in lines if line is not None and line != "")


def said(text: str | None, *, absent: str = NOT_RECORDED, prefix: str = "") -> Line:
    """The text, or that there is none, in the tone of what is missing."""
    return Line(f"{prefix}{text}") if text else Line(f"{prefix}{absent}", "unknown")


def level(one: Level | None, *, absent: str = NOT_RECORDED) -> Line:
    if one is None:
        return Line(absent, "unknown")
    return Line(one.word, level_tone(one))


def level_tone(one: Level) -> Tone:
    tones: dict[Level, Tone] = {
        Level.very_low: "very_low",
        Level.low: "low",
        Level.moderate: "moderate",
        Level.high: "high",
        Level.very_high: "very_high",
    }
    return tones[one]


def yes_no(value: bool | None, *, yes: str = "Yes", no: str = "No") -> Line:
    if value is None:
        return Line(NOT_KNOWN, "unknown")
    return Line(yes if value else no)


def phrase(code: str | None) -> str | None:
    """``not_in_place`` as ``Not in place``; words that are no code stay as they were written."""
    if code and code == code.lower() and " " not in code:
        spaced = spelled(code)
        return spaced[:1].upper() + spaced[1:] if spaced[:4] != "ePHI" else spaced
    return code


def day(one: datetime.date | None) -> str | None:
    return None if one is None else one.isoformat()


def moment(one: datetime.datetime | None) -> str | None:
    """To the minute, in UTC: reports are compared across time zones."""
    return None if one is None else one.strftime("%Y-%m-%d %H:%M UTC")


def joined(texts: Iterable[str], *, separator: str = ", ") -> str | None:
    return separator.join(texts) or None


def period(start: datetime.date | None, end: datetime.date | None) -> str | None:
    if start is None and end is None:
        return None
    return f"{day(start) or 'start not recorded'} to {day(end) or 'end not recorded'}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def number_ranges(numbers: Sequence[int]) -> str | None:
    """``R-1, R-4 to R-9``: findings by the names they have in the risk table; three or more in a row as a range."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return joined(each for run in runs for each in _run(run))


def _run(run: Sequence[int]) -> Iterable[str]:
    if len(run) < 3:
        return (reference(number) for number in run)
    return (f"{reference(run[0])} to {reference(run[-1])}",)


def reference(number: int) -> str:
    return f"R-{number}"


def facts_in_words(facts: Iterable[FactLine]) -> list[str]:
    """One line for each thing: ``LV-OP1: Login mode: shared (survey, 2026-11-22); Enabled: yes``."""
    said_of: dict[str | None, list[str]] = {}
    for one in facts:
        source = f" ({one.source})" if one.source else ""
        said_of.setdefault(one.of, []).append(f"{one.name}: {one.value or NOT_KNOWN}{source}")
    return [f"{of}: {'; '.join(lines)}" if of else "; ".join(lines) for of, lines in said_of.items()]
