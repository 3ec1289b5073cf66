"""Text as exports carry it, made safe to keep: invisible characters out, over-long cells cut, formulas flagged.

A text that begins like a formula is kept as it is; it becomes dangerous only in a spreadsheet, so the exports escape
it. Look-alike letters are left alone: folding them would join two devices that are not the same.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from domain.inventory.imports.normal_form import Json

LONGEST_TEXT = 4096


class CleanText(NamedTuple):
    text: str
    warnings: tuple[str, ...]


def clean(raw: str) -> CleanText:
    """The text without what cannot be seen, trimmed, with a warning code for each thing that was done."""
    if raw.isascii() and raw.isprintable() and len(raw) <= LONGEST_TEXT:
        text = raw.strip()
        return CleanText(text, ("formula_like",) if text[:1] in _SIGNS and is_formula_like(text) else ())
    warnings: list[str] = []
    text = raw
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        warnings.append("cell_truncated")
    visible = _INVISIBLE.sub("", text)
    if visible != text:
        warnings.append("control_chars")
    trimmed = visible.strip()
    if trimmed and (raw[0] in "\t\r" or is_formula_like(trimmed)):
        warnings.append("formula_like")
    return CleanText(trimmed, tuple(warnings))


def is_formula_like(text: str) -> bool:
    """Whether a spreadsheet would calculate this text. Plain numbers, phone numbers and a lone dash are not meant."""
    return text[:1] in _FORMULA_SIGNS and not _HARMLESS.fullmatch(text)


def text_of(value: Json) -> str:
    """A JSON value that stands for a text: a string, or a whole number without quotes. Anything else is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def first_text(*values: Json) -> str:
    for value in values:
        text = text_of(value)
        if text and not text.isspace():
            return text
    return ""


def letters(text: str) -> str:
    """Letters and digits only, without case: how words and headings of different versions are compared."""
    return _letters_of_word(text) if len(text) <= _LONGEST_WORD else _letters(text)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


_LONGEST_WORD = 64
_letters_of_word = lru_cache(maxsize=4096)(_letters)  # an export says the same few words of every device
_SIGNS = {"=", "+", "-", "@"}
_FORMULA_SIGNS = {*_SIGNS, "\t", "\r"}
_HARMLESS = re.compile(r"-+|[+-]?\d[\d.,]*(?:[eE][+-]?\d{1,3})?\s?%?|\+?[\d\s().-]{5,}(?:\s?(?:x|ext\.?)\s?\d{1,6})?")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters but tab, line feed and carriage return
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"  # zero width and direction
    "\ud800-\udfff\ufffe\uffff]"  # halves of a character, and no characters
)
