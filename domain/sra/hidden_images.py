"""DICOM images inside of documents: appended to a PDF or attached in it, embedded in an office file, in an archive in it.

A viewer may take such a file for a document, and so might we. What is searched for is the form that PS3.10 of the DICOM
standard prescribes: after a preamble of 128 bytes ``DICM``, then the first element of the file's meta information.
"""

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from domain.errors import UnsupportedMedia
from domain.inventory.patient_data import HEAD_LENGTH, sniff

PIECE = 1024 * 1024
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes that the members of an office file may unpack to, all together: ten times the largest upload."""
MOST_MEMBERS = 10_000
DEEPEST = 3
"""Archives in archives: a presentation in a letter holds a workbook."""

_DICOM = re.compile(rb"DICM\x02\x00[\x00-\x1f]\x00(?:UL|OB|UI|SH|AE)")
_LONGEST = 10
_STREAM = re.compile(rb"stream\r?\n")


def holds_dicom(file: IO[bytes]) -> bool:
    """Whether a DICOM image is anywhere in the file. Raises UnsupportedMedia for what unpacks to too much to look through."""
    return _Search().in_file(file, depth=0)


class _Search:
    """One search. What archives in archives unpack to is counted together."""

    def __init__(self) -> None:
        self._room = MOST_UNPACKED
        self._members = MOST_MEMBERS

    def in_file(self, file: IO[bytes], *, depth: int) -> bool:
        file.seek(0)
        kind = sniff(file.read(HEAD_LENGTH))
        if kind == "dicom" or _stands_in(file):
            return True
        if kind == "pdf":
            return any(sniff(beginning) == "dicom" for beginning in _streams_of_pdf(file))
        if kind in {"zip", "docx", "xlsx"}:
            return self._in_archive(file, depth)
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


def _stands_in(file: IO[bytes]) -> bool:
    file.seek(0)
    before = b""
    while piece := file.read(PIECE):
        if _DICOM.search(before + piece):
            return True
        before = piece[-_LONGEST:]
    return False


def _streams_of_pdf(file: IO[bytes]) -> Iterator[bytes]:
    """The beginning of what each compressed stream holds. An attachment is one of them."""
    for place in list(_places_of_streams(file)):
        file.seek(place)
        try:
            yield zlib.decompressobj().decompress(file.read(HEAD_LENGTH), HEAD_LENGTH)
        except zlib.error:  # stored in another way, and then seen as it stands
            continue


def _places_of_streams(file: IO[bytes]) -> Iterator[int]:
    file.seek(0)
    place, before = 0, b""
    while piece := file.read(PIECE):
        text = before + piece
        for found in _STREAM.finditer(text):
            if found.end() > len(before):  # else it was found in the piece before
                yield place - len(before) + found.end()
        place += len(piece)
        before = text[-len(b"stream\r\n") :]


def _unsearchable() -> UnsupportedMedia:
    return UnsupportedMedia(
        "This office file unpacks to more than can be looked through for patient images. Send what is in it as a PDF.",
        code="archive_refused",
    )
