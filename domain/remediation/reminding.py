"""Reminders of tasks: due soon, and overdue. Each day that a task is due on is told of once for each, whoever looks how often.

The task itself remembers for which day it has been told. Setting that and writing the event is one transaction, and the row
is locked meanwhile: two schedulers at once, or a clock that jumps, tell nothing twice.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from domain.clock import today
from domain.database import tenant_session
from domain.events import emit
from domain.people.tenants import all_tenants, own
from domain.remediation.tasks import Task, TaskStatus
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, TenantSession, Wall

DAYS_BEFORE = 7
"""Unless the tenant's settings say otherwise: ``{"task_due_soon_days": 3}``."""


async def remind_all(runtime: Runtime) -> None:
    """The chore: every tenant's tasks, each behind its own wall."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await remind(session, on=today())


async def remind(session: TenantSession, *, on: date) -> int:
    """Tell of every unfinished task that is overdue, or due soon, on a day; how many were told of."""
    settings: Mapping[str, Any] = (await own(session)).settings
    soon = on + timedelta(days=settings.get("task_due_soon_days", DAYS_BEFORE))
    due = col(Task.due_on)
    overdue = await _told(session, "overdue_told_for", due < on)
    due_soon = await _told(session, "due_soon_told_for", (due >= on) & (due <= soon))
    for kind, tasks in (("task.overdue", overdue), ("task.due_soon", due_soon)):
        for task in tasks:
            told = {"title": task.title, "due_on": task.due_on, "assignee_id": task.assignee_id, "priority": task.priority}
            emit(session, kind, task, told)
    return len(overdue) + len(due_soon)


async def _told(session: TenantSession, column: str, when: Any) -> list[Task]:
    """Mark those that have not been told of for this day, and give them. To remind of a task does not change it."""
    mark = col(getattr(Task, column))
    statement = (
        update(Task)
        .where(
            when,
            col(Task.archived_at).is_(None),
            col(Task.status).in_([TaskStatus.open, TaskStatus.in_progress]),
            mark.is_distinct_from(col(Task.due_on)),
        )
        .values({column: col(Task.due_on), "updated_at": col(Task.updated_at)})
        .returning(col(Task.id))
        .execution_options(synchronize_session=False)
    )
    ids = list((await session.execute(statement)).scalars())
    if not ids:
        return []
    rows = select(Task).where(col(Task.id).in_(ids)).order_by(col(Task.due_on), col(Task.id))
    return list((await session.execute(rows)).scalars())
