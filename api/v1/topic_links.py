"""Links to single topics: made and ended by those who run an analysis, and used by people without an account."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.citations import CitationOut, cited
from api.door import Inside, door_router, may, this
from api.pages import Listing, Page, Paged, filters_of
from api.respondents import Respondent, ThisRespondent, link_router
from api.v1.assessments import ThisAssessment
from api.v1.topics import AllowedStateOut, state_out
from domain.access import Permission
from domain.inventory.organizations import Organization
from domain.sra import topic_links
from domain.sra.answers import allowed_states
from domain.sra.assessments import Answer, Assessment, AssessmentStatus
from domain.sra.catalogue import Topic, catalogue
from domain.sra.topic_comments import TopicComment, TopicCommentFields
from domain.sra.topic_links import AskedAnswerFields, TopicLink, TopicLinkFields

router = door_router("analysis")
respondents = link_router()
Reader = Annotated[Inside, may(Permission.assessments_read)]
Writer = Annotated[Inside, may(Permission.assessments_write)]
ThisLink = Annotated[TopicLink, this(TopicLink)]


class TopicLinkOut(BaseModel):
    id: UUID
    organization_id: UUID
    assessment_id: UUID
    label: str
    topic_ids: list[str]
    prefix: str = Field(description="The first characters of the token, to tell two links apart.")
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


class SharedOut(TopicLinkOut):
    token: str = Field(description="Shown this once. Send it as `Authorization: Bearer`.")
    url: str = Field(description="For a person: the token stands behind the #, which browsers send to no server.")


class AskedAnswerOut(BaseModel):
    state: str | None
    rationale: str | None
    alternative: str | None
    note: str | None
    evidence: list[dict[str, Any]]
    answered_at: datetime | None


class SaidOut(BaseModel):
    """A comment that was made through the same link."""

    id: UUID
    topic_id: str
    text: str
    created_at: datetime


class AskedTopicOut(BaseModel):
    """One question, without what the program knows of the practice."""

    id: str
    section_title: str
    question: str
    why: str
    help: str
    evidence_examples: str
    paragraphs: list[CitationOut]
    states: list[AllowedStateOut]
    answer: AskedAnswerOut
    comments: list[SaidOut] = Field(description="What was said through this link, oldest first; nobody else's words.")


class AskedOut(BaseModel):
    """All that a link shows."""

    practice: str
    label: str
    expires_at: datetime
    open: bool = Field(description="False once the analysis is sealed: then nothing more can be answered.")
    topics: list[AskedTopicOut]


LINKS = Listing(
    TopicLinkOut, TopicLink, sorts={"created_at": col(TopicLink.created_at)}, filters=filters_of(TopicLink, "assessment_id")
)


@router.get("/assessments/{assessment_id}/topic-links", response_model=Page[TopicLinkOut])
async def list_topic_links(by: Reader, assessment: ThisAssessment, window: Paged) -> Response:
    """The links of an analysis, ended ones as well. Their tokens are kept nowhere."""
    return await LINKS.page(by, window, assessment_id=assessment.id)


@router.post("/assessments/{assessment_id}/topic-links", status_code=201, response_model=SharedOut)
async def share_topics(by: Writer, assessment: ThisAssessment, fields: TopicLinkFields) -> SharedOut:
    """Make a link through which somebody without an account answers these topics, and sees no others."""
    link, token = await topic_links.share(by.session, assessment, fields)
    kept = link.model_dump(include=set(TopicLinkOut.model_fields))
    return SharedOut(**kept, token=token, url=by.runtime.settings.page("respond", token))


@router.get("/topic-links/{topic_link_id}", response_model=TopicLinkOut)
async def read_topic_link(by: Reader, link: ThisLink) -> TopicLink:
    return link


@router.delete("/topic-links/{topic_link_id}", status_code=204)
async def revoke_topic_link(by: Writer, link: ThisLink) -> None:
    """End a link at once. What was answered through it stays."""
    await topic_links.revoke(by.session, link)


@respondents.get("/respondent/topics", response_model=AskedOut)
async def read_asked_topics(by: ThisRespondent) -> AskedOut:
    """The questions of the link, for whoever holds it. No account is needed, and nothing else is shown."""
    return await asked(by)


@respondents.put("/respondent/answers/{topic_id}", response_model=AskedAnswerOut)
async def answer_asked_topic(by: ThisRespondent, topic_id: str, fields: AskedAnswerFields) -> AskedAnswerOut:
    """Answer one of the questions of the link. 409 once the analysis is sealed."""
    return _said(await topic_links.answer_by_link(by.session, by.link, topic_id, fields))


@respondents.post("/respondent/topics/{topic_id}/comments", status_code=201, response_model=SaidOut)
async def comment_on_asked_topic(by: ThisRespondent, topic_id: str, fields: TopicCommentFields) -> SaidOut:
    """Say something to those who run the analysis. A comment is no answer."""
    return SaidOut.model_validate(await say(by, topic_id, fields), from_attributes=True)


async def say(by: Respondent, topic_id: str, fields: TopicCommentFields) -> TopicComment:
    return await topic_links.comment_by_link(by.session, by.link, topic_id, fields)


async def asked(by: Respondent) -> AskedOut:
    """What the holder of a link is shown."""
    organization = await by.session.fetch(Organization, by.link.organization_id)
    assessment = await by.session.fetch(Assessment, by.link.assessment_id)
    book = catalogue(assessment.edition)
    said = await topic_links.comments_of(by.session, by.link)
    topics = [
        _asked(topic, answer, said, section_title=book.section_by_key[topic.section].title)
        for answer in await topic_links.answers_asked(by.session, by.link)
        for topic in (book.topic_by_id[answer.topic_id],)
    ]
    return AskedOut(
        practice=organization.name,
        label=by.link.label,
        expires_at=by.link.expires_at,
        open=assessment.status == AssessmentStatus.open,
        topics=topics,
    )


def _asked(topic: Topic, answer: Answer, said: Sequence[TopicComment], *, section_title: str) -> AskedTopicOut:
    return AskedTopicOut(
        id=topic.id,
        section_title=section_title,
        question=topic.question,
        why=topic.why,
        help=topic.help,
        evidence_examples=topic.evidence,
        paragraphs=cited(topic.citations),
        states=[state_out(state) for state in allowed_states(topic)],
        answer=_said(answer),
        comments=[SaidOut.model_validate(each, from_attributes=True) for each in said if each.topic_id == topic.id],
    )


def _said(answer: Answer) -> AskedAnswerOut:
    """Of the evidence only what is said in words: a document's id is of no use to whoever has no account."""
    kept = answer.model_dump(include=set(AskedAnswerOut.model_fields))
    worded = [{"reference": each["reference"]} for each in answer.evidence if each.get("reference")]
    return AskedAnswerOut.model_validate({**kept, "evidence": worded})
