"""Which client and which office a site of a management tool is: the mapping behind imports for the whole tenant.

A site that nobody has mapped is noted by the import that met it. Its devices wait, and come in when it is mapped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field, col, select

from domain.errors import Conflict, Invalid, NotFound
from domain.inventory.device_matching import same
from domain.inventory.imports.source import SOURCES
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.records import change, create
from domain.tenancy import Fields, TenantOwned, TenantSession, instant, tenant_table

Row = TypeVar("Row", Organization, Location)
Place = tuple[str, str]
"""A client and a site in the words of the tool, folded; empty where it says none."""


class RmmSiteFields(Fields):
    """``company`` or ``site`` or both, as the tool writes them. A company alone stands for all its sites."""

    source: str = Field(max_length=50, description="The import source, such as ninjaone or datto.")
    company: str | None = Field(default=None, max_length=200, description="The client in the tool, if it has clients.")
    site: str | None = Field(default=None, max_length=200, description="The site; null: every site of the company.")
    organization_id: UUID | None = Field(default=None, description="Whose devices these are. Null: not mapped yet.")
    location_id: UUID | None = Field(default=None, description="Where they stand. Null: by `rmm_site` of the locations.")
    ignored: bool = Field(default=False, description="Nobody's that is looked after here: its devices are left out.")


class RmmSite(RmmSiteFields, TenantOwned, table=True):
    __tablename__ = "rmm_site"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "organization_id", "location_id"],
            ["location.tenant_id", "location.organization_id", "location.id"],
        ),
        Index(
            "uq_rmm_site_name",
            "tenant_id",
            "source",
            text("lower(coalesce(company, ''))"),
            text("lower(coalesce(site, ''))"),
            unique=True,
        ),
    )
    noun: ClassVar[str] = "rmm_site"

    waiting: int = 0
    """Devices that wait for somebody to say whose they are."""
    last_seen_at: datetime | None = instant(default=None)
    """When an import last met it."""

    @property
    def place(self) -> Place:
        return same(self.company), same(self.site)

    @property
    def is_mapped(self) -> bool:
        return self.organization_id is not None or self.ignored


async def add_site(session: TenantSession, fields: RmmSiteFields) -> RmmSite:
    """Map a site before any import has met it."""
    await _check(session, fields)
    if await _named(session, fields) is not None:
        raise Conflict("This site is in the list already; change that entry.", code="already_there")
    return await create(session, RmmSite(**fields.model_dump()))


async def map_site(session: TenantSession, site: RmmSite, fields: RmmSiteFields) -> RmmSite:
    """Say whose a site is, or say it otherwise. What was imported before stays where it is."""
    await _check(session, fields)
    there = await _named(session, fields)
    if there is not None and there.id != site.id:
        raise Conflict("Another entry of the list has this source, company and site.", code="already_there")
    return await change(session, site, fields)


async def sites_of(session: TenantSession, source: str) -> list[RmmSite]:
    return list((await session.execute(select(RmmSite).where(col(RmmSite.source) == source))).scalars())


@dataclass(frozen=True)
class SiteMap:
    """The mapping of one source, as an import looks it up."""

    entries: Mapping[Place, RmmSite]

    @classmethod
    def of(cls, sites: Iterable[RmmSite]) -> "SiteMap":
        return cls({each.place: each for each in sites})

    def find(self, company: str | None, site: str | None) -> RmmSite | None:
        """The entry for just this site, else the one for all sites of its company."""
        exact = self.entries.get((same(company), same(site)))
        return exact or (self.entries.get((same(company), "")) if same(company) else None)


async def _named(session: TenantSession, fields: RmmSiteFields) -> RmmSite | None:
    return SiteMap.of(await sites_of(session, fields.source)).entries.get((same(fields.company), same(fields.site)))


async def _check(session: TenantSession, fields: RmmSiteFields) -> None:
    if fields.source not in SOURCES:
        raise Invalid.one("/source", "unknown_source", f"There is no such import source; there are: {', '.join(SOURCES)}.")
    if not (same(fields.company) or same(fields.site)):
        raise Invalid.one("/site", "missing", "Name the company, the site, or both.")
    if fields.ignored and fields.organization_id is not None:
        raise Invalid.one("/ignored", "contradiction", "A site belongs to an organization or is ignored, not both.")
    if fields.location_id is not None and fields.organization_id is None:
        raise Invalid.one("/location_id", "without_organization", "Say whose location it is as well.")
    if fields.organization_id is not None:
        organization = await _there(session, Organization, fields.organization_id, "/organization_id")
        if fields.location_id is not None:
            location = await _there(session, Location, fields.location_id, "/location_id")
            if location.organization_id != organization.id:
                raise Invalid.one("/location_id", "unknown_reference", "There is no such location here.")


async def _there(session: TenantSession, kind: type[Row], id: UUID, pointer: str) -> Row:
    try:
        row = await session.fetch(kind, id)
    except NotFound:
        row = None
    if row is None or row.archived_at is not None:
        raise Invalid.one(pointer, "unknown_reference", f"There is no such {kind.noun} here.")
    return row
