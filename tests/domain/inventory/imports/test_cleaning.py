"""Texts, serial numbers and words, one at a time."""

import pytest

from domain.inventory.imports.normal_form import WARNINGS, Json
from domain.inventory.imports.serials import first_serial, is_junk
from domain.inventory.imports.texts import LONGEST_TEXT, clean, first_text, letters, text_of
from domain.inventory.imports.words import antivirus_of, definitions_of, encryption_of


@pytest.mark.parametrize(
    ("raw", "text", "warnings"),
    [
        ("  PC 1  ", "PC 1", ()),
        ("\u00a0PC\u00a0", "PC", ()),
        ("Zahnärzte Nord", "Zahnärzte Nord", ()),
        ("Main\r\nEast", "Main\r\nEast", ()),
        ("PC\x00\u202e1", "PC1", ("control_chars",)),
        ("P\u200bC", "PC", ("control_chars",)),
        ("PC\ud800", "PC", ("control_chars",)),
        ("\ufeffPC", "PC", ("control_chars",)),
        ("РС-1", "РС-1", ()),  # Cyrillic letters that look Latin are left alone
        ("=HYPERLINK(1)", "=HYPERLINK(1)", ("formula_like",)),
        ("+cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", ("formula_like",)),
        ("@SUM(A1)", "@SUM(A1)", ("formula_like",)),
        ("-1+2", "-1+2", ("formula_like",)),
        ("\tMain", "Main", ("formula_like",)),
        ("\rMain", "Main", ("formula_like",)),
        ("\u200b=1+1", "=1+1", ("control_chars", "formula_like")),
        ("x" * 5000, "x" * LONGEST_TEXT, ("cell_truncated",)),
    ],
)
def test_texts_are_made_safe_and_what_was_done_is_said(raw: str, text: str, warnings: tuple[str, ...]) -> None:
    assert clean(raw) == (text, warnings)
    assert set(warnings) <= set(WARNINGS)


@pytest.mark.parametrize(
    "text", ["+1-555-0100", "+1 (555) 010-0199", "+49 30 12345678", "-5", "-1,234.50", "+1.5e3", "-12%", "-", "--", "12=3"]
)
def test_numbers_telephones_and_dashes_are_no_formulas(text: str) -> None:
    assert clean(text) == (text, ())


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (7, "7"), (True, ""), (1.5, ""), (None, ""), ([], ""), ({"a": 1}, "")])
def test_only_strings_and_whole_numbers_are_texts(value: Json, text: str) -> None:
    assert text_of(value) == text


def test_the_first_text_that_says_something_counts() -> None:
    assert first_text(None, "", "  ", {"x": 1}, "second", "third") == "second"
    assert first_text() == ""


def test_headings_and_words_are_compared_on_letters_and_digits() -> None:
    assert letters("Running & Up-To-Date") == "runninguptodate"
    assert letters("S/N ") == letters("SN") == "sn"
    assert letters("ß" * 100) == "ss" * 100


@pytest.mark.parametrize(
    "serial",
    [
        "0",
        "None",
        "N/A",
        "To be filled by O.E.M.",
        "TO BE FILLED BY O.E.M.",
        "System Serial Number",
        "Default string",
        "Not Specified",
        "not applicable",
        "INVALID",
        "Chassis Serial Number",
        "123456789",
        "0123456789",
        "AAAAAAA",
        "0000-0000",
        "........",
    ],
)
def test_placeholders_are_no_serial_numbers(serial: str) -> None:
    assert is_junk(serial)
    assert first_serial(serial) == (None, ("junk_serial",))


@pytest.mark.parametrize("serial", ["EXC4417P02", "VMware-42 1a 9c", "1234567890", "SN&S092", "Non1"])
def test_real_serial_numbers_are_kept_as_written(serial: str) -> None:
    assert first_serial(f" {serial} ") == (serial, ())


def test_after_a_placeholder_the_next_field_is_tried_and_an_empty_one_is_no_warning() -> None:
    assert first_serial("Default string", "RFN002") == ("RFN002", ("junk_serial",))
    assert first_serial("", None, "RFN002") == ("RFN002", ())
    assert first_serial(None, "") == (None, ())
    assert first_serial(4711) == ("4711", ())


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("On", "on"),
        ("YES", "on"),
        ("fully encrypted", "on"),
        ("FullyEncrypted", "on"),
        ("Protected", "on"),
        (True, "on"),
        (1, "on"),
        ("C: On; D: On", "on"),
        ("C:\\ On, D:\\ On", "on"),
        ("Off", "off"),
        ("No", "off"),
        ("Unprotected", "off"),
        ("Encryption in progress", "off"),
        ("Suspended", "off"),
        (False, "off"),
        ("C: On; D: Off", "off"),
        ("C: Off", "off"),
        ("partly", "unknown"),
        ("C: On; D: ?", "unknown"),
        ("", "unknown"),
        ("N/A", "unknown"),
        ("Not on", "unknown"),
        (None, "unknown"),
        ([True], "unknown"),
        ("on" * 5000, "unknown"),
    ],
)
def test_words_for_encryption(word: Json, state: str) -> None:
    assert encryption_of(word) == state


@pytest.mark.parametrize(
    ("word", "state", "definitions"),
    [
        ("RunningAndUpToDate", "on", "current"),
        ("Running & up-to-date", "on", "current"),
        ("RunningAndNotUpToDate", "on", "outdated"),
        ("Running & not up-to-date", "on", "outdated"),
        ("NotRunning", "off", "unknown"),
        ("Not detected", "off", "unknown"),
        ("up to date", "on", "current"),
        ("Running", "on", "unknown"),
        ("Expired", "off", "expired"),
        ("None", "off", "unknown"),
        ("Not installed", "off", "unknown"),
        (True, "on", "unknown"),
        (False, "off", "unknown"),
        ("", "unknown", "unknown"),
        ("N/A", "unknown", "unknown"),
        ("Windows Defender", "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_words_for_antivirus(word: Json, state: str, definitions: str) -> None:
    assert antivirus_of(word) == (state, definitions)


def test_definitions_of_a_scanner_that_does_not_run_say_nothing() -> None:
    assert definitions_of("Up-to-Date", "on") == "current"
    assert definitions_of("Up-to-Date", "off") == "unknown"
    assert definitions_of("expired", "off") == "expired"
