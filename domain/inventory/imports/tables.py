"""CSV as spreadsheets and tools write it: four encodings, four separators, stray quotes, and rows that do not fit.

Row numbers count records: the heading is 1 and blank lines count, as a spreadsheet shows them. A cell may hold line
breaks.
"""

import codecs
import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from domain.inventory.imports.documents import check_size
from domain.inventory.imports.drafts import rejected
from domain.inventory.imports.normal_form import Rejected, UnreadableImport
from domain.inventory.imports.texts import clean
from domain.inventory.patient_data import HEAD_LENGTH, IMAGES, Kind, sniff

_UNREADABLE = re.compile("[\udc80-\udcff]")
"""A byte that is in no encoding, as Python keeps it (PEP 383)."""
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
"""The module's own limit would end the reading of a file; here cells are cut, and the file as a whole is limited."""


class Row(NamedTuple):
    number: int
    cells: Sequence[str]
    """Cleaned, as many as there are headings."""
    raw: Sequence[str]
    warnings: Sequence[str]


class Table(NamedTuple):
    encoding: str
    delimiter: str
    headings: Sequence[str]
    rows: Sequence[Row]
    rejected: Sequence[Rejected]

    @property
    def data_rows(self) -> int:
        return len(self.rows) + len(self.rejected)


def read_table(data: bytes, *, part: str) -> Table:
    """Raises UnreadableImport for a file that is no text; a row that does not fit the heading is rejected alone."""
    check_size(data, part=part)
    text, encoding = _decoded(data, part=part)
    declared = _DECLARED_DELIMITERS.get(text[:5].casefold())
    if declared:  # a line for Excel, which hides it: the heading stays row 1
        text = text[5:]
    delimiter = declared or _delimiter_of(text)
    records = _records(text, delimiter)
    heading = next((cells for cells, _ in records if not _is_blank(cells)), list[str]())
    if any(_UNREADABLE.search(cell) for cell in heading):
        raise _in_no_known_encoding(part)
    headings = [clean(cell).text for cell in heading]
    rows: list[Row] = []
    faulty: list[Rejected] = []
    for number, (cells, closed) in enumerate(records, start=2):
        if any(_UNREADABLE.search(cell) for cell in cells):
            faulty.append(rejected(number, "unreadable_bytes", part=part))
        elif not closed:
            faulty.append(rejected(number, "unclosed_quote", part=part))
        elif _is_blank(cells):
            continue
        elif len(cells) != len(headings):
            faulty.append(rejected(number, "column_count", part=part))
        else:
            row = _cleaned(number, cells)
            if row.cells == headings:
                faulty.append(rejected(number, "repeated_header", part=part))
            else:
                rows.append(row)
    return Table(encoding, delimiter, headings, rows, faulty)


def _cleaned(number: int, raw: list[str]) -> Row:
    cells: list[str] = []
    warnings: list[str] = []
    for cell in raw:
        text, found = clean(cell)
        cells.append(text)
        if found:
            warnings += found
    return Row(number, cells, raw, warnings)


def _decoded(data: bytes, *, part: str) -> tuple[str, str]:
    """The text and the name of its encoding. windows-1252 comes last because nearly anything can be read as it."""
    kind = sniff(data[:HEAD_LENGTH])
    if kind in _NOT_TEXT:
        raise UnreadableImport(
            "not_text", f"The file ({part}) is not text but {_NOT_TEXT[kind]}; save it as CSV.", pointer=f"/{part}"
        )
    for mark, codec, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data, codec, part=part), name
    if len(data) >= 2 and (data[0] == 0) != (data[1] == 0):
        return _decode(data, "utf-16-be" if data[0] == 0 else "utf-16-le", part=part), "utf-16"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("windows-1252"), "windows-1252"
    except UnicodeDecodeError:
        return _mostly_utf_8(data, part=part), "utf-8"


def _mostly_utf_8(data: bytes, *, part: str) -> str:
    """A few damaged lines are rejected as rows, each byte of them standing for itself; more of them are another encoding."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.splitlines()
    damaged = sum(_UNREADABLE.search(line) is not None for line in lines)
    if damaged * 10 > len(lines):
        raise _in_no_known_encoding(part)
    return text


def _decode(data: bytes, codec: str, *, part: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as fault:
        raise _in_no_known_encoding(part) from fault


def _in_no_known_encoding(part: str) -> UnreadableImport:
    return UnreadableImport(
        "wrong_encoding", f"The file ({part}) is in no encoding known here; save it as CSV in UTF-8.", pointer=f"/{part}"
    )


def _delimiter_of(text: str) -> str:
    """The separator that the heading line uses most, outside quotes."""
    line = next((line for line in io.StringIO(text) if line.strip()), "")
    outside = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], bool]]:
    """Each record, and whether its quotes were closed. After an unclosed one, reading goes on with the next line."""
    position: int | None = 0
    for _ in range(_MOST_RESTARTS):
        lines = _Lines(text, position)
        position = None
        for cells in csv.reader(lines, delimiter=delimiter):
            if not lines.ended:
                yield cells, True
            elif cells != [_END]:
                yield cells, False
                position = lines.second_line
            lines.begin_record()
        if position is None:
            return


class _Lines:
    """The lines of a text from a position on, with one more at the end.

    That last line shows whether a quote was left open: then the reader takes it for a part of the record before it.
    """

    def __init__(self, text: str, position: int) -> None:
        self._lines = io.StringIO(text, newline="")
        self._lines.seek(position)
        self._at: int = position
        self._is_first = True
        self.second_line: int = position
        """Where the line after the first one of the current record begins."""
        self.ended = False

    def begin_record(self) -> None:
        self._is_first = True

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            if self.ended:
                raise StopIteration
            self.ended = True
            return _END
        self._at += len(line)
        if self._is_first:
            self._is_first, self.second_line = False, self._at
        return line


def _is_blank(cells: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in cells)


_DELIMITERS = (",", ";", "\t", "|")
_DECLARED_DELIMITERS = {f"sep={delimiter}": delimiter for delimiter in _DELIMITERS}
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_NOT_TEXT: Mapping[Kind, str] = {
    "pdf": "a PDF",
    "xlsx": "an Excel workbook",
    "docx": "a Word document",
    "zip": "an archive",
    "ole": "a document of an old Office",
    **dict.fromkeys(IMAGES, "an image"),
}
_END = "\x00end of the table\x00"
_MOST_RESTARTS = 20
"""A file with more open quotes than this is given up where it stands, so that none can keep the reader busy."""
