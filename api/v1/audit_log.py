"""The audit trail: who did what, when, from where, with every value before and after; and the proof that it is whole."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import DateTime, Text, bindparam, func, literal_column
from sqlmodel import col

from api.door import Inside, door_router, may, not_narrowed, this
from api.downloads import sent_in_pieces
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain import audit, audit_exports
from domain.access import Permission
from domain.audit import AuditLog
from domain.audit_exports import MEDIA_TYPES, AuditExport, AuditExportFields, ExportFormat, ExportStatus
from domain.errors import Forbidden
from domain.events import Event, emit
from domain.tenancy import TenantOwned

router = door_router("events")
Reader = Annotated[Inside, may(Permission.audit_read)]
RecordedReader = Annotated[Inside, may(Permission.audit_read, recorded=True)]
Word = Annotated[str, Query(pattern=r"^[a-z0-9_.]{1,100}$")]
"""As kinds and subjects are written. What was asked for is kept in the trail itself, which is no place for free text."""
ThisExport = Annotated[AuditExport, this(AuditExport, "audit_export_id")]


class AuditEntryOut(BaseModel):
    id: UUID
    sequence: int
    at: datetime
    kind: str
    subject_type: str
    subject_id: UUID
    organization_id: UUID | None
    changes: dict[str, Any]
    """Each field with its value before and after, or with its first value."""
    actor: dict[str, Any]
    context: dict[str, Any]
    """The request's id, address and user agent."""
    previous_hash: str
    hash: str


class BrokenLinkOut(BaseModel):
    sequence: int
    event_id: UUID | None
    problem: audit.Break


class VerificationOut(BaseModel):
    intact: bool
    verified: int
    """How many events hold, from the beginning."""
    head_sequence: int
    head_hash: str
    """Keep it elsewhere: a later trail that is whole still holds this hash at this number."""
    first_broken: BrokenLinkOut | None


class AuditExportOut(BaseModel):
    id: UUID
    format: ExportFormat
    since: datetime | None
    until: datetime | None
    status: ExportStatus
    up_to_sequence: int
    """The last event that it holds."""
    entries: int | None
    size: int | None
    sha256: str | None
    """Of the file."""
    created_at: datetime
    finished_at: datetime | None


EXPORTS = Listing(AuditExportOut, AuditExport, sorts={"created_at": col(AuditExport.created_at)})
_AT = cast("Any", DateTime(timezone=True))
ENTRIES = Listing(
    AuditEntryOut,
    cast("type[TenantOwned]", Event),
    sorts={"sequence": col(Event.sequence)},
    filters={
        **filters_of(Event, "kind", "subject_id", "subject_type", "organization_id"),
        "actor_id": func.jsonb_extract_path_text(col(Event.actor), literal_column("'id'"))
        == bindparam("actor_id", type_=Text()),
        "since": col(Event.at) >= bindparam("since", type_=_AT),
        "until": col(Event.at) < bindparam("until", type_=_AT),
    },
)


@router.get("/audit-log", response_model=Page[AuditEntryOut])
async def list_audit_entries(
    by: RecordedReader,
    window: PagedAndSorted,
    kind: Word | None = None,
    subject_type: Word | None = None,
    subject_id: UUID | None = None,
    organization_id: UUID | None = None,
    actor_id: UUID | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Response:
    """The trail in full, the newest entry first. ``sort=sequence`` turns it round. That you read it is in it, too."""
    page = await ENTRIES.page(
        by,
        replace(window, sort=window.sort or "-sequence"),
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
        organization_id=organization_id,
        actor_id=str(actor_id) if actor_id else None,
        since=since,
        until=until,
    )
    asked = {"kind": kind, "subject_type": subject_type, "subject_id": subject_id, "organization_id": organization_id,
             "actor_id": actor_id, "since": since, "until": until, "after": window.after, "limit": window.limit}  # fmt: skip
    told = {name: value for name, value in asked.items() if value is not None}
    emit(by.session, "audit_log.read", AuditLog(by.session.tenant_id), told)
    return page


@router.get("/audit-log/verification", response_model=VerificationOut)
async def verify_audit_log(by: RecordedReader) -> audit.Verification:
    """Compute the chain of hashes anew and name the first link that does not hold."""
    if by.principal.organization_ids is not None:
        raise Forbidden("Only the whole trail can be verified, and your access is narrowed to some organizations.")
    found = await audit.verify_chain(by.session)
    emit(by.session, "audit_log.verified", AuditLog(by.session.tenant_id), {"intact": found.intact, "verified": found.verified})
    return found


@router.post("/audit-log/exports", status_code=202, response_model=AuditExportOut, dependencies=[Depends(not_narrowed)])
async def export_audit_log(by: Reader, fields: AuditExportFields) -> AuditExport:
    """Ask for a file of the trail as it is now. Poll the answer's address until it is ``ready``."""
    return await audit_exports.order(by.session, fields)


@router.get("/audit-log/exports", response_model=Page[AuditExportOut], dependencies=[Depends(not_narrowed)])
async def list_audit_exports(by: Reader, window: PagedAndSorted) -> Response:
    return await EXPORTS.page(by, window)


@router.get("/audit-log/exports/{audit_export_id}", response_model=AuditExportOut, dependencies=[Depends(not_narrowed)])
async def read_audit_export(by: Reader, export: ThisExport) -> AuditExport:
    return export


@router.get(
    "/audit-log/exports/{audit_export_id}/content",
    response_class=Response,
    dependencies=[Depends(not_narrowed)],
    responses={
        200: {
            "description": "The file.",
            "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in MEDIA_TYPES.values()},
        }
    },
)
async def read_audit_export_content(by: RecordedReader, export: ThisExport) -> Response:
    """CSV (no cell of it is calculated by a spreadsheet) or one JSON object a line; 409 while it is not ready."""
    file = await audit_exports.content_of(by.runtime.files, export)
    changes = {"export_id": export.id, "sha256": export.sha256}
    emit(by.session, "audit_log.read", AuditLog(by.session.tenant_id), changes)
    name = f"audit-log-{export.created_at:%Y-%m-%d}.{export.format.value}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return sent_in_pieces(file, media_type=MEDIA_TYPES[export.format], size=export.size, headers=headers)
