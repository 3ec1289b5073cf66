"""Where the samples lie, and the lifecycle table they were made for."""

import json
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import ParsedImport
from domain.inventory.imports.source import parse
from domain.inventory.operating_systems import OperatingSystems

CATALOGUE = Path(__file__).parents[4] / "domain" / "sra" / "catalogue" / "2026.1"
SAMPLES = Path(__file__).parents[3] / "samples"
FORMATS = SAMPLES / "rmm-formats"
AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Lifecycle(NamedTuple):
    """As little of a lifecycle row as the look-up needs."""

    product: str
    release_cycle: str
    build: str | None


@cache
def operating_systems() -> OperatingSystems:
    rows = tomllib.loads((CATALOGUE / "os_lifecycles.toml").read_text("utf-8"))["lifecycle"]
    return OperatingSystems(Lifecycle(row["product"], row["release_cycle"], row.get("build")) for row in rows)


def read(source: str, *, timezone: str = "UTC", mapping: ColumnMapping | None = None, **parts: bytes) -> ParsedImport:
    """One import as of the day of the samples."""
    return parse(source, parts, as_of=AS_OF, operating_systems=operating_systems(), timezone=timezone, mapping=mapping)


def load(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_bytes()))
