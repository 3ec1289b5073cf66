"""What was said to a topic before: every word that counted once, who said it, and when. Rows are never changed."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlmodel import col, select

from domain.sra.assessments import Answer, Assessment
from domain.tenancy import (
    OrganizationOwned,
    TenantSession,
    belongs_to,
    json_list,
    json_object,
    listed_by,
    one_of,
    organization_table,
)


class EntryKind(StrEnum):
    given = "given"
    """A person said it."""
    surveyed = "surveyed"
    carried = "carried"
    """Taken over from the analysis before."""
    reopened = "reopened"
    """Facts or events contradict it, so that it no longer counts."""


class AnswerEntry(OrganizationOwned, table=True):
    __tablename__ = "answer_entry"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(belongs_to("assessment"), listed_by("answer_entry", "assessment_id", "topic_id"))
    noun: ClassVar[str] = "answer_entry"

    assessment_id: UUID
    topic_id: str
    kind: EntryKind = one_of(EntryKind)
    state_before: str | None = None
    state: str | None = None
    rationale: str | None = None
    alternative: str | None = None
    note: str | None = None
    evidence: list[dict[str, Any]] = json_list()
    because: list[str] = json_list()
    actor: dict[str, Any] = json_object()


def remember(
    session: TenantSession, answer: Answer, kind: EntryKind, *, before: str | None, because: Sequence[str] = ()
) -> None:
    """Note what an answer says from now on."""
    session.add(
        AnswerEntry(
            organization_id=answer.organization_id,
            assessment_id=answer.assessment_id,
            topic_id=answer.topic_id,
            kind=kind,
            state_before=before,
            state=answer.state,
            rationale=answer.rationale,
            alternative=answer.alternative,
            note=answer.note,
            evidence=list(answer.evidence),
            because=list(because),
            actor=session.actor.named(),
        )
    )


async def history_of(session: TenantSession, assessment: Assessment, topic_id: str) -> list[AnswerEntry]:
    """Everything that was ever said to a topic of this analysis, the first word first."""
    statement = (
        select(AnswerEntry)
        .where(col(AnswerEntry.assessment_id) == assessment.id, col(AnswerEntry.topic_id) == topic_id)
        .order_by(col(AnswerEntry.id))
    )
    return list((await session.execute(statement)).scalars())
