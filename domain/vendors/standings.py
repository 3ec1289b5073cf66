"""Where every engagement of an organization stood when it was last looked at: for questions over the whole fleet.

What one organization shows is worked out at every reading (``obligations``); over two thousand that would be too slow. So it
is kept, looked at again whenever something about vendors or agreements changes and once every day, because an agreement
expires by itself. The same look brings the findings up to date that follow from it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, Index, and_, delete, exists, or_
from sqlmodel import Field, col, select

from domain.bulk import insert_rows
from domain.clock import now, today
from domain.database import tenant_session
from domain.inventory.groups import organizations_of
from domain.inventory.organizations import Organization
from domain.jobs import REVIEW_AGREEMENTS, Errand, enqueue, enqueue_once
from domain.people.tenants import all_tenants
from domain.portfolio import PortfolioLine, write_lines
from domain.runtime import Runtime
from domain.sra.evaluating import settle_rules
from domain.tenancy import SYSTEM, OrganizationOwned, TenantSession, Wall, belongs_to, organization_table
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.obligations import Obligation, obligations_of

READ_BY = frozenset({"vendor", "baa"})
"""What the rules read whose findings follow from engagements and agreements."""
MOST = 10_000


class EngagementStanding(OrganizationOwned, table=True):
    """One engagement; its ``id`` is that of the engagement."""

    __tablename__ = "engagement_standing"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("engagement", "id"),
        Index("ix_engagement_standing_organization", "tenant_id", "organization_id", "vendor_id"),
        Index("ix_engagement_standing_compliant", "tenant_id", "compliant", "id"),
        Index("ix_engagement_standing_decision", "tenant_id", "decision", "id"),
    )
    noun: ClassVar[str] = "engagement_standing"

    vendor_id: UUID
    decision: str = Field(max_length=64)
    baa_state: str | None = Field(default=None, max_length=64)
    compliant: bool | None = None


async def review_agreements(runtime: Runtime, ids: Mapping[str, Any]) -> None:
    """The job: of one organization, or of every one that engages a vendor of whom something has changed."""
    async with tenant_session(runtime.database, Wall(UUID(ids["tenant_id"])), actor=SYSTEM) as session:
        if "organization_id" in ids:
            await review(session, UUID(ids["organization_id"]), as_of=now())
        else:
            engaging = select(Engagement.organization_id).where(col(Engagement.vendor_id) == UUID(ids["vendor_id"])).distinct()
            for organization_id in (await session.execute(engaging)).scalars():
                enqueue(session, REVIEW_AGREEMENTS, organization_id=organization_id)


async def review(session: TenantSession, organization_id: UUID, *, as_of: datetime) -> None:
    """Look at all engagements and agreements of one organization as of a moment, and at the findings about them."""
    organization = await session.fetch(Organization, organization_id, lock=True)
    if organization.archived_at is None:
        await settle_rules(session, organization, reading=READ_BY, as_of=as_of)
    standings = await obligations_of(session, organization_id, limit=MOST, as_of=as_of.date())
    await session.execute(delete(EngagementStanding).where(col(EngagementStanding.organization_id) == organization_id))
    await insert_rows(session, EngagementStanding, (_row(each) for each in standings))
    await write_lines(session, [organization_id], reviewed_on=as_of.date())


async def review_daily(runtime: Runtime) -> None:
    """The chore: whoever has not been looked at today."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            # Behind what people wait for, and not again while one waits already.
            errands = [
                Errand(key=f"review:{each}", ids={"organization_id": each}, priority=-1)
                for each in await unreviewed(session, on=today())
            ]
            await enqueue_once(session, REVIEW_AGREEMENTS, errands)


async def unreviewed(session: TenantSession, *, on: date) -> list[UUID]:
    """Organizations with vendors or agreements that were last looked at on another day, or never."""
    of_theirs = [
        exists().where(col(kind.tenant_id) == col(Organization.tenant_id), col(kind.organization_id) == col(Organization.id))
        for kind in (Engagement, Baa)
    ]
    statement = (
        select(Organization.id)
        .outerjoin(PortfolioLine, col(PortfolioLine.id) == col(Organization.id))
        .where(
            col(Organization.archived_at).is_(None),
            or_(*of_theirs),
            or_(col(PortfolioLine.reviewed_on).is_(None), col(PortfolioLine.reviewed_on) != on),
        )
        .order_by(col(Organization.id))
    )
    return list((await session.execute(statement)).scalars())


def conditions(
    *,
    organization_id: UUID | None = None,
    group_id: UUID | None = None,
    vendor_id: UUID | None = None,
    decisions: frozenset[str] | None = None,
    compliant: bool | None = None,
) -> list[ColumnElement[bool]]:
    """Which engagements a question over the fleet has to look at: those that stood so, or were not looked at yet."""
    found: list[ColumnElement[bool]] = []
    if organization_id is not None:
        found.append(col(Engagement.organization_id) == organization_id)
    if group_id is not None:
        found.append(col(Engagement.organization_id).in_(organizations_of(group_id)))
    if vendor_id is not None:
        found.append(col(Engagement.vendor_id) == vendor_id)
    kept: list[ColumnElement[bool]] = []
    if decisions is not None:
        kept.append(col(EngagementStanding.decision).in_(sorted(decisions)))
    if compliant is not None:
        kept.append(col(EngagementStanding.compliant).is_(compliant))
    if kept:
        same = and_(
            col(EngagementStanding.tenant_id) == col(Engagement.tenant_id), col(EngagementStanding.id) == col(Engagement.id)
        )
        found.append(or_(exists().where(same, *kept), ~exists().where(same)))
    return found


def _row(each: Obligation) -> dict[str, Any]:
    standing = each.standing
    return {
        "id": each.id,
        "organization_id": each.engagement.organization_id,
        "vendor_id": each.vendor.id,
        "decision": standing.decision.decision,
        "baa_state": standing.baa_state,
        "compliant": standing.compliant,
    }
