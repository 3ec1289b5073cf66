"""Working on tasks: planned for findings, done by one person, and verified by the practice.

Whoever did the work never verifies it. A person of the practice's staff sees and completes their own tasks only.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, func, select

from domain.access import Principal, Role
from domain.clock import now
from domain.errors import Conflict, Invalid, NotFound
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.organizations import Organization
from domain.people.acting import acting_member
from domain.people.assignees import refuse_unfit_assignee
from domain.records import archive, change, said
from domain.remediation.grouping import untreated_in
from domain.remediation.recurring import Recurrence, plan_next
from domain.remediation.tasks import Task, TaskComment, TaskFields, TaskStatus
from domain.remediation.treating import link, links_of, refuse_absent_findings, relink
from domain.sra.evidence import EvidenceFields, as_kept, refuse_absent_evidence
from domain.sra.findings import Finding
from domain.sra.levels import Level, risk_level
from domain.tenancy import NOBODYS_TENANT, Fields, TenantSession

MOST_FINDINGS = 500


class TaskDraft(TaskFields):
    """A task as it is planned."""

    finding_ids: list[UUID] = Field(
        default_factory=list, max_length=MOST_FINDINGS, description="The findings it treats, all of the same organization."
    )
    recurrence: Recurrence | None = Field(
        default=None, description="Work that comes back: the next one is planned when this one is verified, or archived."
    )
    evidence: list[EvidenceFields] = Field(
        default_factory=list[EvidenceFields], max_length=50, description="What shows that it was done."
    )


class PlannedTask(TaskDraft):
    group: str | None = Field(
        default=None,
        max_length=300,
        description="Treat every open finding of this piece of work that has no task yet; see finding-groups.",
    )


class TaskChanges(TaskDraft):
    """What of a task can be changed. To complete or verify it is an act of its own."""

    status: TaskStatus = Field(
        default=TaskStatus.open, description="`open` or `in_progress`; `open` takes a task that was done up again."
    )


class CompletionFields(Fields):
    evidence: list[EvidenceFields] = Field(
        default_factory=list[EvidenceFields], max_length=50, description="Added to what the task shows already."
    )
    note: str | None = Field(default=None, min_length=1, max_length=10_000, description="Kept as a comment on the task.")


class VerificationFields(Fields):
    """Likelihood and impact of what is left of the risk; both, or neither."""

    residual_likelihood: Level | None = None
    residual_impact: Level | None = None
    note: str | None = Field(default=None, min_length=1, max_length=10_000, description="Kept as a comment on the task.")


class CommentFields(Fields):
    text: str = Field(min_length=1, max_length=10_000)


# --- who sees what ---------------------------------------------------------------------------------------------------


def only_assignee(principal: Principal) -> UUID | None:
    """Whose tasks alone the caller may see; None where that is no limit."""
    if principal.role is not Role.practice_member:
        return None
    # A machine whose sponsor sees no more than that has no tasks of its own: nobody's id is assigned to none.
    return principal.actor.member_id or NOBODYS_TENANT


def refuse_stranger(task: Task, principal: Principal) -> None:
    """A task of somebody else is not there for a practice's staff."""
    whose = only_assignee(principal)
    if whose is not None and task.assignee_id != whose:
        raise NotFound(task.noun)


# --- planning --------------------------------------------------------------------------------------------------------


async def plan(session: TenantSession, organization: Organization, draft: PlannedTask, *, duty: str | None = None) -> Task:
    """Put a task on the plan of an organization."""
    fields: dict[str, Any] = {**draft.model_dump(exclude={"finding_ids", "group"}), "evidence": as_kept(draft.evidence)}
    fields["recurrence"] = draft.recurrence.model_dump(mode="json") if draft.recurrence else None
    suspected = await keep_patients_out(session, fields)
    finding_ids = list(dict.fromkeys(draft.finding_ids))
    await refuse_absent_findings(session, organization.id, draft.finding_ids)
    if draft.group is not None:
        finding_ids = list(dict.fromkeys([*finding_ids, *await untreated_in(session, organization, draft.group)]))
    if draft.due_on is None:
        fields["due_on"] = await _earliest_due(session, finding_ids)
    await refuse_unfit_assignee(session, organization.id, draft.assignee_id)
    await refuse_absent_evidence(session, organization.id, draft.evidence)
    task = await session.save(Task(**fields, organization_id=organization.id, duty=duty))
    await link(session, task, finding_ids)
    told = {name: value for name, value in said(task).items() if value is not None}
    emit(session, "task.created", task, {**told, "finding_ids": finding_ids})
    _note_suspicion(session, task, suspected)
    return task


