"""Saved column mappings: what the columns of a table mean, said once and named with every later import of it."""

from typing import Any, ClassVar

from sqlalchemy import Index, text
from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import UnreadableImport
from domain.inventory.imports.source import SOURCES
from domain.records import change, create
from domain.tenancy import Archivable, Fields, TenantOwned, TenantSession, json_object, tenant_table

MOST_COLUMNS = 500


class ColumnMappingFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    source: str = Field(default="csv", max_length=50, description="The import source that it is for.")
    columns: dict[str, Any] = json_object()
    """Heading (or Datto UDF, or Snipe-IT custom field) to field; null leaves a column out."""
    date_format: str | None = Field(default=None, max_length=100, description="Such as MM/DD/YYYY hh:mm AM/PM.")


class SavedMapping(ColumnMappingFields, TenantOwned, Archivable, table=True):
    __tablename__ = "column_mapping"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        Index("uq_column_mapping_name", "tenant_id", "name", unique=True, postgresql_where=text("archived_at is null"))
    )
    noun: ClassVar[str] = "column_mapping"

    def mapping(self) -> ColumnMapping:
        return ColumnMapping(self.columns, self.date_format)


async def save_mapping(session: TenantSession, fields: ColumnMappingFields) -> SavedMapping:
    _check(fields)
    return await create(session, SavedMapping(**fields.model_dump()))


async def change_mapping(session: TenantSession, saved: SavedMapping, fields: ColumnMappingFields) -> SavedMapping:
    _check(fields)
    return await change(session, saved, fields)


def _check(fields: ColumnMappingFields) -> None:
    if fields.source not in SOURCES:
        raise Invalid.one("/source", "unknown_source", f"There is no such import source; there are: {', '.join(SOURCES)}.")
    if len(fields.columns) > MOST_COLUMNS:
        raise Invalid.one("/columns", "too_long", f"A mapping names at most {MOST_COLUMNS} columns.")
    strange = [heading for heading, field in fields.columns.items() if not (field is None or isinstance(field, str))]
    if strange:
        raise Invalid.one("/columns", "wrong_type", "A column is mapped to the name of a field, or to null.")
    try:
        ColumnMapping(fields.columns, fields.date_format).checked()
    except UnreadableImport as refusal:
        raise Invalid(
            [Fault(each.pointer.removeprefix("/mapping"), each.code, each.detail) for each in refusal.faults]
        ) from None
