"""Any table of devices: columns are found by their headings, or by the mapping the technician states.

Used for exports of tools without a reader of their own and for lists kept by hand.
"""

from collections.abc import Sequence

from domain.inventory.imports.columns import REPORTED_WHEN_MISSING, CheckedMapping, columns_of
from domain.inventory.imports.documents import storable
from domain.inventory.imports.drafts import Draft
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.tables import Row, Table
from domain.inventory.imports.texts import LONGEST_TEXT
from domain.inventory.imports.words import antivirus_of, definitions_of, encryption_of


class Columns:
    """The columns of one table, and how a row of it becomes a draft."""

    def __init__(self, table: Table, mapping: CheckedMapping) -> None:
        self._at = columns_of(table.headings, mapping)
        self._names = _distinct(table.headings)

    @property
    def names_hosts(self) -> bool:
        return "hostname" in self._at

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in REPORTED_WHEN_MISSING if name not in self._at)

    def draft(self, row: Row) -> Draft:
        cells, column = row.cells, self._at

        def cell(name: str) -> str:
            return cells[column[name]] if name in column else ""

        antivirus = antivirus_of(cell("av"))
        if "av_definitions" in column and antivirus.definitions == "unknown":
            antivirus = antivirus._replace(definitions=definitions_of(cell("av_definitions"), antivirus.state))
        return Draft(
            hostnames=(cell("hostname"),),
            source_id=cell("source_id"),
            os_name=cell("os_name"),
            os_edition=cell("os_edition"),
            os_build=cell("os_build"),
            os_release=cell("os_release"),
            last_seen=(cell("last_seen"),),
            encryption=encryption_of(cell("encryption")),
            antivirus=antivirus,
            serials=(cell("serial"),),
            sites=(cell("site"),),
            companies=(cell("company"),),
            warnings=[*row.warnings],
        )

    def raw(self, row: Row) -> dict[str, Json]:
        """The row by heading, as it came, but for what cannot be stored: NUL, and more than 4,096 characters."""
        cells: dict[str, Json] = dict(zip(self._names, row.raw, strict=True))
        if not row.warnings:
            return cells
        return storable({name: cell[:LONGEST_TEXT] for name, cell in zip(self._names, row.raw, strict=True)})


def _distinct(headings: Sequence[str]) -> list[str]:
    """A name for each column: empty headings are numbered, equal ones counted."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for position, heading in enumerate(headings, start=1):
        name = heading or f"column {position}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def draft(columns: Columns, row: Row) -> Draft:
    return columns.draft(row)
