"""What each engagement asks for today: is an agreement required, is there one, and is that enough.

Worked out whenever it is read and stored nowhere. A stored answer could not stay right: it turns at midnight when an
agreement expires or an engagement ends, and a vendor's fact reaches organizations that its writer may not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from domain.clock import today
from domain.events import emit
from domain.inventory.remote_accesses import RemoteAccess
from domain.records import change
from domain.sra.catalogue import VendorCategory, catalogue
from domain.sra.things import access_thing, baa_thing, engagement_thing, vendor_thing
from domain.tenancy import TenantSession
from domain.vendors.baas import Baa
from domain.vendors.decision import decide_engagement, with_recorded_access
from domain.vendors.engagements import Engagement, EngagementFields, checked
from domain.vendors.standing import Standing, agreements, standing
from domain.vendors.vendors import Vendor, engageable

Held = TypeVar("Held", Engagement, Baa, RemoteAccess)


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

    @property
    def usual(self) -> VendorCategory | None:
        """The kind of party that does such a service, or else that the vendor is filed under. It decides nothing."""
        by_service = catalogue().vendor_category_by_service.get(self.engagement.service)
        return by_service or catalogue().vendor_category_by_key.get(self.vendor.category or "")


async def revise(session: TenantSession, engagement: Engagement, fields: EngagementFields) -> Engagement:
    """Change what is known about an engagement; an event says when that changes whether an agreement is required."""
    fields = checked(fields)
    if fields.vendor_id != engagement.vendor_id:
        await engageable(session, fields.vendor_id)
    before = (await obligation_of(session, engagement)).standing.decision
    await change(session, engagement, fields)
    after = (await obligation_of(session, engagement)).standing.decision
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

    Four statements, however many engagements there are.
    """
    theirs = [col(Engagement.organization_id) == organization_id]
    if vendor_id is not None:
        theirs.append(col(Engagement.vendor_id) == vendor_id)
    return await obligations_where(session, *theirs, after=after, limit=limit, as_of=as_of or today())


async def obligations_where(
    session: TenantSession, *where: ColumnElement[bool], after: UUID | None, limit: int, as_of: date
) -> Sequence[Obligation]:
    """The same over any organizations, of the engagements that meet the conditions."""
    statement = (
        select(Engagement, Vendor)
        .join(Vendor, col(Vendor.id) == col(Engagement.vendor_id))
        .where(col(Engagement.archived_at).is_(None), *where)
    )
    if after is not None:
        statement = statement.where(col(Engagement.id) > after)
    rows = await session.execute(statement.order_by(col(Engagement.id)).limit(limit))
    return await _join(session, [(row[0], row[1]) for row in rows], as_of)


async def obligation_of(session: TenantSession, engagement: Engagement) -> Obligation:
    vendor = await session.fetch(Vendor, engagement.vendor_id)
    return (await _join(session, [(engagement, vendor)], today()))[0]


async def _join(session: TenantSession, rows: list[tuple[Engagement, Vendor]], as_of: date) -> Sequence[Obligation]:
    """Each engagement with the agreements of its vendor and its ways in, and with what all engagements of that vendor say
    about it."""
    if not rows:
        return []
    siblings, baas = await _theirs(session, Engagement, rows), await _theirs(session, Baa, rows)
    ways_in = await _theirs(session, RemoteAccess, rows)
    found: list[Obligation] = []
    for engagement, vendor in rows:
        pair = (engagement.organization_id, vendor.id)
        facts = [(str(each.id), engagement_thing(each).facts) for each in siblings.get(pair, [])]
        with_access = with_recorded_access(facts, [access_thing(each).facts for each in ways_in.get(pair, [])], as_of=as_of)
        said = dict(with_access).get(str(engagement.id)) or engagement_thing(engagement).facts
        now = _standing(engagement, said, vendor, siblings.get(pair, []), baas.get(pair, []), as_of=as_of)
        found.append(Obligation(engagement, vendor, now, as_of))
    return found


async def _theirs(
    session: TenantSession, kind: type[Held], rows: list[tuple[Engagement, Vendor]]
) -> dict[tuple[UUID, UUID], list[Held]]:
    """What there is of a kind between the organizations and the vendors of these engagements, by both."""
    statement = select(kind).where(
        col(kind.organization_id).in_({engagement.organization_id for engagement, _ in rows}),
        col(kind.vendor_id).in_({vendor.id for _, vendor in rows}),
        col(kind.archived_at).is_(None),
    )
    found: dict[tuple[UUID, UUID], list[Held]] = {}
    for each in (await session.execute(statement.order_by(col(kind.id)))).scalars():
        if each.vendor_id is not None:
            found.setdefault((each.organization_id, each.vendor_id), []).append(each)
    return found


def _standing(
    engagement: Engagement,
    said: Mapping[str, Any],
    vendor: Vendor,
    siblings: list[Engagement],
    baas: list[Baa],
    *,
    as_of: date,
) -> Standing:
    facts = vendor_thing(vendor, siblings).facts
    things = [baa_thing(baa) for baa in baas]
    signed = agreements([(thing.id, thing.facts) for thing in things], on_file=facts.get("baa_on_file"), as_of=as_of)
    ended = facts.get("status") == "ended" or (engagement.ended_on is not None and engagement.ended_on < as_of)
    return standing(decide_engagement(said, as_of=as_of, id=str(engagement.id)), signed, vendor_ended=ended)
