"""Incidents: security incidents and suspected breaches, small but with the dates that the clocks run from."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import StringConstraints
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.clock import today
from domain.errors import Invalid
from domain.inventory.organizations import Organization
from domain.records import change, create
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, json_object, organization_table

DAYS_FOR_NOTICE = 60
"""45 CFR 164.404(b), counted from discovery."""


class BreachFactor(StrEnum):
    """What 45 CFR 164.402(2) asks for when the probability is judged that the information was compromised."""

    nature_and_extent = "nature_and_extent"
    unauthorized_person = "unauthorized_person"
    acquired_or_viewed = "acquired_or_viewed"
    mitigation = "mitigation"


class IncidentFields(Fields):
    what: str = Field(min_length=1, max_length=4000, description="What happened, without names of patients.")
    discovered_on: date
    affected_count: int | None = Field(default=None, ge=0, le=2_000_000_000)
    closed_on: date | None = None
    breach_decision: str | None = Field(default=None, max_length=4000)
    assessment: dict[BreachFactor, Annotated[str, StringConstraints(min_length=1, max_length=4000)]] = json_object()
    """The four factors of 45 CFR 164.402(2), as text each."""
    ref: str | None = Field(default=None, max_length=200)


class Incident(IncidentFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "incident"

    @property
    def notice_due_on(self) -> date:
        """The last day for telling those affected, if this is a breach of unsecured information."""
        return self.discovered_on + timedelta(days=DAYS_FOR_NOTICE)


async def report(session: TenantSession, organization: Organization, fields: IncidentFields) -> Incident:
    """Note an incident. Its clock runs from the day of discovery, whatever is decided later."""
    _in_order(fields)
    return await create(session, Incident(**fields.model_dump(), organization_id=organization.id))


async def amend(session: TenantSession, incident: Incident, fields: IncidentFields) -> Incident:
    _in_order(fields)
    values: dict[str, Any] = fields.model_dump()
    return await change(session, incident, values)


def _in_order(fields: IncidentFields) -> None:
    if fields.discovered_on > today() + timedelta(days=1):
        raise Invalid.one("/discovered_on", "in_future", "This day has not come yet, in any time zone.")
    if fields.closed_on is not None and fields.closed_on < fields.discovered_on:
        raise Invalid.one("/closed_on", "before_start", "An incident cannot be closed before it was discovered.")
