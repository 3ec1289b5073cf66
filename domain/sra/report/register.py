"""The risk register as CSV and as a workbook: one row for each risk, in the order of the risk table.

Both are opened by spreadsheets, which run a cell that begins like a formula. In the workbook every text is stored as text;
in the CSV such a text gets an apostrophe in front, because that format has no types.
"""

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from domain.inventory.map_labels import visible
from domain.sra.report.dataset import ReportData
from domain.sra.report.rows import Change, Finding, PlanTask
from domain.sra.report.words import BASES, facts_in_words, joined, moment, phrase, reference

Value = str | int | datetime.date | None

STARTS_A_FORMULA = frozenset("=+-@\t\r\n|%＝＋－＠")
PLAIN_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d{1,15})?")
LONGEST_CELL = 32_767  # what a workbook can hold in one cell
CONTINUED = " […]"

COLUMNS: Final = (
    ("Ref", 8), ("Level", 12), ("Level rank", 10), ("Title", 36), ("Subject", 26), ("Threat", 34), ("Vulnerability", 40),
    ("Citations", 30), ("Current measures", 34), ("Likelihood", 12), ("Likelihood reason", 34), ("Impact", 12),
    ("Impact reason", 34), ("Adjustments", 26), ("Suggested, not applied", 30), ("Basis", 26), ("Facts", 40),
    ("Facts not known", 26),
    ("Status", 12), ("Status reason", 26),
    ("Recommendation", 40), ("Rule", 10), ("Cause", 20), ("Tasks", 12), ("Treatment", 12), ("Owner", 20), ("Due on", 12),
    ("Due by policy", 12),
    ("Task status", 14), ("Residual level", 14), ("Id", 24),
)  # fmt: skip
CHANGE_COLUMNS: Final = (("Kind", 20), ("What", 50), ("Detail", 70), ("When", 12), ("By", 24))
SHADES = {"very_high": "7D1410", "high": "B84B17", "moderate": "F0CD6B", "low": "D3DDE6", "very_low": "F1F4F6"}


def render_csv(data: ReportData) -> str:
    """RFC 4180 with CRLF and a byte-order mark, without which Excel reads UTF-8 as something else."""
    data.check_seal()
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([title for title, _ in COLUMNS])
    for row in _rows(data):
        writer.writerow([_harmless(value) for value in row])
    return "\ufeff" + out.getvalue()


def render_xlsx(data: ReportData) -> bytes:
    """A workbook with the register (filters, frozen header, real dates and numbers), what has changed since the version
    before if there is one, and a sheet that says what it is."""
    data.check_seal()
    book = Workbook()
    register = book.create_sheet("Risk register", 0)
    _fill_register(register, data)
    about = book.worksheets[1]
    about.title = "About"
    _fill_about(about, data)
    if data.prior is not None:
        changes = book.create_sheet(f"Changes since version {data.prior.version}", 1)
        rows = [_changed(each) for each in data.changes]
        _fill_table(changes, CHANGE_COLUMNS, rows, draft=data.draft)
    made = data.edition.generated_at.replace(tzinfo=None)
    book.properties.created = book.properties.modified = made
    book.properties.creator = visible(data.brand.name)
    book.properties.title = visible(f"{data.title}: {data.practice.legal_name}")
    written = io.BytesIO()
    book.save(written)
    return _without_clock(written.getvalue(), made)


def _rows(data: ReportData) -> list[tuple[Value, ...]]:
    tasks: dict[int, list[PlanTask]] = {}
    for task in data.plan:
        for number in task.findings:
            tasks.setdefault(number, []).append(task)
    ordered = sorted(data.findings, key=lambda finding: (-finding.level.rank, not finding.stands, finding.number))
    return [_row(finding, tasks.get(finding.number, [])) for finding in ordered]


def _row(one: Finding, tasks: Sequence[PlanTask]) -> tuple[Value, ...]:
    due = [task.due_on for task in tasks if task.due_on is not None]
    residual = [task.residual_level for task in tasks if task.residual_level is not None]
    return (
        reference(one.number),
        one.level.word,
        one.level.rank,
        one.title,
        one.subject,
        one.threat,
        one.vulnerability,
        joined(one.citations, separator="; "),
        joined((*((one.measures,) if one.measures else ()), *one.answers), separator="; ") or "None recorded",
        one.likelihood.word,
        one.likelihood_reason,
        one.impact.word,
        one.impact_reason,
        joined(one.adjustments, separator="; "),
        joined(one.suggestions, separator="; "),
        BASES[one.basis],
        joined(facts_in_words(one.facts), separator="; "),
        joined(one.missing_facts),
        phrase(one.status),
        one.status_reason,
        one.recommendation,
        one.rule_id or one.topic_id,
        one.cause,
        joined((task.ref for task in tasks), separator="; ") or "None",
        joined((phrase(task.treatment) or "Not decided" for task in tasks), separator="; "),
        joined((task.owner or "No owner" for task in tasks), separator="; "),
        min(due, default=None),
        one.due_on,
        joined((phrase(task.status) or "" for task in tasks), separator="; "),
        max(residual, key=lambda level: level.rank).word if residual else None,
        one.id,
    )


