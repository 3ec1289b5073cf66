"""The level of a practice and of each of its locations: the worst open risk, and how many there are of each level."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import col, select

from domain.inventory.devices import Device
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.systems import System
from domain.sra.findings import Finding, FindingStatus
from domain.sra.levels import Level, RollUp, roll_up
from domain.tenancy import TenantSession


@dataclass(frozen=True)
class LocationRisk:
    """``location`` None: risks of the practice as a whole, and of things that nobody has placed."""

    location: Location | None
    risk: RollUp


@dataclass(frozen=True)
class PracticeRisk:
    """The practice's roll-up counts every open risk once; so do those of its locations together."""

    whole: RollUp
    locations: tuple[LocationRisk, ...]


async def risk_of(session: TenantSession, organization: Organization) -> PracticeRisk:
    """Open risks, rolled up; locations by name."""
    statement = select(Finding.level, Finding.subject_id).where(
        col(Finding.organization_id) == organization.id,
        col(Finding.tenant_id) == session.tenant_id,
        col(Finding.status) == FindingStatus.open,
    )
    found: Sequence[tuple[Level, UUID | None]] = [(row[0], row[1]) for row in (await session.execute(statement)).all()]
    placed = await _placed(session, organization)
    rows = select(Location).where(col(Location.organization_id) == organization.id, col(Location.archived_at).is_(None))
    locations = list((await session.execute(rows.order_by(col(Location.name), col(Location.id)))).scalars())
    known = {each.id for each in locations}
    by_place: dict[UUID | None, list[Level]] = {}
    for level, subject in found:
        place = subject if subject in known else placed.get(subject) if subject is not None else None
        by_place.setdefault(place if place in known else None, []).append(level)
    return PracticeRisk(
        whole=roll_up(level for level, _ in found),
        locations=(
            *(LocationRisk(each, roll_up(by_place.get(each.id, ()))) for each in locations),
            LocationRisk(None, roll_up(by_place.get(None, ()))),
        ),
    )


async def _placed(session: TenantSession, organization: Organization) -> dict[UUID, UUID | None]:
    """Where each device and system stands, archived ones too."""
    placed: dict[UUID, UUID | None] = {}
    for kind in (Device, System):
        statement = select(kind.id, kind.location_id).where(
            col(kind.organization_id) == organization.id, col(kind.tenant_id) == session.tenant_id
        )
        placed |= {row[0]: row[1] for row in (await session.execute(statement)).all()}
    return placed
