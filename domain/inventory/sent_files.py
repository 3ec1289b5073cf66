"""The documents of an import as they were sent: what they are by their first bytes, and how they are remembered."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from domain.errors import UnsupportedMedia
from domain.inventory.patient_data import DICOM_INSIDE, HEAD_LENGTH, IMAGES, sniff


@dataclass(frozen=True, slots=True)
class SentFile:
    """One document. ``part`` is what it is in the import, such as ``devices`` or ``volumes``."""

    part: str
    name: str
    content: bytes

    def described(self) -> dict[str, Any]:
        """For the data-collection log of the analysis."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"part": self.part, "name": self.name, "size": len(self.content), "sha256": digest}


def refuse_what_is_no_export(files: Iterable[SentFile]) -> None:
    """An export is text. Raises UnsupportedMedia for images, first of all for those that may show a patient."""
    for file in files:
        kind = sniff(file.content[:HEAD_LENGTH])
        if kind == "dicom" or DICOM_INSIDE.search(file.content):
            raise UnsupportedMedia(
                f"The file ({file.part}) is or holds a DICOM image. Patient data must not be sent here; nothing was kept.",
                code="dicom_refused",
            )
        if kind in IMAGES:
            raise UnsupportedMedia(f"The file ({file.part}) is an image ({kind}), not an export. Nothing of it was kept.")
        if kind in _OFFICE:
            raise UnsupportedMedia(f"The file ({file.part}) is {_OFFICE[kind]}. Export the devices as JSON or CSV instead.")


_OFFICE = {
    "pdf": "a PDF document",
    "xlsx": "an Excel workbook",
    "docx": "a Word document",
    "zip": "a ZIP archive",
    "ole": "an old Office document",
}
