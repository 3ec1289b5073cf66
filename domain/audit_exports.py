"""Exports of the audit trail: the whole of it, or a period, as a file that an investigator can take away.

The worker writes it. What it holds is fixed by the moment at which it was asked for, so the job may be run again.
"""

import csv
import io
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import IO, Any, ClassVar, TextIO
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, col, select

from domain.audit import AuditLog
from domain.clock import now, rfc3339
from domain.database import tenant_session
from domain.errors import Conflict, Invalid
from domain.events import Event, EventHead, emit
from domain.jobs import EXPORT_AUDIT_LOG, enqueue
from domain.json_forms import as_json
from domain.runtime import Runtime
from domain.storage import Files
from domain.tenancy import SYSTEM, Fields, TenantOwned, TenantSession, Wall, instant, json_object, one_of, tenant_table

AT_ONCE = 2_000
COLUMNS = (
    "sequence", "at", "kind", "subject_type", "subject_id", "organization_id", "actor", "changes", "context", "id",
    "previous_hash", "hash",
)  # fmt: skip
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    csv = "csv"
    jsonl = "jsonl"


class ExportStatus(StrEnum):
    waiting = "waiting"
    ready = "ready"


MEDIA_TYPES = {ExportFormat.csv: "text/csv", ExportFormat.jsonl: "application/jsonl"}


class AuditExportFields(Fields):
    format: ExportFormat = one_of(ExportFormat, default=ExportFormat.jsonl)
    since: datetime | None = instant(default=None)
    until: datetime | None = instant(default=None)


class AuditExport(AuditExportFields, TenantOwned, table=True):
    __tablename__ = "audit_export"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table()
    noun: ClassVar[str] = "audit_export"

    status: ExportStatus = one_of(ExportStatus, default=ExportStatus.waiting)
    requested_by: dict[str, Any] = json_object()
    up_to_sequence: int = Field(sa_type=BigInteger)
    """The last event that it holds: the end of the trail when it was asked for."""
    entries: int | None = None
    size: int | None = Field(default=None, sa_type=BigInteger)
    sha256: str | None = None
    storage_key: str | None = None
    finished_at: datetime | None = instant(default=None)


async def order(session: TenantSession, fields: AuditExportFields) -> AuditExport:
    """Ask for an export of what the trail holds now."""
    if fields.since and fields.until and fields.since >= fields.until:
        raise Invalid.one("/until", "before_since", "The period must end after it begins.")
    head = (await session.execute(select(EventHead))).scalar_one_or_none()
    export = AuditExport(**fields.model_dump(), up_to_sequence=head.sequence if head else 0, requested_by=session.actor.named())
    await session.save(export)
    emit(session, "audit_log.exported", AuditLog(session.tenant_id), {"export_id": export.id, "format": export.format.value})
    enqueue(session, EXPORT_AUDIT_LOG, export_id=export.id)
    return export


async def content_of(files: Files, export: AuditExport) -> IO[bytes]:
    """The file, checked against its hash; to be closed. Raises Conflict while the job has not written it."""
    if export.storage_key is None or export.sha256 is None:
        raise Conflict("The export is not ready yet; ask again in a moment.", code="not_ready")
    return await files.open(export.storage_key, export.sha256)


async def write_export(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job: write the file, then say that it is there."""
    wall = Wall(UUID(payload["tenant_id"]))
    identifier = UUID(payload["export_id"])
    with tempfile.TemporaryFile() as written:
        async with tenant_session(runtime.database, wall, actor=SYSTEM, read_only=True) as session:
            export = await session.fetch(AuditExport, identifier)
            if export.status is ExportStatus.ready:
                return
            text = io.TextIOWrapper(written, encoding="utf-8", newline="")
            entries = await _write(session, export, text)
        text.flush()
        stored = await runtime.files.put(wall.tenant_id, written)
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        export = await session.fetch(AuditExport, identifier, lock=True)
        if export.status is ExportStatus.ready:
            return
        export.status = ExportStatus.ready
        export.entries, export.finished_at = entries, now()
        export.size, export.sha256, export.storage_key = stored.size, stored.sha256, stored.key
        await session.flush()
        changes = {"export_id": export.id, "entries": entries, "sha256": stored.sha256}
        emit(session, "audit_log.export_ready", AuditLog(session.tenant_id), changes)


async def _write(session: TenantSession, export: AuditExport, file: TextIO) -> int:
    entries = 0
    if export.format is ExportFormat.jsonl:
        async for entry in _entries(session, export):
            file.write(json.dumps(entry, default=as_json, ensure_ascii=False) + "\n")
            entries += 1
        return entries
    writer = csv.writer(file, lineterminator="\r\n")
    file.write("\ufeff")  # without it Excel reads UTF-8 as something else
    writer.writerow(COLUMNS)
    async for entry in _entries(session, export):
        writer.writerow([_cell(entry[name]) for name in COLUMNS])
        entries += 1
    return entries


async def _entries(session: TenantSession, export: AuditExport) -> AsyncIterator[dict[str, Any]]:
    reached = 0
    while True:
        wanted = select(Event).where(col(Event.sequence) > reached, col(Event.sequence) <= export.up_to_sequence)
        if export.since:
            wanted = wanted.where(col(Event.at) >= export.since)
        if export.until:
            wanted = wanted.where(col(Event.at) < export.until)
        found = (await session.execute(wanted.order_by(col(Event.sequence)).limit(AT_ONCE))).scalars().all()
        for event in found:
            yield {**{name: getattr(event, name) for name in COLUMNS}, "at": rfc3339(event.at)}
        if len(found) < AT_ONCE:
            return
        reached = found[-1].sequence
        session.expunge_all()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet calculates: what begins like a formula is led by an apostrophe."""
    if value is None:
        return ""
    text = json.dumps(value, default=as_json, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text
