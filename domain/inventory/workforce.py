"""Workforce: the practice's staff by role, with their training and accounts. Never patients."""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.organizations import Organization
from domain.inventory.references import ASSET, refuse_absent
from domain.records import change, create
from domain.tenancy import (
    Archivable,
    Fields,
    OrganizationOwned,
    TenantSession,
    json_or_unknown,
    one_of,
    organization_table,
)


class WorkforceStatus(StrEnum):
    active = "active"
    left = "left"


class AccountFields(Fields):
    """One account of a person, on a device or system."""

    asset_id: UUID
    enabled: bool | None = Field(default=None, description="Null is unknown.")


class WorkforceCore(Fields):
    role: str = Field(min_length=1, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    status: WorkforceStatus = one_of(WorkforceStatus, default=WorkforceStatus.active)
    trained_on: date | None = None
    left_on: date | None = None
    ref: str | None = Field(default=None, max_length=200)


class WorkforceFields(WorkforceCore):
    accounts: list[AccountFields] | None = None
    """Null is "nobody has asked", an empty list is "asked, none"."""


class Workforce(WorkforceCore, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "workforce_member"

    accounts: list[dict[str, Any]] | None = json_or_unknown()
    """``{"asset_id": <device or system>, "enabled": true | false | null}`` for each account."""


async def enter(session: TenantSession, organization: Organization, fields: WorkforceFields) -> Workforce:
    """Put somebody on the list of the practice's staff."""
    await _refuse_what_is_not_there(session, organization.id, fields, held=frozenset())
    return await create(session, Workforce(**fields.model_dump(), organization_id=organization.id))


async def amend(session: TenantSession, person: Workforce, fields: WorkforceFields) -> Workforce:
    held = frozenset(str(account.get("asset_id")) for account in person.accounts or ())
    await _refuse_what_is_not_there(session, person.organization_id, fields, held=held)
    return await change(session, person, fields.model_dump())


async def _refuse_what_is_not_there(
    session: TenantSession, organization_id: UUID, fields: WorkforceFields, *, held: frozenset[str]
) -> None:
    named = [
        (f"/accounts/{place}/asset_id", account.asset_id, ASSET)
        for place, account in enumerate(fields.accounts or ())
        if str(account.asset_id) not in held
    ]
    await refuse_absent(session, organization_id, named)
