"""In which tenants a person has a seat: the one thing that must be known before there is a tenant to look into.

Kept by a trigger on ``member``, so that no verb can forget it. It stands outside the wall as people do, and says nothing but
that there is a seat.
"""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field, SQLModel, col, select

from domain.people.tenants import Tenant
from domain.tenancy import TenantSession


class Seat(SQLModel, table=True):
    __table_args__ = (ForeignKeyConstraint(["person_id"], ["person.id"]), ForeignKeyConstraint(["seat_of"], ["tenant.id"]))

    person_id: UUID = Field(primary_key=True)
    seat_of: UUID = Field(primary_key=True)
    """The tenant. Not called ``tenant_id``, because the row is not the tenant's own."""


async def tenants_of(session: TenantSession, person_id: UUID) -> list[Tenant]:
    """The tenants in which a person has a seat, by name."""
    statement = (
        select(Tenant)
        .join(Seat, col(Seat.seat_of) == col(Tenant.id))
        .where(col(Seat.person_id) == person_id)
        .order_by(col(Tenant.name), col(Tenant.id))
    )
    return list((await session.execute(statement)).scalars())
