"""DICOM images inside of documents: appended to a PDF or attached in it, embedded in an office file, in an archive in it.

A viewer may take such a file for a document, and so might we. What is searched for is the form that PS3.10 of the DICOM
standard prescribes: after a preamble of 128 bytes ``DICM``, then the first element of the file's meta information.
"""

import base64
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from domain.errors import UnsupportedMedia
from domain.inventory.patient_data import ARCHIVES, DICOM_INSIDE, HEAD_LENGTH, sniff

PIECE = 1024 * 1024
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes that the members of an office file may unpack to, all together: ten times the largest upload."""
MOST_MEMBERS = 10_000
MOST_STREAMS = 50_000
"""Of PDFs, all together. A book of a thousand pages has some thousands."""
DEEPEST = 3
"""Archives in archives: a presentation in a letter holds a workbook."""
FILTERS_DEEP = 3
"""Filters of a stream of a PDF, one upon the other."""

_STREAM = re.compile(rb"stream[ \t]*(?:\r\n|\n|\r)")
_LONGEST_STREAM = 16
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f\s]+")
_BASE_85 = re.compile(rb"[!-u\sz]+")
_FEWEST_DIGITS = 40
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the stream that an office file locked by a password consists of."""
_LOCKED = re.compile(b"/" + b"".join(b"(?:%c|#%02x|#%02X)" % (each, each, each) for each in b"Encrypt") + rb"[\s<%]")
"""What an encrypted PDF says in plain text, whichever of its letters are written as numbers (ISO 32000-1 section 7.3.5)."""


def holds_dicom(file: IO[bytes]) -> bool:
    """Whether a DICOM image is anywhere in the file. Raises UnsupportedMedia for what unpacks to too much to look through."""
    return _Search().in_file(file, depth=0)


class _Search:
    """One search. What archives in archives unpack to is counted together."""

    def __init__(self) -> None:
        self._room = MOST_UNPACKED
        self._members = MOST_MEMBERS
        self._streams = MOST_STREAMS

    def in_file(self, file: IO[bytes], *, depth: int) -> bool:
        file.seek(0)
        head = file.read(HEAD_LENGTH)
        kind = sniff(head)
        if kind == "dicom" or _stands_in(file, DICOM_INSIDE):
            return True
        if kind == "pdf":
            return self._in_pdf(file)
        if kind in {"zip", "docx", "xlsx"} or (kind == "unknown" and zipfile.is_zipfile(file)):
            return self._in_archive(file, depth)
        if head.startswith(ARCHIVES) or (kind == "ole" and _stands_in(file, re.compile(re.escape(_ENCRYPTED)))):
            raise _unsearchable()
        return False

    def _in_pdf(self, file: IO[bytes]) -> bool:
        """Looks at the beginning of what each stream holds. An attachment is one of them.

        Of an encrypted PDF that shows nothing, even where it opens without a password.
        """
        if _stands_in(file, _LOCKED):
            raise UnsupportedMedia(
                "This PDF is encrypted, so it cannot be looked through for patient images. Save it without a password and "
                "without restrictions, and send it again.",
                code="encrypted_refused",
            )
        for place in _places_of_streams(file):
            self._streams -= 1
            if self._streams < 0:
                raise _unsearchable()
            file.seek(place)
            for beginning in _unfiltered(file.read(HEAD_LENGTH)):
                kind = sniff(beginning)
                if kind == "dicom":
                    return True
                if kind in {"zip", "docx", "xlsx"} or beginning.startswith(ARCHIVES[0]):
                    raise _unsearchable()
        return False

    def _in_archive(self, file: IO[bytes], depth: int) -> bool:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            self._members -= len(members)
            if depth == DEEPEST or self._members < 0:
                raise _unsearchable()
            return any(self._in_member(archive, member, depth) for member in members)

    def _in_member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, depth: int) -> bool:
        with archive.open(member) as packed, tempfile.SpooledTemporaryFile(PIECE) as unpacked:
            while piece := packed.read(PIECE):
                self._room -= len(piece)
                if self._room < 0:
                    raise _unsearchable()
                unpacked.write(piece)
            return self.in_file(unpacked, depth=depth + 1)


def _stands_in(file: IO[bytes], wanted: re.Pattern[bytes]) -> bool:
    file.seek(0)
    before = b""
    while piece := file.read(PIECE):
        if wanted.search(before + piece):
            return True
        before = piece[-len(_ENCRYPTED) :]
    return False


def _places_of_streams(file: IO[bytes]) -> Iterator[int]:
    """Where the content of each begins. The caller may move in the file meanwhile."""
    place, before = 0, b""
    while True:
        file.seek(place)
        piece = file.read(PIECE)
        if not piece:
            return
        text = before + piece
        for found in _STREAM.finditer(text):
            if found.end() > len(before):  # else it was found in the piece before
                yield place - len(before) + found.end()
        place += len(piece)
        before = text[-_LONGEST_STREAM:]


def _unfiltered(content: bytes) -> Iterator[bytes]:
    """The beginning of a stream as it stands, and with each of its filters undone (ISO 32000-1 section 7.4)."""
    yield content
    for _ in range(FILTERS_DEEP):
        undone = _inflated(content) or _from_hexadecimal(content) or _from_base_85(content)
        if not undone:
            return
        content = undone
        yield content


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, HEAD_LENGTH)
    except zlib.error:
        return b""


def _from_hexadecimal(content: bytes) -> bytes:
    digits = _HEXADECIMAL.match(content)
    plain = b"".join(digits[0].split()) if digits else b""
    return bytes.fromhex(plain[: len(plain) // 2 * 2].decode()) if len(plain) > _FEWEST_DIGITS else b""


def _from_base_85(content: bytes) -> bytes:
    digits = _BASE_85.match(content)
    plain = b"".join(digits[0].split()) if digits else b""
    try:
        whole = plain if len(content) < HEAD_LENGTH else plain[: len(plain) // 5 * 5]
        return base64.a85decode(whole) if len(plain) > _FEWEST_DIGITS else b""
    except ValueError:
        return b""


def _unsearchable() -> UnsupportedMedia:
    return UnsupportedMedia(
        "This file holds more than can be looked through for patient images, or something packed or locked. Send a plain PDF.",
        code="archive_refused",
    )
