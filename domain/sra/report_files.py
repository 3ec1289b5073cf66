"""Sealed reports as files: rendered once by the worker, kept among the organization's documents."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio.to_thread
from sqlmodel import col, select

from domain.database import tenant_session
from domain.events import emit
from domain.runtime import Runtime
from domain.sra.assessments import Assessment
from domain.sra.documents import Document, DocumentKind
from domain.sra.reading import organization_of
from domain.sra.report.pdf import render_pdf
from domain.sra.sealing import report_data
from domain.storage import Files
from domain.tenancy import SYSTEM, TenantSession, Wall

SIX_YEARS = timedelta(days=6 * 365 + 2)
PDF = "application/pdf"


async def stored_report(session: TenantSession, files: Files, assessment: Assessment) -> bytes | None:
    """The PDF of a sealed analysis, if the worker has rendered it already."""
    if assessment.sealed_at is None:
        return None
    document = await _document(session, assessment)
    if document is None or document.storage_key is None or document.sha256 is None:
        return None
    return await files.get(document.storage_key, document.sha256)


async def render_report(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job: render the sealed report and file it. Rendering the same data gives the same bytes, so twice is harmless."""
    wall = Wall(UUID(payload["tenant_id"]))
    identifier = UUID(payload["assessment_id"])
    async with tenant_session(runtime.database, wall, actor=SYSTEM, read_only=True) as session:
        assessment = await session.fetch(Assessment, identifier)
        if await _document(session, assessment) is not None:
            return
        data = await report_data(session, assessment, await organization_of(session, assessment))
    content = await anyio.to_thread.run_sync(render_pdf, data)
    stored = await runtime.files.put(wall.tenant_id, content)
    async with tenant_session(runtime.database, wall, actor=SYSTEM) as session:
        assessment = await session.fetch(Assessment, identifier)
        if await _document(session, assessment) is not None:
            return
        assert assessment.sealed_at is not None
        document = await session.save(
            Document(
                organization_id=assessment.organization_id,
                title=f"{assessment.title} {assessment.number}, sealed {assessment.sealed_at:%Y-%m-%d}",
                kind=DocumentKind.report,
                ref=_ref(assessment),
                filename=f"risk-analysis-{assessment.number}.pdf",
                media_type=PDF,
                size=stored.size,
                sha256=stored.sha256,
                storage_key=stored.key,
                retain_until=(assessment.sealed_at + SIX_YEARS).date(),
            )
        )
        emit(session, "report.rendered", document, {"assessment_id": assessment.id, "sha256": stored.sha256})


async def _document(session: TenantSession, assessment: Assessment) -> Document | None:
    statement = select(Document).where(
        col(Document.organization_id) == assessment.organization_id, col(Document.ref) == _ref(assessment)
    )
    return (await session.execute(statement)).scalar_one_or_none()


def _ref(assessment: Assessment) -> str:
    return f"report:{assessment.id}"
