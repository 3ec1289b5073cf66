"""Keeping patient data out: what an upload really is by its first bytes, and whether free text names a patient.

A DICOM file is known by ``DICM`` at byte 128, whatever its name or the bytes before it pretend (a valid DICOM file may
begin like a TIFF or a program). The text check wants a label with a number, or the exact form of a Social Security
number, because serial numbers and telephone numbers fill an inventory.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from domain.inventory.imports.normal_form import Json

Kind: TypeAlias = Literal[
    "dicom",
    "png",
    "jpeg",
    "jpeg2000",
    "gif",
    "tiff",
    "webp",
    "bmp",
    "heic",
    "pdf",
    "xlsx",
    "docx",
    "zip",
    "ole",
    "text",
    "unknown",
]
Identifier: TypeAlias = Literal["ssn", "mrn", "date_of_birth"]

IMAGES: frozenset[Kind] = frozenset({"dicom", "png", "jpeg", "jpeg2000", "gif", "tiff", "webp", "bmp", "heic"})
"""Kinds that may show a patient and are refused where a document is expected."""
ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd")
"""How gzip, bzip2, xz, 7-Zip, RAR and Zstandard begin."""
DICOM_INSIDE = re.compile(rb"DICM\x02\x00[\x00-\x1f]\x00(?:UL|OB|UI|SH|AE)")
"""A DICOM image anywhere in a file: ``DICM`` and the first element of its meta information (PS3.10)."""
HEAD_LENGTH = 4096
"""How many bytes of an upload ``sniff`` wants to see."""
SENTENCES: Mapping[Identifier, str] = {
    "ssn": "The text looks like it holds a Social Security number. Patient data must not be entered here.",
    "mrn": "The text looks like it holds a patient or medical record number. Patient data must not be entered here.",
    "date_of_birth": "The text looks like it holds a date of birth. Patient data must not be entered here.",
}


def looks_like_patient_identifier(text: str) -> Identifier | None:
    """Which identifier the text seems to hold, None if none. Meant for free text; dates alone are no identifier."""
    plain = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    return next((kind for kind, pattern in _IDENTIFIERS if pattern.search(plain)), None)


def patient_identifiers(value: Json, pointer: str = "") -> Iterator[tuple[str, Identifier]]:
    """Every place (JSON pointer) in nested data that seems to hold one. A member's name counts as the label."""
    pending: list[tuple[str, str, Json]] = [("", pointer, value)]
    while pending:
        label, place, member = pending.pop()
        if isinstance(member, dict):
            pending += [(name, f"{place}/{_escaped(name)}", inner) for name, inner in reversed(list(member.items()))]
        elif isinstance(member, list):
            pending += [(label, f"{place}/{number}", inner) for number, inner in reversed(list(enumerate(member)))]
        elif isinstance(member, (str, int)) and not isinstance(member, bool):
            text = member if isinstance(member, str) else str(member) if abs(member) < _LARGEST_NUMBER else ""
            found = looks_like_patient_identifier(text)
            found = found or (looks_like_patient_identifier(f"{_words(label)}: {text}") if label else None)
            if found:
                yield place, found


def sniff(head: bytes) -> Kind:
    """What a file is by its first bytes (``HEAD_LENGTH`` of them suffice)."""
    if head[128:132] == b"DICM" or _DICOM_WITHOUT_PREAMBLE.match(head):
        return "dicom"
    for kind, pattern in _SIGNATURES:
        if pattern.match(head):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return "xlsx" if b"xl/" in head else "docx" if b"word/" in head else "zip"
    return "text" if _is_text(head) else "unknown"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return True
    return bool(head) and not _BINARY.search(head)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _words(name: str) -> str:
    return re.sub(r"[_\s-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


_LARGEST_NUMBER = 10**18
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_DATE = (
    r"(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})|\d{4}[/.-]\d{1,2}[/.-]\d{1,2}"
    r"|\d{1,2}(?:st|nd|rd|th)?\s+[a-z]{3,9}\.?,?\s+\d{4}|[a-z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})(?!\d)"
)
_IDENTIFIERS: tuple[tuple[Identifier, re.Pattern[str]], ...] = (
    ("ssn", re.compile(r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])", re.ASCII)),
    (
        "ssn",
        re.compile(
            r"\b(?:SSN|social security(?: (?:number|no\.?|num\.?|#))?)\s*(?:is\s+)?[:#=]*\s*"
            r"\d{3}[ -]?\d\d[ -]?\d{4}(?!\d)",
            re.IGNORECASE,
        ),
    ),
    (
        "mrn",
        re.compile(
            r"\b(?:MRN(?:\s*(?:number|no\.?|\#))?"
            r"|(?:medical record|patient|pat\.?|pt\.?|chart)\s*(?:id|identifier|number|num\.?|no\.?|nr\.?|\#))"
            r"(?:\s+(?:is|was))?[\s:=#.-]*[A-Z]{0,4}-?\d{3,}(?![\w./-]*[/.-]\d)",
            re.IGNORECASE,
        ),
    ),
    (
        "date_of_birth",
        re.compile(
            rf"\b(?:DOB|D\.O\.B\.?|date of birth|birth ?date|birthday)(?:\s+(?:is|was))?[\s:=#-]*{_DATE}", re.IGNORECASE
        ),
    ),
)
_DICOM_WITHOUT_PREAMBLE = re.compile(rb"(?:\x02\x00[\x00-\x16]\x00|\x08\x00[\x00-\x18]\x00)(?:UL|OB|UI|CS|SH)")
_SIGNATURES: tuple[tuple[Kind, re.Pattern[bytes]], ...] = (
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("jpeg", re.compile(rb"\xff\xd8\xff")),
    ("jpeg2000", re.compile(rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("tiff", re.compile(rb"II[*+]\x00|MM\x00[*+]")),
    ("webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("bmp", re.compile(rb"BM.{4}\x00{4}", re.DOTALL)),
    ("heic", re.compile(rb".{4}ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1|avif)", re.DOTALL)),
    ("pdf", re.compile(rb"\s{0,8}%PDF-")),
    ("ole", re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
