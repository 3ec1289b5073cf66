"""Partners: outside parties that images go to or come from, such as a specialist, a laboratory or a plan."""

from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.inventory.kinds import PartnerKind
from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    json_object,
    one_of,
    organization_table,
)


class PartnerFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    kind: PartnerKind = one_of(PartnerKind)
    email: str | None = Field(default=None, max_length=320)
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class Partner(PartnerFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "partner"


async def introduce(session: TenantSession, organization: Organization, fields: PartnerFields) -> Partner:
    """Note an outside party that images go to or come from."""
    return await create(session, Partner(**fields.model_dump(), organization_id=organization.id))
