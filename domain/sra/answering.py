"""Answering a topic: what a person says, checked against what may be said, and kept with who said it and when."""

from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Conflict, Fault, Invalid, NotFound
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.sra import answers
from domain.sra.answer_history import EntryKind, remember
from domain.sra.assessments import Answer, AnswerSource, Assessment, AssessmentStatus, Continuity
from domain.sra.catalogue import catalogue
from domain.sra.documents import Document
from domain.tenancy import Fields, TenantSession


class EvidenceFields(Fields):
    """What shows that an answer is true: a stored document, or words that say where it can be seen."""

    document_id: UUID | None = Field(default=None, description="Among this organization's documents.")
    reference: str | None = Field(default=None, max_length=500)


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
    await _refuse_absent_evidence(session, assessment, fields)
    evidence: list[dict[str, Any]] = [each.model_dump(mode="json", exclude_none=True) for each in fields.evidence]
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


async def _refuse_absent_evidence(session: TenantSession, assessment: Assessment, fields: AnswerFields) -> None:
    """Evidence that is not there, or is another organization's, shows nothing."""
    named = {place: each.document_id for place, each in enumerate(fields.evidence) if each.document_id is not None}
    if not named:
        return
    there = select(Document.id).where(
        col(Document.id).in_(set(named.values())),
        col(Document.organization_id) == assessment.organization_id,
        col(Document.archived_at).is_(None),
    )
    found = set((await session.execute(there)).scalars())
    faults = [
        Fault(f"/evidence/{place}/document_id", "unknown_reference", "There is no such document here.")
        for place, document_id in named.items()
        if document_id not in found
    ]
    if faults:
        raise Invalid(faults)


def refuse_unless_open(assessment: Assessment) -> None:
    if assessment.status != AssessmentStatus.open:
        raise Conflict("This analysis is sealed. Open the next one to say something new.", code="sealed")
