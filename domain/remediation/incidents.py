"""Incidents: security incidents and suspected breaches, small but with the dates that the clocks run from."""

from datetime import date
from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Archivable, Fields, OrganizationOwned, json_object, organization_table


class IncidentFields(Fields):
    what: str = Field(min_length=1, max_length=4000)
    discovered_on: date
    affected_count: int | None = Field(default=None, ge=0)
    closed_on: date | None = None
    breach_decision: str | None = Field(default=None, max_length=4000)
    assessment: dict[str, Any] = json_object()
    """The four factors of 45 CFR 164.402(2), as text each."""
    ref: str | None = Field(default=None, max_length=200)


class Incident(IncidentFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "incident"
