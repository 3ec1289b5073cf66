"""Whose report it is: the name, colour and logo that it wears."""

import base64
import binascii
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.sra.report.pictures import picture_size
from domain.sra.report.rows import Row

LARGEST_LOGO = 600_000  # bytes
MOST_PIXELS = 4_000  # along either side: a small file can unpack to gigabytes


class Logo(Row):
    """A PNG or JPEG in base64, checked here so that a broken file can never break a report."""

    base64: str
    description: str

    @model_validator(mode="after")
    def _is_a_picture(self) -> Self:
        try:
            content = base64.b64decode(self.base64, validate=True)
        except binascii.Error:
            raise ValueError("the logo is not valid base64") from None
        if len(content) > LARGEST_LOGO:
            raise ValueError(f"the logo has {len(content)} bytes; {LARGEST_LOGO} are allowed")
        _, width, height = picture_size(content)
        if not 1 <= width <= MOST_PIXELS or not 1 <= height <= MOST_PIXELS:
            raise ValueError(f"the logo measures {width} x {height} pixels; up to {MOST_PIXELS} each way are allowed")
        return self

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.base64)


class Brand(Row):
    """Whose name and colour the report wears: the tenant's."""

    name: str
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    logo: Logo | None = None
