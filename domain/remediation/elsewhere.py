"""What a ticket in another system does to a task: it finishes it, opens it again, takes it up, and adds comments.

It never verifies: that is the word of the practice. The session's actor is the connection, which stands for nobody, so
nobody is named as the one who did the work.
"""

from uuid import UUID

from domain.clock import now
from domain.events import emit
from domain.inventory.patient_data import patient_identifiers
from domain.remediation.tasks import Task, TaskComment, TaskStatus
from domain.tenancy import TenantSession

MOST = 10_000
WITHHELD = "A comment on the ticket is not shown here, because it looks as if it named a patient. Remove it there."


async def done(session: TenantSession, task: Task) -> None:
    """The work is done, says the ticket; the practice has still to verify it."""
    if task.archived_at is None and task.status in (TaskStatus.open, TaskStatus.in_progress):
        before = task.status
        task.status = TaskStatus.done
        task.completed_at = now()
        await session.flush()
        emit(session, "task.completed", task, {"status": {"from": before.value, "to": TaskStatus.done.value}})


async def reopened(session: TenantSession, task: Task) -> None:
    """The work is to be done again. What was verified stays as it was verified, and says so."""
    if task.archived_at is not None:
        return
    if task.status is TaskStatus.verified:
        await _say(session, task, "The ticket was opened again after this work had been verified. Plan another task if needed.")
    elif task.status is TaskStatus.done:
        task.status = TaskStatus.open
        task.completed_at = task.completed_by = None
        await session.flush()
        emit(session, "task.reopened", task, {"status": {"from": TaskStatus.done.value, "to": TaskStatus.open.value}})


async def taken_up(session: TenantSession, task: Task) -> None:
    if task.archived_at is None and task.status is TaskStatus.open:
        task.status = TaskStatus.in_progress
        await session.flush()
        emit(session, "task.updated", task, {"status": {"from": TaskStatus.open.value, "to": TaskStatus.in_progress.value}})


async def said(session: TenantSession, task: Task, text: str, *, author: str | None) -> UUID:
    """Keep what was said on the ticket as a comment; not where it seems to name a patient. The comment's id."""
    suspected = dict(patient_identifiers({"text": text}))
    words = WITHHELD if suspected else (f"{author}: {text}" if author else text)
    return await _say(session, task, words.replace("\0", "")[:MOST])


async def _say(session: TenantSession, task: Task, text: str) -> UUID:
    written = await session.save(TaskComment(organization_id=task.organization_id, task_id=task.id, text=text))
    emit(session, "task.commented", task, {"comment_id": written.id})
    return written.id
