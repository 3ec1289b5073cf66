"""Who somebody at a sign-in provider is here. The pair of connection and subject decides; an address decides only once, the
first time.

A person may have seats in several tenants. What a tenant's provider says opens that tenant's seat alone; what belongs to the
person everywhere (password, second factors) cannot be changed from there. See ``mfa``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, delete
from sqlmodel import Field, col

from domain.tenancy import TenantOwned, TenantSession, belongs_to_tenants, instant, tenant_table


class SsoRefused(Exception):
    """Nobody comes in. ``code`` is stable, and says nothing that the person in front of the screen may not know."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a provider has told of somebody, after its token was found to be genuine."""

    subject: str
    email: str | None
    """Only where the provider says that it has checked it, and for the right domain."""
    name: str | None
    groups: frozenset[str]
    factor: bool
    """Whether a second factor was shown there."""


class SsoIdentity(TenantOwned, table=True):
    __tablename__ = "sso_identity"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("sso_connection", "connection_id"),
        belongs_to_tenants("member"),
        UniqueConstraint("tenant_id", "connection_id", "subject"),
        UniqueConstraint("tenant_id", "connection_id", "member_id"),
        Index("ix_sso_identity_member_id", "tenant_id", "member_id"),
    )
    noun: ClassVar[str] = "sso_identity"

    connection_id: UUID
    subject: str = Field(max_length=255)
    member_id: UUID
    joined: bool
    """Whether the seat came of the provider's word alone. Then its groups go on to decide about it."""
    last_used_at: datetime = instant()


async def forget_identities(session: TenantSession, member_id: UUID) -> None:
    """Let no provider speak for a member any more: what comes after is a new beginning, by invitation."""
    await session.execute(delete(SsoIdentity).where(col(SsoIdentity.member_id) == member_id))
