"""The work that treats risks: planned, done, verified, talked about."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, Uuid, and_, bindparam, exists, func, not_, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, Paged, PagedAndSorted, Window, constant, filters_of, part_of
from api.v1.findings import ThisFinding
from domain.access import Permission
from domain.clock import today
from domain.inventory.groups import in_group
from domain.remediation import working
from domain.remediation.tasks import Task, TaskComment, TaskFinding, TaskPriority, TaskStatus
from domain.remediation.treating import findings_of
from domain.remediation.working import CommentFields, CompletionFields, PlannedTask, TaskChanges, TaskDraft, VerificationFields
from domain.sra.levels import Level

router = door_router("work")
Reader = Annotated[Inside, may(Permission.tasks_read)]
Writer = Annotated[Inside, may(Permission.tasks_write)]
Worker = Annotated[Inside, may(Permission.tasks_complete)]
Verifier = Annotated[Inside, may(Permission.tasks_verify)]


async def _this_task(request: Request, task: Annotated[Task, this(Task)]) -> Task:
    inside: Inside = request.state.inside
    working.refuse_stranger(task, inside.principal)
    return task


ThisTask = Annotated[Task, Depends(_this_task)]


class TaskOut(BaseModel):
    id: UUID
    organization_id: UUID
    title: str
    description: str | None
    assignee_id: UUID | None
    owner: str | None
    due_on: date | None
    priority: TaskPriority
    ref: str | None
    finding_ids: list[UUID]
    status: TaskStatus
    completed_at: datetime | None
    completed_by: UUID | None = Field(description="The member who did it, and so may not verify it.")
    verified_at: datetime | None
    verified_by: UUID | None
    residual_likelihood: Level | None
    residual_impact: Level | None
    residual_level: Level | None = Field(description="What is left of the risk: looked up when the work was verified.")
    evidence: list[dict[str, Any]]
    recurrence: dict[str, Any] | None = Field(description="`every` so many of a `unit`; null for work that is done once.")
    duty: str | None
    previous_id: UUID | None = Field(description="The occurrence before this one.")
    campaign_id: UUID | None = Field(description="What tasks have in common that were opened for many organizations at once.")
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @staticmethod
    def of(task: Task, finding_ids: list[UUID]) -> "TaskOut":
        return TaskOut(**task.model_dump(include=set(TaskOut.model_fields)), finding_ids=finding_ids)


class CommentOut(BaseModel):
    id: UUID
    task_id: UUID
    author_id: UUID | None
    text: str
    created_at: datetime


def _treats(*conditions: Any) -> Any:
    return and_(col(TaskFinding.tenant_id) == col(Task.tenant_id), col(TaskFinding.task_id) == col(Task.id), *conditions)


def _finding_ids() -> Any:
    finding_id: Any = col(TaskFinding.finding_id)
    ids = func.coalesce(func.json_agg(aggregate_order_by(finding_id, finding_id)), constant("'[]'::json"))
    return select(ids).where(_treats()).correlate(Task).scalar_subquery()


_OVERDUE = and_(
    col(Task.due_on) < bindparam("today", type_=Date()), col(Task.status).in_([constant("'open'"), constant("'in_progress'")])
)

TASKS = Listing(
    TaskOut,
    Task,
    sorts={
        # Tasks without a day come last, and a sort is never null.
        "due_on": func.coalesce(col(Task.due_on), constant("'infinity'::date"), type_=Date()),
        "created_at": col(Task.created_at),
    },
    columns={"finding_ids": _finding_ids()},
    filters={
        **filters_of(Task, "organization_id", "status", "assignee_id", "priority", "ref", "campaign_id", "duty"),
        "only": col(Task.assignee_id) == bindparam("only", type_=Uuid()),
        "overdue": _OVERDUE,
        "not_overdue": or_(col(Task.due_on).is_(None), not_(_OVERDUE)),
        "due_before": col(Task.due_on) < bindparam("due_before", type_=Date()),
        "finding_id": exists().where(_treats(col(TaskFinding.finding_id) == bindparam("finding_id", type_=Uuid()))),
        "group_id": in_group(Task.organization_id),
        "q": part_of("q", Task.title, Task.description),
    },
    where=col(Task.archived_at).is_(None),
)
COMMENTS = Listing(
    CommentOut, TaskComment, sorts={"created_at": col(TaskComment.created_at)}, filters=filters_of(TaskComment, "task_id")
)


async def _wanted(
    status: TaskStatus | None = None,
    assignee_id: UUID | None = None,
    priority: TaskPriority | None = None,
    overdue: Annotated[bool | None, Query(description="Neither done nor verified, and its day is past.")] = None,
    due_before: date | None = None,
    finding_id: UUID | None = None,
    ref: str | None = None,
    campaign_id: UUID | None = None,
    duty: str | None = None,
    q: Annotated[str | None, Query(description="Finds a part of the title or description.")] = None,
) -> dict[str, Any]:
    return {
        "status": status,
        "assignee_id": assignee_id,
        "priority": priority,
        "overdue": overdue or None,
        "not_overdue": (overdue is False) or None,
        "due_before": due_before,
        "finding_id": finding_id,
        "ref": ref,
        "campaign_id": campaign_id,
        "duty": duty,
        "q": q,
    }


Wanted = Annotated[dict[str, Any], Depends(_wanted)]


async def _page(by: Inside, window: Window, wanted: dict[str, Any], **among: UUID | None) -> Response:
    only = working.only_assignee(by.principal)
    return await TASKS.page(by, window, bound={"today": today()}, only=only, **among, **wanted)


@router.get("/tasks", response_model=Page[TaskOut])
async def list_all_tasks(
    by: Reader, window: PagedAndSorted, wanted: Wanted, organization_id: UUID | None = None, group_id: UUID | None = None
) -> Response:
    """The tasks of all organizations that the caller may see, what is due first. Sorts: due_on, created_at."""
    return await _page(by, window, wanted, organization_id=organization_id, group_id=group_id)


@router.get("/organizations/{organization_id}/tasks", response_model=Page[TaskOut])
async def list_tasks(by: Reader, organization: ThisOrganization, window: PagedAndSorted, wanted: Wanted) -> Response:
    return await _page(by, window, wanted, organization_id=organization.id)


@router.post("/organizations/{organization_id}/tasks", status_code=201, response_model=TaskOut)
async def plan_task(by: Writer, organization: ThisOrganization, fields: PlannedTask) -> TaskOut:
    """Plan a task, for findings or for itself. Without `due_on` it is due with the first of its findings."""
    return await _shown(by, by.tag(await working.plan(by.session, organization, fields)))


@router.post("/findings/{finding_id}/tasks", status_code=201, response_model=TaskOut)
async def plan_task_for_finding(by: Writer, finding: ThisFinding, fields: TaskDraft) -> TaskOut:
    """Plan a task that treats this finding; `finding_ids` may name more of the same organization."""
    return await _shown(by, by.tag(await working.plan_for(by.session, finding, fields)))


@router.get("/tasks/{task_id}", response_model=TaskOut)
async def read_task(by: Reader, task: ThisTask) -> TaskOut:
    return await _shown(by, task)


@router.patch("/tasks/{task_id}", response_model=TaskOut, openapi_extra=patch_of(TaskChanges))
async def change_task(by: Writer, task: ThisTask, changes: Changes) -> TaskOut:
    """Change what a task says or treats, or take it up. `status: open` opens a task again that was done."""
    current = await _shown(by, task)
    return await _shown(by, await working.revise(by.session, task, merged(TaskChanges, current, changes)))


@router.delete("/tasks/{task_id}", status_code=204)
async def archive_task(by: Writer, task: ThisTask) -> None:
    """For what is not to be done after all. It no longer treats anything, and is kept. Work that comes back comes back all
    the same: take its `recurrence` from it first to end it."""
    await working.give_up(by.session, task)


@router.post("/tasks/{task_id}/completion", status_code=201, response_model=TaskOut)
async def complete_task(by: Worker, task: ThisTask, fields: CompletionFields | None = None) -> TaskOut:
    """The work is done; it awaits verification by somebody else."""
    return await _shown(by, by.tag(await working.complete(by.session, task, fields or CompletionFields())))


@router.post("/tasks/{task_id}/verification", status_code=201, response_model=TaskOut)
async def verify_task(by: Verifier, task: ThisTask, fields: VerificationFields | None = None) -> TaskOut:
    """The practice has looked at the work. 409 for the member who did it."""
    return await _shown(by, by.tag(await working.verify(by.session, task, fields or VerificationFields())))


@router.get("/tasks/{task_id}/comments", response_model=Page[CommentOut])
async def list_comments(by: Reader, task: ThisTask, window: Paged) -> Response:
    return await COMMENTS.page(by, window, task_id=task.id)


@router.post("/tasks/{task_id}/comments", status_code=201, response_model=CommentOut)
async def comment_on_task(by: Worker, task: ThisTask, fields: CommentFields) -> TaskComment:
    return await working.comment(by.session, task, fields)


async def _shown(by: Inside, task: Task) -> TaskOut:
    return TaskOut.of(task, await findings_of(by.session, task))
