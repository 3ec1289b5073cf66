"""Assessments: one Security Risk Analysis of one organization, from opening to seal (45 CFR 164.308(a)(1)(ii)(A))."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from domain.tenancy import (
    Fields,
    OrganizationOwned,
    belongs_to,
    belongs_to_tenants,
    instant,
    json_list,
    json_object,
    json_or_unknown,
    listed_by,
    one_of,
    organization_table,
)


class AssessmentStatus(StrEnum):
    open = "open"
    sealed = "sealed"
    superseded = "superseded"


class AssessmentKind(StrEnum):
    """``full`` asks everything again; ``delta`` only what changes since the last analysis have touched."""

    full = "full"
    delta = "delta"


class AssessmentFields(Fields):
    title: str = Field(default="Security Risk Analysis", min_length=1, max_length=200)
    scope: str | None = Field(default=None, max_length=4000, description="What is in scope, and what is not, with why.")
    period_start: date | None = None
    period_end: date | None = None


class OpeningFields(AssessmentFields):
    kind: AssessmentKind = Field(
        default=AssessmentKind.full,
        description="`delta` takes over every answer that no change since the last analysis has touched, as it was.",
    )


class Assessment(AssessmentFields, OrganizationOwned, table=True):
    __table_args__ = organization_table(
        belongs_to("assessment", "previous_id"),
        Index(
            "uq_assessment_open",
            "tenant_id",
            "organization_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
        UniqueConstraint("tenant_id", "organization_id", "number"),
        listed_by("assessment", "organization_id", "number"),
    )
    noun: ClassVar[str] = "assessment"

    number: int
    """Counts the analyses of this organization: 1, 2, 3 ..."""
    kind: AssessmentKind = one_of(AssessmentKind, default=AssessmentKind.full)
    edition: str
    """The catalogue's edition that it was opened on."""
    status: AssessmentStatus = one_of(AssessmentStatus, default=AssessmentStatus.open)
    previous_id: UUID | None = None
    evaluated_at: datetime | None = instant(default=None)
    as_of: datetime | None = instant(default=None)
    """The moment for which the rules were last evaluated."""
    undetermined: list[dict[str, Any]] = json_list()
    unknown_facts: list[dict[str, Any]] = json_list()
    signatures: list[dict[str, Any]] = json_list()
    sealed_at: datetime | None = instant(default=None)
    sealed_sha256: str | None = None
    dataset: dict[str, Any] | None = json_or_unknown()
    """The frozen data set of a sealed analysis: everything that its report prints."""
    footprint: dict[str, Any] | None = json_or_unknown()
    """What it was made over, frozen with the seal; see footprint.py."""
    in_force_until: date | None = None
    """Last day in effect, once superseded; kept six years from there, 45 CFR 164.316(b)(2)(i)."""


class AnswerSource(StrEnum):
    person = "person"
    survey = "survey"
    carried = "carried"


class Continuity(StrEnum):
    """How an answer stands to the one of the year before: taken over, said again by a person, or said otherwise."""

    carried = "carried"
    confirmed = "confirmed"
    changed = "changed"


class Answer(OrganizationOwned, table=True):
    """What is said to one topic. Only a row with a ``state`` counts; ``proposal`` never does by itself."""

    __table_args__ = organization_table(
        belongs_to("assessment"),
        belongs_to_tenants("member", "assignee_id"),
        UniqueConstraint("tenant_id", "assessment_id", "topic_id"),
    )
    noun: ClassVar[str] = "answer"

    assessment_id: UUID
    topic_id: str
    position: int
    """The topic's place in its edition, by which lists are ordered."""
    state: str | None = None
    rationale: str | None = None
    alternative: str | None = None
    note: str | None = None
    evidence: list[dict[str, Any]] = json_list()
    source: AnswerSource | None = one_of(AnswerSource, default=None)
    answered_by: UUID | None = None
    answered_at: datetime | None = instant(default=None)
    link_id: UUID | None = None
    """The link through which somebody without a seat has answered; then there is no ``answered_by``."""
    proposal: dict[str, Any] = json_object()
    seen: dict[str, Any] | None = json_or_unknown()
    """The proposal that stood beside the answer when it was given: what the facts were then."""
    reopened: dict[str, Any] | None = json_or_unknown()
    """Why an answer counts no longer: ``at``, ``because`` in sentences, and the state that it ``was``."""
    continuity: Continuity | None = one_of(Continuity, default=None)
    assignee_id: UUID | None = None
    """The member who is asked."""
