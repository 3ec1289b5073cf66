"""Whom work can be given to: a member who is still there and can see the organization that it is about."""

from uuid import UUID

from sqlmodel import col, select

from domain.errors import Invalid
from domain.people.lending import reach_of
from domain.people.members import Member
from domain.tenancy import TenantSession


async def refuse_unfit_assignee(session: TenantSession, organization_id: UUID, member_id: UUID | None) -> None:
    """Whoever cannot see the organization could never do the work."""
    if member_id is None:
        return
    statement = select(Member).where(col(Member.id) == member_id, col(Member.archived_at).is_(None))
    member = (await session.execute(statement)).scalar_one_or_none()
    if member is None:
        raise Invalid.one("/assignee_id", "unknown_reference", "There is no such member here.")
    reach = await reach_of(session, member)
    if reach is not None and organization_id not in reach:
        raise Invalid.one("/assignee_id", "out_of_reach", "This member's seat is narrowed to other organizations.")
