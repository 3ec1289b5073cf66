"""Segments: the parts of an organization's network, as far as they are kept apart."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, belongs_to, organization_table


class SegmentFields(Fields):
    name: str = Field(min_length=1, max_length=100)
    subnet: str | None = Field(default=None, max_length=60)
    isolated: bool | None = None
    location_id: UUID | None = None
    note: str | None = Field(default=None, max_length=2000)
    ref: str | None = Field(default=None, max_length=200)


class Segment(SegmentFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(belongs_to("location"), UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "segment"


async def mark_off(session: TenantSession, organization: Organization, fields: SegmentFields) -> Segment:
    """Note a part of the network."""
    return await create(session, Segment(**fields.model_dump(), organization_id=organization.id))
