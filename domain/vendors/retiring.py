"""Taking a vendor off the tenant's list: only when no organization engages it any more."""

from sqlmodel import col, func, or_, select

from domain.clock import today
from domain.errors import Conflict
from domain.records import archive
from domain.tenancy import TenantSession
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor, refuse_narrowed


async def retire(session: TenantSession, vendor: Vendor) -> None:
    """Take a vendor off the list; 409 ``still_engaged`` while an engagement of it has not ended."""
    refuse_narrowed(session)
    live = select(func.count()).where(
        col(Engagement.vendor_id) == vendor.id,
        col(Engagement.archived_at).is_(None),
        or_(col(Engagement.ended_on).is_(None), col(Engagement.ended_on) >= today()),
    )
    engaged = (await session.execute(live)).scalar_one()
    if engaged:
        detail = f"It still has engagements that have not ended: {engaged}. End or archive them first."
        raise Conflict(detail, code="still_engaged")
    await archive(session, vendor)
