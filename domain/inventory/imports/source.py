"""The sources an inventory can be imported from.

A JSON source says where its list of devices lies, by which members its records are known, and how a record becomes a
draft; a table source only the last. Everything else is common to all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.inventory.imports import (
    action1,
    atera,
    connectwise_automate,
    datto,
    generic_csv,
    n_central,
    ninjaone,
    snipe_it,
    syncro,
)
from domain.inventory.imports.columns import CheckedMapping
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.tables import Row
from domain.inventory.imports.times import Clock, EpochUnit

Record = dict[str, Json]
DraftOf = Callable[[Record], Draft]


@dataclass(frozen=True, slots=True)
class Part:
    """One document of an import. ``list_at``: the member that holds the list, None where the document is the list.
    ``by_id``: an object from id to detail instead of a list."""

    name: str
    list_at: str | None = None
    by_id: bool = False
    marks: frozenset[str] = frozenset()
    """Members by which its records are known where the devices should be."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a reader may look at besides the record itself: the other documents, the clock and the mapping."""

    lists: Mapping[str, list[Json]]
    details: Mapping[str, Mapping[str, Json]]
    clock: Clock
    mapping: CheckedMapping


@dataclass(frozen=True, slots=True)
class JsonSource:
    name: str
    title: str
    parts: tuple[Part, ...]
    """The list of devices first; the others may be missing."""
    marks: frozenset[str]
    """Members by which a record of this source is known from another's."""
    reader: Callable[[Beside], DraftOf]
    unit: EpochUnit | None = None


@dataclass(frozen=True, slots=True)
class TableSource:
    name: str
    title: str
    draft: Callable[[generic_csv.Columns, Row], Draft]
    parts: tuple[Part, ...] = (Part("devices"),)


Source = JsonSource | TableSource


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        JsonSource(
            "ninjaone",
            "NinjaOne",
            (
                Part("devices"),
                Part("volumes", "results", marks=frozenset({"bitLockerStatus", "driveLetter", "fileSystem"})),
                Part("antivirus", "results", marks=frozenset({"productState", "definitionStatus"})),
                Part("os-patches", "results", marks=frozenset({"kbNumber", "severity"})),
                Part("os-patch-installs", "results", marks=frozenset({"kbNumber", "installedAt"})),
            ),
            ninjaone.MARKS,
            lambda beside: ninjaone.reader(beside.lists, beside.clock),
            unit="s",
        ),
        JsonSource(
            "datto",
            "Datto RMM",
            (Part("devices", "devices"), Part("audit", by_id=True)),
            datto.MARKS,
            lambda beside: datto.reader(beside.details.get("audit", {}), beside.mapping),
            unit="ms",
        ),
        TableSource("datto-csv", "Datto RMM (CSV)", datto.table_draft),
        JsonSource(
            "n-central",
            "N-central",
            (Part("devices", "data"), Part("assets", by_id=True)),
            n_central.MARKS,
            lambda beside: n_central.reader(beside.details.get("assets", {})),
        ),
        JsonSource(
            "cw-automate",
            "ConnectWise Automate",
            (Part("devices"),),
            connectwise_automate.MARKS,
            lambda beside: connectwise_automate.reader(beside.clock),
        ),
        JsonSource("syncro", "Syncro", (Part("devices", "assets"),), syncro.MARKS, lambda _: syncro.draft),
        JsonSource("atera", "Atera", (Part("devices", "items"),), atera.MARKS, lambda _: atera.draft),
        JsonSource("action1", "Action1", (Part("devices", "items"),), action1.MARKS, lambda _: action1.draft),
        JsonSource(
            "snipe-it",
            "Snipe-IT",
            (Part("devices", "rows"),),
            snipe_it.MARKS,
            lambda beside: snipe_it.reader(beside.mapping),
        ),
        TableSource("csv", "CSV", generic_csv.draft),
    )
}
