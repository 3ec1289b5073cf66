"""Systems: software and cloud services that hold, move or guard images."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.inventory.kinds import AssetStatus, Encryption, SystemKind
from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    belongs_to_tenants,
    json_object,
    one_of,
    organization_table,
)


class SystemFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    kind: SystemKind = one_of(SystemKind)
    status: AssetStatus = one_of(AssetStatus, default=AssetStatus.active)
    location_id: UUID | None = None
    vendor_id: UUID | None = Field(default=None, description="The vendor that hosts or provides it.")
    hosted_by_vendor: bool | None = None
    owner: str | None = Field(default=None, max_length=200)
    product: str | None = Field(default=None, max_length=200)
    product_version: str | None = Field(default=None, max_length=100)
    encryption_at_rest: Encryption | None = one_of(Encryption, default=None)
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class System(SystemFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to("location"),
        belongs_to_tenants("vendor"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index("ix_system_organization", "tenant_id", "organization_id", "name", "id"),
    )
    noun: ClassVar[str] = "system"


async def take_into_use(session: TenantSession, organization: Organization, fields: SystemFields) -> System:
    """Put a system or service on the inventory of an organization."""
    return await create(session, System(**fields.model_dump(), organization_id=organization.id))
