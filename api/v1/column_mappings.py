"""What the columns of a table mean, saved once and named with every later import.

Everybody's imports rely on them, so whoever is narrowed to some organizations may add one and change none.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, door_router, may, merged, patch_of, this, whole_tenant
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import column_mappings
from domain.inventory.column_mappings import ColumnMappingFields, SavedMapping
from domain.records import archive

router = door_router("imports")
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisMapping = Annotated[SavedMapping, this(SavedMapping)]


class ColumnMappingOut(BaseModel):
    id: UUID
    name: str
    source: str
    columns: dict[str, str | None]
    date_format: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


MAPPINGS = Listing(
    ColumnMappingOut,
    SavedMapping,
    sorts={"name": col(SavedMapping.name), "created_at": col(SavedMapping.created_at)},
    filters=filters_of(SavedMapping, "source"),
    where=col(SavedMapping.archived_at).is_(None),
)


@router.get("/column-mappings", response_model=Page[ColumnMappingOut])
async def list_column_mappings(by: Reader, window: PagedAndSorted, source: str | None = None) -> Response:
    return await MAPPINGS.page(by, window, source=source)


@router.post("/column-mappings", status_code=201, response_model=ColumnMappingOut)
async def save_column_mapping(by: Writer, fields: ColumnMappingFields) -> SavedMapping:
    """Name it as ``mapping_id`` with an import."""
    return by.tag(await column_mappings.save_mapping(by.session, fields))


@router.get("/column-mappings/{column_mapping_id}", response_model=ColumnMappingOut)
async def read_column_mapping(by: Reader, saved: ThisMapping) -> SavedMapping:
    return saved


@router.patch(
    "/column-mappings/{column_mapping_id}",
    response_model=ColumnMappingOut,
    openapi_extra=patch_of(ColumnMappingFields),
    dependencies=[Depends(whole_tenant)],
)
async def change_column_mapping(by: Writer, saved: ThisMapping, changes: Changes) -> SavedMapping:
    """To leave a column out, map it to null in a mapping of its own: null in a merge patch takes the entry away."""
    return await column_mappings.change_mapping(by.session, saved, merged(ColumnMappingFields, saved, changes))


@router.delete("/column-mappings/{column_mapping_id}", status_code=204, dependencies=[Depends(whole_tenant)])
async def archive_column_mapping(by: Writer, saved: ThisMapping) -> None:
    await archive(by.session, saved)
