"""The guide of an analysis: its questions section by section, what the facts propose, what people say, and who is asked."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.citations import CitationOut, cited
from api.door import Inside, door_router, may
from api.pages import Listing, Page, Paged, filters_of, page_of
from api.v1.assessments import ThisAssessment
from domain.access import Permission
from domain.sra import answering, assigning, topic_comments
from domain.sra.answer_history import AnswerEntry, EntryKind, history_of
from domain.sra.answering import AnswerFields
from domain.sra.answers import State, allowed_states, is_gap, reasons_needed, standing
from domain.sra.assessments import Answer, AnswerSource, Continuity
from domain.sra.assigning import AssignmentFields
from domain.sra.catalogue import Topic, catalogue
from domain.sra.progress import SectionProgress, progress
from domain.sra.reading import answers_of
from domain.sra.topic_comments import TopicComment, TopicCommentFields

router = door_router("analysis")
Reader = Annotated[Inside, may(Permission.assessments_read)]
Writer = Annotated[Inside, may(Permission.assessments_write)]
Answerer = Annotated[Inside, may(Permission.assessments_answer)]


class ReopenedOut(BaseModel):
    at: datetime
    because: list[str]
    was: str | None = Field(description="The state that it was in. The words beside it are kept, to be looked at again.")


class AnswerOut(BaseModel):
    topic_id: str
    state: str | None
    rationale: str | None
    alternative: str | None
    note: str | None
    evidence: list[dict[str, Any]]
    source: AnswerSource | None
    answered_by: UUID | None
    link_id: UUID | None = Field(description="The link through which it was answered by somebody without a seat.")
    answered_at: datetime | None
    continuity: Continuity | None = Field(description="How it stands to the analysis before; null where there is none.")
    reopened: ReopenedOut | None = Field(description="Why it counts no longer, until somebody answers again.")
    standing: str
    """unanswered, gap, asserted, evidenced, decided, or not_scored for the proposed rule."""
    gap: str | None


class ReasonOut(BaseModel):
    field: str
    prompt: str


class AllowedStateOut(BaseModel):
    state: str
    reasons: list[ReasonOut] = Field(description="The texts without which this state does not stand, with what to ask.")


class TopicOut(BaseModel):
    id: str
    section: str
    section_title: str
    depth: str
    question: str
    why: str
    help: str = Field(description="How to find the answer, and what counts as one.")
    citations: list[str]
    paragraphs: list[CitationOut] = Field(description="The citations, each with the title of its paragraph of 45 CFR.")
    evidence_examples: str
    gap_when: str
    specification: str
    """required, addressable, standard or related."""
    status: str
    """``in_force``, or ``proposed`` for the topics on the rule that is not law."""
    answer_type: str
    allowed_states: list[str]
    states: list[AllowedStateOut]
    threat_rules: list[str] = Field(description="The rules whose risks a gap in this answer is linked to.")
    assignee_id: UUID | None
    proposal: dict[str, Any]
    """What the facts suggest, with the facts. It does not count until a person says the same."""
    answer: AnswerOut


class SectionOut(BaseModel):
    """Counts of topics. Every scored topic is in exactly one of unanswered, gap, asserted, evidenced and decided."""

    key: str
    title: str
    intro: str
    safeguard: str
    status: str
    topics: int
    answered: int
    percent: int
    unanswered: int
    gap: int
    asserted: int
    evidenced: int
    decided: int
    proposed: int = Field(description="Unanswered, but the facts suggest an answer.")
    reopened: int = Field(description="Unanswered again, because something speaks against what was said.")
    carried: int = Field(description="Taken over from the analysis before, and not confirmed yet.")
    assigned: int = Field(description="Unanswered, and given to a member.")


class SectionsOut(BaseModel):
    sections: list[SectionOut]


class ActorOut(BaseModel):
    """Who: a member, an API key and its member, or a link."""

    kind: str
    id: UUID | None
    member_id: UUID | None


class AnswerEntryOut(BaseModel):
    at: datetime
    kind: EntryKind
    state_before: str | None
    state: str | None
    rationale: str | None
    alternative: str | None
    note: str | None
    evidence: list[dict[str, Any]]
    because: list[str]
    by: ActorOut

    @staticmethod
    def of(entry: AnswerEntry) -> "AnswerEntryOut":
        kept = entry.model_dump(include=set(AnswerEntryOut.model_fields))
        return AnswerEntryOut.model_validate({**kept, "at": entry.created_at, "by": entry.actor})


class AnswerHistoryOut(BaseModel):
    entries: list[AnswerEntryOut]


class AssignedOut(BaseModel):
    topic_ids: list[str]
    assignee_id: UUID | None


class TopicCommentOut(BaseModel):
    id: UUID
    assessment_id: UUID
    topic_id: str
    author_id: UUID | None
    link_id: UUID | None
    text: str
    created_at: datetime


COMMENTS = Listing(
    TopicCommentOut,
    TopicComment,
    sorts={"created_at": col(TopicComment.created_at)},
    filters=filters_of(TopicComment, "assessment_id", "topic_id"),
)


@router.get("/assessments/{assessment_id}/topics", response_model=Page[TopicOut])
async def list_topics(
    by: Reader,
    assessment: ThisAssessment,
    window: Paged,
    section: str | None = None,
    answered: bool | None = None,
    reopened: bool | None = None,
    assignee_id: UUID | None = None,
) -> Page[TopicOut]:
    """Every topic in order, with what is proposed from the facts and what people have said."""
    book = catalogue(assessment.edition)
    guide = [(book.topic_by_id[answer.topic_id], answer) for answer in await answers_of(by.session, assessment)]
    topics = [
        topic_out(topic, answer, section_title=book.section_by_key[topic.section].title)
        for topic, answer in guide
        if section in (None, topic.section)
        and (answered is None or (answer.state is not None) == answered)
        and (reopened is None or (answer.reopened is not None) == reopened)
        and assignee_id in (None, answer.assignee_id)
    ]
    return page_of(topics, window, key=lambda each: each.id)


@router.get("/assessments/{assessment_id}/sections", response_model=SectionsOut)
async def read_progress(by: Reader, assessment: ThisAssessment) -> SectionsOut:
    """How far the guide has come, section by section."""
    book = catalogue(assessment.edition)
    return SectionsOut(sections=[_section_out(each) for each in progress(book, await answers_of(by.session, assessment))])


@router.put("/assessments/{assessment_id}/answers/{topic_id}", response_model=AnswerOut)
async def give_answer(by: Answerer, assessment: ThisAssessment, topic_id: str, fields: AnswerFields) -> AnswerOut:
    """Say what is so. Confirming a proposal means saying the same in one's own name."""
    assigning.refuse_uninvited(await answering.fetch_answer(by.session, assessment, topic_id), by.principal)
    answer = await answering.answer_topic(by.session, assessment, topic_id, fields)
    return answer_out(catalogue(assessment.edition).topic_by_id[topic_id], answer)


