"""Evaluating many organizations again: asked for with one call, done by the workers, one job each.

An organization with an open analysis has its findings brought up to date; one whose analysis is sealed is held against its
footprint. While a job for it waits or runs, no second one is queued.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.clock import now
from domain.database import tenant_session
from domain.errors import Fault, Invalid
from domain.inventory.organizations import Organization
from domain.jobs import EVALUATE, Errand, enqueue_once
from domain.runtime import Runtime
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.sra.evaluating import evaluate_assessment
from domain.sra.staleness import find_stale
from domain.tenancy import SYSTEM, Fields, TenantSession, Wall

MOST = 10_000


class EvaluationsFields(Fields):
    organization_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=2000, description="All that the caller may see, when absent."
    )


async def ask_for_evaluations(session: TenantSession, fields: EvaluationsFields) -> list[UUID]:
    """Queue an evaluation for each organization that has an analysis, open or in force; gives those. What somebody waits for
    goes before them."""
    statement = (
        select(Assessment.organization_id)
        .join(
            Organization,
            (col(Organization.tenant_id) == col(Assessment.tenant_id))
            & (col(Organization.id) == col(Assessment.organization_id)),
        )
        .where(
            col(Assessment.tenant_id) == session.tenant_id,
            col(Assessment.status) != AssessmentStatus.superseded,
            col(Organization.archived_at).is_(None),
        )
        .distinct()
        .order_by(col(Assessment.organization_id))
        .limit(MOST)
    )
    if fields.organization_ids is not None:
        await _refuse_unknown(session, fields.organization_ids)
        statement = statement.where(col(Assessment.organization_id).in_(set(fields.organization_ids)))
    found = list((await session.execute(statement)).scalars())
    await enqueue_once(
        session, EVALUATE, [Errand(key=f"evaluate:{each}", ids={"organization_id": each}, priority=-1) for each in found]
    )
    return found


async def evaluate_again(runtime: Runtime, ids: Mapping[str, Any]) -> None:
    """The job: the same however often it is done for the same facts."""
    organization_id = UUID(ids["organization_id"])
    async with tenant_session(runtime.database, Wall(UUID(ids["tenant_id"])), actor=SYSTEM) as session:
        statement = select(Assessment).where(
            col(Assessment.organization_id) == organization_id, col(Assessment.status) == AssessmentStatus.open
        )
        assessment = (await session.execute(statement)).scalar_one_or_none()
        if assessment is None:
            await find_stale(session, organization_id, as_of=now())
        else:
            organization = await session.fetch(Organization, organization_id)
            await evaluate_assessment(session, assessment, organization, as_of=now())


async def _refuse_unknown(session: TenantSession, wanted: Sequence[UUID]) -> None:
    statement = select(Organization.id).where(
        col(Organization.tenant_id) == session.tenant_id, col(Organization.id).in_(set(wanted))
    )
    there = set((await session.execute(statement)).scalars())
    faults = [
        Fault(f"/organization_ids/{place}", "unknown_reference", "There is no such organization.")
        for place, each in enumerate(wanted)
        if each not in there
    ]
    if faults:
        raise Invalid(faults)
