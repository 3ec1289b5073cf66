"""Reminders that an agreement ends: 90, 60, 30 and 7 days before, and on its last day. One event and one letter each.

For each end of each agreement the five days are rows, written when the end is first seen. A row is told by turning
``told_at`` from null, in the transaction of its event and its letter: however many workers look, and however the clock
jumps, it is told once. A jump forward tells what it jumped over; a jump back tells nothing again. Days that lay behind when
the end was recorded are passed over, but for the last of them.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, exists
from sqlmodel import Field, col, select

from domain.access import Role
from domain.bulk import insert_rows
from domain.clock import now, today
from domain.database import tenant_session
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.outbound.mail import send_mail
from domain.people.members import Member
from domain.people.tenants import Person, all_tenants, own
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, OrganizationOwned, TenantSession, Wall, belongs_to, instant, organization_table
from domain.vendors.baa_states import IN_FORCE, BaaStatus, state_of
from domain.vendors.baas import Baa
from domain.vendors.vendors import Vendor

DAYS_BEFORE = (90, 60, 30, 7, 0)
REMIND_TO = "agreement_reminders_to"
"""The tenant's setting: the address that reminders go to. Absent: the owner's."""


class BaaReminder(OrganizationOwned, table=True):
    """One day on which to say that an agreement ends on ``end_on``."""

    __tablename__ = "baa_reminder"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to("baa"),
        UniqueConstraint("tenant_id", "baa_id", "end_on", "days"),
        Index("ix_baa_reminder_due", "tenant_id", "due_on", postgresql_where="told_at is null"),
    )
    noun: ClassVar[str] = "baa_reminder"

    baa_id: UUID
    end_on: date
    days: int = Field(description="How many days before the end.")
    due_on: date
    told_at: datetime | None = instant(default=None)
    passed_over: bool = False
    """Settled without a word: it lay behind when the end was recorded, or the agreement has been renewed since."""


async def remind_all(runtime: Runtime) -> None:
    """The chore: every tenant's reminders of today."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await remind(session, on=today())


async def remind(session: TenantSession, *, on: date) -> None:
    """Note new ends, and tell of everything that is due on a day and was not told."""
    await _note_ends(session)
    due = (
        select(BaaReminder)
        .where(col(BaaReminder.told_at).is_(None), col(BaaReminder.due_on) <= on)
        .order_by(col(BaaReminder.due_on), col(BaaReminder.id))
        .with_for_update(skip_locked=True)
    )
    for reminder in (await session.execute(due)).scalars().all():
        reminder.told_at = now()
        baa = await session.fetch(Baa, reminder.baa_id)
        if await _is_moot(session, reminder, baa, on):
            reminder.passed_over = True
        else:
            await _tell(session, reminder, baa, on)
    await session.flush()


async def _note_ends(session: TenantSession) -> None:
    """Rows for signed agreements whose end is not noted yet. A worker that notes at the same moment waits for this one."""
    await (await session.driver()).execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"baa_reminders:{session.tenant_id}"
    )
    noted = exists().where(
        col(BaaReminder.tenant_id) == col(Baa.tenant_id),
        col(BaaReminder.baa_id) == col(Baa.id),
        col(BaaReminder.end_on) == col(Baa.end_on),
    )
    unnoted = select(Baa).where(
        col(Baa.end_on).is_not(None),
        col(Baa.status).in_([BaaStatus.executed, BaaStatus.amended]),
        col(Baa.archived_at).is_(None),
        ~noted,
    )
    for baa in (await session.execute(unnoted)).scalars().all():
        await insert_rows(session, BaaReminder, _days_of(baa))


def _days_of(baa: Baa) -> Iterator[dict[str, object]]:
    assert baa.end_on is not None
    recorded = baa.updated_at.date()
    behind = [days for days in DAYS_BEFORE if baa.end_on - timedelta(days=days) <= recorded]
    for days in DAYS_BEFORE:
        over = days in behind and days != min(behind)
        yield {
            "organization_id": baa.organization_id,
            "baa_id": baa.id,
            "end_on": baa.end_on,
            "days": days,
            "due_on": baa.end_on - timedelta(days=days),
            "told_at": now() if over else None,
            "passed_over": over,
        }


async def _is_moot(session: TenantSession, reminder: BaaReminder, baa: Baa, on: date) -> bool:
    """The end has been moved, the agreement was ended in another way, or another one with this vendor lasts longer."""
    last_day = min(on, reminder.end_on)
    if baa.end_on != reminder.end_on or baa.archived_at is not None or state_of(baa, as_of=last_day) not in IN_FORCE:
        return True
    others = select(Baa).where(
        col(Baa.organization_id) == baa.organization_id,
        col(Baa.vendor_id) == baa.vendor_id,
        col(Baa.id) != baa.id,
        col(Baa.archived_at).is_(None),
    )
    return any(
        state_of(other, as_of=on) in IN_FORCE and (other.end_on is None or other.end_on > reminder.end_on)
        for other in (await session.execute(others)).scalars()
    )


async def _tell(session: TenantSession, reminder: BaaReminder, baa: Baa, on: date) -> None:
    left = (reminder.end_on - on).days
    emit(
        session,
        "baa.expiring",
        baa,
        {"days_before": reminder.days, "days_left": left, "end_on": reminder.end_on, "vendor_id": baa.vendor_id},
    )
    vendor = await session.fetch(Vendor, baa.vendor_id)
    organization = await session.fetch(Organization, baa.organization_id)
    address = (await own(session)).settings.get(REMIND_TO) or await _owner(session)
    if not isinstance(address, str):
        return
    when = "ended" if left < 0 else "ends today" if left == 0 else f"ends in {left} day{'' if left == 1 else 's'}"
    await send_mail(
        session,
        to=address,
        subject=f"{organization.name}: the agreement with {vendor.name} {when}",
        text=(
            f"The business associate agreement between {organization.name} and {vendor.name} {when}: its last day is "
            f"{reminder.end_on.isoformat()}.\n\nWithout an agreement in force the vendor may not create, receive, maintain or "
            "transmit PHI for the practice (45 CFR 164.308(b), 164.502(e)). Renew it, or record its end and the return or "
            "destruction of PHI.\n"
        ),
        key=f"baa-reminder:{baa.id}:{reminder.end_on.isoformat()}:{reminder.days}",
        organization_id=baa.organization_id,
    )


async def _owner(session: TenantSession) -> str | None:
    """The address of whoever has owned the account longest."""
    statement = (
        select(col(Person.email))
        .join(Member, col(Member.person_id) == col(Person.id))
        .where(col(Member.role) == Role.owner, col(Member.archived_at).is_(None))
        .order_by(col(Member.created_at), col(Member.id))
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()
