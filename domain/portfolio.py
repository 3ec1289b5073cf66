"""The portfolio: one line per organization with what an account manager asks first, kept so that no page has to count.

A line is written again at the end of every transaction in which something happened to the organization, its analyses or its
findings. By then that transaction holds the head of the tenant's chain of events, so two of them never count at once.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.jobs import REVIEW_AGREEMENTS, enqueue
from domain.tenancy import OrganizationOwned, TenantSession, organization_table

COUNTED = frozenset({"organization", "assessment", "finding"})
"""Nouns of which something stands in a line."""
REVIEWED = frozenset({"engagement", "baa", "remote_access"})
"""Nouns after whose changes the agreements of the organization are looked at again, in a job."""


class PortfolioLine(OrganizationOwned, table=True):
    """One organization; its ``id`` is that of the organization. What depends on the day alone is not kept."""

    __tablename__ = "portfolio_line"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table()
    noun: ClassVar[str] = "portfolio_line"

    open_assessment_id: UUID | None = None
    sealed_assessment_id: UUID | None = None
    """The analysis in force."""
    analysed_on: date | None = None
    """When the analysis in force was approved: ours, or else the one made before Bitewing."""
    very_high: int = 0
    high: int = 0
    moderate: int = 0
    low: int = 0
    very_low: int = 0
    baas_missing: int = 0
    """Vendors that need an agreement and have none in force."""
    baas_expiring: int = 0
    baas_undecided: int = 0
    reviewed_on: date | None = None
    """The day for which the agreements were last looked at."""


_WRITE = """
    insert into portfolio_line (tenant_id, id, organization_id, created_at, updated_at, version, open_assessment_id,
        sealed_assessment_id, analysed_on, very_high, high, moderate, low, very_low, baas_missing, baas_expiring,
        baas_undecided, reviewed_on)
    select o.tenant_id, o.id, o.id, now(), now(), 1, analysis.open_id, sealed.id,
        coalesce((sealed.sealed_at at time zone 'UTC')::date, (o.prior_analysis->>'approved_on')::date),
        risks.very_high, risks.high, risks.moderate, risks.low, risks.very_low,
        agreements.missing, agreements.expiring, agreements.undecided, $3
    from organization o
    left join lateral (select id as open_id from assessment a
        where a.tenant_id = o.tenant_id and a.organization_id = o.id and a.status = 'open') analysis on true
    left join lateral (select id, sealed_at from assessment a
        where a.tenant_id = o.tenant_id and a.organization_id = o.id and a.status <> 'open'
        order by a.number desc limit 1) sealed on true
    cross join lateral (select
            count(*) filter (where level_rank = 4) as very_high, count(*) filter (where level_rank = 3) as high,
            count(*) filter (where level_rank = 2) as moderate, count(*) filter (where level_rank = 1) as low,
            count(*) filter (where level_rank = 0) as very_low
        from finding f where f.tenant_id = o.tenant_id and f.organization_id = o.id and f.status = 'open') risks
    cross join lateral (select
            count(distinct vendor_id) filter (where compliant is false) as missing,
            count(distinct vendor_id) filter (where compliant and baa_state = 'expiring') as expiring,
            count(distinct vendor_id) filter (where decision = 'needs_facts') as undecided
        from engagement_standing e where e.tenant_id = o.tenant_id and e.organization_id = o.id) agreements
    where o.tenant_id = $1 and o.id = any($2)
    order by o.id
    on conflict (tenant_id, id) do update set
        updated_at = excluded.updated_at, version = portfolio_line.version + 1,
        open_assessment_id = excluded.open_assessment_id, sealed_assessment_id = excluded.sealed_assessment_id,
        analysed_on = excluded.analysed_on, very_high = excluded.very_high, high = excluded.high,
        moderate = excluded.moderate, low = excluded.low, very_low = excluded.very_low,
        baas_missing = excluded.baas_missing, baas_expiring = excluded.baas_expiring,
        baas_undecided = excluded.baas_undecided, reviewed_on = coalesce(excluded.reviewed_on, portfolio_line.reviewed_on)"""


async def keep_portfolio(session: TenantSession, happened: Iterable[Mapping[str, Any]]) -> None:
    """Write the lines again of which the events of this transaction tell, and ask for what a line needs to be looked at."""
    events = [(each["subject_type"], each["organization_id"], each["subject_id"]) for each in happened]
    for organization_id in sorted({organization for noun, organization, _ in events if noun in REVIEWED}):
        enqueue(session, REVIEW_AGREEMENTS, organization_id=organization_id)
    for vendor_id in sorted({subject for noun, _, subject in events if noun == "vendor"}):
        enqueue(session, REVIEW_AGREEMENTS, vendor_id=vendor_id)
    await write_lines(session, {UUID(organization) for noun, organization, _ in events if noun in COUNTED and organization})


async def write_lines(session: TenantSession, organization_ids: Iterable[UUID], *, reviewed_on: date | None = None) -> None:
    """Count again for these organizations, in one statement, and after everybody who has counted before us."""
    wanted = sorted(organization_ids)
    if wanted:
        await session.flush()
        connection = await session.driver()
        await connection.execute("select from event_head where tenant_id = $1 for update", session.tenant_id)
        await connection.execute(_WRITE, session.tenant_id, wanted, reviewed_on)
