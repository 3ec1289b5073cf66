"""Tokens of applications: access for an hour, and one refresh token at a time that gets the next pair.

They read ``bwa_<tenant>_<secret>`` and ``bwr_<tenant>_<secret>`` and are kept as hashes. What an access token may do is worked
out anew each time it is looked up: the member's role, of that what they agreed to, of that what the application may ask for,
of that what this token was cut down to; within the member's organizations and the application's. So it shrinks with each
of them, and never grows. An application that acts for itself stands in its sponsor's place instead of a member's.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, func
from sqlmodel import col, select

from domain.access import Permission, Principal, both_reach
from domain.clock import now
from domain.database import tenant_session
from domain.events import emit
from domain.keyring import fingerprint
from domain.people.lending import BORROWED, reach_of
from domain.people.members import Member
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_grants import OAuthGrant, still_granted
from domain.people.tenants import Person, all_tenants
from domain.runtime import Runtime
from domain.tenancy import (
    SYSTEM,
    Actor,
    TenantOwned,
    TenantSession,
    Wall,
    belongs_to_tenants,
    instant,
    json_list,
    one_of,
    tenant_table,
)

ACCESS_LASTS = timedelta(hours=1)
REFRESH_LASTS = timedelta(days=14)
LAST_USED_EVERY = timedelta(minutes=5)


class TokenKind(StrEnum):
    access = "access"
    refresh = "refresh"


PREFIXES = {TokenKind.access: "bwa", TokenKind.refresh: "bwr"}


class OAuthToken(TenantOwned, table=True):
    __tablename__ = "oauth_token"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("oauth_client"),
        belongs_to_tenants("oauth_grant"),
        UniqueConstraint("tenant_id", "fingerprint"),
        Index("ix_oauth_token_oauth_grant_id", "tenant_id", "oauth_grant_id"),
        Index("ix_oauth_token_expires_at", "tenant_id", "expires_at"),
    )
    noun: ClassVar[str] = "oauth_token"

    oauth_client_id: UUID
    oauth_grant_id: UUID | None = None
    """Null for a token with which the application acts for itself."""
    kind: TokenKind = one_of(TokenKind)
    scopes: list[str] = json_list()
    fingerprint: str
    expires_at: datetime = instant()
    ended_at: datetime | None = instant(default=None)
    """When a refresh token was used, or any token was given back."""


@dataclass(frozen=True)
class Standing:
    """A token with all that it stands on, while it is good."""

    token: OAuthToken
    client: OAuthClient
    member: Member
    grant: OAuthGrant | None
    scopes: list[str]

    @property
    def actor(self) -> Actor:
        if self.grant is not None:
            return self.grant.actor()
        return Actor(BORROWED, self.client.id, oauth_client_id=self.client.id)


async def token_called(session: TenantSession, text: str, *, lock: bool = False) -> OAuthToken | None:
    """The token with this text, good or not."""
    statement = select(OAuthToken).where(col(OAuthToken.fingerprint) == fingerprint(text))
    return (await session.execute(statement.with_for_update(key_share=True) if lock else statement)).scalar_one_or_none()


async def principal_of(session: TenantSession, print_of_token: str) -> tuple[Principal, float] | None:
    """Who an access token speaks for, and for how many seconds at most that is so; None when it is not good."""
    found = await standing_of(session, print_of_token)
    if found is None or found.token.kind is not TokenKind.access:
        return None
    moment = now()
    if found.grant is not None and (found.grant.last_used_at is None or moment - found.grant.last_used_at > LAST_USED_EVERY):
        found.grant.last_used_at = moment
    reach = both_reach(await reach_of(session, found.member), await reach_of(session, found.client))
    principal = Principal(
        tenant_id=session.tenant_id,
        actor=found.actor,
        role=found.member.role,
        permissions=frozenset(Permission(each) for each in found.scopes),
        organization_ids=reach,
        ends_at=found.token.expires_at,
    )
    return principal, min((found.token.expires_at - moment).total_seconds(), found.member.seated_for)


async def standing_of(session: TenantSession, print_of_token: str) -> Standing | None:
    """A token that is good at this moment, with all that it stands on; None for any other."""
    statement: Any = (
        select(OAuthToken, OAuthClient, Member, Person)
        .add_columns(OAuthGrant)
        .join(OAuthClient, col(OAuthClient.id) == col(OAuthToken.oauth_client_id))
        .outerjoin(OAuthGrant, col(OAuthGrant.id) == col(OAuthToken.oauth_grant_id))
        .join(Member, col(Member.id) == func.coalesce(col(OAuthGrant.member_id), col(OAuthClient.sponsor_id)))
        .join(Person, col(Person.id) == col(Member.person_id))
        .where(col(OAuthToken.fingerprint) == print_of_token)
    )
    found: Any = (await session.execute(statement)).one_or_none()
    if found is None:
        return None
    token: OAuthToken = found[0]
    client: OAuthClient = found[1]
    member: Member = found[2]
    grant: OAuthGrant | None = found[4]
    if token.ended_at or token.expires_at <= now() or client.archived_at or not member.seated:
        return None
    if grant is None:
        granted = token.scopes if client.client_credentials else []
    elif is_over(grant, found[3]):
        return None
    else:
        granted = [each for each in token.scopes if each in grant.scopes]
    return Standing(token, client, member, grant, still_granted(granted, client, member))


async def sweep_tokens(runtime: Runtime) -> None:
    """Forget tokens a day after their end, and codes that nobody redeemed; the audit trail keeps what was done with them."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            driver = await session.driver()
            await driver.execute(
                "delete from oauth_token where tenant_id = $1 and expires_at < now() - interval '1 day'", tenant_id
            )
            await driver.execute(
                "delete from oauth_grant g where g.tenant_id = $1 and least(g.expires_at, g.ended_at, case when g.code_used_at "
                "is null then g.code_expires_at end) < now() - interval '1 day' and not exists (select from oauth_token t "
                "where t.tenant_id = g.tenant_id and t.oauth_grant_id = g.id)",
                tenant_id,
            )


def is_over(grant: OAuthGrant, person: Person) -> bool:
    """A change of password ends what was agreed to before it, as it ends the sessions: perhaps it was somebody else."""
    signed_out = person.signed_out_at is not None and grant.created_at < person.signed_out_at
    return grant.ended_at is not None or grant.expires_at <= now() or signed_out


async def issue(
    session: TenantSession, client: OAuthClient, grant: OAuthGrant | None, kind: TokenKind, scopes: list[str], how: str
) -> tuple[str, datetime]:
    text = f"{PREFIXES[kind]}_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    expires_at = now() + (ACCESS_LASTS if kind is TokenKind.access else REFRESH_LASTS)
    token = await session.save(
        OAuthToken(
            oauth_client_id=client.id,
            oauth_grant_id=grant.id if grant else None,
            kind=kind,
            scopes=scopes,
            fingerprint=fingerprint(text),
            expires_at=min(expires_at, grant.expires_at) if grant else expires_at,
        )
    )
    if kind is TokenKind.access:
        emit(session, "oauth_token.issued", token, {"oauth_client_id": client.id, "grant_type": how, "scopes": scopes})
    return text, token.expires_at
