"""Tasks: the work that treats findings. Done by one person, verified by the practice and never by the one who did it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from domain.sra.levels import Level
from domain.tenancy import (
    Archivable,
    Fields,
    OrganizationOwned,
    belongs_to,
    belongs_to_tenants,
    instant,
    json_list,
    json_or_unknown,
    listed_by,
    one_of,
    organization_table,
)

DUE = "coalesce(due_on, 'infinity'::date)"
"""What tasks are listed by: those without a day come last."""


class TaskStatus(StrEnum):
    open = "open"
    in_progress = "in_progress"
    done = "done"
    verified = "verified"


class TaskPriority(StrEnum):
    low = "low"
    normal = "normal"
    high = "high"
    urgent = "urgent"


class TaskFields(Fields):
    title: str = Field(min_length=1, max_length=300)
    description: str | None = Field(default=None, max_length=10_000)
    assignee_id: UUID | None = Field(default=None, description="A member of this tenant.")
    owner: str | None = Field(default=None, max_length=200, description="Who does it, when that is not a member.")
    due_on: date | None = None
    priority: TaskPriority = one_of(TaskPriority, default=TaskPriority.normal)
    ref: str | None = Field(default=None, max_length=200)


class Task(TaskFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to_tenants("member", "assignee_id"),
        belongs_to("task", "previous_id"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        UniqueConstraint("tenant_id", "previous_id"),
        listed_by("task", "campaign_id"),
        Index("ix_task_due", "tenant_id", text(DUE), "id"),
        Index("ix_task_organization_due", "tenant_id", "organization_id", text(DUE), "id"),
        Index(
            "ix_task_overdue",
            "tenant_id",
            "organization_id",
            "due_on",
            postgresql_where=text("archived_at is null and status in ('open', 'in_progress')"),
        ),
    )
    noun: ClassVar[str] = "task"

    status: TaskStatus = one_of(TaskStatus, default=TaskStatus.open)
    completed_at: datetime | None = instant(default=None)
    completed_by: UUID | None = None
    """The member who did it, and so may not verify it."""
    verified_at: datetime | None = instant(default=None)
    verified_by: UUID | None = None
    residual_likelihood: Level | None = one_of(Level, default=None)
    residual_impact: Level | None = one_of(Level, default=None)
    residual_level: Level | None = one_of(Level, default=None)
    """What is left of the risk, as the practice saw it when it verified the work."""
    evidence: list[dict[str, Any]] = json_list()
    """What shows that it was done."""
    recurrence: dict[str, Any] | None = json_or_unknown()
    """``every`` so many of a ``unit``; null for work that is done once."""
    duty: str | None = None
    previous_id: UUID | None = None
    """The occurrence before this one. Unique: each has one successor at most."""
    campaign_id: UUID | None = None
    """What tasks have in common that were opened for many organizations at once."""
    due_soon_told_for: date | None = None
    overdue_told_for: date | None = None
    """The day for which the reminder has been sent; another day is told of anew."""


class TaskFinding(OrganizationOwned, table=True):
    """Which findings a task treats."""

    __tablename__ = "task_finding"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("task"),
        belongs_to("finding"),
        UniqueConstraint("tenant_id", "task_id", "finding_id"),
        listed_by("task_finding", "finding_id"),
    )
    noun: ClassVar[str] = "task_finding"

    task_id: UUID
    finding_id: UUID


class TaskComment(OrganizationOwned, table=True):
    __tablename__ = "task_comment"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("task"),
        ForeignKeyConstraint(["tenant_id", "author_id"], ["member.tenant_id", "member.id"]),
        listed_by("task_comment", "task_id"),
    )
    noun: ClassVar[str] = "task_comment"

    task_id: UUID
    author_id: UUID | None = None
    text: str = Field(min_length=1, max_length=10_000)
