"""What an upload really is. Its name and the type it claims are not believed: a radiograph may come as ``report.pdf``.

Only kinds that can be recognised as documents are taken. An archive is not: nobody can see what is inside it.
"""

import io
import zipfile
import zlib

from domain.errors import UnsupportedMedia
from domain.inventory.patient_data import HEAD_LENGTH, IMAGES, sniff

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
FOLDERS = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}


def media_type_of(content: bytes) -> str:
    """The media type to keep a document under, or :class:`UnsupportedMedia` with the reason."""
    kind = sniff(content[:HEAD_LENGTH])
    if kind == "dicom":
        raise UnsupportedMedia("DICOM images are patient data; Bitewing keeps none.", code="dicom_refused")
    if kind in IMAGES:
        raise UnsupportedMedia(
            "Images may show patients; Bitewing keeps documents only. Send a PDF, office file or text.", code="image_refused"
        )
    if kind in {"zip", "docx", "xlsx"}:
        return _inside_zip(content)
    if kind not in MEDIA_TYPES:
        raise UnsupportedMedia("This is not a kind of document that is known here. Send a PDF, office file or text.")
    return MEDIA_TYPES[kind]


def _inside_zip(content: bytes) -> str:
    """Office files are ZIP archives; which one it is stands in the names of its members."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            first = _beginning(archive, names[0]) if names[:1] == ["mimetype"] else ""
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, ValueError):
        raise UnsupportedMedia("This begins like an office file or an archive, but is damaged.") from None
    if first.strip() in {MEDIA_TYPES["odt"], MEDIA_TYPES["ods"], MEDIA_TYPES["odp"]}:
        return first.strip()
    for folder, kind in FOLDERS.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            return MEDIA_TYPES[kind]
    raise UnsupportedMedia("An archive hides what is in it. Send its documents one by one.", code="archive_refused")


def _beginning(archive: zipfile.ZipFile, name: str) -> str:
    """The first bytes only: a member may unpack to more than the machine can hold."""
    with archive.open(name) as member:
        return member.read(100).decode("ascii", "replace")
