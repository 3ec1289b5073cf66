"""Members: a person's seat in a tenant, with a role and perhaps narrowed to some organizations."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint

from domain.access import Role
from domain.tenancy import Archivable, TenantOwned, json_or_unknown, one_of, tenant_table


class Member(TenantOwned, Archivable, table=True):
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["person_id"], ["person.id"]), UniqueConstraint("tenant_id", "person_id")
    )
    noun: ClassVar[str] = "member"

    person_id: UUID
    role: Role = one_of(Role)
    organization_ids: list[str] | None = json_or_unknown()
    """The organizations this seat is narrowed to, as text ids; null means all of them."""
    ends_on: date | None = None
