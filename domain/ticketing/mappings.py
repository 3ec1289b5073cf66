"""Mappings: where the tickets of one organization go, how urgent each level of risk is there, and what makes one by itself."""

from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import col, select

from domain.errors import Conflict, Invalid
from domain.inventory.organizations import Organization
from domain.json_forms import accepted
from domain.records import change, create
from domain.sra.levels import Level
from domain.tenancy import (
    Archivable,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to_tenants,
    json_object,
    one_of,
    organization_table,
)
from domain.ticketing.connections import Connection
from domain.ticketing.connectors import PRODUCTS
from domain.ticketing.waking import wake


class Automatic(StrEnum):
    nothing = "nothing"
    """A ticket is made when somebody asks for it."""
    tasks = "tasks"
    """Every task that is planned makes one."""
    findings = "findings"
    """Every risk at or above ``least_level`` makes a task, and every task makes a ticket."""


class MappingFields(Fields):
    target: dict[str, Any] = json_object()
    """Company, site, board, queue, contact or type: what the product calls them."""
    priorities: dict[Level, str] = json_object()
    """The product's priority for each level of risk; those left out take the product's own."""
    automatic: Automatic = one_of(Automatic, default=Automatic.nothing)
    least_level: Level = one_of(Level, default=Level.high)


class NewMappingFields(MappingFields):
    organization_id: UUID


class Mapping(MappingFields, OrganizationOwned, Archivable, table=True):
    __tablename__ = "ticket_mapping"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to_tenants("ticketing_connection", "connection_id"),
        UniqueConstraint("tenant_id", "connection_id", "organization_id"),
    )
    noun: ClassVar[str] = "mapping"

    connection_id: UUID


async def map_organization(session: TenantSession, connection: Connection, fields: NewMappingFields) -> Mapping:
    """Say where an organization's tickets go. A mapping that was archived is taken up again."""
    organization = await _organization(session, fields.organization_id)
    values = _checked(connection, fields)
    there = select(Mapping).where(col(Mapping.connection_id) == connection.id, col(Mapping.organization_id) == organization.id)
    former = (await session.execute(there)).scalar_one_or_none()
    if former is None:
        return await create(session, Mapping(**values, connection_id=connection.id, organization_id=organization.id))
    if former.archived_at is None:
        raise Conflict("This organization is mapped here already: change that mapping.", code="already_exists")
    former.archived_at = None
    return await _mend(session, former, values)


async def _organization(session: TenantSession, id: UUID) -> Organization:
    wanted = select(Organization).where(col(Organization.id) == id, col(Organization.archived_at).is_(None))
    found = (await session.execute(wanted)).scalar_one_or_none()
    if found is None:
        raise Invalid.one("/organization_id", "unknown_reference", "There is no such organization here.")
    return found


async def change_mapping(session: TenantSession, mapping: Mapping, fields: MappingFields) -> Mapping:
    """Say otherwise where an organization's tickets go. Whatever waits there is tried again at once."""
    connection = await session.fetch(Connection, mapping.connection_id)
    return await _mend(session, mapping, _checked(connection, fields))


async def _mend(session: TenantSession, mapping: Mapping, values: dict[str, Any]) -> Mapping:
    changed = await change(session, mapping, values)
    await wake(session, mapping.connection_id, mapping.organization_id)
    return changed


async def mapping_for(session: TenantSession, connection_id: UUID, organization_id: UUID) -> Mapping | None:
    wanted = select(Mapping).where(
        col(Mapping.connection_id) == connection_id,
        col(Mapping.organization_id) == organization_id,
        col(Mapping.archived_at).is_(None),
    )
    return (await session.execute(wanted)).scalar_one_or_none()


def _checked(connection: Connection, fields: MappingFields) -> dict[str, Any]:
    return {
        "target": accepted(PRODUCTS[connection.product].Target, fields.target, at="/target"),
        "priorities": {Level(level).value: word for level, word in fields.priorities.items()},
        "automatic": fields.automatic,
        "least_level": fields.least_level,
    }
