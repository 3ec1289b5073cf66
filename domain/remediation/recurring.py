"""Work that comes back: when one occurrence is verified or given up, the next one is planned, exactly once.

It is due one interval after the last one was due, so that late work does not move the calendar; occurrences whose day has
passed already are left out.
"""

import calendar
from datetime import date, timedelta
from enum import StrEnum

from sqlmodel import Field, col, select

from domain.clock import today
from domain.events import emit
from domain.records import said
from domain.remediation.tasks import Task
from domain.tenancy import Fields, TenantSession

CARRIED_ON = ("title", "description", "assignee_id", "owner", "priority", "recurrence", "duty", "campaign_id")
"""What the next occurrence takes over. Its findings it does not: they were treated."""


class Unit(StrEnum):
    day = "day"
    week = "week"
    month = "month"
    year = "year"


class Recurrence(Fields):
    """Every so many days, weeks, months or years."""

    every: int = Field(ge=1, le=120)
    unit: Unit

    def after(self, day: date, *, times: int = 1) -> date:
        """The day some intervals later; the last of a month stays the last where the next one is shorter."""
        count = self.every * times
        match self.unit:
            case Unit.day:
                return day + timedelta(days=count)
            case Unit.week:
                return day + timedelta(weeks=count)
            case Unit.month:
                return _months_later(day, count)
            case Unit.year:
                return _months_later(day, 12 * count)

    def next_due(self, last: date, *, on: date) -> date:
        """The first occurrence after ``last`` that is still to come on ``on``."""
        times = 1
        while self.after(last, times=times) <= on:
            times += 1
        return self.after(last, times=times)


async def plan_next(session: TenantSession, task: Task) -> Task | None:
    """The next occurrence of a task that was verified or given up; None where it does not come back, or is planned already.
    The caller holds the lock on the task."""
    if task.recurrence is None:
        return None
    there = select(Task.id).where(col(Task.previous_id) == task.id, col(Task.tenant_id) == session.tenant_id)
    if (await session.execute(there)).first() is not None:
        return None
    recurrence = Recurrence.model_validate(task.recurrence)
    following = Task(
        **{name: getattr(task, name) for name in CARRIED_ON},
        organization_id=task.organization_id,
        previous_id=task.id,
        due_on=recurrence.next_due(task.due_on or today(), on=today()),
    )
    await session.save(following)
    emit(session, "task.created", following, {name: value for name, value in said(following).items() if value is not None})
    return following


def _months_later(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    year, index = divmod(month, 12)
    return date(year, index + 1, min(day.day, calendar.monthrange(year, index + 1)[1]))