async def plan_for(session: TenantSession, finding: Finding, draft: TaskDraft) -> Task:
    """Put a task on the plan that treats this finding, and perhaps others with it."""
    organization = await session.fetch(Organization, finding.organization_id)
    said = {**draft.model_dump(), "finding_ids": [finding.id, *draft.finding_ids][:MOST_FINDINGS]}
    return await plan(session, organization, PlannedTask.model_validate(said))


async def _earliest_due(session: TenantSession, finding_ids: Sequence[UUID]) -> date | None:
    """Work that treats several risks is due with the first of them."""
    if not finding_ids:
        return None
    due: Any = select(func.min(col(Finding.due_on))).where(
        col(Finding.tenant_id) == session.tenant_id, col(Finding.id).in_(set(finding_ids))
    )
    return (await session.execute(due)).scalar_one()


async def revise(session: TenantSession, task: Task, changes: TaskChanges) -> Task:
    """Change what a task says, take it up, or open it again after it was done."""
    _refuse_archived(task)
    _refuse_leap(task, changes.status)
    if changes.assignee_id != task.assignee_id:
        await refuse_unfit_assignee(session, task.organization_id, changes.assignee_id)
    await refuse_absent_evidence(session, task.organization_id, changes.evidence)
    await relink(session, task, changes.finding_ids)
    if task.status == TaskStatus.done and changes.status == TaskStatus.open:
        await _reopen(session, task)
    values = {**changes.model_dump(exclude={"finding_ids"}), "evidence": as_kept(changes.evidence)}
    return await change(session, task, values)


async def give_up(session: TenantSession, task: Task) -> None:
    """Archive a task that is not to be done after all. Work that comes back comes back all the same, unless its recurrence
    was taken from it before."""
    await session.refresh(task, with_for_update=True)
    if task.archived_at is None:
        await archive(session, task)
        if task.status != TaskStatus.verified:
            await plan_next(session, task)


def _refuse_leap(task: Task, wanted: TaskStatus) -> None:
    if task.status == TaskStatus.verified:
        raise Conflict("This task is verified, and stays as it was verified. Plan another one.", code="task_verified")
    if wanted == task.status:
        return
    if wanted in (TaskStatus.done, TaskStatus.verified):
        act = "completion" if wanted == TaskStatus.done else "verification"
        raise Invalid.one("/status", "not_by_change", f"A task becomes {wanted.value} by POST /v1/tasks/{task.id}/{act}.")
    if task.status == TaskStatus.done and wanted != TaskStatus.open:
        raise Conflict("This task is done. Open it again first.", code="task_done")


async def _reopen(session: TenantSession, task: Task) -> None:
    before = _progress(task)
    task.status = TaskStatus.open
    task.completed_at = task.completed_by = None
    await session.flush()
    emit(session, "task.reopened", task, differences(before, _progress(task)))


# --- doing and verifying ---------------------------------------------------------------------------------------------


async def complete(session: TenantSession, task: Task, fields: CompletionFields) -> Task:
    """The work is done, says the member who answers for it."""
    member_id = acting_member(session)
    suspected = await keep_patients_out(session, {"note": fields.note})
    await session.refresh(task, with_for_update=True)
    _refuse_archived(task)
    if task.status not in (TaskStatus.open, TaskStatus.in_progress):
        raise Conflict(f"This task is {task.status.value} already.", code="already_done")
    await refuse_absent_evidence(session, task.organization_id, fields.evidence)
    before = _progress(task)
    task.status = TaskStatus.done
    task.completed_at = now()
    task.completed_by = member_id
    if fields.evidence:
        task.evidence = [*task.evidence, *as_kept(fields.evidence)]
    return await _done(session, "task.completed", task, before, note=fields.note, suspected=suspected)


