"""How long a report takes: a large practice, set as PDF and as HTML, in seconds of one processor."""

import io
import time

import pypdf

from domain.sra.report.html import render_html
from domain.sra.report.pdf import render_pdf
from tests.domain.sra.report.sample import empty, lakeview, sealed

PAGES, SECONDS = 60, 5.0


def bench_report() -> list[tuple[str, str, str, str, str]]:
    data = sealed(lakeview())
    render_pdf(empty())  # fonts are read once in the life of a process; the engine remembers what it has set before
    before = time.process_time()
    pdf = render_pdf(data)
    spent = time.process_time() - before
    pages = len(pypdf.PdfReader(io.BytesIO(pdf)).pages)
    per_sixty = spent / pages * PAGES
    before = time.process_time()
    page = render_html(data)
    spent_on_page = time.process_time() - before
    return [
        (
            f"PDF of {pages} pages: CPU seconds for each {PAGES}",
            f"{per_sixty:.2f}", f"{SECONDS:.0f}", f"{per_sixty / SECONDS:.2f}", f"{spent:.2f} s in all",
        ),
        ("HTML of the same", f"{spent_on_page:.2f}", "-", "-", f"{len(page) / 1e6:.1f} MB"),
    ]  # fmt: skip
