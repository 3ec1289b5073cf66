"""Access requests: an individual's request for images or records (45 CFR 164.524), counted in days, without a name."""

from datetime import date
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Archivable, Fields, OrganizationOwned, organization_table


class AccessRequestFields(Fields):
    received_on: date
    format: str | None = Field(default=None, max_length=200)
    extension_notice: bool | None = None
    closed_on: date | None = None
    ref: str | None = Field(default=None, max_length=200)


class AccessRequest(AccessRequestFields, OrganizationOwned, Archivable, table=True):
    __tablename__ = "access_request"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "access_request"
