"""Risks without a plan: open findings that no live task treats and nobody has decided about."""

from sqlalchemy import exists
from sqlmodel import col, select

from domain.inventory.organizations import Organization
from domain.remediation.tasks import Task, TaskFinding
from domain.sra.findings import Finding, FindingStatus
from domain.sra.levels import Level
from domain.tenancy import TenantSession

WITHOUT_A_TASK = ("transfer", "avoid")
"""Treatments that are a decision by themselves; ``reduce`` is one only together with a task."""


async def untreated(session: TenantSession, organization: Organization, *, at_least: Level) -> list[Finding]:
    """Open findings at or above a level with neither a live task nor a treatment that needs none, the worst first."""
    treated = (
        exists()
        .where(col(TaskFinding.finding_id) == col(Finding.id))
        .where(col(TaskFinding.tenant_id) == col(Finding.tenant_id))
        .where(col(Task.id) == col(TaskFinding.task_id))
        .where(col(Task.tenant_id) == col(TaskFinding.tenant_id))
        .where(col(Task.archived_at).is_(None))
    )
    statement = (
        select(Finding)
        .where(
            col(Finding.organization_id) == organization.id,
            col(Finding.status) == FindingStatus.open,
            col(Finding.level_rank) >= at_least.rank,
            col(Finding.treatment).is_(None) | col(Finding.treatment).not_in(WITHOUT_A_TASK),
            ~treated,
        )
        .order_by(col(Finding.level_rank).desc(), col(Finding.number))
    )
    return list((await session.execute(statement)).scalars())
