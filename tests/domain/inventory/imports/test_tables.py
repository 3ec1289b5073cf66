"""Tables: encodings, separators, headings, and rows that do not fit."""

import pytest

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.drafts import REJECTED
from domain.inventory.imports.normal_form import ImportedDevice, ParsedImport, UnreadableImport
from tests.domain.inventory.imports.samples import read


def table(text: str | bytes, **columns: str | None) -> ParsedImport:
    data = text.encode() if isinstance(text, str) else text
    return read("csv", data, mapping=ColumnMapping(columns=columns))


def only(parsed: ParsedImport) -> ImportedDevice:
    (device,) = parsed.rows
    return device


def rejections(parsed: ParsedImport) -> list[tuple[int, str]]:
    return [(row.row, row.reason) for row in parsed.rejected]


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8 with BOM"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
        ("windows-1252", "windows-1252"),
    ],
)
def test_encodings(codec: str, name: str) -> None:
    parsed = table("Hostname,Site\nPC1,Zahnärzte\n".encode(codec))
    assert parsed.table and parsed.table.encoding == name
    assert only(parsed).site == "Zahnärzte"


def test_a_damaged_byte_costs_its_row_and_not_the_rest_of_the_file() -> None:
    lines = [f"PC{number},Zahnärzte".encode() for number in range(2, 40)]
    lines[5] = b"PC7,Zahn\x81rzte"
    parsed = table(b"Hostname,Site\n" + b"\n".join(lines))
    assert rejections(parsed) == [(7, "unreadable_bytes")]
    assert {device.site for device in parsed.rows} == {"Zahnärzte"}
    assert len(parsed.rows) == len(lines) - 1


