"""Tenants: who pays for and runs an account. A managed service provider, or a practice that bought directly."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlmodel import Field, SQLModel, col, select

from domain.clock import new_id, now
from domain.database import Database
from domain.tenancy import NOBODYS_TENANT, Fields, TenantSession, Wall, instant, json_object, one_of


class TenantKind(StrEnum):
    msp = "msp"
    practice = "practice"


class TenantFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    brand: dict[str, Any] = json_object()
    settings: dict[str, Any] = json_object()


class Tenant(TenantFields, table=True):
    """Stands outside the wall, being the wall itself."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: TenantKind = one_of(TenantKind, default=TenantKind.msp)
    created_at: datetime = instant(default_factory=now)
    updated_at: datetime = instant(default_factory=now, sa_column_kwargs={"onupdate": now})
    version: int = 1
    # Written by billing; domain/coverage.py reads them.
    trial_until: date | None = None
    covered_until: date | None = None
    """The last day on which a new organization can be taken on, when somebody pays."""
    limits: dict[str, Any] = json_object()

    noun: ClassVar[str] = "tenant"


class Person(SQLModel, table=True):
    """One human, who may have seats in several tenants; outside the wall for that reason alone."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True, max_length=320)
    name: str = Field(max_length=200)
    password_hash: str | None = None
    email_verified_at: datetime | None = instant(default=None)
    signed_out_at: datetime | None = instant(default=None)
    """Sessions that began before this are over, in every tenant."""
    created_at: datetime = instant(default_factory=now)


async def all_tenants(database: Database) -> list[UUID]:
    """Every tenant's id, for chores. The table stands outside the wall, so this tells nothing of what they own."""
    async with database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
        return list((await connection.execute(select(col(Tenant.id)).order_by(col(Tenant.id)))).scalars())


_IN_TURN = """
    select id from (
        select id, (row_number() over (order by id) - 1) / $1::bigint as page, (count(*) over () - 1) / $1::bigint + 1 as pages
        from tenant) as numbered
    where page = $2::bigint % pages"""


async def tenants_in_turn(database: Database, *, at_once: int = 1_000) -> Sequence[UUID]:
    """Some of the tenants, other ones each minute, so that a chore which visits them stays short however many there are."""
    minute = int(now().timestamp() // 60)
    async with database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
        return (await connection.exec_driver_sql(_IN_TURN, (at_once, minute))).scalars().all()


async def own(session: TenantSession, *, lock: bool = False) -> Tenant:
    """The tenant whose wall the session stands in."""
    statement = select(Tenant).where(col(Tenant.id) == session.tenant_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one()
