"""Groups of organizations: a region, a service level, "all practices in Texas". Filters of fleet lists, and what a seat can
be narrowed to.

Who is in a group is kept as rows, for listed groups and for those with a rule alike: so that a filter is an index look-up,
and a narrowed seat needs no evaluation. A rule reads only what callers say of an organization, so its rows stay right when
the verbs that change an organization sort it again.
"""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Index, UniqueConstraint, bindparam, delete, text
from sqlalchemy.types import Uuid
from sqlmodel import Field, col, select

from domain.bulk import insert_rows
from domain.events import emit
from domain.inventory.group_rules import holds
from domain.people.revocation import forget_credentials
from domain.tenancy import (
    Archivable,
    Fields,
    OrganizationOwned,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    organization_table,
    tenant_table,
)


class GroupWords(Fields):
    name: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=2000)
    rule: str | None = Field(
        default=None,
        max_length=1_000,
        description='A condition in CEL over `organization`, such as `organization.state == "TX"`. It reads what callers say '
        "of an organization, its facts and settings; where it needs something that nobody has said, it does not hold.",
    )


class GroupFields(GroupWords):
    """Either ``organization_ids`` or a ``rule``."""

    organization_ids: list[UUID] | None = Field(
        default=None, max_length=10_000, description="The organizations, listed. Null where there is a `rule`."
    )


class Group(GroupWords, TenantOwned, Archivable, table=True):
    __tablename__ = "organization_group"  # pyright: ignore[reportAssignmentType]  "group" is a word of SQL
    __table_args__ = tenant_table(
        Index("uq_organization_group_name", "tenant_id", "name", unique=True, postgresql_where=text("archived_at is null"))
    )
    noun: ClassVar[str] = "group"


class GroupedOrganization(OrganizationOwned, table=True):
    """One organization in one group."""

    __tablename__ = "grouped_organization"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to_tenants("organization_group", "group_id"),
        UniqueConstraint("tenant_id", "group_id", "organization_id"),
    )
    noun: ClassVar[str] = "grouped_organization"

    group_id: UUID


def in_group(organization_id: Any) -> ColumnElement[bool]:
    """The filter ``group_id`` over a column that holds an organization's id."""
    inside = select(GroupedOrganization.organization_id).where(
        col(GroupedOrganization.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(GroupedOrganization.group_id) == bindparam("group_id", type_=Uuid()),
    )
    return col(organization_id).in_(inside)


def organizations_of(group_id: UUID) -> Any:
    """The same as a sub-select of the session's own statements."""
    return select(GroupedOrganization.organization_id).where(col(GroupedOrganization.group_id) == group_id)


async def organizations_in(session: TenantSession, group_ids: Iterable[UUID]) -> frozenset[UUID]:
    """The organizations of any of the groups: what a seat is narrowed to that names groups."""
    statement = select(GroupedOrganization.organization_id).where(col(GroupedOrganization.group_id).in_(list(group_ids)))
    return frozenset((await session.execute(statement)).scalars())


class Grouped(Protocol):
    """An organization."""

    id: UUID


async def sort_into_groups(session: TenantSession, organization: Grouped) -> None:
    """Put an organization that has changed into the groups whose rule now holds, and take it out of the others."""
    await lock_groups(session, shared=True)
    rules = select(Group).where(col(Group.rule).is_not(None), col(Group.archived_at).is_(None)).order_by(col(Group.id))
    groups = (await session.execute(rules)).scalars().all()
    if not groups:
        return
    own = select(GroupedOrganization.group_id).where(col(GroupedOrganization.organization_id) == organization.id)
    inside = set((await session.execute(own)).scalars())
    for group in groups:
        belongs = holds(group.rule or "", organization)
        if belongs != (group.id in inside):
            own = {organization.id}
            await regroup(session, group, joined=own if belongs else set(), left=set() if belongs else own)


async def regroup(session: TenantSession, group: Group, *, joined: Collection[UUID], left: Collection[UUID]) -> None:
    """Put organizations into a group and take others out, on record: who is narrowed to it now reaches others."""
    if not joined and not left:
        return
    await session.execute(
        delete(GroupedOrganization).where(
            col(GroupedOrganization.group_id) == group.id, col(GroupedOrganization.organization_id).in_(list(left))
        )
    )
    rows = [{"group_id": group.id, "organization_id": each} for each in sorted(joined)]
    await insert_rows(session, GroupedOrganization, rows)
    emit(session, "group.organizations_changed", group, {"joined": sorted(joined), "left": sorted(left)})
    await forget_credentials(session, group.id)


async def lock_groups(session: TenantSession, *, shared: bool) -> None:
    """A group that is being made and an organization that is being changed would not see each other."""
    kind = "_shared" if shared else ""
    statement = f"select pg_advisory_xact_lock{kind}(hashtextextended($1, 0))"
    await (await session.driver()).execute(statement, f"groups:{session.tenant_id}")
