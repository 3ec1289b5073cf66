"""The risk register: sorted, typed, complete, and harmless in a spreadsheet."""

import csv
import datetime
import io
from typing import Any

import openpyxl
import pytest

from domain.sra.report.register import COLUMNS, render_csv, render_xlsx
from tests.domain.sra.report.sample import empty, lakeview, sealed
from tests.domain.sra.report.typed_text import NASTY

FORMULAS = (
    "=1+1",
    '=HYPERLINK("https://example.test","x")',
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r\n=1+1",
    "  =1+1",
    "\u200b=1+1",
    "＝1+1",
    "|calc",
)


def with_text(text: str) -> Any:
    first = lakeview().findings[0]
    return empty().model_copy(update={"findings": (first.model_copy(update={"title": text, "measures": text}),)})


def table_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def book_of(written: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(written))


def test_csv_has_one_row_for_each_risk_the_worst_first() -> None:
    header, *rows = table_of(render_csv(lakeview()))
    assert header == [title for title, _ in COLUMNS]
    assert len(rows) == len(lakeview().findings)
    ranks = [int(row[header.index("Level rank")]) for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert {row[0] for row in rows} == {f"R-{one.number}" for one in lakeview().findings}


def test_csv_joins_the_plan() -> None:
    header, *rows = table_of(render_csv(lakeview()))
    row = dict(zip(header, next(row for row in rows if row[0] == "R-19"), strict=True))
    assert (row["Tasks"], row["Owner"], row["Due on"], row["Residual level"]) == ("T-1", "MSP", "2027-01-31", "Low")
    untreated = dict(zip(header, next(row for row in rows if row[0] == "R-1"), strict=True))
    assert untreated["Tasks"] == "None"


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_csv_cell_begins_like_a_formula(formula: str) -> None:
    rows = table_of(render_csv(with_text(formula)))[1:]
    for row in rows:
        for value in row:
            assert not value.lstrip(" \u200b\n").startswith(("=", "+", "-", "@", "|", "＝")), value
    assert f"'{formula}".replace("\t", " ").replace("\r\n", "\n") in rows[0]


@pytest.mark.parametrize("number", ["-5", "+12.50", "42"])
def test_a_plain_number_stays_one(number: str) -> None:
    assert number in table_of(render_csv(with_text(number)))[1]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_workbook_cell_is_a_formula(formula: str) -> None:
    book = book_of(render_xlsx(with_text(formula)))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    title = book["Risk register"]["D2"]
    assert title.data_type == "s"
    assert title.value.strip() == formula.replace("\r\n", "\n").strip()


@pytest.mark.parametrize("nasty", [*NASTY, "x" * 40_000])
def test_any_text_can_be_written(nasty: str) -> None:
    shown = book_of(render_xlsx(with_text(nasty)))["Risk register"]["D2"].value
    assert len(shown) <= 32_767
    assert shown.endswith("[…]") == (len(nasty) > 32_767)
    assert nasty[:3].split(maxsplit=1)[0] in render_csv(with_text(nasty))


def test_the_workbook_has_types_filters_and_a_frozen_header() -> None:
    sheet = book_of(render_xlsx(lakeview()))["Risk register"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == f"A1:AE{len(lakeview().findings) + 1}"
    titles = [cell.value for cell in sheet[1]]
    row = next(row for row in sheet.iter_rows(min_row=2, values_only=True) if row[0] == "R-19")
    assert row[titles.index("Due on")] == datetime.datetime.fromisoformat("2027-01-31")
    assert row[titles.index("Level rank")] == 4


def test_the_workbook_says_what_it_is() -> None:
    draft = {row[0]: row[1] for row in book_of(render_xlsx(lakeview()))["About"].iter_rows(values_only=True)}
    assert draft["State"].startswith("DRAFT")
    assert draft["Version"] == 3
    assert "not a product" in draft["Level"]
    final = sealed(lakeview())
    assert final.seal is not None
    told = {row[0]: row[1] for row in book_of(render_xlsx(final))["About"].iter_rows(values_only=True)}
    assert told["SHA-256 of the data set"] == final.seal.sha256
    assert told["State"].startswith("Sealed")


def test_the_same_data_gives_the_same_bytes() -> None:
    assert render_xlsx(lakeview()) == render_xlsx(lakeview())
    assert render_csv(lakeview()) == render_csv(lakeview())


def test_an_empty_register_is_a_header() -> None:
    assert len(table_of(render_csv(empty()))) == 1
    assert book_of(render_xlsx(empty()))["Risk register"].max_row == 1
