"""Imports: exports of management tools and technicians' surveys, as files or as JSON, with a report for every row."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from sqlmodel import col
from starlette.datastructures import UploadFile

from api.door import Inside, ThisOrganization, door_router, faults_of, may, this
from api.pages import Listing, Page, Paged, PagedAndSorted, filters_of
from domain.access import Permission
from domain.errors import Fault, Invalid, Malformed, UnsupportedMedia
from domain.free_text import keep_patients_out
from domain.inventory.claims import SURVEY
from domain.inventory.import_jobs import is_large, queue_import
from domain.inventory.import_reports import Report
from domain.inventory.import_runs import ImportRow, ImportRun, ImportStatus, RowOutcome
from domain.inventory.importing import Export, import_export
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.source import SOURCES
from domain.inventory.organizations import Organization
from domain.inventory.sent_files import SentFile
from domain.inventory.surveying import take_survey
from domain.tenancy import Fields, TenantSession

router = door_router("imports")
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisImport = Annotated[ImportRun, this(ImportRun)]
Verb = Callable[[TenantSession, Organization, Export], Awaitable[Report]]
VERBS: Mapping[str, Verb] = {**dict.fromkeys(SOURCES, import_export), SURVEY: take_survey}
FIRST_ROWS = 200
MOST_FILES = 10
DRY_RUN = "This was a dry run: nothing was kept, and this report cannot be read again."


class MappingFields(Fields):
    """What the caller knows about a table that its headings do not say."""

    columns: dict[str, str | None] = Field(default_factory=dict, description="Heading to field; null leaves a column out.")
    date_format: str | None = Field(default=None, max_length=100, description="Such as MM/DD/YYYY hh:mm AM/PM.")


class ImportFields(Fields):
    """An import in a JSON body. The documents are the tool's own JSON, or the text of its CSV."""

    source: str = Field(description=f"One of: {', '.join(VERBS)}.")
    dry_run: bool = Field(default=False, description="Report what would happen, and keep nothing.")
    as_of: AwareDatetime | None = Field(default=None, description="When the export was made; absent: now.")
    timezone: str = Field(default="UTC", max_length=100, description="Of times in the export that name no zone.")
    mapping: MappingFields = Field(default_factory=MappingFields)
    documents: dict[str, Any] = Field(default_factory=dict, description="By part, such as devices, volumes, antivirus.")
    document: Any = Field(default=None, description="The only document, such as a survey.")


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


async def _sent(request: Request) -> tuple[ImportFields, list[SentFile]]:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        return await _from_json(request)
    if content_type == "multipart/form-data":
        return await _from_form(request)
    raise UnsupportedMedia("Send the import as multipart/form-data with its files, or as application/json.")


async def _from_json(request: Request) -> tuple[ImportFields, list[SentFile]]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None
    fields = _checked(body)
    documents = dict(fields.documents)
    if fields.document is not None:
        documents.setdefault("file", fields.document)
    return fields, [SentFile(part, part, _as_bytes(document)) for part, document in documents.items()]


async def _from_form(request: Request) -> tuple[ImportFields, list[SentFile]]:
    said: dict[str, Any] = {}
    files: list[SentFile] = []
    async with request.form(max_files=MOST_FILES, max_fields=20) as form:
        for name, value in form.multi_items():
            if name in said or any(file.part == name for file in files):
                raise Invalid.one(f"/{name}", "repeated", "This part was sent more than once.")
            if isinstance(value, UploadFile):
                files.append(SentFile(name, (value.filename or name)[:255], await value.read()))
            elif name in ImportFields.model_fields and name not in ("documents", "document"):
                said[name] = _parsed(value) if name == "mapping" else value
            else:
                files.append(SentFile(name, name, value.encode("utf-8", "surrogatepass")))
    return _checked(said), files


def _checked(body: Any) -> ImportFields:
    try:
        return ImportFields.model_validate(body)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid.one("/mapping", "not_json", "The mapping is a JSON object.") from None


def _as_bytes(document: Any) -> bytes:
    """What a file of this document would hold. A text is a table; anything else is the tool's JSON."""
    if isinstance(document, str):
        return document.encode("utf-8", "replace")
    try:
        return json.dumps(document, separators=(",", ":")).encode()
    except RecursionError:
        raise Malformed("The document is nested too deeply.") from None


Sent = Annotated[tuple[ImportFields, list[SentFile]], Depends(_sent)]
_FORM = {
    "type": "object",
    "required": ["source"],
    "description": "Each file is a part of the import by its name, such as devices or volumes; an only file may have any name.",
    "properties": {
        "source": {"type": "string"},
        "dry_run": {"type": "boolean"},
        "as_of": {"type": "string", "format": "date-time"},
        "timezone": {"type": "string"},
        "mapping": {"type": "string", "description": "A JSON object, as in the JSON body."},
        "file": {"type": "string", "format": "binary"},
        "devices": {"type": "string", "format": "binary"},
        "volumes": {"type": "string", "format": "binary"},
        "antivirus": {"type": "string", "format": "binary"},
    },
    "additionalProperties": {"type": "string", "format": "binary"},
}


def _json_schema() -> dict[str, Any]:
    schema = ImportFields.model_json_schema()
    mapping = schema.pop("$defs")["MappingFields"]
    schema["properties"]["mapping"] = mapping
    return schema


@router.post(
    "/organizations/{organization_id}/imports",
    status_code=201,
    response_model=ImportReportOut,
    responses={
        200: {"model": ImportReportOut, "description": "A dry run: nothing was kept."},
        202: {"model": ImportReportOut, "description": "A large import: the worker does it."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _json_schema()}, "multipart/form-data": {"schema": _FORM}},
        }
    },
)
async def import_devices(by: Writer, organization: ThisOrganization, sent: Sent, response: Response) -> dict[str, Any]:
    """Import an export of a management tool, or a technician's survey (source ``survey``).

    One of more than 512 KiB, or a table of more than 1,000 lines, is left to the worker: ``GET /imports/{id}`` shows how far
    it has come. A dry run is always done at once.
    """
    fields, files = sent
    if fields.source not in VERBS:
        detail = f"There is no such import source; there are: {', '.join(VERBS)}."
        raise Invalid.one("/source", "unknown_source", detail)
    if not files:
        raise Invalid([Fault("/documents", "missing", "The import has no document. Send the export itself, too.")])
    await keep_patients_out(by.session, {file.part: {"name": file.name} for file in files})
    export = Export(
        source=fields.source,
        files=files,
        as_of=fields.as_of,
        timezone=fields.timezone,
        mapping=ColumnMapping(fields.mapping.columns, fields.mapping.date_format),
        dry_run=fields.dry_run,
    )
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
