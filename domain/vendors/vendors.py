"""Vendors: companies, known once per tenant and engaged by any number of its organizations."""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.tenancy import json_or_unknown, Archivable, Factual, Fields, TenantOwned, json_list, json_object, one_of, tenant_table


class VendorStatus(StrEnum):
    active = "active"
    ended = "ended"


class VendorFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    category: str | None = Field(default=None, max_length=100, description="A key of the catalogue's categories.")
    status: VendorStatus = one_of(VendorStatus, default=VendorStatus.active)
    contact_email: str | None = Field(default=None, max_length=320)
    website: str | None = Field(default=None, max_length=300)
    products: list[str] = json_list()
    subcontractors: list[str] | None = json_or_unknown()
    """Null is "not asked", an empty list is "asked, none"."""
    verified_on: date | None = Field(default=None, description="When its safeguards were last verified.")
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class Vendor(VendorFields, Factual, TenantOwned, Archivable, table=True):
    __table_args__ = tenant_table(
        UniqueConstraint("tenant_id", "ref"), Index("ix_vendor_name", "tenant_id", "name", "id")
    )
    noun: ClassVar[str] = "vendor"
