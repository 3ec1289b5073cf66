"""One vendor over all organizations: what it does for each, whether an agreement is required and in force, what is at risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from domain.clock import today
from domain.inventory.organizations import Organization
from domain.sra.findings import Finding, FindingStatus
from domain.tenancy import TenantSession
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.obligations import Obligation, obligations_where
from domain.vendors.vendors import Vendor

MOST = 10_000


@dataclass(frozen=True)
class Client:
    """One organization that engages the vendor."""

    organization: Organization
    obligations: Sequence[Obligation]
    baas: Sequence[Baa]
    findings: Sequence[Finding]

    @property
    def id(self) -> UUID:
        return self.organization.id


async def clients_of(session: TenantSession, vendor: Vendor, *, after: UUID | None, limit: int) -> Sequence[Client]:
    """Organizations with an engagement or an agreement, in the order of their ids. Five statements, however many."""
    engaging = select(Engagement.organization_id).where(
        col(Engagement.vendor_id) == vendor.id, col(Engagement.archived_at).is_(None)
    )
    agreed = select(Baa.organization_id).where(col(Baa.vendor_id) == vendor.id, col(Baa.archived_at).is_(None))
    statement = select(Organization).where(
        col(Organization.id).in_(engaging) | col(Organization.id).in_(agreed), col(Organization.archived_at).is_(None)
    )
    if after is not None:
        statement = statement.where(col(Organization.id) > after)
    found = list((await session.execute(statement.order_by(col(Organization.id)).limit(limit))).scalars())
    ids = [each.id for each in found]
    obligations = await obligations_where(
        session,
        col(Engagement.vendor_id) == vendor.id,
        col(Engagement.organization_id).in_(ids),
        after=None,
        limit=MOST,
        as_of=today(),
    )
    baas = select(Baa).where(col(Baa.vendor_id) == vendor.id, col(Baa.organization_id).in_(ids), col(Baa.archived_at).is_(None))
    risks = select(Finding).where(
        col(Finding.organization_id).in_(ids),
        col(Finding.subject_id) == vendor.id,
        col(Finding.status) == FindingStatus.open,
    )
    their_baas = list((await session.execute(baas.order_by(col(Baa.id)))).scalars())
    their_risks = list((await session.execute(risks.order_by(col(Finding.level_rank).desc(), col(Finding.number)))).scalars())
    return [
        Client(
            each,
            [one for one in obligations if one.engagement.organization_id == each.id],
            [one for one in their_baas if one.organization_id == each.id],
            [one for one in their_risks if one.organization_id == each.id],
        )
        for each in found
    ]
