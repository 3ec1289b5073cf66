"""Tenants: who pays for and runs an account. A managed service provider, or a practice that bought directly."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlmodel import Field, SQLModel, col, select

from domain.clock import new_id, now
from domain.database import Database
from domain.errors import Invalid
from domain.events import differences, emit
from domain.people.brands import check_brand, without_picture
from domain.people.origins import check_origins
from domain.people.revocation import forget_credentials
from domain.people.session_policy import check_policy, policy_of
from domain.remediation.sla import accept_sla
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


async def change_tenant(session: TenantSession, tenant: Tenant, fields: TenantFields) -> Tenant:
    """Set the name, the brand and the settings."""
    check_brand(fields.brand)
    check_policy(fields.settings)
    check_origins(fields.settings)
    reminders_to = fields.settings.get("agreement_reminders_to")
    if reminders_to is not None and not _is_address(reminders_to):
        raise Invalid.one("/settings/agreement_reminders_to", "invalid", "This must be an e-mail address.")
    before = {name: getattr(tenant, name) for name in TenantFields.model_fields}
    after = fields.model_dump()
    _refuse_unfit_days(after["settings"].get("task_due_soon_days", 0))
    if after["settings"].get("sla") is not None:
        after["settings"] = {**after["settings"], "sla": accept_sla(after["settings"]["sla"], at="/settings/sla")}
    changed = differences(_told(before), _told(after))
    if changed:
        if policy_of(fields.settings) != policy_of(tenant.settings):
            # What sessions may do without a second factor is remembered with them.
            await forget_credentials(session, tenant.id)
        for name, value in after.items():
            setattr(tenant, name, value)
        tenant.version += 1
        await session.flush()
        emit(session, "tenant.updated", tenant, changed)
    return tenant


def _is_address(text: object) -> bool:
    try:
        validate_email(str(text), check_deliverability=False)
    except EmailNotValidError:
        return False
    return isinstance(text, str)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, "brand": without_picture(values["brand"])}


def _refuse_unfit_days(days: Any) -> None:
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 90:
        raise Invalid.one("/settings/task_due_soon_days", "not_allowed", "A whole number of days, 0 to 90.")
