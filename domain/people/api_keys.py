"""API keys: how machines come in. Shown once, kept as a hash, and naming the tenant whose wall they open."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Fields, TenantOwned, belongs_to_tenants, instant, json_list, tenant_table


class ApiKeyFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    scopes: list[str] = json_list()
    """Permissions such as ``devices:read``. An empty list gives everything that the maker may do."""
    expires_at: datetime | None = instant(default=None)


class ApiKey(ApiKeyFields, TenantOwned, table=True):
    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("member"), UniqueConstraint("tenant_id", "fingerprint")
    )
    noun: ClassVar[str] = "api_key"

    member_id: UUID
    prefix: str
    """The first characters of the key, so that a person can tell two apart. Useless for signing in."""
    fingerprint: str
    revoked_at: datetime | None = instant(default=None)
    last_used_at: datetime | None = instant(default=None)
