"""Looking at analyses: the one in force on a day, the answers in order, and the small changes an open one still takes."""

from datetime import date
from uuid import UUID

from sqlmodel import col, func, or_, select

from domain.inventory.organizations import Organization
from domain.records import change
from domain.sra.answering import refuse_unless_open
from domain.sra.assessments import Answer, Assessment, AssessmentFields, AssessmentStatus
from domain.tenancy import NOBODYS_TENANT, TenantSession


async def answers_of(session: TenantSession, assessment: Assessment) -> list[Answer]:
    statement = select(Answer).where(col(Answer.assessment_id) == assessment.id).order_by(col(Answer.position))
    return list((await session.execute(statement)).scalars())


async def organization_of(session: TenantSession, assessment: Assessment) -> Organization:
    return await session.fetch(Organization, assessment.organization_id)


async def change_assessment(session: TenantSession, assessment: Assessment, fields: AssessmentFields) -> Assessment:
    refuse_unless_open(assessment)
    return await change(session, assessment, fields)


async def in_force_on(session: TenantSession, organization: Organization, day: date) -> UUID:
    """The id of the analysis that was in force on ``day``; an id of nothing when there was none.

    OCR asks for the analysis in force at the time of an incident (45 CFR 164.316(b)(2)(i): kept six years).
    """
    statement = (
        select(Assessment.id)
        .where(
            col(Assessment.organization_id) == organization.id,
            col(Assessment.tenant_id) == session.tenant_id,
            col(Assessment.status) != AssessmentStatus.open,
            func.date(col(Assessment.sealed_at)) <= day,
            or_(col(Assessment.in_force_until).is_(None), col(Assessment.in_force_until) >= day),
        )
        .order_by(col(Assessment.number).desc())
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none() or NOBODYS_TENANT
