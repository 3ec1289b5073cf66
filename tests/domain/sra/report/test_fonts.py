"""What can be printed: the bundled fonts are read for what they have, and the rest is shown as code points."""

import pytest

from domain.sra.report.fonts import FAMILIES, FONT_DIRECTORY, coverage, printable


@pytest.mark.parametrize(
    ("family", "has", "lacks"),
    [("Noto Sans", "aÄŁΩЖế", "א牙"), ("DejaVu Sans", "אعԱა✓", "牙한"), ("Droid Sans Fallback", "牙科かカ", "ไ")],
)
def test_coverage_is_read_from_the_font(family: str, has: str, lacks: str) -> None:
    points = coverage(family)
    assert all(ord(character) in points for character in has)
    assert not any(ord(character) in points for character in lacks)


def test_each_font_comes_with_its_licence() -> None:
    fonts = {name for names in FAMILIES.values() for name in names}
    assert {path.name for path in FONT_DIRECTORY.glob("*.ttf")} == fonts
    assert len(list(FONT_DIRECTORY.glob("*.txt"))) == len(FAMILIES)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Nguyễn", "Nguyễn"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("ไ", "[U+0E44]"),
        ("👍🏽", "[U+1F44D][U+1F3FD]"),
        ("a\u20e3", "a[U+20E3]"),
        (" \u0301", " [U+0301]"),
        ("\ufeffx", "[U+FEFF]x"),
        ("\ue000", "[U+E000]"),
    ],
)
def test_what_no_font_has_is_printed_as_its_code_point(typed: str, printed: str) -> None:
    assert printable(typed).replace("\u200b", "") == printed


def test_long_words_may_be_broken_and_lose_nothing() -> None:
    path = r"C:\Program Files\Imaging\very\long\path\without\spaces\file.dcm"
    assert printable(path).replace("\u200b", "") == path
    assert max(map(len, printable("x" * 200).split("\u200b"))) < 16
    assert max(map(len, printable("W" * 200).split("\u200b"))) < 10


def test_drawings_and_the_last_resort_take_marks_apart() -> None:
    assert printable("x\u0301") == "x\u0301"
    assert printable("x\u0301", marks=False) == "x[U+0301]"
    assert printable("שx\u0301", plain_only=True).replace("\u200b", "") == "[U+05E9]x[U+0301]"
