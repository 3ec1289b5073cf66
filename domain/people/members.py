"""Members: a person's seat in a tenant, with a role and perhaps narrowed to some organizations."""

from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import col, select

from domain.access import Role
from domain.clock import now, today
from domain.people.tenants import Person
from domain.tenancy import Archivable, TenantOwned, TenantSession, json_or_unknown, one_of, tenant_table


class Member(TenantOwned, Archivable, table=True):
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["person_id"], ["person.id"]), UniqueConstraint("tenant_id", "person_id")
    )
    noun: ClassVar[str] = "member"

    person_id: UUID
    role: Role = one_of(Role)
    organization_ids: list[UUID] | None = json_or_unknown()
    """The organizations this seat is narrowed to; null here and for groups means all of them."""
    group_ids: list[UUID] | None = json_or_unknown()
    """The groups this seat is narrowed to. It follows them: see ``lending.reach_of``."""
    ends_on: date | None = None

    @property
    def seated(self) -> bool:
        """False for a seat that was given up, or whose last day is over."""
        return self.archived_at is None and (self.ends_on is None or self.ends_on >= today())

    @property
    def seated_for(self) -> float:
        """For how many seconds the seat lasts: it ends with its last day, in UTC."""
        if self.ends_on is None:
            return float("inf")
        return (datetime.combine(self.ends_on + timedelta(days=1), time(), UTC) - now()).total_seconds()


async def addresses_of_owners(session: TenantSession) -> list[str]:
    statement = (
        select(col(Person.email))
        .join(Member, col(Member.person_id) == col(Person.id))
        .where(col(Member.role) == Role.owner, col(Member.archived_at).is_(None))
    )
    return sorted((await session.execute(statement)).scalars())
