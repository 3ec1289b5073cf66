"""The same fix for many clients at once: one task in each organization where it is needed, opened together and followed by
the id of their campaign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists
from sqlmodel import Field, col, select

from domain.clock import new_id
from domain.errors import Fault, Invalid
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.inventory.organizations import Organization
from domain.people.assignees import refuse_unfit_assignee
from domain.records import said
from domain.remediation.tasks import Task, TaskFields, TaskFinding, TaskStatus
from domain.remediation.works import works
from domain.sra.catalogue import catalogue
from domain.sra.findings import Finding, FindingStatus
from domain.tenancy import TenantSession

MOST_ORGANIZATIONS = 2000


class CampaignFields(TaskFields):
    """What is to be mended: the risks of one rule, or those of one piece of work."""

    rule_id: str | None = Field(default=None, max_length=40, description="Such as CAP-01.")
    group: str | None = Field(
        default=None, max_length=100, description="The key of a piece of work, such as stored_encryption."
    )
    organization_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=MOST_ORGANIZATIONS, description="All that the caller may see, when absent."
    )


@dataclass(frozen=True)
class Campaign:
    """``tasks`` each with the findings that it treats; ``not_needed`` are the named organizations without such a risk that
    no live task treats already."""

    id: UUID
    tasks: tuple[tuple[Task, tuple[UUID, ...]], ...]
    not_needed: tuple[UUID, ...]


async def open_everywhere(session: TenantSession, fields: CampaignFields) -> Campaign:
    """Open the task in each organization that has the risk, in a handful of statements."""
    causes = _refuse_unclear(fields)
    suspected = await keep_patients_out(session, fields.model_dump(include={"title", "description", "owner", "ref"}))
    await _refuse_unknown_organizations(session, fields.organization_ids)
    found: dict[UUID, list[Finding]] = {}
    for finding in await _untreated(session, fields, causes):
        found.setdefault(finding.organization_id, []).append(finding)
    targets = sorted({*found, *(fields.organization_ids or ())}) if fields.assignee_id is not None else []
    for organization_id in targets:
        await refuse_unfit_assignee(session, organization_id, fields.assignee_id)
    campaign_id = new_id()
    opened = [(_task(fields, organization_id, findings, campaign_id), findings) for organization_id, findings in found.items()]
    session.add_all(task for task, _ in opened)
    await session.flush()
    session.add_all(
        TaskFinding(organization_id=task.organization_id, task_id=task.id, finding_id=each.id)
        for task, findings in opened
        for each in findings
    )
    await session.flush()
    for task, findings in opened:
        told = {name: value for name, value in said(task).items() if value is not None}
        emit(session, "task.created", task, {**told, "finding_ids": [each.id for each in findings]})
        if suspected:
            emit(session, "task.patient_identifier_suspected", task, suspected)
    not_needed = [each for each in fields.organization_ids or () if each not in found]
    return Campaign(
        campaign_id, tuple((task, tuple(each.id for each in findings)) for task, findings in opened), tuple(not_needed)
    )


def _refuse_unclear(fields: CampaignFields) -> frozenset[str]:
    """The causes whose findings are meant; those of the rule alone when it is named."""
    if (fields.rule_id is None) == (fields.group is None):
        raise Invalid.one("/rule_id", "missing", "Say what is to be mended: a rule_id, or a group, and not both.")
    if fields.rule_id is not None:
        if fields.rule_id not in catalogue().threat_by_id:
            raise Invalid.one("/rule_id", "unknown_reference", "There is no such rule.")
        return frozenset()
    causes = frozenset(cause for cause, work in works().items() if work.key == fields.group)
    if not causes:
        raise Invalid.one("/group", "unknown_reference", "There is no such piece of work.")
    return causes


async def _refuse_unknown_organizations(session: TenantSession, wanted: Sequence[UUID] | None) -> None:
    if wanted is None:
        return
    statement = select(Organization.id).where(
        col(Organization.tenant_id) == session.tenant_id,
        col(Organization.id).in_(set(wanted)),
        col(Organization.archived_at).is_(None),
    )
    there = set((await session.execute(statement)).scalars())
    faults = [
        Fault(f"/organization_ids/{place}", "unknown_reference", "There is no such organization.")
        for place, each in enumerate(wanted)
        if each not in there
    ]
    if faults:
        raise Invalid(faults)


async def _untreated(session: TenantSession, fields: CampaignFields, causes: Iterable[str]) -> list[Finding]:
    """The open findings that are meant and that no live task treats yet."""
    treated = (
        exists()
        .where(col(TaskFinding.finding_id) == col(Finding.id), col(TaskFinding.tenant_id) == col(Finding.tenant_id))
        .where(col(Task.id) == col(TaskFinding.task_id), col(Task.tenant_id) == col(TaskFinding.tenant_id))
        .where(col(Task.archived_at).is_(None), col(Task.status) != TaskStatus.verified)
    )
    statement = (
        select(Finding)
        .join(
            Organization,
            (col(Organization.tenant_id) == col(Finding.tenant_id)) & (col(Organization.id) == col(Finding.organization_id)),
        )
        .where(col(Finding.status) == FindingStatus.open, col(Organization.archived_at).is_(None), ~treated)
        .order_by(col(Finding.organization_id), col(Finding.number))
    )
    if fields.organization_ids is not None:
        statement = statement.where(col(Finding.organization_id).in_(set(fields.organization_ids)))
    by_rule = col(Finding.rule_id) == fields.rule_id
    statement = statement.where(by_rule if fields.rule_id is not None else col(Finding.cause).in_(sorted(causes)))
    return list((await session.execute(statement)).scalars())


def _task(fields: CampaignFields, organization_id: UUID, findings: Sequence[Finding], campaign_id: UUID) -> Task:
    due = [each.due_on for each in findings if each.due_on is not None]
    planned = fields.model_dump(include=set(TaskFields.model_fields))
    if fields.due_on is None:
        planned["due_on"] = min(due, default=None)
    return Task(**planned, organization_id=organization_id, campaign_id=campaign_id)
