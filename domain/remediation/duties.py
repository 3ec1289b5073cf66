"""Duties: work that comes back in every practice, planned with one call. The templates are data, in ``duties.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from uuid import UUID

from sqlmodel import Field, col, select

from domain.clock import today
from domain.errors import Fault, Invalid
from domain.inventory.organizations import Organization
from domain.people.assignees import refuse_unfit_assignee
from domain.remediation.recurring import Recurrence, Unit
from domain.remediation.tasks import Task, TaskStatus
from domain.remediation.working import PlannedTask, plan
from domain.tenancy import Fields, TenantSession


@dataclass(frozen=True)
class Duty:
    key: str
    title: str
    description: str
    recurrence: Recurrence
    citations: tuple[str, ...]


class DutiesFields(Fields):
    keys: list[str] = Field(min_length=1, max_length=50, description="See `GET /v1/duties`.")
    first_due_on: date | None = Field(default=None, description="One interval from today, when absent.")
    assignee_id: UUID | None = None


@cache
def duties() -> Mapping[str, Duty]:
    """Every template, in the order of the file."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        each["key"]: Duty(
            each["key"],
            each["title"],
            each["description"],
            Recurrence(every=each["every"], unit=Unit(each["unit"])),
            tuple(each["citations"]),
        )
        for each in data["duty"]
    }


async def take_on_duties(session: TenantSession, organization: Organization, fields: DutiesFields) -> list[Task]:
    """Plan the first occurrence of each duty; one that is planned already stays as it is, and is given instead."""
    unknown = [place for place, key in enumerate(fields.keys) if key not in duties()]
    if unknown:
        raise Invalid([Fault(f"/keys/{place}", "unknown_reference", "There is no such duty.") for place in unknown])
    await refuse_unfit_assignee(session, organization.id, fields.assignee_id)
    await session.fetch(Organization, organization.id, lock=True)
    statement = select(Task).where(
        col(Task.organization_id) == organization.id,
        col(Task.duty).in_(set(fields.keys)),
        col(Task.status) != TaskStatus.verified,
        col(Task.archived_at).is_(None),
    )
    standing = {task.duty: task for task in (await session.execute(statement)).scalars()}
    return [
        standing.get(key) or await _plan(session, organization, duties()[key], fields) for key in dict.fromkeys(fields.keys)
    ]


async def _plan(session: TenantSession, organization: Organization, duty: Duty, fields: DutiesFields) -> Task:
    draft = PlannedTask(
        title=duty.title,
        description=f"{duty.description} (45 CFR {', '.join(duty.citations)})",
        assignee_id=fields.assignee_id,
        due_on=fields.first_due_on or duty.recurrence.after(today()),
        recurrence=duty.recurrence,
    )
    return await plan(session, organization, draft, duty=duty.key)
