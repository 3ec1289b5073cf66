"""Rows that tell of one device: which stays, and what is said about the others."""

from domain.inventory.imports.normal_form import ParsedImport
from tests.domain.inventory.imports.samples import read

HEADING = "Device ID,Hostname,Serial,Site,Last seen\n"


def table(*rows: str) -> ParsedImport:
    return read("csv", (HEADING + "\n".join(rows)).encode())


def kept(parsed: ParsedImport) -> list[int]:
    return [device.row for device in parsed.rows]


def dropped(parsed: ParsedImport) -> list[tuple[int, int, str]]:
    return [(row.row, row.kept_row, row.same) for row in parsed.duplicates]


def test_the_newest_of_one_id_is_kept_and_ids_differ_not_by_case() -> None:
    parsed = table("A1,PC1,S1X,Main,2026-11-20", "a1,PC1,S1X,Main,2026-11-21", "A1,PC1,S1X,Main,")
    assert kept(parsed) == [3]
    assert dropped(parsed) == [(2, 3, "source_id"), (4, 3, "source_id")]


def test_of_two_equally_old_the_later_row_is_kept() -> None:
    parsed = table("A1,PC1,,Main,2026-11-20", "A1,PC1,,Main,2026-11-20")
    assert kept(parsed) == [3]


def test_host_and_serial_join_records_of_different_ids_and_sites() -> None:
    parsed = table("1,PC1,S1X,Main,2026-11-21", "2,pc1,s1x,Annex,2026-11-20")
    assert (kept(parsed), dropped(parsed)) == ([2], [(3, 2, "hostname_serial")])


def test_without_ids_host_and_site_join_when_one_serial_is_missing() -> None:
    parsed = table(",PC1,S1X,Main,2026-11-20", ",PC1,,main,2026-11-21")
    assert (kept(parsed), dropped(parsed)) == ([3], [(2, 3, "hostname_site")])


def test_with_ids_the_same_name_at_the_same_site_is_two_devices() -> None:
    assert kept(table("1,PC1,,Main,", "2,PC1,,Main,")) == [2, 3]


def test_two_serials_are_two_devices_and_a_third_row_without_one_is_not_guessed_away() -> None:
    parsed = table(",PC1,S1X,Main,2026-11-20", ",PC1,S2X,Main,2026-11-20", ",PC1,,Main,2026-11-21")
    assert (kept(parsed), dropped(parsed)) == ([2, 3, 4], [])


def test_the_row_named_is_the_one_that_stays_in_the_end() -> None:
    parsed = table("1,PC1,S1X,Main,2026-11-18", "1,PC1,S1X,Main,2026-11-19", "2,PC1,S1X,Main,2026-11-20")
    assert kept(parsed) == [4]
    assert dropped(parsed) == [(2, 4, "source_id"), (3, 4, "hostname_serial")]


def test_one_serial_on_two_hosts_is_a_conflict_and_both_stay() -> None:
    parsed = table("1,PC1,S1X,Main,", "2,PC2,s1x,Main,", "3,PC3,S3X,Main,")
    assert [device.warnings for device in parsed.rows] == [("serial_conflict",), ("serial_conflict",), ()]
