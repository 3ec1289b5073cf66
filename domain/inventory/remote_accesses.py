"""Remote accesses: one vendor's or technician's way in, with the things it reaches."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.organizations import Organization
from domain.inventory.references import ASSET, refuse_absent
from domain.records import change, create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
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
    __table_args__ = organization_table(belongs_to_tenants("vendor"), UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "remote_access"


async def open_way(session: TenantSession, organization: Organization, fields: RemoteAccessFields) -> RemoteAccess:
    """Note a way in. It is no grant of access; that is done in the tool itself."""
    await _refuse_what_is_not_there(session, organization.id, fields, reached=frozenset())
    return await create(session, RemoteAccess(**fields.model_dump(), organization_id=organization.id))


async def alter_way(session: TenantSession, way: RemoteAccess, fields: RemoteAccessFields) -> RemoteAccess:
    await _refuse_what_is_not_there(session, way.organization_id, fields, reached=frozenset(map(str, way.targets or ())))
    return await change(session, way, fields)


async def _refuse_what_is_not_there(
    session: TenantSession, organization_id: UUID, fields: RemoteAccessFields, *, reached: frozenset[str]
) -> None:
    named = [
        (f"/targets/{place}", asset_id, ASSET)
        for place, asset_id in enumerate(fields.targets or ())
        if str(asset_id) not in reached
    ]
    await refuse_absent(session, organization_id, named)
