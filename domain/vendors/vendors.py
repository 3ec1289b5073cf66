"""Vendors: companies, known once per tenant and engaged by any number of its organizations.

So a principal who is narrowed to some organizations may read and add vendors, but not change what others rely on. What is
true of a vendor for one organization only stands with the engagement.
"""

from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, col, select

from domain.clock import today
from domain.errors import Fault, Forbidden, Invalid
from domain.records import change, create
from domain.sra.catalogue import catalogue
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    TenantOwned,
    TenantSession,
    json_list,
    json_object,
    json_or_unknown,
    one_of,
    tenant_table,
)


class VendorStatus(StrEnum):
    active = "active"
    ended = "ended"


class VendorFields(Fields):
    name: str = Field(min_length=1, max_length=255)
    category: str | None = Field(
        default=None, max_length=100, description="What kind of vendor it is. The facts of an engagement decide, not this word."
    )
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
    __table_args__ = tenant_table(UniqueConstraint("tenant_id", "ref"), Index("ix_vendor_name", "tenant_id", "name", "id"))
    noun: ClassVar[str] = "vendor"


async def register(session: TenantSession, fields: VendorFields) -> Vendor:
    """Put a company on the tenant's list. It is engaged by nobody yet."""
    _check(fields)
    return await create(session, Vendor(**fields.model_dump()))


async def correct(session: TenantSession, vendor: Vendor, fields: VendorFields) -> Vendor:
    """Change what is known about a vendor, for every organization that engages it."""
    refuse_narrowed(session)
    _check(fields)
    return await change(session, vendor, fields)


async def engageable(session: TenantSession, vendor_id: UUID) -> Vendor:
    """The vendor that a body names, held so that nobody retires it meanwhile; or a fault of that body."""
    statement = select(Vendor).where(col(Vendor.id) == vendor_id).with_for_update(read=True, key_share=True)
    vendor = (await session.execute(statement)).scalar_one_or_none()
    if vendor is None:
        raise Invalid.one("/vendor_id", "unknown_reference", "There is no such vendor, or it is not yours to engage.")
    if vendor.archived_at is not None:
        raise Invalid.one("/vendor_id", "archived", "This vendor was taken off the list. Register it again to engage it.")
    return vendor


def refuse_narrowed(session: TenantSession) -> None:
    """Refuse to change what others rely on to somebody who acts for some of the organizations only."""
    if session.wall.organization_ids is not None:
        raise Forbidden(
            "A vendor is shared by all organizations of the account, and you act for some of them. Say what is true for "
            "yours in the engagement's vendor_facts."
        )


def _check(fields: VendorFields) -> None:
    faults: list[Fault] = []
    categories = catalogue().vendor_category_by_key
    if fields.category is not None and fields.category not in categories:
        faults.append(Fault("/category", "unknown_category", f"The categories are: {', '.join(categories)}."))
    if fields.verified_on is not None and fields.verified_on > today():
        faults.append(Fault("/verified_on", "in_the_future", "Safeguards can only have been verified on a day that has come."))
    if faults:
        raise Invalid(faults)
