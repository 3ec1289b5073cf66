"""Access requests: an individual's request for images or records (45 CFR 164.524), counted in days, without a name."""

from datetime import date, timedelta
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.clock import today
from domain.errors import Invalid
from domain.inventory.organizations import Organization
from domain.records import change, create
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, organization_table

DAYS_TO_ACT = 30
DAYS_WITH_EXTENSION = 60
"""45 CFR 164.524(b)(2): once, and only with a written notice inside the first 30 days, 30 more."""


class AccessRequestFields(Fields):
    received_on: date
    format: str | None = Field(
        default=None, max_length=200, description="The form and format asked for, such as DICOM on a disc."
    )
    extension_notice: bool | None = Field(default=None, description="A written notice of the delay was given in time.")
    closed_on: date | None = None
    ref: str | None = Field(default=None, max_length=200, description="Your own identifier; never the patient's.")


class AccessRequest(AccessRequestFields, OrganizationOwned, Archivable, table=True):
    __tablename__ = "access_request"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "access_request"

    @property
    def due_on(self) -> date:
        """The last day to act on it."""
        return self.received_on + timedelta(days=DAYS_WITH_EXTENSION if self.extension_notice else DAYS_TO_ACT)


async def receive(session: TenantSession, organization: Organization, fields: AccessRequestFields) -> AccessRequest:
    """Note that somebody asked for their records."""
    _in_order(fields)
    return await create(session, AccessRequest(**fields.model_dump(), organization_id=organization.id))


async def amend(session: TenantSession, request: AccessRequest, fields: AccessRequestFields) -> AccessRequest:
    _in_order(fields)
    return await change(session, request, fields)


def _in_order(fields: AccessRequestFields) -> None:
    if fields.received_on > today() + timedelta(days=1):
        raise Invalid.one("/received_on", "in_future", "This day has not come yet, in any time zone.")
    if fields.closed_on is not None and fields.closed_on < fields.received_on:
        raise Invalid.one("/closed_on", "before_start", "A request cannot be closed before it was received.")
