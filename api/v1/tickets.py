"""Tickets: a task in the MSP's own tool."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlmodel import col

from api.door import Inside, door_router, may, this
from api.pages import Listing, Page, Paged, constant, filters_of
from api.v1.findings import ThisFinding
from api.v1.tasks import ThisTask
from domain.access import Permission
from domain.remediation import working
from domain.remediation.tasks import Task
from domain.remediation.treating import tasks_of
from domain.remediation.working import TaskDraft
from domain.tenancy import Fields
from domain.ticketing import tickets
from domain.ticketing.connector import TicketState
from domain.ticketing.tickets import ChangeKind, ChangeStatus, Ticket, TicketChange

router = door_router("ticketing")
Reader = Annotated[Inside, may(Permission.tasks_read)]
Writer = Annotated[Inside, may(Permission.tasks_write)]
ThisTicket = Annotated[Ticket, this(Ticket)]


class TicketOut(BaseModel):
    id: UUID = Field(description="Ours; the product keeps it as the ticket's external id.")
    organization_id: UUID
    task_id: UUID
    connection_id: UUID
    remote_id: str | None = Field(description="Its number in the product; null until it is made there.")
    url: str | None
    remote_status: str | None = Field(description="In the product's own words.")
    state: TicketState | None
    waiting: int = Field(description="How many changes have still to be told, in their order.")
    refused: int = Field(
        description="How many the product did not want, again and again; `GET /tickets/{id}/changes` says why."
    )
    next_attempt_at: datetime | None
    trouble: str | None = Field(description="Why the oldest of them could not be told yet: a stable code.")
    trouble_detail: str | None
    looked_at: datetime | None
    gone_at: datetime | None = Field(description="When it was found to be there no more.")
    replaces: UUID | None = Field(description="The ticket in whose place this one was made.")
    created_at: datetime
    updated_at: datetime


class TicketChangeOut(BaseModel):
    """One thing that is to be told to a ticket, or was."""

    id: UUID
    ticket_id: UUID
    sequence: int = Field(description="Of the event that it tells of; 0 makes the ticket.")
    kind: ChangeKind
    about: dict[str, Any] = Field(description="A state, the id of a comment, or the names of fields.")
    status: ChangeStatus
    detail: str | None = Field(description="What the product said against it, the last time.")
    begun_at: datetime | None = Field(description="When it was last tried.")
    told_at: datetime | None
    created_at: datetime


class NewTicketFields(Fields):
    connection_id: UUID


def _count(status: ChangeStatus) -> object:
    return (
        select(func.count(constant("*")))
        .where(
            col(TicketChange.tenant_id) == col(Ticket.tenant_id),
            col(TicketChange.ticket_id) == col(Ticket.id),
            col(TicketChange.status) == constant(f"'{status.value}'"),
        )
        .correlate(Ticket)
        .scalar_subquery()
    )


TICKETS = Listing(
    TicketOut,
    Ticket,
    sorts={"created_at": col(Ticket.created_at)},
    columns={"waiting": _count(ChangeStatus.waiting), "refused": _count(ChangeStatus.refused)},
    filters=filters_of(Ticket, "task_id"),
)
CHANGES = Listing(
    TicketChangeOut,
    TicketChange,
    sorts={"sequence": col(TicketChange.sequence)},
    filters=filters_of(TicketChange, "ticket_id", "status"),
)


@router.get("/tasks/{task_id}/tickets", response_model=Page[TicketOut])
async def list_tickets(by: Reader, task: ThisTask, window: Paged) -> Response:
    """The tickets of a task, the oldest first; also those that are gone."""
    return await TICKETS.page(by, window, task_id=task.id)


@router.post("/tasks/{task_id}/tickets", status_code=201, response_model=TicketOut)
async def raise_ticket(by: Writer, task: ThisTask, fields: NewTicketFields) -> TicketOut:
    """Make a ticket about this task, where its organization is mapped. The worker makes it, once; a task has at most one
    live ticket in a connection. A task that treats several findings makes one ticket for all of them."""
    connection = await tickets.connection_named(by.session, fields.connection_id)
    return _shown(await tickets.raise_ticket(by.session, task, connection))


@router.post("/findings/{finding_id}/tickets", status_code=201, response_model=TicketOut)
async def raise_ticket_for_finding(by: Writer, finding: ThisFinding, fields: NewTicketFields) -> TicketOut:
    """Make a ticket about this risk: about the oldest task that treats it, or about a task that is planned for it now."""
    connection = await tickets.connection_named(by.session, fields.connection_id)
    treating = await tasks_of(by.session, finding)
    task = treating[0] if treating else await working.plan_for(by.session, finding, TaskDraft(title=finding.title[:300]))
    return _shown(await tickets.raise_ticket(by.session, task, connection))


@router.get("/tickets/{ticket_id}/changes", response_model=Page[TicketChangeOut])
async def list_ticket_changes(by: Reader, ticket: ThisTicket, window: Paged, status: ChangeStatus | None = None) -> Response:
    """What a ticket was told, what waits, and what its product refused, in the order in which it happened."""
    working.refuse_stranger(await by.session.fetch(Task, ticket.task_id), by.principal)
    return await CHANGES.page(by, window, ticket_id=ticket.id, status=status)


def _shown(ticket: Ticket) -> TicketOut:
    """A new one: that it is to be made is all that waits."""
    return TicketOut(**ticket.model_dump(include=set(TicketOut.model_fields)), waiting=1, refused=0)
