"""Imports for the whole tenant: one export of a tool that knows all clients, sorted by site into an import for each of them.

What is nobody's yet stays here: rows of unmapped sites wait in their normal form until somebody says whose the site is.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, text
from sqlmodel import Field

from domain.inventory.import_runs import ImportStatus, RowOutcome
from domain.tenancy import (
    TenantOwned,
    belongs_to_tenants,
    instant,
    json_list,
    json_object,
    json_or_unknown,
    listed_by,
    one_of,
    tenant_table,
)


class FleetImport(TenantOwned, table=True):
    __tablename__ = "fleet_import"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("rmm_connection", "connection_id"),
        Index("ix_fleet_import_unfinished", "tenant_id", "id", postgresql_where=text("status in ('queued', 'running')")),
    )
    noun: ClassVar[str] = "fleet_import"

    source: str
    connection_id: UUID | None = None
    """The connection that it was pulled through; None for a file."""
    made_by: UUID | None = None
    as_of: datetime = instant()
    status: ImportStatus = one_of(ImportStatus)
    counts: dict[str, int] = json_object()
    """Over all organizations, and the rows that belong to none."""
    waiting: int = 0
    """Rows of sites that nobody had mapped."""
    files: list[dict[str, Any]] = json_list()
    options: dict[str, Any] = json_object()
    is_sorted: bool = False
    """Every row has found its organization, or waits. From then on the mapping may change without harm."""
    places: list[dict[str, Any]] = json_list()
    """The mapping as it was used: company, site, organization and location."""
    rows_done: int = 0
    rows_total: int | None = None
    error: dict[str, Any] | None = json_or_unknown()
    finished_at: datetime | None = instant(default=None)


class FleetRow(TenantOwned, table=True):
    """What became of a row that belongs to no organization, or to none yet."""

    __tablename__ = "fleet_import_row"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("fleet_import"),
        ForeignKeyConstraint(["tenant_id", "site_id"], ["rmm_site.tenant_id", "rmm_site.id"]),
        listed_by("fleet_import_row", "fleet_import_id", "position"),
        Index("ix_fleet_import_row_held", "tenant_id", "site_id", postgresql_where=text("held is not null")),
    )
    noun: ClassVar[str] = "fleet_import_row"

    fleet_import_id: UUID
    position: int
    row: int | None = None
    pointer: str | None = None
    outcome: RowOutcome = one_of(RowOutcome)
    code: str | None = None
    detail: str | None = None
    label: str | None = Field(default=None, max_length=300)
    site_id: UUID | None = None
    """The entry of the mapping that it waits for, or that leaves it out."""
    warnings: list[str] = json_list()
    raw: dict[str, Any] = json_object()
    held: dict[str, Any] | None = json_or_unknown()
    """The device in its normal form, until it has been taken in."""
