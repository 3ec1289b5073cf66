"""Answering a topic: what a person says, checked against what may be said, and kept with who said it and when."""

from typing import Any

from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Conflict, NotFound
from domain.events import emit
from domain.sra import answers
from domain.sra.assessments import Answer, AnswerSource, Assessment, AssessmentStatus
from domain.sra.catalogue import catalogue
from domain.tenancy import Fields, TenantSession


class EvidenceFields(Fields):
    """What shows that an answer is true: a stored document, or words that say where it can be seen."""

    document_id: str | None = None
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


async def answer_topic(session: TenantSession, assessment: Assessment, topic_id: str, fields: AnswerFields) -> Answer:
    """Record what a person says. Confirming a proposal is saying the same in one's own name."""
    refuse_unless_open(assessment)
    answer = await fetch_answer(session, assessment, topic_id, lock=True)
    topic = catalogue(assessment.edition).topic_by_id[topic_id]
    evidence: list[dict[str, Any]] = [each.model_dump(exclude_none=True) for each in fields.evidence]
    reply = answers.Reply(fields.state, fields.rationale, fields.alternative, evidence)
    state = answers.check(topic, reply)
    before = answer.state
    answer.state = state.value
    answer.rationale, answer.alternative, answer.note = fields.rationale, fields.alternative, fields.note
    answer.evidence = evidence
    answer.source = AnswerSource.person
    answer.answered_by = session.actor.member_id
    answer.answered_at = now()
    await session.flush()
    emit(session, "answer.given", answer, {"topic_id": topic_id, "state": {"from": before, "to": answer.state}})
    return answer


def refuse_unless_open(assessment: Assessment) -> None:
    if assessment.status != AssessmentStatus.open:
        raise Conflict("This analysis is sealed. Open the next one to say something new.", code="sealed")
