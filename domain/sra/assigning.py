"""Who is asked: single topics are given to a member, who then answers them. A practice's staff answer what is theirs."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import Field, col, select

from domain.access import Principal, Role
from domain.errors import Fault, Forbidden, Invalid
from domain.events import emit
from domain.people.assignees import refuse_unfit_assignee
from domain.sra.answering import refuse_unless_open
from domain.sra.assessments import Answer, Assessment
from domain.sra.catalogue import catalogue
from domain.tenancy import Fields, TenantSession


class AssignmentFields(Fields):
    topic_ids: list[str] = Field(min_length=1, max_length=200)
    assignee_id: UUID | None = Field(default=None, description="A member of this tenant; null takes the topics back.")


async def assign(session: TenantSession, assessment: Assessment, fields: AssignmentFields) -> list[Answer]:
    """Give topics to a member, or take them back; gives them in the order of the guide."""
    refuse_unless_open(assessment)
    refuse_unknown_topics(assessment, fields.topic_ids)
    await refuse_unfit_assignee(session, assessment.organization_id, fields.assignee_id)
    statement = (
        select(Answer)
        .where(col(Answer.assessment_id) == assessment.id, col(Answer.topic_id).in_(set(fields.topic_ids)))
        .order_by(col(Answer.position))
        .with_for_update()
    )
    answers = list((await session.execute(statement)).scalars())
    moved = [each for each in answers if each.assignee_id != fields.assignee_id]
    for answer in moved:
        answer.assignee_id = fields.assignee_id
    await session.flush()
    if moved:
        told = {"assignee_id": fields.assignee_id, "topic_ids": [each.topic_id for each in moved]}
        emit(session, "assessment.topics_assigned", assessment, told)
    return answers


def refuse_unknown_topics(assessment: Assessment, topic_ids: Sequence[str]) -> None:
    known = catalogue(assessment.edition).topic_by_id
    faults = [
        Fault(f"/topic_ids/{place}", "unknown_reference", "There is no such topic in this analysis.")
        for place, each in enumerate(topic_ids)
        if each not in known
    ]
    if faults:
        raise Invalid(faults)


def refuse_uninvited(answer: Answer, principal: Principal) -> None:
    """A practice's staff answer the topics that they were given, and no others."""
    who = principal.actor.member_id
    if principal.role is Role.practice_member and (who is None or answer.assignee_id != who):
        raise Forbidden("This topic is not assigned to you.")
