"""The report in the form that a caller accepts. Rendering takes a second of CPU, so it never runs in the event loop."""

from collections.abc import Callable
from typing import Any

import anyio.to_thread
from fastapi import Response

from api.door import Inside
from api.negotiation import negotiate
from domain.events import emit
from domain.sra.assessments import Assessment
from domain.sra.reading import organization_of
from domain.sra.report.dataset import ReportData, canonical_json
from domain.sra.report.html import render_html
from domain.sra.report.pdf import render_pdf
from domain.sra.report_files import stored_report
from domain.sra.sealing import report_data

PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _workbook(data: ReportData) -> bytes:
    from domain.sra.report.register import render_xlsx  # noqa: PLC0415  loading it takes half a second of every start

    return render_xlsx(data)


def _table(data: ReportData) -> bytes:
    from domain.sra.report.register import render_csv  # noqa: PLC0415  as above

    return render_csv(data).encode()


FORMS: dict[str, tuple[str, Callable[[ReportData], bytes]]] = {
    PDF: ("pdf", render_pdf),
    "text/html": ("html", lambda data: render_html(data).encode()),
    "application/json": ("json", canonical_json),
    XLSX: ("xlsx", _workbook),
    "text/csv": ("csv", _table),
}
REPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report.",
        "content": {form: {"schema": {"type": "string", "format": "binary"}} for form in FORMS if form != "application/json"}
        | {"application/json": {"schema": {"type": "object"}}},
    }
}


async def report_in(by: Inside, assessment: Assessment, accept: str) -> Response:
    """The report of ``assessment``; a sealed PDF comes from the file store once the worker has put it there."""
    form = negotiate(accept, tuple(FORMS))
    ending, render = FORMS[form]
    content = await stored_report(by.session, by.runtime.files, assessment) if form == PDF else None
    if content is None:
        data = await report_data(by.session, assessment, await organization_of(by.session, assessment))
        content = await anyio.to_thread.run_sync(render, data)
    emit(by.session, "report.read", assessment, {"form": ending, "draft": assessment.sealed_at is None})
    name = f"risk-analysis-{assessment.number}{'' if assessment.sealed_at else '-draft'}.{ending}"
    return Response(
        content,
        media_type=form,
        headers={
            "Content-Disposition": f'{"inline" if form == PDF else "attachment"}; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
            "Vary": "Accept",
        },
    )
