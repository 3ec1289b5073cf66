"""Answering a topic: what a person says, checked against what may be said, and kept with who said it and when."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Conflict, NotFound
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.sra import answers
from domain.sra.answer_history import EntryKind, remember
from domain.sra.assessments import Answer, AnswerSource, Assessment, AssessmentStatus, Continuity
from domain.sra.catalogue import catalogue
from domain.sra.evidence import EvidenceFields, as_kept, refuse_absent_evidence
from domain.tenancy import Fields, TenantSession


class AnswerFields(Fields):
    state: str = Field(max_length=40, description="One of the topic's allowed states.")
    rationale: str | None = Field(default=None, max_length=4000)
    alternative: str | None = Field(default=None, max_length=4000)
    note: str | None = Field(default=None, max_length=4000)
    evidence: list[EvidenceFields] = Field(default_factory=list[EvidenceFields], max_length=50)


async def fetch_answer(session: TenantSession, assessment: Assessment, topic_id: str, *, lock: bool = False) -> Answer:
    statement = select(Answer).where(col(Answer.assessment_id) == assessment.id, col(Answer.topic_id) == topic_id)
    answer = (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()
    if answer is None:
        raise NotFound("topic")
    return answer


async def answer_topic(
    session: TenantSession, assessment: Assessment, topic_id: str, fields: AnswerFields, *, link_id: UUID | None = None
) -> Answer:
    """Record what a person says. Confirming a proposal is saying the same in one's own name."""
    refuse_unless_open(assessment)
    answer = await fetch_answer(session, assessment, topic_id, lock=True)
    topic = catalogue(assessment.edition).topic_by_id[topic_id]
    suspected = await keep_patients_out(session, fields.model_dump(include={"rationale", "alternative", "note", "evidence"}))
    await refuse_absent_evidence(session, assessment.organization_id, fields.evidence)
    evidence = as_kept(fields.evidence)
    reply = answers.Reply(fields.state, fields.rationale, fields.alternative, evidence)
    state = answers.check(topic, reply)
    before = answer.state
    if answer.continuity is not None:
        answer.continuity = Continuity.confirmed if _says_the_same(answer, fields, evidence) else Continuity.changed
    answer.state = state.value
    answer.rationale, answer.alternative, answer.note = fields.rationale, fields.alternative, fields.note
    answer.evidence = evidence
    answer.source = AnswerSource.person
    answer.answered_by = session.actor.member_id
    answer.link_id = link_id
    answer.answered_at = now()
    answer.seen = answer.proposal or None
    answer.reopened = None
    remember(session, answer, EntryKind.given, before=before)
    await session.flush()
    emit(session, "answer.given", answer, {"topic_id": topic_id, "state": {"from": before, "to": answer.state}})
    if suspected:
        emit(session, "answer.patient_identifier_suspected", answer, suspected)
    return answer


def _says_the_same(answer: Answer, fields: AnswerFields, evidence: list[dict[str, Any]]) -> bool:
    """A carried answer that was reopened meanwhile is compared with what it said before that."""
    state = answer.reopened["was"] if answer.reopened else answer.state
    said = (state, answer.rationale, answer.alternative, answer.note, answer.evidence)
    return said == (fields.state, fields.rationale, fields.alternative, fields.note, evidence)


async def confirm_carried(session: TenantSession, assessment: Assessment, topic_ids: Sequence[str] | None) -> list[Answer]:
    """Say again, in one's own name, what was carried over: the named topics, or all that no change has touched."""
    refuse_unless_open(assessment)
    statement = select(Answer).where(
        col(Answer.assessment_id) == assessment.id,
        col(Answer.continuity) == Continuity.carried,
        col(Answer.state).is_not(None),
    )
    if topic_ids is not None:
        statement = statement.where(col(Answer.topic_id).in_(set(topic_ids)))
    confirmed = list((await session.execute(statement.order_by(col(Answer.position)).with_for_update())).scalars())
    moment = now()
    for answer in confirmed:
        answer.continuity, answer.source = Continuity.confirmed, AnswerSource.person
        answer.answered_by, answer.answered_at, answer.link_id = session.actor.member_id, moment, None
        answer.seen = answer.proposal or None
        remember(session, answer, EntryKind.given, before=answer.state)
    await session.flush()
    if confirmed:
        emit(session, "assessment.answers_confirmed", assessment, {"topic_ids": [each.topic_id for each in confirmed]})
    return confirmed


def refuse_unless_open(assessment: Assessment) -> None:
    if assessment.status != AssessmentStatus.open:
        raise Conflict("This analysis is sealed. Open the next one to say something new.", code="sealed")
