"""What 45 CFR 164.402 asks before an incident is held to be no breach: the exclusions and the four factors, as the
catalogue has them. Nothing is said here in other words.
"""

import re
from dataclasses import dataclass

from domain.remediation.incidents import BreachFactor, Exclusion
from domain.sra.catalogue import Catalogue, catalogue

_ITEM = re.compile(r"\((i{1,3}|iv)\)\s*([^;]+)")


@dataclass(frozen=True)
class Asked:
    """One item of a paragraph: ``item`` is its numeral."""

    key: str
    item: str
    summary: str


@dataclass(frozen=True)
class BreachQuestions:
    presumed: str
    factors_citation: str
    factors: tuple[Asked, ...]
    exclusions_citation: str
    exclusions: tuple[Asked, ...]
    source: str
    verified: str


def breach_questions(book: Catalogue | None = None) -> BreachQuestions:
    """Read from the rows of the catalogue; the order of the items is that of the paragraph."""
    rows = {each.key: each for each in (book or catalogue()).requirements}
    factors, exclusions = rows["164.402(2)"], rows["164.402(1)"]
    return BreachQuestions(
        presumed=rows["164.402 breach"].summary,
        factors_citation=factors.citation,
        factors=_items(factors.summary, [each.value for each in BreachFactor]),
        exclusions_citation=exclusions.citation,
        exclusions=_items(exclusions.summary, [each.value for each in Exclusion]),
        source=factors.source,
        verified=factors.verified,
    )


def _items(summary: str, keys: list[str]) -> tuple[Asked, ...]:
    found = _ITEM.findall(summary)
    return tuple(Asked(key, f"({item})", text.strip()) for key, (item, text) in zip(keys, found, strict=True))
