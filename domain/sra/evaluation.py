"""What an evaluation of the threat rules says: findings, what could not be decided, and every subject by outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from domain.sra.levels import Level

Basis = Literal["fact", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing because of which a rule fired, with the facts that the rule read from it."""

    ref: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One risk. ``subject`` is ``asset:<id>`` and so on; ``rule`` and ``subject`` together are its identity.

    ``basis`` is fact (recorded values show it), absent (something that must be on record is not) or unknown (it fires only
    because a value is not known); ``facts`` names the silent facts of the last two. ``values`` are the known facts that
    the rule read, and ``because`` the single things where the rule looks at several. Findings of one ``group`` have one
    cause and can be shown as one risk.
    """

    rule: str
    subject: str
    likelihood: Level
    impact: Level
    level: Level
    basis: Basis
    facts: tuple[str, ...]
    values: Mapping[str, Any]
    because: tuple[Evidence, ...]
    cause: str
    group: str


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A rule that could not be decided for some subjects, and the facts that would decide it."""

    rule: str
    missing: tuple[str, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownFacts:
    """What must be asked about one asset that holds ePHI (rule GOV-08)."""

    subject: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Every subject that one rule looked at, by outcome, each in order."""

    fired: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    findings: tuple[Finding, ...]
    undetermined: tuple[Undetermined, ...]
    unknown_facts: tuple[UnknownFacts, ...]
    outcomes: Mapping[str, Outcomes]
    """Rule -> its subjects by outcome; every rule is there, also one with no subject."""
