"""The open risks of an organization as pieces of work, the worst first: a hundred findings read as some forty things to do."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from domain.errors import Invalid
from domain.inventory.organizations import Organization
from domain.remediation.tasks import Task, TaskFinding, TaskStatus
from domain.remediation.works import Work, work_of
from domain.sra.findings import Finding, FindingStatus
from domain.sra.levels import Level
from domain.tenancy import TenantSession


@dataclass(frozen=True)
class Group:
    """Open findings that one piece of work mends. ``worst`` is the worst of them: levels are never averaged."""

    work: Work
    findings: tuple[Finding, ...]
    task_ids: tuple[UUID, ...]
    """Live tasks that treat one of them."""
    untreated: tuple[Finding, ...]
    """Those that no live task treats."""

    @property
    def worst(self) -> Level:
        return max((each.level for each in self.findings), key=lambda level: level.rank)

    @property
    def counts(self) -> Mapping[Level, int]:
        found = Counter(each.level for each in self.findings)
        return {level: found[level] for level in Level}


async def groups_of(session: TenantSession, organization: Organization) -> list[Group]:
    """Every open finding in exactly one group; the worst group first, then the larger one, then by key."""
    statement = (
        select(Finding)
        .where(col(Finding.organization_id) == organization.id, col(Finding.status) == FindingStatus.open)
        .order_by(col(Finding.level_rank).desc(), col(Finding.number))
    )
    findings = list((await session.execute(statement)).scalars())
    treating = await _treating(session, organization)
    by_work: dict[Work, list[Finding]] = {}
    titles: dict[str, Work] = {}
    for finding in findings:
        work = work_of(finding)
        by_work.setdefault(titles.setdefault(work.key, work), []).append(finding)
    groups = [_group(work, members, treating) for work, members in by_work.items()]
    return sorted(groups, key=lambda each: (-each.worst.rank, -len(each.findings), each.work.key))


async def untreated_in(session: TenantSession, organization: Organization, key: str) -> list[UUID]:
    """The findings of a group that no live task treats yet; :class:`Invalid` where there is nothing to do."""
    group = next((each for each in await groups_of(session, organization) if each.work.key == key), None)
    if group is None:
        raise Invalid.one("/group", "unknown_reference", "This organization has no open findings in such a group.")
    if not group.untreated:
        raise Invalid.one("/group", "treated_already", "Every finding of this group has a task already.")
    return [each.id for each in group.untreated]


async def _treating(session: TenantSession, organization: Organization) -> Mapping[UUID, list[UUID]]:
    """Finding -> the live tasks that are still to treat it."""
    statement = (
        select(TaskFinding.finding_id, TaskFinding.task_id)
        .join(Task, (col(Task.tenant_id) == col(TaskFinding.tenant_id)) & (col(Task.id) == col(TaskFinding.task_id)))
        .where(
            col(TaskFinding.organization_id) == organization.id,
            col(TaskFinding.tenant_id) == session.tenant_id,
            col(Task.archived_at).is_(None),
            col(Task.status) != TaskStatus.verified,
        )
        .order_by(col(TaskFinding.task_id))
    )
    found: dict[UUID, list[UUID]] = {}
    for row in (await session.execute(statement)).all():
        found.setdefault(row[0], []).append(row[1])
    return found


def _group(work: Work, members: Iterable[Finding], treating: Mapping[UUID, list[UUID]]) -> Group:
    findings = tuple(members)
    tasks = {task for each in findings for task in treating.get(each.id, ())}
    return Group(work, findings, tuple(sorted(tasks)), tuple(each for each in findings if each.id not in treating))
