"""Opening an analysis: one at a time for an organization, on the catalogue's current edition, with a place for every answer.

What a technician's survey has already said to a topic is taken over and marked as the survey's.
"""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col, func, select

from domain.clock import now
from domain.coverage import may_begin
from domain.errors import Conflict
from domain.events import emit
from domain.inventory.import_runs import ImportRun
from domain.inventory.organizations import Organization
from domain.sra.answer_history import EntryKind, remember
from domain.sra.answers import Reply, faults_in
from domain.sra.assessments import Answer, AnswerSource, Assessment, AssessmentFields, AssessmentStatus
from domain.sra.catalogue import CURRENT, Catalogue, Topic, catalogue
from domain.tenancy import TenantSession


async def open_assessment(session: TenantSession, organization: Organization, fields: AssessmentFields) -> Assessment:
    """Begin the next analysis of an organization; :class:`Conflict` while one is open, PaymentRequired if it is not covered."""
    await may_begin(session, await session.fetch(Organization, organization.id, lock=True))
    statement = select(Assessment).where(col(Assessment.organization_id) == organization.id)
    earlier = list((await session.execute(statement.order_by(col(Assessment.number)))).scalars())
    for each in earlier:
        if each.status == AssessmentStatus.open:
            raise Conflict(f"Analysis {each.number} ({each.id}) is still open. Seal it first.", code="assessment_open")
    assessment = await session.save(
        Assessment(
            **fields.model_dump(),
            organization_id=organization.id,
            number=len(earlier) + 1,
            edition=CURRENT,
            previous_id=earlier[-1].id if earlier else None,
        )
    )
    await _lay_out_topics(session, assessment, catalogue(assessment.edition))
    emit(session, "assessment.opened", assessment, {"number": assessment.number, "edition": assessment.edition})
    return assessment


async def _lay_out_topics(session: TenantSession, assessment: Assessment, book: Catalogue) -> None:
    surveyed = await _surveyed(session, assessment)
    for position, topic in enumerate(book.topics):
        answer = Answer(
            organization_id=assessment.organization_id, assessment_id=assessment.id, topic_id=topic.id, position=position
        )
        if topic.id in surveyed:
            take_over(answer, topic, surveyed[topic.id], session)
        session.add(answer)
    await session.flush()


async def _surveyed(session: TenantSession, assessment: Assessment) -> dict[str, Mapping[str, Any]]:
    statement = (
        select(ImportRun)
        .where(
            col(ImportRun.organization_id) == assessment.organization_id,
            col(ImportRun.dry_run).is_(False),
            func.jsonb_array_length(col(ImportRun.answers)) > 0,
        )
        .order_by(col(ImportRun.id).desc())
        .limit(1)
    )
    latest = (await session.execute(statement)).scalar_one_or_none()
    return {each["topic"]: each for each in latest.answers} if latest else {}


def take_over(answer: Answer, topic: Topic, said: Mapping[str, Any], session: TenantSession) -> bool:
    """Set what a survey says, if it may be said to this topic at all. Never over the answer of a person."""
    reply = Reply(state=said.get("state"), rationale=said.get("rationale"), alternative=said.get("alternative"))
    if answer.source == AnswerSource.person or faults_in(topic, reply):
        return False
    before = answer.state
    answer.state, answer.rationale, answer.alternative = reply.state, reply.rationale, reply.alternative
    answer.source = AnswerSource.survey
    answer.answered_by = session.actor.member_id
    answer.answered_at = now()
    remember(session, answer, EntryKind.surveyed, before=before)
    return True
