"""What is publicly known of imaging vendors and their products, with where it can be read: ``market.toml``.

Updatable data beside the catalogue's editions: no rule reads it, so it can change without a new edition.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class KnownVendor:
    """A company with its products and the category that a tenant would file it under."""

    name: str
    products: tuple[str, ...]
    category: str | None
    basis: str
    """``advisory``: named so in a public advisory. ``maker``: named so by its maker."""
    source: str


@dataclass(frozen=True)
class Publication:
    """When and where a known issue of the catalogue was published. ``on``: a day, or a month or year only."""

    issue: str
    on: str
    url: str


@dataclass(frozen=True)
class Market:
    as_of: date
    vendors: tuple[KnownVendor, ...]
    publications: Mapping[str, Publication]


@cache
def market() -> Market:
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    vendors = [
        KnownVendor(each["name"], tuple(each["products"]), each.get("category"), each["basis"], each["source"])
        for each in data["vendor"]
    ]
    publications = [Publication(**each) for each in data["publication"]]
    return Market(
        as_of=data["as_of"],
        vendors=tuple(sorted(vendors, key=lambda each: each.name)),
        publications={each.issue: each for each in publications},
    )
