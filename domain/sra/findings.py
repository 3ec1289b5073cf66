"""Findings: one risk each, found by a rule, by a bad answer, or written by hand. Its identity outlives re-evaluation."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.sra.levels import Level
from domain.tenancy import (
    OrganizationOwned,
    belongs_to,
    instant,
    json_list,
    json_object,
    listed_by,
    one_of,
    organization_table,
)


class FindingOrigin(StrEnum):
    rule = "rule"
    answer = "answer"
    manual = "manual"


class FindingStatus(StrEnum):
    open = "open"
    resolved = "resolved"
    rejected = "rejected"
    accepted = "accepted"


class Treatment(StrEnum):
    """What is done about a risk. ``reduce`` is carried out by tasks; ``accept`` is the word of two people."""

    reduce = "reduce"
    transfer = "transfer"
    avoid = "avoid"
    accept = "accept"


class Basis(StrEnum):
    """Why it was found: a recorded value shows it, something that must be on record is not, or a value is unknown."""

    fact = "fact"
    absent = "absent"
    unknown = "unknown"
    answer = "answer"
    judgement = "judgement"


class Finding(OrganizationOwned, table=True):
    __table_args__ = organization_table(
        belongs_to("assessment"),
        UniqueConstraint("tenant_id", "organization_id", "key"),
        listed_by("finding", "level_rank"),
        listed_by("finding", "organization_id", "level_rank"),
    )
    noun: ClassVar[str] = "finding"

    assessment_id: UUID | None = None
    """The analysis in which it was last evaluated."""
    number: int
    """Counts within the organization: what a report and a ticket call it."""
    key: str
    """``rule:subject``: what makes it the same finding next time."""
    origin: FindingOrigin = one_of(FindingOrigin)
    rule_id: str | None = None
    topic_id: str | None = None
    subject_type: str
    subject_id: UUID | None = None
    subject_name: str = Field(max_length=300)
    title: str = Field(max_length=300)
    threat: str
    vulnerability: str
    citations: list[str] = json_list()
    proposed_citations: list[str] = json_list()
    remediation: str
    cause: str
    likelihood: Level = one_of(Level)
    impact: Level = one_of(Level)
    level: Level = one_of(Level)
    level_rank: int
    """0 very low .. 4 very high, so that the worst sorts first."""
    reason: str
    basis: Basis = one_of(Basis)
    facts: dict[str, Any] = json_object()
    """The facts it read, with their values."""
    missing_facts: list[str] = json_list()
    suggestions: list[dict[str, Any]] = json_list()
    """Adjustments that the facts suggest: ``kind``, ``steps`` and ``reason``. They count when a person applies them."""
    current_measures: str | None = None
    due_on: date | None = None
    """By when it is to be treated, by the policy that held when it was last evaluated; None unless it is open."""
    residual_likelihood: Level | None = one_of(Level, default=None)
    residual_impact: Level | None = one_of(Level, default=None)
    residual_level: Level | None = one_of(Level, default=None)
    """What is left of it, as the practice saw it when it verified the work; forgotten when the risk comes back."""
    status: FindingStatus = one_of(FindingStatus, default=FindingStatus.open)
    treatment: Treatment | None = one_of(Treatment, default=None)
    decision: dict[str, Any] = json_object()
    """``reason``, ``adjusted``, ``acceptance`` and ``history``; written by ``deciding.py`` alone."""
    opened_at: datetime = instant()
    resolved_at: datetime | None = instant(default=None)
    reopened_at: datetime | None = instant(default=None)
