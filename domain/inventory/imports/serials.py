"""Serial numbers, without the placeholders that manufacturers leave in the firmware.

A placeholder is worse than no number: many machines share it.
"""

from typing import NamedTuple

from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import clean, letters, text_of


class Serial(NamedTuple):
    text: str | None
    warnings: tuple[str, ...]


def first_serial(*values: Json) -> Serial:
    """The first of several serial number fields that names one machine. An empty field is no warning."""
    warnings: list[str] = []
    for value in values:
        text, found = clean(text_of(value))
        warnings += found
        if not text:
            continue
        if is_junk(text):
            warnings.append("junk_serial")
            continue
        return Serial(text, tuple(warnings))
    return Serial(None, tuple(warnings))


def is_junk(serial: str) -> bool:
    bare = letters(serial)
    return len(set(bare)) <= 1 or bare in _PLACEHOLDERS


_PLACEHOLDERS = {
    letters(text)
    for text in (
        "None",
        "N/A",
        "To be filled by O.E.M.",
        "System Serial Number",
        "Default string",
        "Not Specified",
        "Not Applicable",
        "INVALID",
        "Chassis Serial Number",
        "123456789",
        "0123456789",
    )
}
