"""Imports: exports of management tools and technicians' surveys, as files or as JSON, with a report for every row."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Inside, ThisOrganization, door_router, may, this
from api.pages import Listing, Page, Paged, PagedAndSorted, filters_of
from api.v1.import_bodies import Sent, body_of_import, export_of
from domain.access import Permission
from domain.inventory.claims import SURVEY
from domain.inventory.import_jobs import is_large, queue_import
from domain.inventory.import_reports import Report
from domain.inventory.import_runs import ImportRow, ImportRun, ImportStatus, RowOutcome
from domain.inventory.importing import Export, import_export
from domain.inventory.imports.source import SOURCES
from domain.inventory.organizations import Organization
from domain.inventory.surveying import take_survey
from domain.tenancy import TenantSession

router = door_router("imports")
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisImport = Annotated[ImportRun, this(ImportRun)]
Verb = Callable[[TenantSession, Organization, Export], Awaitable[Report]]
VERBS: Mapping[str, Verb] = {**dict.fromkeys(SOURCES, import_export), SURVEY: take_survey}
FIRST_ROWS = 200
DRY_RUN = "This was a dry run: nothing was kept, and this report cannot be read again."


class ImportRowOut(BaseModel):
    position: int
    row: int | None
    pointer: str | None
    outcome: RowOutcome
    code: str | None
    detail: str | None
    subject_type: str | None
    subject_id: UUID | None
    label: str | None
    warnings: list[str]
    conflicts: list[dict[str, Any]]
    raw: dict[str, Any]


class ImportOut(BaseModel):
    id: UUID
    organization_id: UUID
    fleet_import_id: UUID | None = Field(description="The import for the whole tenant that this is a part of.")
    source: str
    as_of: datetime
    status: ImportStatus
    counts: dict[str, int]
    conflicts: list[dict[str, Any]]
    unmatched: list[str]
    answers: list[dict[str, Any]]
    files: list[dict[str, Any]]
    rows_done: int = Field(description="How far the worker has come with a large import.")
    rows_total: int | None = Field(description="Null for a small import, and until a large one has been read.")
    error: dict[str, Any] | None = Field(description="Why it failed: code, detail and pointer.")
    finished_at: datetime | None
    created_at: datetime


class ImportReportOut(BaseModel):
    """What became of an import. ``rows`` are the first ones; all of them are at ``/imports/{id}/rows``."""

    id: UUID | None = Field(description="Null after a dry run.")
    organization_id: UUID
    source: str
    as_of: datetime
    dry_run: bool
    kept: bool = Field(description="False after a dry run: nothing was written.")
    status: ImportStatus = Field(description="`queued` for a large import: `GET /imports/{id}` shows how far it has come.")
    note: str | None
    counts: dict[str, int]
    conflicts: list[dict[str, Any]]
    unmatched: list[str]
    answers: list[dict[str, Any]]
    files: list[dict[str, Any]]
    rows: list[ImportRowOut]
    more_rows: int = Field(description="How many rows of the report are not shown here.")
    created_at: datetime


IMPORTS = Listing(
    ImportOut,
    ImportRun,
    sorts={"created_at": col(ImportRun.created_at)},
    filters=filters_of(ImportRun, "organization_id", "source"),
)
ROWS = Listing(
    ImportRowOut,
    ImportRow,
    sorts={"position": col(ImportRow.position)},
    filters=filters_of(ImportRow, "import_run_id", "outcome"),
)


@router.post(
    "/organizations/{organization_id}/imports",
    status_code=201,
    response_model=ImportReportOut,
    responses={
        200: {"model": ImportReportOut, "description": "A dry run: nothing was kept."},
        202: {"model": ImportReportOut, "description": "A large import: the worker does it."},
    },
    openapi_extra=body_of_import(),
)
async def import_devices(by: Writer, organization: ThisOrganization, sent: Sent, response: Response) -> dict[str, Any]:
    """Import an export of a management tool, or a technician's survey (source ``survey``).

    One of more than 512 KiB, or a table of more than 1,000 lines, is left to the worker: ``GET /imports/{id}`` shows how far
    it has come. A dry run is always done at once.
    """
    fields, files = sent
    export = await export_of(by, fields, files, tuple(VERBS))
    if fields.source != SURVEY and not fields.dry_run and is_large(export):
        run = await queue_import(by.session, organization, export)
        response.status_code, response.headers["location"] = 202, f"/v1/imports/{run.id}"
        report = Report(run.source, run.as_of, run.files, id=run.id, created_at=run.created_at)
        return _told(report, organization.id, status=ImportStatus.queued)
    report = await VERBS[fields.source](by.session, organization, export)
    if fields.dry_run:
        response.status_code = 200
    return _told(report, organization.id, dry_run=fields.dry_run)


def _told(
    report: Report, organization_id: UUID, *, dry_run: bool = False, status: ImportStatus = ImportStatus.completed
) -> dict[str, Any]:
    return {
        "id": report.id,
        "organization_id": organization_id,
        "source": report.source,
        "as_of": report.as_of,
        "dry_run": dry_run,
        "kept": not dry_run,
        "status": status,
        "note": DRY_RUN if dry_run else None,
        "counts": report.counts,
        "conflicts": report.conflicts,
        "unmatched": report.unmatched,
        "answers": report.answers,
        "files": report.files,
        "rows": report.rows[:FIRST_ROWS],
        "more_rows": max(0, len(report.rows) - FIRST_ROWS),
        "created_at": report.created_at,
    }


@router.get("/organizations/{organization_id}/imports", response_model=Page[ImportOut])
async def list_imports(
    by: Reader, organization: ThisOrganization, window: PagedAndSorted, source: str | None = None
) -> Response:
    return await IMPORTS.page(by, window, organization_id=organization.id, source=source)


@router.get("/imports/{import_id}", response_model=ImportOut)
async def read_import(by: Reader, import_run: Annotated[ImportRun, this(ImportRun)]) -> ImportRun:
    return import_run


@router.get("/imports/{import_id}/rows", response_model=Page[ImportRowOut])
async def list_import_rows(by: Reader, import_run: ThisImport, window: Paged, outcome: RowOutcome | None = None) -> Response:
    """What became of each row, in the order of the report."""
    return await ROWS.page(by, window, import_run_id=import_run.id, outcome=outcome)
