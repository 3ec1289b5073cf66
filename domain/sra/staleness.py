"""Staleness: what has happened since an analysis was sealed that it does not speak of. Each cause is noted once.

It is looked for when something in an organization was written, and once a day for what only time changes.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint, exists, or_
from sqlmodel import Field, col, select

from domain.clock import now
from domain.database import tenant_session
from domain.events import emit
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.systems import System
from domain.people.tenants import all_tenants
from domain.remediation.incidents import Incident
from domain.runtime import Runtime
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.sra.catalogue import catalogue
from domain.sra.footprint import footprint_of
from domain.sra.reading import answers_of
from domain.sra.triggers import Cause, Trigger, causes_between
from domain.sra.world_rows import read_world
from domain.tenancy import (
    SYSTEM,
    OrganizationOwned,
    TenantSession,
    Wall,
    belongs_to,
    instant,
    json_list,
    json_object,
    listed_by,
    one_of,
    organization_table,
)
from domain.vendors.engagements import Engagement

WATCHED: tuple[type[OrganizationOwned], ...] = (Device, System, Flow, Engagement, Location, Incident)


class Staleness(OrganizationOwned, table=True):
    """One cause, found after an analysis was sealed."""

    __table_args__ = organization_table(
        belongs_to("assessment"),
        UniqueConstraint("tenant_id", "assessment_id", "key"),
        listed_by("staleness", "assessment_id"),
    )
    noun: ClassVar[str] = "staleness"

    assessment_id: UUID
    key: str
    trigger: Trigger = one_of(Trigger)
    subject: str
    name: str = Field(max_length=400)
    reason: str
    topics: dict[str, Any] = json_object()
    """Topic -> why it is touched."""
    risks: list[dict[str, Any]] = json_list()
    """``rule``, ``subject`` and ``outcome``: fires, or undetermined."""


class ChangeWatch(OrganizationOwned, table=True):
    """Until when an organization has been looked through. One row each, beside the analysis, which never changes."""

    __tablename__ = "change_watch"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id"))
    noun: ClassVar[str] = "change_watch"

    looked_at: datetime = instant()
    looked_on: date


async def in_force(session: TenantSession, organization_id: UUID) -> Assessment | None:
    """The sealed analysis of an organization that no other one has superseded."""
    statement = select(Assessment).where(
        col(Assessment.organization_id) == organization_id, col(Assessment.status) == AssessmentStatus.sealed
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def find_stale(session: TenantSession, organization_id: UUID, *, as_of: datetime) -> list[Staleness]:
    """Hold an organization against the footprint of its sealed analysis, and note what is new; gives all causes so far.

    The organization is locked meanwhile, so two that look at once note each cause, and tell of it, once.
    """
    from domain.sra.rules import evaluate  # noqa: PLC0415  the engine loads slowly, and most processes never evaluate

    organization = await session.fetch(Organization, organization_id, lock=True)
    assessment = await in_force(session, organization_id)
    if assessment is None or assessment.footprint is None:
        return []
    book = catalogue(assessment.edition)
    answers = await answers_of(session, assessment)
    around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
    after = await footprint_of(session, organization, around, evaluate(around.world, book))
    known = await causes_of(session, assessment)
    keys = {each.key for each in known}
    fresh = [each for each in causes_between(assessment.footprint, after, book) if each.key not in keys]
    noted = [await session.save(_noted(assessment, each)) for each in fresh]
    for each in noted:
        told = {"trigger": each.trigger, "reason": each.reason, "topic_ids": list(each.topics), "staleness_id": each.id}
        emit(session, "assessment.stale", assessment, told)
    await _looked(session, organization_id, as_of)
    return [*known, *noted]


async def causes_of(session: TenantSession, assessment: Assessment) -> list[Staleness]:
    """What makes an analysis stale, as far as it has been noticed, the first thing first."""
    statement = select(Staleness).where(col(Staleness.assessment_id) == assessment.id).order_by(col(Staleness.id))
    return list((await session.execute(statement)).scalars())


def touched_topics(causes: list[Staleness]) -> Mapping[str, list[str]]:
    """Each touched topic with the reasons, in words."""
    found: dict[str, list[str]] = {}
    for cause in causes:
        for topic, why in cause.topics.items():
            found.setdefault(topic, []).append(f"{cause.reason} So {why}.")
    return found


async def watch_all(runtime: Runtime) -> None:
    """The chore: organizations in which something was written since they were looked through, and each of them once a day."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM, read_only=True) as session:
            due = await to_look_through(session, on=now().date())
        for organization_id in due:
            async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
                await find_stale(session, organization_id, as_of=now())


async def to_look_through(session: TenantSession, *, on: date) -> list[UUID]:
    """Organizations with a sealed analysis that were not looked through today, or have changed since they were."""
    changed = [
        exists().where(
            col(kind.tenant_id) == col(Assessment.tenant_id),
            col(kind.organization_id) == col(Assessment.organization_id),
            col(kind.updated_at) > col(ChangeWatch.looked_at),
        )
        for kind in WATCHED
    ]
    statement = (
        select(Assessment.organization_id)
        .outerjoin(
            ChangeWatch,
            (col(ChangeWatch.tenant_id) == col(Assessment.tenant_id))
            & (col(ChangeWatch.organization_id) == col(Assessment.organization_id)),
        )
        .join(
            Organization,
            (col(Organization.tenant_id) == col(Assessment.tenant_id))
            & (col(Organization.id) == col(Assessment.organization_id)),
        )
        .where(
            col(Assessment.tenant_id) == session.tenant_id,
            col(Assessment.status) == AssessmentStatus.sealed,
            col(Assessment.footprint).is_not(None),
            col(Organization.archived_at).is_(None),
            or_(
                col(ChangeWatch.id).is_(None),
                col(ChangeWatch.looked_on) < on,
                col(Organization.updated_at) > col(ChangeWatch.looked_at),
                *changed,
            ),
        )
        .order_by(col(Assessment.organization_id))
    )
    return list((await session.execute(statement)).scalars())


def _noted(assessment: Assessment, cause: Cause) -> Staleness:
    return Staleness(
        organization_id=assessment.organization_id,
        assessment_id=assessment.id,
        key=cause.key,
        trigger=cause.trigger,
        subject=cause.subject,
        name=cause.name[:400],
        reason=cause.reason,
        topics=dict(cause.topics),
        risks=[{"rule": each.rule, "subject": each.subject, "outcome": each.outcome} for each in cause.risks],
    )


async def _looked(session: TenantSession, organization_id: UUID, as_of: datetime) -> None:
    statement = select(ChangeWatch).where(col(ChangeWatch.organization_id) == organization_id)
    watch = (await session.execute(statement)).scalar_one_or_none()
    if watch is None:
        await session.save(ChangeWatch(organization_id=organization_id, looked_at=as_of, looked_on=as_of.date()))
    else:
        watch.looked_at, watch.looked_on = as_of, as_of.date()
