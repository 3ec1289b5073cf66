"""Workforce: the practice's staff by role, with their training and accounts. Never patients."""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Archivable, Fields, OrganizationOwned, json_or_unknown, one_of, organization_table


class WorkforceStatus(StrEnum):
    active = "active"
    left = "left"


class WorkforceFields(Fields):
    role: str = Field(min_length=1, max_length=200)
    name: str | None = Field(default=None, max_length=200)
    status: WorkforceStatus = one_of(WorkforceStatus, default=WorkforceStatus.active)
    trained_on: date | None = None
    left_on: date | None = None
    accounts: list[dict[str, Any]] | None = json_or_unknown()
    """``{"asset_id": <device or system>, "enabled": true | false | null}`` for each account."""
    ref: str | None = Field(default=None, max_length=200)


class Workforce(WorkforceFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "workforce_member"
