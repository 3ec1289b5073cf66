"""API keys: how machines come in. Shown once, kept as a hash, and naming the tenant whose wall they open.

A key reads ``bw_<tenant, 32 hex digits>_<secret, 43 characters>``: the prefix is for secret scanners, the tenant for us.
"""

import re
import secrets
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from domain.access import EVERYTHING, ROLES, Permission, Principal
from domain.clock import now, today
from domain.errors import Fault, Invalid, NotFound, Unauthenticated
from domain.events import emit
from domain.keyring import fingerprint
from domain.people.members import Member
from domain.tenancy import (
    Actor,
    Fields,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_list,
    tenant_table,
)

REVOKED_CHANNEL = "bitewing_revoked"
LAST_USED_EVERY = timedelta(minutes=5)
_SHAPE = re.compile(r"bw_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_REFUSED = "This key is not valid: it may be mistyped, revoked or expired."


class ApiKeyFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    scopes: list[str] = json_list()
    """Permissions such as ``devices:read``. An empty list gives everything that the maker may do."""
    expires_at: datetime | None = instant(default=None)


class ApiKey(ApiKeyFields, TenantOwned, table=True):
    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(belongs_to_tenants("member"), UniqueConstraint("tenant_id", "fingerprint"))
    noun: ClassVar[str] = "api_key"

    member_id: UUID
    prefix: str
    """The first characters of the key, so that a person can tell two apart. Useless for signing in."""
    fingerprint: str
    revoked_at: datetime | None = instant(default=None)
    last_used_at: datetime | None = instant(default=None)


def parse(key: str) -> tuple[UUID, str] | None:
    """The tenant that a key names, and its secret; None when it has not the shape of a key."""
    match = _SHAPE.fullmatch(key)
    return (UUID(match[1]), key) if match else None


async def issue(session: TenantSession, fields: ApiKeyFields, *, maker: Principal, member_id: UUID) -> tuple[ApiKey, str]:
    """A new key for a member, and its text, which is never seen again. Its scopes stay within its maker's."""
    unknown = [scope for scope in fields.scopes if scope not in set(EVERYTHING)]
    beyond = [scope for scope in fields.scopes if scope not in unknown and not maker.may(Permission(scope))]
    if unknown or beyond:
        raise Invalid(
            [Fault("/scopes", "unknown_scope", f"There is no scope {scope!r}.") for scope in unknown]
            + [Fault("/scopes", "beyond_maker", f"You may not do {scope!r}, so your key may not.") for scope in beyond]
        )
    if fields.expires_at and fields.expires_at <= now():
        raise Invalid.one("/expires_at", "in_the_past", "A key must expire in the future, or not at all.")
    text = f"bw_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    scopes = fields.scopes or (sorted(maker.permissions) if maker.actor.kind == "api_key" else [])
    key = ApiKey(
        name=fields.name,
        scopes=scopes,
        expires_at=fields.expires_at,
        member_id=member_id,
        prefix=text[:3] + text[36:40],
        fingerprint=fingerprint(text),
    )
    await session.save(key)
    emit(session, "api_key.created", key, {"name": key.name, "scopes": key.scopes})
    return key, text


def refuse_further_reaching(key: ApiKey, principal: Principal) -> None:
    """Who is narrowed to some organizations has to do with their own keys only: a colleague's may reach further."""
    if principal.organization_ids is not None and key.member_id != principal.actor.member_id:
        raise NotFound(key.noun)


async def revoke(session: TenantSession, key: ApiKey) -> None:
    """End a key at once, in every process: the notification leaves with the commit."""
    if key.revoked_at is None:
        key.revoked_at = now()
        await session.save(key)
        emit(session, "api_key.revoked", key, {"name": key.name})
    session.ended_credentials = True
    await (await session.driver()).execute("select pg_notify($1, $2)", REVOKED_CHANNEL, str(key.id))


async def principal_of(session: TenantSession, print_of_key: str) -> tuple[Principal, float]:
    """Who a key speaks for, and for how many seconds at most that is so."""
    found = (
        await session.execute(
            select(ApiKey, Member)
            .join(Member, col(Member.id) == col(ApiKey.member_id))
            .where(col(ApiKey.fingerprint) == print_of_key)
        )
    ).one_or_none()
    if found is None:
        raise Unauthenticated(_REFUSED)
    key: ApiKey = found[0]
    member: Member = found[1]
    moment = now()
    ended = key.revoked_at or (key.expires_at and key.expires_at <= moment)
    if ended or member.archived_at or (member.ends_on and member.ends_on < today()):
        raise Unauthenticated(_REFUSED)
    if key.last_used_at is None or moment - key.last_used_at > LAST_USED_EVERY:
        key.last_used_at = moment
    rights = ROLES[member.role]
    principal = Principal(
        tenant_id=session.tenant_id,
        actor=Actor("api_key", key.id, member.id),
        role=member.role,
        permissions=rights & frozenset(Permission(scope) for scope in key.scopes) if key.scopes else rights,
        organization_ids=None if member.organization_ids is None else frozenset(UUID(each) for each in member.organization_ids),
    )
    return principal, (key.expires_at - moment).total_seconds() if key.expires_at else float("inf")
