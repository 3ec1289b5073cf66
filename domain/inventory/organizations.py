"""Organizations: the clients of a tenant, each a dental practice or a dental group."""

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.records import create
from domain.tenancy import Archivable, Factual, Fields, TenantOwned, TenantSession, json_object, json_or_unknown, tenant_table


class OrganizationFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    legal_name: str | None = Field(default=None, max_length=300)
    state: str | None = Field(default=None, regex=r"^[A-Z]{2}$", description="Two-letter postal code of the state.")
    specialty: str | None = Field(default=None, max_length=120)
    contact_role: str | None = Field(default=None, max_length=120)
    contact_email: str | None = Field(default=None, max_length=320)
    security_official: str | None = Field(
        default=None, max_length=200, description="Who the practice has named, 45 CFR 164.308(a)(2)."
    )
    ref: str | None = Field(default=None, max_length=200, description="Your own identifier.")
    settings: dict[str, Any] = json_object()
    """Thresholds of the analysis, such as ``auto_logoff_max`` in minutes; absent ones take the catalogue's default."""
    prior_analysis: dict[str, Any] | None = json_or_unknown()
    """The last analysis made before Bitewing: ``approved_on``, ``version``, ``approver_role`` and its open ``risks``."""
    facts: dict[str, Any] = json_object()


class Organization(OrganizationFields, Factual, TenantOwned, Archivable, table=True):
    __table_args__ = tenant_table(
        UniqueConstraint("tenant_id", "ref"), Index("ix_organization_name", "tenant_id", "name", "id")
    )
    noun: ClassVar[str] = "organization"

    paid_until: date | None = None
    """Written by billing, read here."""


async def take_on(session: TenantSession, fields: OrganizationFields) -> Organization:
    """Add a client to the tenant."""
    return await create(session, Organization(**fields.model_dump()))
