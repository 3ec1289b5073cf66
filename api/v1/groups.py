"""Groups of organizations, listed or by rule: filters of every list over the fleet, and what a seat can be narrowed to."""

from datetime import datetime
from types import SimpleNamespace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import case, exists, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from api.door import Changes, Inside, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, constant, part_of
from domain.access import Permission
from domain.errors import NotFound
from domain.inventory import grouping
from domain.inventory.groups import Group, GroupedOrganization, GroupFields

router = door_router("organizations")
Reader = Annotated[Inside, may(Permission.groups_read)]
Writer = Annotated[Inside, may(Permission.groups_write)]


async def _this_group(request: Request, group: Annotated[Group, this(Group)]) -> Group:
    """Who is narrowed to some organizations finds the groups that one of them is in."""
    inside: Inside = request.state.inside
    if inside.principal.organization_ids is not None and not await grouping.organization_ids(inside.session, group):
        raise NotFound(group.noun)
    return group


ThisGroup = Annotated[Group, Depends(_this_group)]


class GroupOut(BaseModel):
    id: UUID
    name: str
    description: str | None
    rule: str | None
    organization_ids: list[UUID] | None = Field(
        description="Of a listed group, those that you may see. Null where a rule finds them: GET /v1/organizations?group_id="
    )
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


_INSIDE = (col(GroupedOrganization.tenant_id) == col(Group.tenant_id), col(GroupedOrganization.group_id) == col(Group.id))


def _listed() -> object:
    identifier = col(GroupedOrganization.organization_id)
    ids = func.coalesce(func.json_agg(aggregate_order_by(identifier, identifier)), constant("'[]'::json"))
    return case((col(Group.rule).is_(None), select(ids).where(*_INSIDE).correlate(Group).scalar_subquery()))


GROUPS = Listing(
    GroupOut,
    Group,
    sorts={"name": col(Group.name), "created_at": col(Group.created_at)},
    columns={"organization_ids": _listed()},
    filters={"q": part_of("q", Group.name), "seen": exists().where(*_INSIDE)},
    where=col(Group.archived_at).is_(None),
)


@router.get("/groups", response_model=Page[GroupOut])
async def list_groups(by: Reader, window: PagedAndSorted, q: str | None = None) -> Response:
    """The groups of this tenant, by name. ``q`` finds a part of the name."""
    narrowed = by.principal.organization_ids is not None
    return await GROUPS.page(by, window, q=q, seen=narrowed or None)


@router.post("/groups", status_code=201)
async def form_group(by: Writer, fields: GroupFields) -> GroupOut:
    """Make a group of organizations, listed or by a rule. With a rule, organizations join and leave as they change."""
    return await _shown(by, by.tag(await grouping.form(by.session, fields)))


@router.get("/groups/{group_id}")
async def read_group(by: Reader, group: ThisGroup) -> GroupOut:
    return await _shown(by, group)


@router.patch("/groups/{group_id}", openapi_extra=patch_of(GroupFields))
async def change_group(by: Writer, group: ThisGroup, changes: Changes) -> GroupOut:
    """To turn a listed group into one with a rule, set ``rule`` and set ``organization_ids`` to null; or the reverse."""
    said = SimpleNamespace(**await grouping.fields_of(by.session, group))
    return await _shown(by, await grouping.reform(by.session, group, merged(GroupFields, said, changes)))


@router.delete("/groups/{group_id}", status_code=204)
async def dissolve_group(by: Writer, group: ThisGroup) -> None:
    """End a group. A seat that was narrowed to it reaches nothing by it any more."""
    await grouping.dissolve(by.session, group)


async def _shown(by: Inside, group: Group) -> GroupOut:
    said = await grouping.fields_of(by.session, group)
    return GroupOut(**group.model_dump(include={"id", "created_at", "updated_at", "archived_at"}), **said)
