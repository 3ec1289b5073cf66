"""What a ticket says about its task: the work, the risks that it treats, and where to read on. No patient is named in any
of these texts, because none could be written into them.
"""

from sqlmodel import col, select

from domain.remediation.tasks import Task, TaskFinding, TaskPriority, TaskStatus
from domain.sra.findings import Finding
from domain.sra.levels import Level
from domain.tenancy import TenantSession
from domain.ticketing.connector import Connector, TicketState
from domain.ticketing.mappings import Mapping

MOST_FINDINGS = 50
_LEVEL_OF: dict[TaskPriority, Level] = {
    TaskPriority.low: Level.low,
    TaskPriority.normal: Level.moderate,
    TaskPriority.high: Level.high,
    TaskPriority.urgent: Level.very_high,
}


def title_of(task: Task) -> str:
    return " ".join(task.title.split())


async def text_of(session: TenantSession, task: Task, *, base_url: str | None, external_id: str) -> str:
    """The whole text of a ticket."""
    parts = [task.description or task.title]
    findings = await _findings(session, task)
    if findings:
        lines = [f"- Risk {each.number} ({each.level.word}): {each.title}" for each in findings[:MOST_FINDINGS]]
        if len(findings) > MOST_FINDINGS:
            lines.append(f"- and {len(findings) - MOST_FINDINGS} more")
        parts.append("Treats:\n" + "\n".join(lines))
    if base_url is not None:
        parts.append(f"Task in Bitewing: {base_url}/v1/tasks/{task.id}")
    parts.append("Do not write about patients here.")
    parts.append(f"Reference: {external_id}")
    return "\n\n".join(parts)


async def priority_of(session: TenantSession, task: Task, mapping: Mapping, connector: Connector) -> str | None:
    """The product's priority for the worst risk that the task treats, or for the task's own priority."""
    findings = await _findings(session, task)
    level = max((each.level for each in findings), key=lambda each: each.rank, default=_LEVEL_OF[task.priority])
    said = {Level(each).value: word for each, word in mapping.priorities.items()}
    return said.get(level.value) or connector.priorities.get(level.value)


def state_of_task(task: Task) -> TicketState:
    if task.status in (TaskStatus.done, TaskStatus.verified) or task.archived_at is not None:
        return TicketState.done
    return TicketState.in_progress if task.status is TaskStatus.in_progress else TicketState.open


def verified_sentence(task: Task) -> str:
    left = f" What is left of the risk: {task.residual_level.word}." if task.residual_level else ""
    return f"The practice has verified this work.{left}"


async def _findings(session: TenantSession, task: Task) -> list[Finding]:
    """The risks that a task treats, the worst first."""
    treated = (
        select(Finding)
        .join(TaskFinding, col(TaskFinding.finding_id) == col(Finding.id))
        .where(col(TaskFinding.task_id) == task.id)
        .order_by(col(Finding.level_rank).desc(), col(Finding.number))
    )
    return list((await session.execute(treated)).scalars())
