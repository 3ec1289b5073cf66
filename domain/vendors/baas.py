"""Business associate agreements: the written contract of 45 CFR 164.308(b)(3), from draft to closed."""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.tenancy import (
    json_or_unknown,
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    belongs_to,
    belongs_to_tenants,
    json_list,
    json_object,
    one_of,
    organization_table,
)


class BaaStatus(StrEnum):
    """What people did to the agreement. ``expiring`` and ``expired`` follow from the dates and are never stored."""

    draft = "draft"
    sent = "sent"
    executed = "executed"
    amended = "amended"
    terminated = "terminated"
    phi_return_pending = "phi_return_pending"
    closed = "closed"
    expired = "expired"


class BaaFields(Fields):
    vendor_id: UUID
    signed_on: date | None = None
    end_on: date | None = Field(default=None, description="Null on a signed agreement: open-ended.")
    amended_on: date | None = None
    breach_notice_days: int | None = Field(default=None, ge=0, le=3650)
    missing_required_clauses: list[str] | None = json_or_unknown()
    """Clause keys of the catalogue that the text lacks. Null: nobody has checked."""
    document_id: UUID | None = None
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class Baa(BaaFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to_tenants("vendor"),
        belongs_to("document"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index("ix_baa_vendor", "tenant_id", "vendor_id", "id"),
    )
    noun: ClassVar[str] = "baa"

    status: BaaStatus = one_of(BaaStatus, default=BaaStatus.draft)
    signers: list[dict[str, Any]] = json_list()
    terminated_on: date | None = None
    termination_reason: str | None = None
    return_destroy_attested_on: date | None = None
