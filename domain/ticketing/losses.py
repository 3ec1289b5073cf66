"""What happens when a ticket is found to be gone: what was known of it is kept, and a new one takes its place."""

from sqlmodel import col, select, update

from domain.clock import now
from domain.events import emit
from domain.remediation.tasks import Task, TaskStatus
from domain.tenancy import TenantSession
from domain.ticketing.tickets import ChangeKind, ChangeStatus, Ticket, TicketChange, ask_to_tell, open_ticket


async def lose(session: TenantSession, ticket: Ticket) -> None:
    """End a ticket that is there no more. While its task is to be done, or something waits to be told, a new one is made,
    and hears what the old one did not."""
    ticket.gone_at = now()
    ticket.next_attempt_at = ticket.leased_until = None
    await session.flush()
    emit(session, "ticket.gone", ticket, {"task_id": ticket.task_id, "connection_id": ticket.connection_id})
    task = await session.fetch(Task, ticket.task_id)
    waiting = select(TicketChange.id).where(
        col(TicketChange.ticket_id) == ticket.id,
        col(TicketChange.status) == ChangeStatus.waiting,
        col(TicketChange.kind) != ChangeKind.create,
    )
    untold = (await session.execute(waiting)).scalars().all()
    if task.archived_at is not None or not (untold or task.status in (TaskStatus.open, TaskStatus.in_progress)):
        return
    successor = await open_ticket(session, task, ticket.connection_id, replaces=ticket)
    if untold:
        await session.execute(update(TicketChange).where(col(TicketChange.id).in_(untold)).values(ticket_id=successor.id))
        await ask_to_tell(session, successor, up_to=1)
