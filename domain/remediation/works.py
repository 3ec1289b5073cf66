"""Pieces of work: what findings have in common that one and the same work mends. A plan is read in these, not in findings."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from domain.sra.catalogue import catalogue
from domain.sra.findings import Finding, FindingOrigin


@dataclass(frozen=True)
class Work:
    """``key`` is stable: ``backup_coverage``, ``answers:CON`` or ``manual:<id>``."""

    key: str
    title: str


def work_of(finding: Finding) -> Work:
    """The piece of work that mends a finding."""
    if finding.origin == FindingOrigin.manual:
        return Work(finding.cause, finding.title)
    if finding.origin == FindingOrigin.answer:
        section = catalogue().section_by_key.get(finding.cause.partition(":")[2])
        return Work(finding.cause, f"Close the gaps: {section.title if section else finding.cause}")
    return works().get(finding.cause) or Work(finding.cause, finding.title)


@cache
def works() -> Mapping[str, Work]:
    """The work behind each cause of a threat rule."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {cause: Work(each["key"], each["title"]) for each in data["work"] for cause in each["causes"]}
