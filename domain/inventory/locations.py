"""Locations: where an organization sees patients, or keeps things that hold ePHI."""

from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Archivable, Fields, OrganizationOwned, organization_table


class LocationFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    operatories: int | None = Field(default=None, ge=0, le=1000)
    state: str | None = Field(default=None, regex=r"^[A-Z]{2}$")
    rmm_site: str | None = Field(default=None, max_length=200, description="The site's name in the RMM.")
    ref: str | None = Field(default=None, max_length=200)


class Location(LocationFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "location"
