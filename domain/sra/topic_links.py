"""Links to single topics: how somebody without an account answers what only they know. A link shows nothing else.

A token reads ``bwl_<tenant, 32 hex digits>_<secret, 43 characters>``. It is shown once, kept as a hash, ends by itself, and
can be ended before. Like every credential it names its tenant, so that even its own look-up happens behind that wall.
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Invalid, NotFound, Unauthenticated
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.keyring import fingerprint
from domain.sra.answering import AnswerFields, answer_topic, fetch_answer, refuse_unless_open
from domain.sra.assessments import Answer, Assessment
from domain.sra.assigning import refuse_unknown_topics
from domain.sra.evidence import EvidenceFields
from domain.sra.topic_comments import TopicComment, TopicCommentFields, comment
from domain.tenancy import (
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    instant,
    json_list,
    listed_by,
    organization_table,
)

LONGEST_LIFE = timedelta(days=90)
LAST_USED_EVERY = timedelta(minutes=5)
_SHAPE = re.compile(r"bwl_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_REFUSED = "This link is not valid: it may be mistyped, ended or expired. Ask whoever sent it for another one."


class TopicLinkFields(Fields):
    label: str = Field(
        min_length=1, max_length=200, description="Whom it is for, such as a role: it is shown with the answers."
    )
    topic_ids: list[str] = Field(min_length=1, max_length=200)
    expires_at: datetime = Field(description="At most 90 days from now.")


class ShownWhere(Fields):
    reference: str = Field(min_length=1, max_length=500, description="Where the evidence can be seen, in words.")


class AskedAnswerFields(Fields):
    """What can be said through a link: the same as by a member, but for the practice's documents."""

    state: str = Field(max_length=40, description="One of the topic's allowed states.")
    rationale: str | None = Field(default=None, max_length=4000)
    alternative: str | None = Field(default=None, max_length=4000)
    note: str | None = Field(default=None, max_length=4000)
    evidence: list[ShownWhere] = Field(default_factory=list[ShownWhere], max_length=50)


class TopicLink(OrganizationOwned, table=True):
    __tablename__ = "topic_link"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("assessment"), UniqueConstraint("tenant_id", "fingerprint"), listed_by("topic_link", "assessment_id")
    )
    noun: ClassVar[str] = "topic_link"

    assessment_id: UUID
    label: str = Field(max_length=200)
    topic_ids: list[str] = json_list()
    expires_at: datetime = instant()
    prefix: str
    """The first characters of the token, so that a person can tell two apart. Useless for answering."""
    fingerprint: str
    revoked_at: datetime | None = instant(default=None)
    last_used_at: datetime | None = instant(default=None)


async def share(session: TenantSession, assessment: Assessment, fields: TopicLinkFields) -> tuple[TopicLink, str]:
    """Make a link, and give its token, which is never seen again."""
    refuse_unless_open(assessment)
    refuse_unknown_topics(assessment, fields.topic_ids)
    suspected = await keep_patients_out(session, {"label": fields.label})
    if not now() < fields.expires_at <= now() + LONGEST_LIFE:
        raise Invalid.one("/expires_at", "out_of_range", "A link ends in the future, and within 90 days.")
    token = f"bwl_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    link = await session.save(
        TopicLink(
            organization_id=assessment.organization_id,
            assessment_id=assessment.id,
            label=fields.label,
            topic_ids=list(dict.fromkeys(fields.topic_ids)),
            expires_at=fields.expires_at,
            prefix=token[:4] + token[37:41],
            fingerprint=fingerprint(token),
        )
    )
    told = {"label": link.label, "topic_ids": link.topic_ids, "expires_at": link.expires_at}
    emit(session, "topic_link.created", link, told)
    if suspected:
        emit(session, "topic_link.patient_identifier_suspected", link, suspected)
    return link, token


async def revoke(session: TenantSession, link: TopicLink) -> None:
    """End a link at once."""
    if link.revoked_at is None:
        link.revoked_at = now()
        await session.flush()
        emit(session, "topic_link.revoked", link, {"label": link.label})


def parse(token: str) -> UUID | None:
    """The tenant that a token names; None when it has not the shape of one."""
    match = _SHAPE.fullmatch(token)
    return UUID(match[1]) if match else None


async def link_of(session: TenantSession, token: str) -> TopicLink:
    """The live link behind a token, or :class:`Unauthenticated`, whatever the reason."""
    statement = select(TopicLink).where(col(TopicLink.fingerprint) == fingerprint(token))
    link = (await session.execute(statement)).scalar_one_or_none()
    moment = now()
    if link is None or link.revoked_at is not None or link.expires_at <= moment:
        raise Unauthenticated(_REFUSED)
    if link.last_used_at is None or moment - link.last_used_at > LAST_USED_EVERY:
        link.last_used_at = moment
    return link


async def answers_asked(session: TenantSession, link: TopicLink) -> list[Answer]:
    """The answers to the topics of a link, in the order of the guide."""
    statement = select(Answer).where(
        col(Answer.assessment_id) == link.assessment_id, col(Answer.topic_id).in_(set(link.topic_ids))
    )
    return list((await session.execute(statement.order_by(col(Answer.position)))).scalars())


async def answer_by_link(session: TenantSession, link: TopicLink, topic_id: str, fields: AskedAnswerFields) -> Answer:
    """Answer one of the topics of the link; any other is not there. Documents that members put beside the answer stay."""
    assessment = await _asked_about(session, link, topic_id)
    before = await fetch_answer(session, assessment, topic_id, lock=True)
    documents = [EvidenceFields(**each) for each in before.evidence if each.get("document_id")]
    worded = [EvidenceFields(reference=each.reference) for each in fields.evidence]
    answer = AnswerFields(**fields.model_dump(exclude={"evidence"}), evidence=[*worded, *documents])
    return await answer_topic(session, assessment, topic_id, answer, link_id=link.id)


async def comment_by_link(session: TenantSession, link: TopicLink, topic_id: str, fields: TopicCommentFields) -> TopicComment:
    """Say something about one of the topics of the link."""
    return await comment(session, await _asked_about(session, link, topic_id), topic_id, fields, link_id=link.id)


async def comments_of(session: TenantSession, link: TopicLink) -> list[TopicComment]:
    """What was said through a link, oldest first."""
    statement = select(TopicComment).where(
        col(TopicComment.assessment_id) == link.assessment_id, col(TopicComment.link_id) == link.id
    )
    return list((await session.execute(statement.order_by(col(TopicComment.id)))).scalars())


async def _asked_about(session: TenantSession, link: TopicLink, topic_id: str) -> Assessment:
    if topic_id not in link.topic_ids:
        raise NotFound("topic")
    return await session.fetch(Assessment, link.assessment_id)
