"""Tickets: one task in one product, with everything that still has to be told there, in order.

The surprising fact: what is to be told is a row per change and not the difference of two states, so a comment, a closing
and a reopening that happened while the product was down all arrive, in the order in which they happened.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, col, select

from domain.clock import now
from domain.errors import Conflict, Invalid
from domain.events import emit
from domain.jobs import TELL_TICKET, Errand, enqueue_once
from domain.remediation.tasks import Task
from domain.tenancy import (
    OrganizationOwned,
    TenantSession,
    belongs_to,
    belongs_to_tenants,
    instant,
    json_object,
    one_of,
    organization_table,
)
from domain.ticketing.connections import Connection
from domain.ticketing.connector import TicketState
from domain.ticketing.mappings import mapping_for


class Ticket(OrganizationOwned, table=True):
    __table_args__ = organization_table(
        belongs_to("task"),
        belongs_to_tenants("ticketing_connection", "connection_id"),
        Index("ix_ticket_task", "tenant_id", "task_id", "id"),
        Index(
            "uq_ticket_one_alive",
            "tenant_id",
            "connection_id",
            "task_id",
            unique=True,
            postgresql_where=text("gone_at is null"),
        ),
        Index("ix_ticket_remote", "tenant_id", "connection_id", "remote_id"),
        Index("ix_ticket_waiting", "tenant_id", "next_attempt_at", postgresql_where=text("next_attempt_at is not null")),
    )
    noun: ClassVar[str] = "ticket"

    connection_id: UUID
    task_id: UUID
    remote_id: str | None = None
    """Its number in the product; null until it is made there."""
    url: str | None = None
    remote_status: str | None = None
    state: TicketState | None = one_of(TicketState, default=None)
    """What the product's status comes down to, when it was last looked at."""
    looked_at: datetime | None = instant(default=None)
    gone_at: datetime | None = instant(default=None)
    """When it was found to be there no more. What was known of it is kept."""
    replaces: UUID | None = None
    """The ticket in whose place this one was made."""
    attempts: int = 0
    next_attempt_at: datetime | None = instant(default=None)
    """When the oldest change that waits is tried; null when nothing waits."""
    trouble: str | None = None
    trouble_detail: str | None = None
    leased_until: datetime | None = instant(default=None)
    """One worker at a time speaks to a ticket; one that was killed gives it back when this has passed."""

    @property
    def external_id(self) -> str:
        """Ours, as the product keeps it."""
        return str(self.id)


class ChangeKind(StrEnum):
    create = "create"
    update = "update"
    comment = "comment"
    state = "state"


class ChangeStatus(StrEnum):
    waiting = "waiting"
    told = "told"
    refused = "refused"
    """The product does not want it, again and again; what came after it was told all the same."""


class TicketChange(OrganizationOwned, table=True):
    """One thing that is to be told to a ticket."""

    __tablename__ = "ticket_change"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("ticket"),
        UniqueConstraint("tenant_id", "ticket_id", "sequence", "part"),
    )
    noun: ClassVar[str] = "ticket_change"

    ticket_id: UUID
    sequence: int = Field(sa_type=BigInteger)
    """That of the event which it tells of, so that an event is told once and in its order; 0 makes the ticket."""
    part: int = 0
    """An event may be told in several: what was said with it, then what it did."""
    kind: ChangeKind = one_of(ChangeKind)
    about: dict[str, Any] = json_object()
    """``{"state"}``, ``{"comment_id"}`` or ``{"fields"}``: what to tell is read when it is told."""
    status: ChangeStatus = one_of(ChangeStatus, default=ChangeStatus.waiting)
    begun_at: datetime | None = instant(default=None)
    """When it was last tried: perhaps it was told then, and nobody could note it."""
    told_at: datetime | None = instant(default=None)
    detail: str | None = None


class TicketComment(OrganizationOwned, table=True):
    """A comment that stands on both sides, so that neither tells it to the other again."""

    __tablename__ = "ticket_comment"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("ticket"),
        UniqueConstraint("tenant_id", "ticket_id", "remote_id"),
    )
    noun: ClassVar[str] = "ticket_comment"

    ticket_id: UUID
    remote_id: str = Field(max_length=200)
    comment_id: UUID | None = None
    """The task's comment; null for one that we could not keep."""


async def connection_named(session: TenantSession, id: UUID) -> Connection:
    """The connection that a body names; Invalid where there is none of that id here."""
    wanted = select(Connection).where(col(Connection.id) == id, col(Connection.archived_at).is_(None))
    found = (await session.execute(wanted)).scalar_one_or_none()
    if found is None:
        raise Invalid.one("/connection_id", "unknown_reference", "There is no such connection here.")
    return found


async def raise_ticket(session: TenantSession, task: Task, connection: Connection) -> Ticket:
    """Ask for a ticket about a task. It is made by the worker, once."""
    await session.refresh(task, with_for_update=True)
    if await live_ticket(session, task.id, connection.id) is not None:
        raise Conflict("This task has a ticket there already.", code="already_exists")
    if not connection.enabled:
        raise Conflict("This connection is switched off. Enable it first.", code="connection_off")
    if await mapping_for(session, connection.id, task.organization_id) is None:
        raise Conflict("Say first where this organization's tickets go: map it on the connection.", code="not_mapped")
    return await open_ticket(session, task, connection.id)


async def open_ticket(session: TenantSession, task: Task, connection_id: UUID, *, replaces: Ticket | None = None) -> Ticket:
    """The row of a new ticket, and the change that makes it."""
    ticket = Ticket(
        organization_id=task.organization_id,
        task_id=task.id,
        connection_id=connection_id,
        replaces=replaces.id if replaces else None,
        next_attempt_at=now(),
    )
    await session.save(ticket)
    await session.save(
        TicketChange(organization_id=task.organization_id, ticket_id=ticket.id, sequence=0, kind=ChangeKind.create)
    )
    emit(session, "ticket.created", ticket, {"task_id": task.id, "connection_id": connection_id, "replaces": ticket.replaces})
    await ask_to_tell(session, ticket, up_to=0)
    return ticket


async def live_ticket(session: TenantSession, task_id: UUID, connection_id: UUID) -> Ticket | None:
    wanted = select(Ticket).where(
        col(Ticket.task_id) == task_id, col(Ticket.connection_id) == connection_id, col(Ticket.gone_at).is_(None)
    )
    return (await session.execute(wanted)).scalar_one_or_none()


async def ask_to_tell(session: TenantSession, ticket: Ticket, *, up_to: int) -> None:
    """A job that tells the ticket what waits. ``up_to`` keeps apart jobs that were asked for by different changes."""
    key = f"{TELL_TICKET}:{ticket.id}:{up_to}"
    await enqueue_once(session, TELL_TICKET, [Errand(key=key, ids={"ticket_id": ticket.id})])
