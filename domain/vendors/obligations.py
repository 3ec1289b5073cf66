"""What each engagement asks for today: is an agreement required, is there one, and is that enough.

Worked out whenever it is read and stored nowhere. A stored answer could not stay right: it turns at midnight when an
agreement expires or an engagement ends, and a vendor's fact reaches organizations that its writer may not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlmodel import col, select

from domain.clock import today
from domain.events import emit
from domain.records import change
from domain.sra.things import baa_thing, engagement_thing, vendor_thing
from domain.tenancy import TenantSession
from domain.vendors.baas import Baa
from domain.vendors.decision import Decision, decide_engagement
from domain.vendors.engagements import Engagement, EngagementFields, checked
from domain.vendors.standing import Standing, agreements, standing
from domain.vendors.vendors import Vendor, engageable

Held = TypeVar("Held", Engagement, Baa)


@dataclass(frozen=True, slots=True)
class Obligation:
    """One engagement as it stands on ``as_of``. Of an engagement that has ended, ``compliant`` is None."""

    engagement: Engagement
    vendor: Vendor
    standing: Standing
    as_of: date

    @property
    def id(self) -> UUID:
        return self.engagement.id


async def revise(session: TenantSession, engagement: Engagement, fields: EngagementFields) -> Engagement:
    """Change what is known about an engagement; an event says when that changes whether an agreement is required."""
    fields = checked(fields)
    if fields.vendor_id != engagement.vendor_id:
        await engageable(session, fields.vendor_id)
    before = _decide(engagement, today())
    await change(session, engagement, fields)
    after = _decide(engagement, today())
    if (before.decision, before.code) != (after.decision, after.code):
        changes = {
            "decision": {"from": before.decision, "to": after.decision},
            "reason_code": {"from": before.code, "to": after.code},
        }
        emit(session, "engagement.decision_changed", engagement, changes)
    return engagement


async def obligations_of(
    session: TenantSession,
    organization_id: UUID,
    *,
    vendor_id: UUID | None = None,
    after: UUID | None = None,
    limit: int,
    as_of: date | None = None,
) -> Sequence[Obligation]:
    """The organization's engagements in the order in which they were recorded, those that follow ``after``.

    Three statements, however many engagements there are.
    """
    statement = (
        select(Engagement, Vendor)
        .join(Vendor, col(Vendor.id) == col(Engagement.vendor_id))
        .where(col(Engagement.organization_id) == organization_id, col(Engagement.archived_at).is_(None))
    )
    if vendor_id is not None:
        statement = statement.where(col(Engagement.vendor_id) == vendor_id)
    if after is not None:
        statement = statement.where(col(Engagement.id) > after)
    rows = await session.execute(statement.order_by(col(Engagement.id)).limit(limit))
    return await _join(session, organization_id, [(row[0], row[1]) for row in rows], as_of or today())


async def obligation_of(session: TenantSession, engagement: Engagement) -> Obligation:
    vendor = await session.fetch(Vendor, engagement.vendor_id)
    return (await _join(session, engagement.organization_id, [(engagement, vendor)], today()))[0]


async def _join(
    session: TenantSession, organization_id: UUID, rows: list[tuple[Engagement, Vendor]], as_of: date
) -> Sequence[Obligation]:
    """Each engagement with the agreements of its vendor, and with what all engagements of that vendor say about it."""
    vendor_ids = {vendor.id for _, vendor in rows}
    if not vendor_ids:
        return []
    siblings: dict[UUID, list[Engagement]] = {}
    for engagement in await _theirs(session, Engagement, organization_id, vendor_ids):
        siblings.setdefault(engagement.vendor_id, []).append(engagement)
    baas: dict[UUID, list[Baa]] = {}
    for baa in await _theirs(session, Baa, organization_id, vendor_ids):
        baas.setdefault(baa.vendor_id, []).append(baa)
    return [
        Obligation(
            engagement,
            vendor,
            _standing(engagement, vendor, siblings.get(vendor.id, []), baas.get(vendor.id, []), as_of=as_of),
            as_of,
        )
        for engagement, vendor in rows
    ]


async def _theirs(session: TenantSession, kind: type[Held], organization_id: UUID, vendor_ids: set[UUID]) -> Sequence[Held]:
    statement = select(kind).where(
        col(kind.organization_id) == organization_id, col(kind.vendor_id).in_(vendor_ids), col(kind.archived_at).is_(None)
    )
    return (await session.execute(statement.order_by(col(kind.id)))).scalars().all()


def _standing(engagement: Engagement, vendor: Vendor, siblings: list[Engagement], baas: list[Baa], *, as_of: date) -> Standing:
    facts = vendor_thing(vendor, siblings).facts
    things = [baa_thing(baa) for baa in baas]
    signed = agreements([(thing.id, thing.facts) for thing in things], on_file=facts.get("baa_on_file"), as_of=as_of)
    ended = facts.get("status") == "ended" or (engagement.ended_on is not None and engagement.ended_on < as_of)
    return standing(_decide(engagement, as_of), signed, vendor_ended=ended)


def _decide(engagement: Engagement, as_of: date) -> Decision:
    return decide_engagement(engagement_thing(engagement).facts, as_of=as_of, id=str(engagement.id))
