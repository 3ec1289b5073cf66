"""Imports for the whole tenant: one export of a tool that knows all clients, sorted by site."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import DoorRoute, Inside, may, this, whole_tenant
from api.pages import Listing, Page, Paged, PagedAndSorted, filters_of
from api.v1.import_bodies import Sent, body_of_import, export_of
from domain.access import Permission
from domain.inventory import fleet_importing
from domain.inventory.fleet_imports import FleetImport, FleetRow
from domain.inventory.import_runs import ImportStatus, RowOutcome
from domain.inventory.imports.source import SOURCES

router = APIRouter(route_class=DoorRoute, tags=["imports"], dependencies=[Depends(whole_tenant)])
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisFleetImport = Annotated[FleetImport, this(FleetImport)]


class FleetImportOut(BaseModel):
    id: UUID
    source: str
    connection_id: UUID | None = Field(description="The RMM connection that it was pulled through; null for a file.")
    as_of: datetime
    status: ImportStatus
    counts: dict[str, int] = Field(description="Over all organizations, and the rows that belong to none.")
    waiting: int = Field(description="Rows of sites that nobody had mapped.")
    files: list[dict[str, Any]]
    rows_done: int
    rows_total: int | None
    error: dict[str, Any] | None
    finished_at: datetime | None
    created_at: datetime


class PartOut(BaseModel):
    """The import of one organization."""

    import_id: UUID
    organization_id: UUID
    status: ImportStatus
    counts: dict[str, int]


class FleetImportDetailOut(FleetImportOut):
    imports: list[PartOut]


class RehearsedPartOut(BaseModel):
    organization_id: UUID
    counts: dict[str, int]


class UnmappedSiteOut(BaseModel):
    company: str | None
    site: str | None
    waiting: int


class RehearsalOut(BaseModel):
    """What would become of an export. Nothing was kept."""

    counts: dict[str, int]
    waiting: int
    organizations: list[RehearsedPartOut]
    unmapped: list[UnmappedSiteOut]


class FleetRowOut(BaseModel):
    position: int
    row: int | None
    pointer: str | None
    outcome: RowOutcome
    code: str | None
    detail: str | None
    label: str | None
    site_id: UUID | None = Field(description="The entry of `/rmm-sites` that it waits for, or that leaves it out.")
    warnings: list[str]
    raw: dict[str, Any]


FLEET_IMPORTS = Listing(
    FleetImportOut,
    FleetImport,
    sorts={"created_at": col(FleetImport.created_at)},
    filters=filters_of(FleetImport, "source", "connection_id"),
)
ROWS = Listing(
    FleetRowOut,
    FleetRow,
    sorts={"position": col(FleetRow.position)},
    filters=filters_of(FleetRow, "fleet_import_id", "code"),
)


@router.post(
    "/fleet-imports",
    status_code=202,
    response_model=FleetImportOut,
    responses={200: {"model": RehearsalOut, "description": "A dry run: nothing was kept."}},
    openapi_extra=body_of_import(),
)
async def import_fleet(by: Writer, sent: Sent, response: Response) -> Any:
    """Import an export that holds the devices of many clients. The mapping at ``/rmm-sites`` says whose each site is; rows of
    sites that it does not know wait, and come in when somebody maps them. ``GET /fleet-imports/{id}`` shows how far it has
    come."""
    fields, files = sent
    export = await export_of(by, fields, files, tuple(SOURCES))
    if fields.dry_run:
        rehearsal = RehearsalOut.model_validate(await fleet_importing.rehearse(by.session, export))
        return Response(rehearsal.model_dump_json(), media_type="application/json")
    run = await fleet_importing.queue_fleet_import(by.session, export)
    response.headers["location"] = f"/v1/fleet-imports/{run.id}"
    return run


@router.get("/fleet-imports", response_model=Page[FleetImportOut])
async def list_fleet_imports(
    by: Reader, window: PagedAndSorted, source: str | None = None, connection_id: UUID | None = None
) -> Response:
    return await FLEET_IMPORTS.page(by, window, source=source, connection_id=connection_id)


@router.get("/fleet-imports/{fleet_import_id}", response_model=FleetImportDetailOut)
async def read_fleet_import(by: Reader, run: ThisFleetImport) -> FleetImportDetailOut:
    parts = await fleet_importing.children_of(by.session, run.id)
    said = {name: getattr(run, name) for name in FleetImportOut.model_fields}
    if run.status is ImportStatus.running and run.is_sorted:
        said["rows_done"] = sum(run.counts.values()) + sum(each.rows_done for each in parts)
    shown = [
        PartOut(import_id=each.id, organization_id=each.organization_id, status=each.status, counts=each.counts)
        for each in parts
    ]
    return FleetImportDetailOut(**said, imports=shown)


@router.get("/fleet-imports/{fleet_import_id}/rows", response_model=Page[FleetRowOut])
async def list_fleet_import_rows(by: Reader, run: ThisFleetImport, window: Paged, code: str | None = None) -> Response:
    """The rows that belong to no organization, or to none yet (``code=unmapped_site``). Those of an organization are at
    ``/imports/{id}/rows`` of its part."""
    return await ROWS.page(by, window, fleet_import_id=run.id, code=code)
