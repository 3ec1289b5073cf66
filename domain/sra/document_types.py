"""What an upload really is. Its name and the type it claims are not believed: a radiograph may come as ``report.pdf``.

Only kinds that can be recognised as documents are taken. An archive is not: nobody can see what is inside it.
"""

import lzma
import zipfile
import zlib
from typing import IO

from domain.errors import UnsupportedMedia
from domain.inventory.patient_data import ARCHIVES, HEAD_LENGTH, IMAGES, Kind, sniff
from domain.sra.hidden_images import holds_dicom

OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": f"{OFFICE}.wordprocessingml.document",
    "xlsx": f"{OFFICE}.spreadsheetml.sheet",
    "pptx": f"{OFFICE}.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ole": "application/x-ole-storage",
    "text": "text/plain; charset=utf-8",
}
"""Text is served as plain text whatever it is, so that no HTML or SVG of a stranger is ever shown as a page."""
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)
"""What unpacking raises; RuntimeError for want of a password."""
FOLDERS = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}


def media_type_of(file: IO[bytes]) -> str:
    """The media type to keep a document under, or :class:`UnsupportedMedia` with the reason. Blocks; reads all of it."""
    file.seek(0)
    head = file.read(HEAD_LENGTH)
    kind = sniff(head)
    media_type = None if kind == "dicom" else _document_type(file, kind, head)
    if media_type is None or _holds_dicom(file):
        raise UnsupportedMedia("DICOM images are patient data; Bitewing keeps none.", code="dicom_refused")
    return media_type


def _document_type(file: IO[bytes], kind: Kind, head: bytes) -> str:
    if kind in IMAGES:
        raise UnsupportedMedia(
            "Images may show patients; Bitewing keeps documents only. Send a PDF, office file or text.", code="image_refused"
        )
    if kind in {"zip", "docx", "xlsx"}:
        return _inside_zip(file)
    if head.startswith(ARCHIVES):
        raise _archive()
    if kind not in MEDIA_TYPES:
        raise UnsupportedMedia("This is not a kind of document that is known here. Send a PDF, office file or text.")
    return MEDIA_TYPES[kind]


def _holds_dicom(file: IO[bytes]) -> bool:
    try:
        return holds_dicom(file)
    except DAMAGE:
        raise _damaged() from None


def _inside_zip(file: IO[bytes]) -> str:
    """Office files are ZIP archives; which one it is stands in the names of its members."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            first = _beginning(archive, names[0]) if names[:1] == ["mimetype"] else ""
    except DAMAGE:
        raise _damaged() from None
    if first.strip() in {MEDIA_TYPES["odt"], MEDIA_TYPES["ods"], MEDIA_TYPES["odp"]}:
        return first.strip()
    for folder, kind in FOLDERS.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            return MEDIA_TYPES[kind]
    raise _archive()


def _archive() -> UnsupportedMedia:
    return UnsupportedMedia("An archive hides what is in it. Send its documents one by one.", code="archive_refused")


def _damaged() -> UnsupportedMedia:
    return UnsupportedMedia("This begins like an office file or an archive, but is damaged or locked by a password.")


def _beginning(archive: zipfile.ZipFile, name: str) -> str:
    """The first bytes only: a member may unpack to more than the machine can hold."""
    with archive.open(name) as member:
        return member.read(100).decode("ascii", "replace")
