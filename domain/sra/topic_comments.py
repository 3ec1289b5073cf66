"""What people say to each other about a topic. It is kept, and is no answer."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from domain.events import emit
from domain.free_text import keep_patients_out
from domain.sra.answering import fetch_answer
from domain.sra.assessments import Assessment
from domain.tenancy import Fields, OrganizationOwned, TenantSession, belongs_to, listed_by, organization_table


class TopicCommentFields(Fields):
    text: str = Field(min_length=1, max_length=10_000)


class TopicComment(TopicCommentFields, OrganizationOwned, table=True):
    __tablename__ = "topic_comment"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("assessment"),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["member.tenant_id", "member.id"]),
        listed_by("topic_comment", "assessment_id", "topic_id"),
    )
    noun: ClassVar[str] = "topic_comment"

    assessment_id: UUID
    topic_id: str
    author_id: UUID | None = None
    link_id: UUID | None = None
    """Whoever speaks through a link has no seat."""


async def comment(
    session: TenantSession, assessment: Assessment, topic_id: str, fields: TopicCommentFields, *, link_id: UUID | None = None
) -> TopicComment:
    """Say something about a topic; also after the seal, for it is no part of what was sealed."""
    answer = await fetch_answer(session, assessment, topic_id)
    suspected = await keep_patients_out(session, {"text": fields.text})
    written = await session.save(
        TopicComment(
            organization_id=assessment.organization_id,
            assessment_id=assessment.id,
            topic_id=topic_id,
            author_id=session.actor.member_id,
            link_id=link_id,
            text=fields.text,
        )
    )
    emit(session, "answer.commented", answer, {"topic_id": topic_id, "comment_id": written.id})
    if suspected:
        emit(session, "answer.patient_identifier_suspected", answer, suspected)
    return written
