"""Levels of likelihood, impact and risk: five words, and the two tables that join them (NIST SP 800-30 Rev. 1).

A level is looked up, never calculated. The tables are not symmetric and are no products: a very likely threat with a
very low impact is Very Low (I-2), where multiplying 5 by 1 would say otherwise. ``catalogue/<edition>/scales.toml``
prints the same tables; the loader refuses an edition that prints other ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """One of the five words of SP 800-30 Rev. 1, in rising order."""

    very_low = "very_low"
    low = "low"
    moderate = "moderate"
    high = "high"
    very_high = "very_high"

    @classmethod
    def of(cls, text: str) -> "Level":
        """The level named by a word (``moderate``) or by a code (``M``); ValueError for anything else."""
        if text in _BY_CODE:
            return _BY_CODE[text]
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(f"{level.value} ({level.code})" for level in cls)
            raise ValueError(f"{text!r} is no level; known are {known}") from None

    @property
    def code(self) -> str:
        """VL, L, M, H or VH."""
        return _CODES[self]

    @property
    def word(self) -> str:
        """As the standard prints it: ``Very Low``."""
        return self.value.replace("_", " ").title()

    @property
    def rank(self) -> int:
        """0 for very low to 4 for very high: for sorting, never for arithmetic."""
        return _RISING.index(self)

    def shifted(self, steps: int) -> "Level":
        """Some steps up or down, held between very low and very high: how a reasoned adjustment is applied."""
        return _RISING[min(max(self.rank + steps, 0), len(_RISING) - 1)]


_RISING = tuple(Level)
_CODES = dict(zip(_RISING, ("VL", "L", "M", "H", "VH"), strict=True))
_BY_CODE = {code: level for level, code in _CODES.items()}


def _table(**rows: str) -> Mapping[Level, tuple[Level, ...]]:
    return {Level.of(code): tuple(Level.of(cell) for cell in cells.split()) for code, cells in rows.items()}


RISK_LEVEL = _table(
    VH="VL L M H VH",
    H="VL L M H VH",
    M="VL L M M H",
    L="VL L L L M",
    VL="VL VL VL L L",
)
"""Table I-2. Rows: overall likelihood; columns: level of impact, very low to very high."""

OVERALL_LIKELIHOOD = _table(
    VH="L M H VH VH",
    H="L M M H VH",
    M="L L M M H",
    L="VL L L M M",
    VL="VL VL L L L",
)
"""Table G-5. Rows: likelihood that the event is initiated or occurs; columns: likelihood that it then does harm."""


def risk_level(*, likelihood: Level, impact: Level) -> Level:
    """The level of risk, SP 800-30 Rev. 1 table I-2."""
    return RISK_LEVEL[likelihood][impact.rank]


def overall_likelihood(*, occurrence: Level, adverse_impact: Level) -> Level:
    """The overall likelihood, SP 800-30 Rev. 1 table G-5."""
    return OVERALL_LIKELIHOOD[occurrence][adverse_impact.rank]


@dataclass(frozen=True)
class RollUp:
    """Many levels as one line. ``worst`` is None when there is nothing to roll up: no risk *known*, not a low risk."""

    worst: Level | None
    counts: Mapping[Level, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def roll_up(levels: Iterable[Level]) -> RollUp:
    """The worst level, and how many there are of each. Never an average: low risks do not soften a very high one."""
    seen = tuple(levels)
    counts = {level: seen.count(level) for level in _RISING}
    worst = max(seen, key=lambda level: level.rank, default=None)
    return RollUp(worst=worst, counts=counts)
