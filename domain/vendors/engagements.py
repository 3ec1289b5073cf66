"""Engagements: what a vendor does for one organization. The business-associate decision is made from these facts."""

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.inventory.fact_columns import vocabulary
from domain.inventory.facts import check_facts
from domain.inventory.organizations import Organization
from domain.records import create
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to_tenants,
    json_object,
    organization_table,
)
from domain.vendors.vendors import engageable


class EngagementFields(Fields):
    vendor_id: UUID
    service: str = Field(min_length=1, max_length=100)
    started_on: date | None = None
    ended_on: date | None = None
    creates_phi: bool | None = None
    receives_phi: bool | None = None
    maintains_phi: bool | None = None
    transmits_phi: bool | None = None
    remote_access: str | None = Field(default=None, schema_extra={"pattern": r"^(none|attended|unattended)$"})
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


async def engage(session: TenantSession, organization: Organization, fields: EngagementFields) -> Engagement:
    """Record what a vendor does for an organization. Nothing is taken for granted: what is not said is unknown."""
    fields = checked(fields)
    await engageable(session, fields.vendor_id)
    return await create(session, Engagement(**fields.model_dump(), organization_id=organization.id))


def checked(fields: EngagementFields) -> EngagementFields:
    """The fields with ``vendor_facts`` as they are kept; or a fault for each that cannot be."""
    faults: list[Fault] = []
    if fields.started_on is not None and fields.ended_on is not None and fields.ended_on < fields.started_on:
        faults.append(Fault("/ended_on", "before_start", "An engagement cannot end before it has started."))
    accepted, problems = check_facts("vendor", None, fields.vendor_facts, vocabulary(), columns=_TRUE_EVERYWHERE)
    faults += [Fault(f"/vendor_facts{each.pointer}", each.code, each.detail) for each in problems]
    if faults:
        raise Invalid(faults)
    unknown_here = {name: UNKNOWN_HERE for name in accepted if fields.vendor_facts[name] == UNKNOWN_HERE}
    kept = {name: value for name, value in accepted.items() if value is not None} | unknown_here
    return fields.model_copy(update={"vendor_facts": kept})


UNKNOWN_HERE = "unknown"
"""Said of a fact that the tenant's vendor has, and that this organization does not know: a provider may have asked a vendor
for one practice and not for another."""
_TRUE_EVERYWHERE = frozenset({"name"})
"""Facts of a vendor that cannot be otherwise for one organization."""
