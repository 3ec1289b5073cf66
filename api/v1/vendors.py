"""The companies that a tenant's organizations work with, each known once."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.vendors import vendors
from domain.vendors.retiring import retire
from domain.vendors.vendors import Vendor, VendorFields, VendorStatus

router = door_router("vendors")
Reader = Annotated[Inside, may(Permission.vendors_read)]
Writer = Annotated[Inside, may(Permission.vendors_write)]
ThisVendor = Annotated[Vendor, this(Vendor)]


class VendorOut(BaseModel):
    id: UUID
    name: str
    category: str | None
    status: VendorStatus
    contact_email: str | None
    website: str | None
    products: list[str]
    subcontractors: list[str] | None
    verified_on: date | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


VENDORS = Listing(
    VendorOut,
    Vendor,
    sorts={"name": col(Vendor.name), "created_at": col(Vendor.created_at)},
    filters={
        **filters_of(Vendor, "category", "status", "ref"),
        "q": part_of("q", col(Vendor.name)),
    },
    where=col(Vendor.archived_at).is_(None),
)


@router.get("/vendors", response_model=Page[VendorOut])
async def list_vendors(
    by: Reader,
    window: PagedAndSorted,
    category: str | None = None,
    status: VendorStatus | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """The vendors of this tenant, by name. ``q`` finds a part of the name."""
    return await VENDORS.page(by, window, category=category, status=status, ref=ref, q=q)


@router.post("/vendors", status_code=201, response_model=VendorOut)
async def register_vendor(by: Writer, fields: VendorFields) -> Vendor:
    """Add a company. Adding it engages it nowhere."""
    return by.tag(await vendors.register(by.session, fields))


@router.get("/vendors/{vendor_id}", response_model=VendorOut)
async def read_vendor(by: Reader, vendor: ThisVendor) -> Vendor:
    return vendor


@router.patch("/vendors/{vendor_id}", response_model=VendorOut, openapi_extra=patch_of(VendorFields))
async def change_vendor(by: Writer, vendor: ThisVendor, changes: Changes) -> Vendor:
    """Change what holds for every organization, which takes a member who is not narrowed to some of them."""
    return await vendors.correct(by.session, vendor, merged(VendorFields, vendor, changes))


@router.delete("/vendors/{vendor_id}", status_code=204)
async def archive_vendor(by: Writer, vendor: ThisVendor) -> None:
    """Take a vendor off the list; 409 while an organization still engages it."""
    await retire(by.session, vendor)
