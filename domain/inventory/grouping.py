"""How groups are formed, changed and dissolved. A group reaches over the whole account, so nobody who is narrowed to some of
its organizations can make one or change it.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.clock import now
from domain.errors import Fault, Forbidden, Invalid
from domain.inventory.group_rules import check_rule, members
from domain.inventory.groups import Group, GroupedOrganization, GroupFields, lock_groups, regroup
from domain.inventory.organizations import Organization
from domain.records import archive, change, create
from domain.tenancy import TenantSession


async def form(session: TenantSession, fields: GroupFields) -> Group:
    """Make a group and put into it what it lists, or what its rule finds."""
    chosen = await _chosen(session, fields)
    group = await create(session, Group(**_kept(fields)))
    await _fill(session, group, chosen)
    return group


async def reform(session: TenantSession, group: Group, fields: GroupFields) -> Group:
    """Change a group, and who is in it."""
    chosen = await _chosen(session, fields)
    await change(session, group, _kept(fields))
    await _fill(session, group, chosen)
    return group


async def dissolve(session: TenantSession, group: Group) -> None:
    """End a group. Who was narrowed to it reaches nothing by it any more."""
    await _refuse_narrowed(session)
    await archive(session, group)
    await regroup(session, group, joined=(), left=await organization_ids(session, group))


async def fields_of(session: TenantSession, group: Group) -> dict[str, Any]:
    """The group as ``GroupFields`` would say it, for whoever asks: of a listed one, the organizations they may see."""
    listed = None if group.rule is not None else sorted(await organization_ids(session, group))
    return {"name": group.name, "description": group.description, "rule": group.rule, "organization_ids": listed}


async def organization_ids(session: TenantSession, group: Group) -> set[UUID]:
    """Who is in the group, as far as the session's wall lets see."""
    statement = select(GroupedOrganization.organization_id).where(col(GroupedOrganization.group_id) == group.id)
    return set((await session.execute(statement)).scalars())


async def _chosen(session: TenantSession, fields: GroupFields) -> set[UUID]:
    await _refuse_narrowed(session)
    if (fields.rule is None) == (fields.organization_ids is None):
        raise Invalid.one("/rule", "either_or", "A group has either organization_ids or a rule.")
    await lock_groups(session, shared=False)
    if fields.rule is not None:
        check_rule(fields.rule)
        return members(fields.rule, (await session.execute(select(Organization))).scalars())
    return await _listed(session, fields.organization_ids or [])


async def _listed(session: TenantSession, ids: Collection[UUID]) -> set[UUID]:
    there = set((await session.execute(select(Organization.id).where(col(Organization.id).in_(list(ids))))).scalars())
    missing = [place for place, each in enumerate(ids) if each not in there]
    if missing:
        detail = "There is no such organization, or it is not yours."
        raise Invalid([Fault(f"/organization_ids/{place}", "unknown_reference", detail) for place in missing])
    return there


async def _fill(session: TenantSession, group: Group, chosen: set[UUID]) -> None:
    before = await organization_ids(session, group)
    if chosen != before:
        group.updated_at = now()
        await regroup(session, group, joined=chosen - before, left=before - chosen)


def _kept(fields: GroupFields) -> dict[str, Any]:
    return fields.model_dump(exclude={"organization_ids"})


async def _refuse_narrowed(session: TenantSession) -> None:
    if session.wall.organization_ids is not None:
        raise Forbidden("A group reaches over the whole account, and you act for some of its organizations.")
