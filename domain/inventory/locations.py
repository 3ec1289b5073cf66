"""Locations: where an organization sees patients, or keeps things that hold ePHI."""

from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, organization_table


class LocationFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    operatories: int | None = Field(default=None, ge=0, le=1000)
    state: str | None = Field(
        default=None, schema_extra={"pattern": r"^[A-Z]{2}$"}, description="Two-letter postal code of the state."
    )
    rmm_site: str | None = Field(default=None, max_length=200, description="The site's name in the RMM.")
    ref: str | None = Field(default=None, max_length=200, description="Your own identifier.")


class Location(LocationFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "location"


async def open_location(session: TenantSession, organization: Organization, fields: LocationFields) -> Location:
    return await create(session, Location(**fields.model_dump(), organization_id=organization.id))
