"""Remote accesses: one vendor's or technician's way in, with the things it reaches."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    belongs_to_tenants,
    json_object,
    json_or_unknown,
    organization_table,
)


class RemoteAccessFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    vendor_id: UUID | None = None
    targets: list[UUID] | None = json_or_unknown()
    """Ids of the devices and systems it reaches."""
    enabled: bool | None = None
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class RemoteAccess(RemoteAccessFields, Factual, OrganizationOwned, Archivable, table=True):
    __tablename__ = "remote_access"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to_tenants("vendor"), UniqueConstraint("tenant_id", "organization_id", "ref")
    )
    noun: ClassVar[str] = "remote_access"