async def verify(session: TenantSession, task: Task, fields: VerificationFields) -> Task:
    """The practice has looked at the work, and says what is left of the risk: looked up, never calculated."""
    member_id = acting_member(session)
    _refuse_half_a_rating(fields)
    suspected = await keep_patients_out(session, {"note": fields.note})
    await session.refresh(task, with_for_update=True)
    _refuse_archived(task)
    if task.status != TaskStatus.done:
        raise Conflict(f"This task is {task.status.value}. It is verified once, after it was done.", code="not_done")
    if task.completed_by == member_id:
        raise Conflict("You have done this work yourself; another member must verify it.", code="own_work")
    before = _progress(task)
    task.status = TaskStatus.verified
    task.verified_at = now()
    task.verified_by = member_id
    if fields.residual_likelihood is not None and fields.residual_impact is not None:
        task.residual_likelihood, task.residual_impact = fields.residual_likelihood, fields.residual_impact
        task.residual_level = risk_level(likelihood=fields.residual_likelihood, impact=fields.residual_impact)
        await _record_residual(session, task)
    await _done(session, "task.verified", task, before, note=fields.note, suspected=suspected)
    await plan_next(session, task)
    return task


async def _record_residual(session: TenantSession, task: Task) -> None:
    """What is left of each risk that the work has treated."""
    treated = {link.finding_id for link in await links_of(session, task)}
    statement = select(Finding).where(col(Finding.id).in_(treated)).order_by(col(Finding.id)).with_for_update()
    for finding in (await session.execute(statement)).scalars():
        before = finding.residual_level
        finding.residual_likelihood, finding.residual_impact = task.residual_likelihood, task.residual_impact
        finding.residual_level = task.residual_level
        if before != finding.residual_level:
            told = {"residual_level": {"from": before, "to": finding.residual_level}, "task_id": task.id}
            emit(session, "finding.updated", finding, told)


def _refuse_half_a_rating(fields: VerificationFields) -> None:
    if (fields.residual_likelihood is None) != (fields.residual_impact is None):
        missing = "residual_likelihood" if fields.residual_likelihood is None else "residual_impact"
        raise Invalid.one(f"/{missing}", "missing", "A level is looked up from likelihood and impact: give both, or neither.")


async def _done(
    session: TenantSession,
    kind: str,
    task: Task,
    before: Mapping[str, Any],
    *,
    note: str | None,
    suspected: Mapping[str, str],
) -> Task:
    if note is not None:
        session.add(_comment(session, task, note))
    await session.flush()
    emit(session, kind, task, differences(before, _progress(task)))
    _note_suspicion(session, task, suspected)
    return task


def _progress(task: Task) -> dict[str, Any]:
    """What completing, verifying and opening again can change."""
    names = (
        "status", "completed_by", "verified_by", "residual_likelihood", "residual_impact", "residual_level",
    )  # fmt: skip
    return {name: getattr(task, name) for name in names}


def _refuse_archived(task: Task) -> None:
    if task.archived_at is not None:
        raise Conflict("This task is archived: it is kept as it was.", code="archived")


# --- comments --------------------------------------------------------------------------------------------------------


async def comment(session: TenantSession, task: Task, fields: CommentFields) -> TaskComment:
    """Say something about a task. What was said stays."""
    suspected = await keep_patients_out(session, {"text": fields.text})
    written = await session.save(_comment(session, task, fields.text))
    emit(session, "task.commented", task, {"comment_id": written.id})
    _note_suspicion(session, task, suspected)
    return written


def _comment(session: TenantSession, task: Task, text: str) -> TaskComment:
    return TaskComment(organization_id=task.organization_id, task_id=task.id, author_id=session.actor.member_id, text=text)


def _note_suspicion(session: TenantSession, task: Task, suspected: Mapping[str, str]) -> None:
    if suspected:
        emit(session, "task.patient_identifier_suspected", task, suspected)
