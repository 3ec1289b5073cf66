"""Engagements: what a vendor does for one organization. The business-associate decision is made from these facts."""

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    belongs_to_tenants,
    json_object,
    organization_table,
)


class EngagementFields(Fields):
    vendor_id: UUID
    service: str = Field(min_length=1, max_length=100)
    started_on: date | None = None
    ended_on: date | None = None
    creates_phi: bool | None = None
    receives_phi: bool | None = None
    maintains_phi: bool | None = None
    transmits_phi: bool | None = None
    remote_access: str | None = Field(default=None, regex=r"^(none|attended|unattended)$")
    can_view_ephi: bool | None = None
    vendor_facts: dict[str, Any] = json_object()
    """What is true of the vendor for this organization only, such as ``acts_for_practice``, ``baa_on_file`` or ``status``."""
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class Engagement(EngagementFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to_tenants("vendor"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index("ix_engagement_vendor", "tenant_id", "vendor_id", "id"),
    )
    noun: ClassVar[str] = "engagement"
