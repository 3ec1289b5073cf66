"""Policies: the written rules of a practice, by the keys that the threat rules ask for."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, belongs_to, organization_table


class PolicyFields(Fields):
    key: str = Field(min_length=1, max_length=100, description="Such as emergency_mode_imaging.")
    title: str | None = Field(default=None, max_length=300)
    in_place: bool | None = Field(default=None, description="Null is unknown, which is not the same as no.")
    adopted_on: date | None = None
    review_due_on: date | None = None
    document_id: UUID | None = None


class Policy(PolicyFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(belongs_to("document"), UniqueConstraint("tenant_id", "organization_id", "key"))
    noun: ClassVar[str] = "policy"


async def note(session: TenantSession, organization: Organization, fields: PolicyFields) -> Policy:
    """Note whether the practice has a rule, and where it is written."""
    return await create(session, Policy(**fields.model_dump(), organization_id=organization.id))
