"""Opening an analysis: one at a time for an organization, on the catalogue's current edition, with a place for every answer.

What a technician's survey has already said to a topic is taken over and marked as the survey's.
"""

from collections.abc import Mapping
from datetime import datetime
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
from domain.sra.assessments import (
    Answer,
    AnswerSource,
    Assessment,
    AssessmentKind,
    AssessmentStatus,
    Continuity,
    OpeningFields,
)
from domain.sra.catalogue import CURRENT, Catalogue, Topic, catalogue
from domain.sra.contradictions import reopen
from domain.sra.reading import answers_of
from domain.sra.staleness import find_stale, in_force, touched_topics
from domain.tenancy import TenantSession


async def open_assessment(session: TenantSession, organization: Organization, fields: OpeningFields) -> Assessment:
    """Begin the next analysis of an organization; :class:`Conflict` while one is open, PaymentRequired if it is not covered.

    Each answer of the last analysis is carried over, and those that a change since then has touched are reopened with the
    reason. In a ``full`` one a person confirms or changes what was carried; in a ``delta`` what is untouched stands.
    """
    await may_begin(session, await session.fetch(Organization, organization.id, lock=True))
    statement = select(Assessment).where(col(Assessment.organization_id) == organization.id)
    earlier = list((await session.execute(statement.order_by(col(Assessment.number)))).scalars())
    for each in earlier:
        if each.status == AssessmentStatus.open:
            raise Conflict(f"Analysis {each.number} ({each.id}) is still open. Seal it first.", code="assessment_open")
    previous = await in_force(session, organization.id)
    causes = await find_stale(session, organization.id, as_of=now()) if previous is not None else []
    if fields.kind is AssessmentKind.delta and not causes:
        raise Conflict(
            "Nothing has changed since the last analysis that would touch it: there is no delta to look at.", code="not_stale"
        )
    assessment = await session.save(
        Assessment(
            **fields.model_dump(),
            organization_id=organization.id,
            number=len(earlier) + 1,
            edition=CURRENT,
            previous_id=earlier[-1].id if earlier else None,
        )
    )
    await _lay_out_topics(session, assessment, catalogue(assessment.edition), previous)
    told = {"number": assessment.number, "edition": assessment.edition, "kind": assessment.kind}
    emit(session, "assessment.opened", assessment, told)
    await _carry_forward(session, assessment, previous, touched_topics(causes))
    return assessment


async def _carry_forward(
    session: TenantSession, assessment: Assessment, previous: Assessment | None, touched: Mapping[str, list[str]]
) -> None:
    """Take over what was said in the last analysis, where it may still be said, and reopen what is touched."""
    if previous is None:
        return
    book = catalogue(assessment.edition)
    before = {each.topic_id: each for each in await answers_of(session, previous)}
    for answer in await answers_of(session, assessment):
        earlier = before.get(answer.topic_id)
        if earlier is None or answer.state is not None or not carry(answer, book.topic_by_id[answer.topic_id], earlier):
            continue
        remember(session, answer, EntryKind.carried, before=None)
        if answer.topic_id in touched:
            reopen(session, answer, because=touched[answer.topic_id])
    await session.flush()


def carry(answer: Answer, topic: Topic, earlier: Answer) -> bool:
    """Say what was said before, with whoever said it; nothing where that cannot be said to this topic any more."""
    if earlier.state is None or faults_in(topic, earlier):
        return False
    for name in CARRIED:
        setattr(answer, name, getattr(earlier, name))
    answer.source, answer.continuity = AnswerSource.carried, Continuity.carried
    return True


CARRIED = ("state", "rationale", "alternative", "note", "evidence", "answered_by", "answered_at", "link_id", "proposal", "seen")


async def _lay_out_topics(session: TenantSession, assessment: Assessment, book: Catalogue, previous: Assessment | None) -> None:
    surveyed = await _surveyed(session, assessment, since=previous.sealed_at if previous else None)
    for position, topic in enumerate(book.topics):
        answer = Answer(
            organization_id=assessment.organization_id, assessment_id=assessment.id, topic_id=topic.id, position=position
        )
        if topic.id in surveyed:
            take_over(answer, topic, surveyed[topic.id], session)
        session.add(answer)
    await session.flush()


async def _surveyed(session: TenantSession, assessment: Assessment, *, since: datetime | None) -> dict[str, Mapping[str, Any]]:
    """What the latest survey says; one that the last analysis has taken over already is not news."""
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
    if since is not None:
        statement = statement.where(col(ImportRun.created_at) > since)
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
