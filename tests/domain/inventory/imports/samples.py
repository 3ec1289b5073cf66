"""Where the samples lie, and the lifecycle table they were made for."""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import ParsedImport
from domain.inventory.imports.parsing import parse
from domain.inventory.operating_systems import OperatingSystems

CATALOGUE = Path(__file__).parents[4] / "domain" / "sra" / "catalogue" / "2026.1"
SAMPLES = Path(__file__).parents[3] / "samples"
FORMATS = SAMPLES / "rmm-formats"
AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)

DEVICE_LISTS = {
    "ninjaone": "ninjaone-devices.json",
    "datto": "datto-devices.json",
    "n-central": "n-central-devices.json",
    "cw-automate": "cw-automate-computers.json",
    "syncro": "syncro-assets.json",
    "atera": "atera-agents.json",
    "action1": "action1-endpoints.json",
    "snipe-it": "snipe-it-hardware.json",
}
"""One sample of every JSON source."""


class Lifecycle(NamedTuple):
    """As little of a lifecycle row as the look-up needs."""

    product: str
    release_cycle: str
    build: str | None


@cache
def lifecycles() -> tuple[Lifecycle, ...]:
    rows = tomllib.loads((CATALOGUE / "os_lifecycles.toml").read_text("utf-8"))["lifecycle"]
    return tuple(Lifecycle(row["product"], row["release_cycle"], row.get("build")) for row in rows)


@cache
def operating_systems() -> OperatingSystems:
    return OperatingSystems(lifecycles())


def read(
    source: str, parts: bytes | Mapping[str, bytes], *, timezone: str = "UTC", mapping: ColumnMapping | None = None
) -> ParsedImport:
    """One import as of the day of the samples. Bytes alone are the list of devices."""
    return parse(
        source,
        {"devices": parts} if isinstance(parts, bytes) else parts,
        as_of=AS_OF,
        operating_systems=operating_systems(),
        timezone=timezone,
        mapping=mapping,
    )


def load(path: Path) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(path.read_bytes()))


def load_json(data: bytes) -> Any:
    return json.loads(data)


def records_of(document: Any) -> list[dict[str, Any]]:
    """The list of devices in a JSON sample, whichever member holds it."""
    lists: list[Any] = [document] if isinstance(document, list) else [*cast(dict[str, Any], document).values()]
    return next(cast(list[dict[str, Any]], member) for member in lists if isinstance(member, list))
