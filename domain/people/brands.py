"""The brand of a tenant, on every report: a name, a colour that can be read on white, and a logo of a safe kind."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.sra.report.brand import Logo
from domain.tenancy import Fields

LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3: of text against its ground, here white."""


class LogoFields(Fields):
    base64: str = Field(max_length=800_000, description="A PNG or JPEG file of up to 600,000 bytes.")
    description: str = Field(min_length=1, max_length=300, description="What somebody who cannot see it reads instead.")


class BrandFields(Fields):
    name: str | None = Field(default=None, min_length=1, max_length=200)
    colour: str | None = Field(default=None, schema_extra={"pattern": r"^#[0-9a-fA-F]{6}$"})
    logo: LogoFields | None = None


def check_brand(brand: Mapping[str, Any]) -> None:
    """Refuse a brand that could not be printed, or whose colour could not be read on white."""
    try:
        fields = BrandFields.model_validate(brand)
    except ValidationError as error:
        raise Invalid(
            [Fault("/brand/" + "/".join(map(str, each["loc"])), each["type"], each["msg"]) for each in error.errors()]
        ) from None
    if fields.colour is not None and contrast_on_white(fields.colour) < LEAST_CONTRAST:
        found = f"{contrast_on_white(fields.colour):.1f}"
        detail = f"As text on white this has a contrast of {found} : 1; {LEAST_CONTRAST} : 1 can be read. Choose a darker one."
        raise Invalid.one("/brand/colour", "low_contrast", detail)
    if fields.logo is not None:
        try:
            Logo(base64=fields.logo.base64, description=fields.logo.description)
        except ValidationError as error:
            raise Invalid.one("/brand/logo/base64", "not_a_picture", error.errors()[0]["msg"]) from None


def contrast_on_white(colour: str) -> float:
    """The contrast ratio of ``#rrggbb`` and white, as WCAG 2.2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def without_picture(brand: Mapping[str, Any]) -> dict[str, Any]:
    """As an event tells it: the logo by its hash, for a picture has no place in the audit trail."""
    logo: Mapping[str, Any] | None = brand.get("logo")
    if not logo:
        return dict(brand)
    return {**brand, "logo": {"sha256": hashlib.sha256(str(logo.get("base64")).encode()).hexdigest()}}
