"""Looks whether the things that one row names by id are there: in one query, whatever their number and kind.

Ids in lists and in facts have no foreign key; and where there is one, its error would name a column of ours and not the
field that the caller sent.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, literal, select, union_all
from sqlmodel import SQLModel

from domain.errors import Fault, Invalid
from domain.inventory.kinds import EndKind
from domain.tenancy import TenantSession

Named = tuple[str, UUID | str, frozenset[EndKind]]
"""The field as a JSON pointer, the id in it, and what the id may be of."""
DEVICE = frozenset({EndKind.device})
VENDOR = frozenset({EndKind.vendor})
ASSET = frozenset({EndKind.device, EndKind.system})


async def refuse_absent(session: TenantSession, organization_id: UUID, named: Iterable[Named]) -> None:
    """Refuse, field by field, every id that is not in this organization's inventory.

    Vendors belong to the tenant as a whole. Another tenant's thing, another organization's and an archived one are all
    "not there".
    """
    wanted = [(pointer, as_uuid(identifier), kinds) for pointer, identifier, kinds in named]
    by_kind: dict[EndKind, set[UUID]] = {}
    for _, identifier, kinds in wanted:
        if identifier is not None:
            for kind in kinds:
                by_kind.setdefault(kind, set()).add(identifier)
    found = await _present(session, organization_id, by_kind) if by_kind else set[tuple[str, UUID]]()
    faults = [
        Fault(pointer, "unknown_reference", f"There is no such {' or '.join(sorted(kinds))} here.")
        for pointer, identifier, kinds in wanted
        if not any((kind.value, identifier) in found for kind in kinds)
    ]
    if faults:
        raise Invalid(faults)


def as_uuid(value: UUID | str) -> UUID | None:
    """The id, or None for a text that is none."""
    try:
        return UUID(str(value))
    except ValueError:
        return None


async def _present(
    session: TenantSession, organization_id: UUID, by_kind: Mapping[EndKind, set[UUID]]
) -> set[tuple[str, UUID]]:
    parts = [_those(kind, ids, organization_id) for kind, ids in sorted(by_kind.items())]
    statement: CompoundSelect[str, UUID] = union_all(*parts)
    return {(kind, identifier) for kind, identifier in await session.execute(statement)}


def _those(kind: EndKind, ids: set[UUID], organization_id: UUID) -> Select[str, UUID]:
    """Of one table, which is called as the kind is."""
    columns = SQLModel.metadata.tables[kind.value].columns
    conditions: list[ColumnElement[bool]] = [columns["id"].in_(sorted(ids)), columns["archived_at"].is_(None)]
    if "organization_id" in columns:
        conditions.append(columns["organization_id"] == organization_id)
    return select(literal(kind.value), columns["id"]).where(*conditions)