MANY = b"\nPC1" * 40


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfeH\x00o", b"Hostname\n\x81\x8d\n", b"\xff\xfe\x00\x00ab", b"Host\x81name" + MANY, b"\nHost\x81name" + MANY],
)
def test_bytes_in_no_encoding_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        table(data)
    assert refusal.value.specific_code == "wrong_encoding"


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04" + b"\x00" * 30 + b"xl/workbook.xml", "an Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"\x00" * 128 + b"DICM", "an image"),
    ],
)
def test_other_files_are_refused_by_what_they_are(head: bytes, what: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        table(head)
    assert refusal.value.specific_code == "not_text"
    assert what in refusal.value.detail


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_the_heading_uses_most(delimiter: str) -> None:
    parsed = table(f'Hostname{delimiter}"Site, main; part"{delimiter}Serial\nPC1{delimiter}x{delimiter}S1X\n')
    assert parsed.table and parsed.table.delimiter == delimiter
    assert only(parsed).serial == "S1X"


def test_a_declared_separator_is_honoured_and_its_line_is_not_counted() -> None:
    parsed = table("sep=;\r\nHostname;Site,Office\r\nPC1;Main\r\n;Main\r\n")
    assert parsed.table and (parsed.table.delimiter, parsed.table.rows) == (";", 2)
    assert only(parsed).row == 2
    assert rejections(parsed) == [(3, "missing_hostname")]


def test_headings_are_found_trimmed_in_any_case_and_the_first_of_two_equal_ones_counts() -> None:
    parsed = table("\u00a0 HOST-NAME \u00a0,Site,site,\nPC1,Main,Annex,x\n")
    assert only(parsed).hostname == "PC1"
    assert only(parsed).site == "Main"
    assert dict(only(parsed).raw) == {"HOST-NAME": "PC1", "Site": "Main", "site": "Annex", "column 4": "x"}


def test_the_most_telling_heading_wins() -> None:
    assert only(table("Name,Hostname\nfront desk,PC1\n")).hostname == "PC1"


def test_a_mapping_wins_over_a_heading_and_can_leave_a_column_out() -> None:
    assert only(table("Name,Alias\nfront desk,PC1\n", Alias="hostname")).hostname == "PC1"
    assert only(table("Name,Location\nPC1,Main\n", Location=None)).site is None


def test_a_mapping_to_no_field_is_refused() -> None:
    with pytest.raises(UnreadableImport) as refusal:
        table("Name\nPC1\n", Name="colour")
    assert refusal.value.specific_code == "unknown_field"


def test_rows_that_do_not_fit_are_rejected_alone_with_their_number() -> None:
    parsed = table("Hostname,Site\nPC1,Main\nPC2\n\nPC3,Main,extra\nHostname,Site\n,Main\nPC4,Main\n")
    assert [device.hostname for device in parsed.rows] == ["PC1", "PC4"]
    assert rejections(parsed) == [(3, "column_count"), (5, "column_count"), (6, "repeated_header"), (7, "missing_hostname")]
    assert parsed.table and parsed.table.rows == 6
    assert all(row.detail == REJECTED[row.reason] for row in parsed.rejected)


def test_blank_rows_count_in_the_numbering_but_are_no_rows() -> None:
    parsed = table("\n\nHostname,Site\n\n,\n  \nPC1,Main\n")
    assert only(parsed).row == 5
    assert parsed.rejected == ()
    assert parsed.table and parsed.table.rows == 1


@pytest.mark.parametrize(("length", "kept"), [(255, True), (256, False)])
def test_host_names_end_at_255_characters(length: int, kept: bool) -> None:
    parsed = table(f"Hostname\n{'x' * length}\n")
    assert (len(parsed.rows) == 1) is kept
    assert rejections(parsed) == ([] if kept else [(2, "hostname_too_long")])


def test_a_quote_that_is_never_closed_costs_one_row_and_not_the_rest_of_the_file() -> None:
    parsed = table('Hostname,Site\nPC1,Main\nPC2,"24 inch\nPC3,Main\nPC4,Main\n')
    assert [(device.row, device.hostname) for device in parsed.rows] == [(2, "PC1"), (4, "PC3"), (5, "PC4")]
    assert rejections(parsed) == [(3, "unclosed_quote")]


def test_a_quote_inside_an_unquoted_cell_is_only_a_character() -> None:
    parsed = table('Hostname,Site\nPC1,24" screen\nPC2,"Main\nEast"')
    assert [device.site for device in parsed.rows] == ['24" screen', "Main\nEast"]


def test_a_file_of_nothing_but_open_quotes_is_given_up_early() -> None:
    lines = 'x"y,"open\n' * 3000
    parsed = table(f"Hostname,Site\nPC1,Main\n{lines}")
    assert [device.hostname for device in parsed.rows] == ["PC1"]
    assert 1 <= len(parsed.rejected) <= 20


def test_a_cell_with_a_line_break_is_one_row() -> None:
    parsed = table('Hostname,Site\nPC1,"Main\r\nEast"\nPC2,x\n')
    assert [(device.row, device.site) for device in parsed.rows] == [(2, "Main\r\nEast"), (3, "x")]


def test_an_enormous_cell_is_cut_in_the_raw_row_too() -> None:
    device = only(table(f"Hostname,Notes\nPC1,{'n' * 200_000}\x00\n"))
    assert device.warnings == ("cell_truncated",)
    assert device.raw["Notes"] == "n" * 4096


def test_what_cannot_be_stored_is_not_kept_in_the_raw_row() -> None:
    assert only(table("Hostname,Notes\nPC1,a\x00b\n")).raw["Notes"] == "ab"


def test_missing_columns_are_reported_and_mean_unknown() -> None:
    parsed = table("Hostname\nPC1\n")
    assert parsed.table and parsed.table.missing_columns == (
        "os_name",
        "last_seen",
        "encryption",
        "av",
        "serial",
        "site",
    )
    assert (only(parsed).encryption, only(parsed).av, only(parsed).last_seen) == ("unknown", "unknown", None)


def test_a_table_without_a_host_name_column_is_not_taken_and_says_why() -> None:
    parsed = table("Serial,OS\nX1,Windows 11\n")
    assert parsed.rows == ()
    assert parsed.unreadable and parsed.unreadable.code == "missing_column:hostname"


def test_json_is_no_table() -> None:
    with pytest.raises(UnreadableImport) as refusal:
        table('[{"id": 1}]')
    assert refusal.value.specific_code == "not_this_source"


def test_separate_columns_for_edition_release_and_definitions() -> None:
    device = only(table("Hostname,OS,Edition,Feature update,AV,AV definitions\nPC1,Windows 11,Pro,24H2,Running,Out of date\n"))
    assert (device.os_key, device.av, device.av_definitions) == ("windows:11-24h2-w", "on", "outdated")


def test_a_single_column_without_line_end() -> None:
    assert only(table("Hostname\nPC1")).hostname == "PC1"
