"""JSON as it arrives: decoded, bounded in size and depth, and looked into without trusting any type.

``at`` never raises: a member that is missing, or stands where an object was expected, is None, so one odd field
cannot break a file.
"""

import codecs
import json
import math
from typing import cast

from domain.inventory.imports.normal_form import Json, UnreadableImport

LARGEST_FILE = 64 * 1024 * 1024
DEEPEST = 32
"""Levels inside one record. The deepest real export has six."""


def read_json(data: bytes, *, part: str) -> Json:
    """The document in any of JSON's encodings. Raises UnreadableImport, never anything else."""
    check_size(data, part=part)
    try:
        text = data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as fault:
        raise UnreadableImport(
            "wrong_encoding", f"The file ({part}) is not JSON in UTF-8, UTF-16 or UTF-32.", pointer=f"/{part}"
        ) from fault
    try:
        return _loads(text)
    except json.JSONDecodeError as fault:
        raise UnreadableImport(
            "not_json",
            f"The file ({part}) is not JSON: it cannot be read past line {fault.lineno}, column {fault.colno}.",
            pointer=f"/{part}",
        ) from fault
    except RecursionError as fault:
        raise UnreadableImport(
            "too_deep", f"The file ({part}) is nested far deeper than any inventory export.", pointer=f"/{part}"
        ) from fault


def check_size(data: bytes, *, part: str) -> None:
    if len(data) > LARGEST_FILE:
        raise UnreadableImport(
            "too_large",
            f"The file ({part}) is larger than {LARGEST_FILE // (1024 * 1024)} MiB; export it in several parts.",
            pointer=f"/{part}",
        )
    if data.strip(b" \t\r\n\x00") in (b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise UnreadableImport("empty_file", f"The file ({part}) is empty.", pointer=f"/{part}")


def at(value: Json, *path: str) -> Json:
    """The member at the end of the path, None where the path leads nowhere."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def is_too_deep(value: Json, levels: int = DEEPEST) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    if not levels:
        return True
    for member in value.values() if isinstance(value, dict) else value:
        if isinstance(member, (dict, list)) and is_too_deep(member, levels - 1):
            return True
    return False


def storable(value: dict[str, Json]) -> dict[str, Json]:
    """The record without what a JSON column cannot hold: NUL and halves of characters. Bounded by ``is_too_deep``."""
    return {_storable_text(name): _storable(member) for name, member in value.items()}


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, dict):
        return storable(value)
    if isinstance(value, list):
        return [_storable(member) for member in value]
    return value


def _storable_text(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def holds_unstorable(data: bytes) -> bool:
    """Whether the text may hold NUL or half a character, written as an escape; a scan of bytes spares a walk."""
    return b"\\u0000" in data or b"\\ud" in data or b"\\uD" in data or b"\x00" in data


def _loads(text: str) -> Json:
    """Standard JSON, but numbers that are none (NaN, Infinity, 1e999) are unknown rather than poison further on."""
    try:
        return cast(Json, json.loads(text, parse_constant=_no_number, parse_float=_finite))
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of thousands of digits; nothing in an inventory is that
        return cast(Json, json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_short_integer))


def _no_number(_: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _short_integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= 400 else None
