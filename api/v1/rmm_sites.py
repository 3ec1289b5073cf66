"""Which client and which office a site of a management tool is: the mapping behind imports for the whole tenant.

Whoever is narrowed to some organizations sees the sites of these, and none that nobody has mapped.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import Boolean, bindparam, or_
from sqlmodel import col

from api.door import Changes, Inside, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import fleet_importing, rmm_sites
from domain.inventory.rmm_sites import RmmSite, RmmSiteFields

router = door_router("imports")
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisSite = Annotated[RmmSite, this(RmmSite)]


class RmmSiteOut(BaseModel):
    id: UUID
    source: str
    company: str | None
    site: str | None
    organization_id: UUID | None
    location_id: UUID | None
    ignored: bool
    waiting: int = Field(description="Devices that wait for somebody to say whose they are.")
    last_seen_at: datetime | None = Field(description="When an import last met it.")
    created_at: datetime
    updated_at: datetime


class MappedSiteOut(RmmSiteOut):
    import_id: UUID | None = Field(default=None, description="The import by which the devices that waited come in.")


_mapped: Any = or_(col(RmmSite.organization_id).is_not(None), col(RmmSite.ignored))
SITES = Listing(
    RmmSiteOut,
    RmmSite,
    sorts={"created_at": col(RmmSite.created_at), "waiting": col(RmmSite.waiting)},
    filters={
        **filters_of(RmmSite, "source", "organization_id"),
        "mapped": _mapped == bindparam("mapped", type_=Boolean()),
    },
)


@router.get("/rmm-sites", response_model=Page[RmmSiteOut])
async def list_rmm_sites(
    by: Reader,
    window: PagedAndSorted,
    source: str | None = None,
    organization_id: UUID | None = None,
    mapped: bool | None = None,
) -> Response:
    """``mapped=false``: those of which nobody has said whose they are."""
    return await SITES.page(by, window, source=source, organization_id=organization_id, mapped=mapped)


@router.post("/rmm-sites", status_code=201, response_model=RmmSiteOut)
async def add_rmm_site(by: Writer, fields: RmmSiteFields) -> RmmSite:
    """Map a site before an import has met it."""
    return by.tag(await rmm_sites.add_site(by.session, fields))


@router.get("/rmm-sites/{rmm_site_id}", response_model=RmmSiteOut)
async def read_rmm_site(by: Reader, site: ThisSite) -> RmmSite:
    return site


@router.patch("/rmm-sites/{rmm_site_id}", response_model=MappedSiteOut, openapi_extra=patch_of(RmmSiteFields))
async def map_rmm_site(by: Writer, site: ThisSite, changes: Changes) -> MappedSiteOut:
    """Say whose a site is. Its devices that waited come in at once, by the import that ``import_id`` names."""
    site = await rmm_sites.map_site(by.session, site, merged(RmmSiteFields, site, changes))
    run = await fleet_importing.take_held(by.session, site)
    said = {name: getattr(site, name) for name in RmmSiteOut.model_fields}
    return MappedSiteOut(**said, import_id=run.id if run else None)
