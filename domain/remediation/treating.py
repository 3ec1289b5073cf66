"""Which task treats which findings: one task for many, and many for one."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.errors import Fault, Invalid
from domain.events import emit
from domain.remediation.tasks import Task, TaskFinding
from domain.sra.findings import Finding
from domain.tenancy import TenantSession


async def findings_of(session: TenantSession, task: Task) -> list[UUID]:
    """The findings that a task treats, the oldest first."""
    return sorted(each.finding_id for each in await links_of(session, task))


async def tasks_of(session: TenantSession, finding: Finding) -> list[Task]:
    """The live tasks that treat a finding, the oldest first."""
    statement = (
        select(Task)
        .join(TaskFinding, (col(TaskFinding.tenant_id) == col(Task.tenant_id)) & (col(TaskFinding.task_id) == col(Task.id)))
        .where(col(TaskFinding.finding_id) == finding.id, col(Task.archived_at).is_(None))
        .order_by(col(Task.id))
    )
    return list((await session.execute(statement)).scalars())


async def links_of(session: TenantSession, task: Task) -> Sequence[TaskFinding]:
    statement = select(TaskFinding).where(col(TaskFinding.task_id) == task.id)
    return (await session.execute(statement)).scalars().all()


async def link(session: TenantSession, task: Task, finding_ids: Iterable[UUID]) -> None:
    session.add_all(TaskFinding(organization_id=task.organization_id, task_id=task.id, finding_id=each) for each in finding_ids)
    await session.flush()


async def relink(session: TenantSession, task: Task, wanted: Sequence[UUID]) -> None:
    treated = await links_of(session, task)
    before = {each.finding_id for each in treated}
    if before == set(wanted):
        return
    await refuse_absent_findings(session, task.organization_id, wanted)
    for each in treated:
        if each.finding_id not in wanted:
            await session.delete(each)
    task.updated_at = now()  # The task is another one now, though no column of it says so: its version must count.
    await link(session, task, sorted(set(wanted) - before))
    emit(session, "task.updated", task, {"finding_ids": {"from": sorted(before), "to": sorted(set(wanted))}})


async def refuse_absent_findings(session: TenantSession, organization_id: UUID, finding_ids: Sequence[UUID]) -> None:
    if not finding_ids:
        return
    statement = select(Finding.id).where(
        col(Finding.organization_id) == organization_id,
        col(Finding.tenant_id) == session.tenant_id,
        col(Finding.id).in_(set(finding_ids)),
    )
    there = set((await session.execute(statement)).scalars())
    faults = [
        Fault(f"/finding_ids/{place}", "unknown_reference", "This organization has no such finding.")
        for place, each in enumerate(finding_ids)
        if each not in there
    ]
    if faults:
        raise Invalid(faults)