@router.get("/assessments/{assessment_id}/answers/{topic_id}/history", response_model=AnswerHistoryOut)
async def read_answer_history(by: Reader, assessment: ThisAssessment, topic_id: str) -> AnswerHistoryOut:
    """Everything that was ever said to a topic: who, when, from what to what, and why it was reopened."""
    await answering.fetch_answer(by.session, assessment, topic_id)
    entries = await history_of(by.session, assessment, topic_id)
    return AnswerHistoryOut(entries=[AnswerEntryOut.of(each) for each in entries])


@router.post("/assessments/{assessment_id}/assignments", status_code=201, response_model=AssignedOut)
async def assign_topics(by: Writer, assessment: ThisAssessment, fields: AssignmentFields) -> AssignedOut:
    """Give topics to a member, or take them back. A practice's staff answer what is assigned to them."""
    answers = await assigning.assign(by.session, assessment, fields)
    return AssignedOut(topic_ids=[each.topic_id for each in answers], assignee_id=fields.assignee_id)


@router.get("/assessments/{assessment_id}/topics/{topic_id}/comments", response_model=Page[TopicCommentOut])
async def list_topic_comments(by: Reader, assessment: ThisAssessment, topic_id: str, window: Paged) -> Response:
    await answering.fetch_answer(by.session, assessment, topic_id)
    return await COMMENTS.page(by, window, assessment_id=assessment.id, topic_id=topic_id)


@router.post("/assessments/{assessment_id}/topics/{topic_id}/comments", status_code=201, response_model=TopicCommentOut)
async def comment_on_topic(by: Answerer, assessment: ThisAssessment, topic_id: str, fields: TopicCommentFields) -> TopicComment:
    """Talk about a topic. A comment is no answer."""
    return await topic_comments.comment(by.session, assessment, topic_id, fields)


def topic_out(topic: Topic, answer: Answer, *, section_title: str) -> TopicOut:
    return TopicOut(
        id=topic.id,
        section=topic.section,
        section_title=section_title,
        depth=topic.depth,
        question=topic.question,
        why=topic.why,
        help=topic.help,
        citations=list(topic.citations),
        paragraphs=cited(topic.citations),
        evidence_examples=topic.evidence,
        gap_when=topic.gap_when,
        specification=topic.primary_type,
        status="in_force" if topic.scored else "proposed",
        answer_type=topic.answer_type,
        allowed_states=[state.value for state in allowed_states(topic)],
        states=[state_out(state) for state in allowed_states(topic)],
        threat_rules=list(topic.threat_rules),
        assignee_id=answer.assignee_id,
        proposal=answer.proposal,
        answer=answer_out(topic, answer),
    )


def state_out(state: State) -> AllowedStateOut:
    return AllowedStateOut(
        state=state.value, reasons=[ReasonOut(field=each.field, prompt=each.prompt) for each in reasons_needed(state)]
    )


def answer_out(topic: Topic, answer: Answer) -> AnswerOut:
    gap = is_gap(topic, answer)
    kept = {name: getattr(answer, name) for name in AnswerOut.model_fields if name not in ("standing", "gap")}
    return AnswerOut(**kept, standing=standing(topic, answer).value, gap=gap.reason if gap else None)


def _section_out(each: SectionProgress) -> SectionOut:
    section = each.section
    counted = {name: getattr(each, name) for name in SectionOut.model_fields if hasattr(each, name)}
    return SectionOut(
        key=section.key,
        title=section.title,
        intro=section.intro,
        safeguard=section.safeguard,
        status="proposed" if section.safeguard == "readiness" else "in_force",
        **counted,
    )
