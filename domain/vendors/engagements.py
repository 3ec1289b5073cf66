"""Engagements: what a vendor does for one organization. The business-associate decision is made from these facts."""

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.inventory.organizations import Organization
from domain.known import as_date, is_mapping, known
from domain.records import create
from domain.sra.catalogue import catalogue
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


async def engage(session: TenantSession, organization: Organization, fields: EngagementFields) -> Engagement:
    """Record what a vendor does for an organization. Nothing is taken for granted: what is not said is unknown."""
    refuse_contradictions(fields)
    await engageable(session, fields.vendor_id)
    return await create(session, Engagement(**fields.model_dump(), organization_id=organization.id))


def refuse_contradictions(fields: EngagementFields) -> None:
    """A misread role decision would decide wrongly and silently, so its words are checked one by one."""
    faults: list[Fault] = []
    if fields.started_on is not None and fields.ended_on is not None and fields.ended_on < fields.started_on:
        faults.append(Fault("/ended_on", "before_start", "An engagement cannot end before it has started."))
    faults += [
        Fault(f"/facts/{name}", "has_its_own_field", f"Say this in the field {name!r} of the engagement.")
        for name in sorted(fields.facts.keys() & EngagementFields.model_fields.keys())
    ]
    decision = fields.facts.get("role_decision")
    if decision is not None:
        faults += _faults_of_role_decision(decision)
    if faults:
        raise Invalid(faults)


def _faults_of_role_decision(decision: object) -> list[Fault]:
    """Absent or null: nobody has decided. Anything else names one of the catalogue's roles."""
    where = "/facts/role_decision"
    if not is_mapping(decision):
        return [Fault(where, "not_an_object", 'Give {"role": ..., "decided_on": ..., "decided_by": ...}.')]
    roles = catalogue().fact_by_key["role_decision.role"].values
    if known(decision, "role") not in roles:
        return [Fault(f"{where}/role", "unknown_role", f"The roles are: {', '.join(roles)}.")]
    if "decided_on" in decision and as_date(decision["decided_on"]) is None:
        return [Fault(f"{where}/decided_on", "not_a_date", "Give a calendar day as YYYY-MM-DD.")]
    return []
