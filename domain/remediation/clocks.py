"""The clocks of the law as dates: notices after a breach (45 CFR 164.404 to 164.408, and their delay under 164.412), and access
to records (164.524).

A clock that is about to run out and one that has run out are told once each, as events: the notice of it is a row, unique
by clock, day and step, written in the transaction of its event.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from sqlalchemy import UniqueConstraint, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Field, col, select

from domain.clock import new_id, now, today
from domain.database import tenant_session
from domain.events import emit
from domain.people.tenants import all_tenants
from domain.remediation.access_requests import AccessRequest
from domain.remediation.incidents import Incident
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, OrganizationOwned, TenantSession, Wall, one_of, organization_table

DAYS_AFTER_THE_YEAR = 60
"""45 CFR 164.408(c): for fewer than 500, after the end of the calendar year of discovery."""
MANY = 500
SOON = timedelta(days=14)

Applies = Literal["yes", "presumed", "unknown", "no"]
State = Literal["done", "running", "held", "overdue", "not_applicable"]


class ClockName(StrEnum):
    individuals = "individuals"
    hhs = "hhs"
    media = "media"
    access = "access"


class Step(StrEnum):
    due_soon = "due_soon"
    overdue = "overdue"


class ClockNotice(OrganizationOwned, table=True):
    """That one step of one clock has been told."""

    __tablename__ = "clock_notice"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "subject_id", "clock", "due_on", "step"))
    noun: ClassVar[str] = "clock_notice"

    subject_id: UUID = Field(description="An incident or a request for access.")
    clock: ClockName = one_of(ClockName)
    due_on: date
    step: Step = one_of(Step)


@dataclass(frozen=True)
class Clock:
    """One duty with its last day. ``applies`` is ``presumed`` while nobody has decided, ``unknown`` while counts are.
    ``held_until`` is the last day on which law enforcement wants nobody to be told."""

    key: ClockName
    title: str
    citation: str
    due_on: date
    applies: Applies
    done_on: date | None
    held_until: date | None = None

    def state(self, on: date) -> State:
        if self.applies == "no":
            return "not_applicable"
        if self.done_on is not None:
            return "done"
        if self.held_until is not None and on <= self.held_until:
            return "held"
        return "overdue" if on > self.due_on else "running"

    def step(self, on: date) -> Step | None:
        """What there is to tell on a day."""
        state = self.state(on)
        if state == "overdue":
            return Step.overdue
        return Step.due_soon if state in ("running", "held") and self.due_on - on <= SOON else None


def clocks_of(incident: Incident) -> tuple[Clock, ...]:
    """The notices that an incident may ask for. Where the number of people is not known, the earlier day counts."""
    held = incident.held_until
    within = _after(held, incident.notice_due_on)
    yearly = date(incident.discovered_on.year, 12, 31) + timedelta(days=DAYS_AFTER_THE_YEAR)
    count = incident.affected_count
    few = count is not None and count < MANY
    yearly = _after(held, yearly)
    secretary = "164.408(c)" if few else "164.408(b)"
    return (
        Clock(
            ClockName.individuals, "Notice to each individual", "164.404(b)", within, _applies(incident),
            incident.individuals_notified_on, held,
        ),
        Clock(
            ClockName.hhs, "Notice to the Secretary: the yearly log" if few else "Notice to the Secretary: 500 or more",
            secretary, yearly if few else within, _applies(incident, known=count is not None), incident.hhs_notified_on, held,
        ),
        Clock(
            ClockName.media, "Notice to the media: more than 500 residents of one State", "164.406", within, _media(incident),
            incident.media_notified_on, held,
        ),
    )  # fmt: skip


def _after(held: date | None, due_on: date) -> date:
    """Where a delay outlasts the last day, the first day on which people may be told takes its place."""
    return due_on if held is None else max(due_on, held + timedelta(days=1))


def access_clock(request: AccessRequest) -> Clock:
    return Clock(ClockName.access, "Access to records", "164.524(b)(2)", request.due_on, "yes", request.closed_on)


def _applies(incident: Incident, *, known: bool = True) -> Applies:
    if incident.is_breach is False or incident.secured is True or incident.affected_count == 0:
        return "no"
    if not known:
        return "unknown"
    return "yes" if incident.is_breach else "presumed"


def _media(incident: Incident) -> Applies:
    applies = _applies(incident)
    by_state = incident.affected_by_state
    if applies == "no" or any(residents > MANY for residents in by_state.values()):
        return applies
    count = incident.affected_count
    if count is not None and count - sum(by_state.values()) <= MANY:
        return "no"
    return "unknown"


async def tell_all(runtime: Runtime) -> None:
    """The chore: every tenant's clocks of today."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await tell(session, on=today())


async def tell(session: TenantSession, *, on: date) -> None:
    """Tell what is due soon or overdue on a day and was not told. One that is found late is told as overdue only."""
    async for subject, clock in _running(session):
        step = clock.step(on)
        if step is not None and await _first_time(session, subject, clock, step):
            emit(session, f"{subject.noun}.{step}", subject, {"clock": clock.key, "due_on": clock.due_on})


async def _running(session: TenantSession) -> AsyncIterator[tuple[Incident | AccessRequest, Clock]]:
    undecided_or_breach = or_(
        col(Incident.is_breach).is_(True), col(Incident.is_breach).is_(None) & col(Incident.closed_on).is_(None)
    )
    incidents = select(Incident).where(col(Incident.archived_at).is_(None), undecided_or_breach).order_by(col(Incident.id))
    for incident in (await session.execute(incidents)).scalars():
        for clock in clocks_of(incident):
            yield incident, clock
    requests = select(AccessRequest).where(col(AccessRequest.archived_at).is_(None), col(AccessRequest.closed_on).is_(None))
    for request in (await session.execute(requests.order_by(col(AccessRequest.id)))).scalars():
        yield request, access_clock(request)


async def _first_time(session: TenantSession, subject: Incident | AccessRequest, clock: Clock, step: Step) -> bool:
    moment = now()
    told = insert(ClockNotice).values(
        tenant_id=session.tenant_id,
        id=new_id(),
        created_at=moment,
        updated_at=moment,
        version=1,
        organization_id=subject.organization_id,
        subject_id=subject.id,
        clock=clock.key,
        due_on=clock.due_on,
        step=step,
    )
    first = told.on_conflict_do_nothing(index_elements=["tenant_id", "subject_id", "clock", "due_on", "step"])
    return (await session.execute(first.returning(col(ClockNotice.id)))).scalar_one_or_none() is not None