def _changed(one: Change) -> tuple[Value, ...]:
    return (phrase(one.kind), one.what, one.detail, one.at.date() if one.at else None, one.by)


def _harmless(value: Value) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    text = visible(value) if isinstance(value, str) else value.isoformat()
    first = text.lstrip(" \u00a0\u200b\ufeff\u2060")[:1]
    if (first in STARTS_A_FORMULA and first) or text[:1] in STARTS_A_FORMULA:
        return text if PLAIN_NUMBER.fullmatch(text) else f"'{text}"
    return text


def _fill_register(sheet: Worksheet, data: ReportData) -> None:
    rows = _rows(data)
    _fill_table(sheet, COLUMNS, rows, draft=data.draft)
    shaded = {finding.number: finding.level.value for finding in data.findings}
    for place, row in enumerate(rows, start=2):
        level = shaded[int(str(row[0]).removeprefix("R-"))]
        marked = sheet.cell(row=place, column=2)
        marked.fill = PatternFill("solid", fgColor=SHADES[level])
        marked.font = Font(bold=True, color="FFFFFF" if level in {"high", "very_high"} else "1D2733")


def _fill_table(sheet: Worksheet, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[Value]], *, draft: bool) -> None:
    """A header that stays in sight and on every printed page, filters, and each value with its own type."""
    for number, (title, width) in enumerate(columns, start=1):
        cell = sheet.cell(row=1, column=number, value=title)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E4EAEF")
        sheet.column_dimensions[get_column_letter(number)].width = width
    for place, row in enumerate(rows, start=2):
        for number, value in enumerate(row, start=1):
            _write(sheet, place, number, value)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(rows) + 1}"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    header: Any = sheet.oddHeader  # the stub does not know its three parts
    header.center.text = "DRAFT" if draft else "Sealed"


def _fill_about(sheet: Worksheet, data: ReportData) -> None:
    edition, seal = data.edition, data.seal
    about = (
        ("Practice", data.practice.legal_name),
        ("Document", data.title),
        ("Version", edition.version),
        ("State", "DRAFT: not sealed, not approved" if seal is None else f"Sealed {moment(seal.sealed_at)}"),
        ("SHA-256 of the data set", "None until sealed" if seal is None else seal.sha256),
        ("As of", moment(edition.as_of)),
        ("Method", data.method.name),
        ("Level", "The entry of Table I-2 of NIST SP 800-30 Rev. 1 for likelihood and impact, not a product"),
        ("Ruleset", f"{edition.ruleset}; catalogue edition {edition.catalogue_edition}"),
        ("What this is", "The risk register only. The whole analysis is the report."),
    )
    for place, (name, value) in enumerate(about, start=1):
        _write(sheet, place, 1, name)
        sheet.cell(row=place, column=1).font = Font(bold=True)
        _write(sheet, place, 2, value)
    sheet.column_dimensions["A"].width = 26
    sheet.column_dimensions["B"].width = 90


def _write(sheet: Worksheet, row: int, column: int, value: Value) -> None:
    """A value with its own type. Text is marked as text, so that not even an edited cell becomes a formula."""
    cell = sheet.cell(row=row, column=column)
    if not isinstance(cell, Cell):
        return  # a merged cell, which these sheets do not have
    if isinstance(value, str):
        text = visible(value)
        cell.value = text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(CONTINUED)] + CONTINUED
        cell.data_type = "s"
        cell.quotePrefix = text[:1] in STARTS_A_FORMULA
    else:
        cell.value = value
        if isinstance(value, datetime.date):
            cell.number_format = "yyyy-mm-dd"
    cell.alignment = Alignment(vertical="top", wrap_text=True)


def _without_clock(written: bytes, made: datetime.datetime) -> bytes:
    """The same workbook with the time of the data in every entry: equal data, equal bytes."""
    stamp = (max(made.year, 1980), made.month, made.day, made.hour, made.minute, made.second)
    modified = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "docProps/core.xml":
                content = modified.sub(rb"\g<1>" + made.strftime("%Y-%m-%dT%H:%M:%SZ").encode() + rb"\g<2>", content)
            entry = zipfile.ZipInfo(name, date_time=stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(entry, content)
    return out.getvalue()
