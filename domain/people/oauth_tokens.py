"""Tokens of applications: access for an hour, and one refresh token at a time that gets the next pair.

They read ``bwa_<tenant>_<secret>`` and ``bwr_<tenant>_<secret>`` and are kept as hashes. What an access token may do is worked
out anew each time it is looked up: the member's role, of that what they agreed to, of that what the application may ask for,
of that what this token was cut down to; within the member's organizations and the application's. So it shrinks with each
of them, and never grows. An application that acts for itself stands in its sponsor's place instead of a member's.
"""

import hmac
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
from domain.people import oauth_grants
from domain.people.lending import BORROWED, reach_of
from domain.people.members import Member
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_grants import GrantEnd, OAuthGrant, still_granted
from domain.people.revocation import forget_credentials
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


class Reason(StrEnum):
    """As RFC 6749 section 5.2 calls them."""

    invalid_grant = "invalid_grant"
    invalid_scope = "invalid_scope"
    unauthorized_client = "unauthorized_client"


@dataclass(frozen=True)
class Refused:
    """An answer and not an exception, because what a refusal finds out is kept: a family that ends."""

    reason: Reason
    why: str


@dataclass(frozen=True)
class Issued:
    access: str
    refresh: str | None
    scopes: list[str]
    expires_in: int
    """Seconds."""


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


_NOT_GOOD = "It was used, it is too old, somebody ended it, or it is not yours."


async def redeem(
    session: TenantSession, client: OAuthClient, *, code: str, redirect_uri: str | None, challenge: str
) -> Issued | Refused:
    """The first tokens, for whoever has both the code and the verifier whose ``challenge`` went before it."""
    statement = select(OAuthGrant).where(col(OAuthGrant.code_fingerprint) == fingerprint(code)).with_for_update(key_share=True)
    grant = (await session.execute(statement)).scalar_one_or_none()
    if grant is None or grant.oauth_client_id != client.id:
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    session.actor = grant.actor()
    if grant.code_used_at is not None:
        await _end_family(session, grant, GrantEnd.code_reused)
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    if grant.code_expires_at <= now():
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    if redirect_uri not in {None, grant.redirect_uri}:
        return Refused(Reason.invalid_grant, "The redirect_uri is not the one that the code was sent to.")
    if not hmac.compare_digest(grant.challenge, challenge):
        return Refused(Reason.invalid_grant, "The code_verifier does not belong to the code_challenge.")
    member = await _member_of(session, grant)
    if member is None:
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    grant.code_used_at = now()
    return await _issue_both(session, client, grant, member, grant.scopes, "authorization_code")


async def renew(session: TenantSession, client: OAuthClient, *, refresh: str, scopes: list[str] | None) -> Issued | Refused:
    """The next tokens. The refresh token is used up; shown again, it ends its whole family.

    ``scopes`` may cut the new access token down; the next one may have all again.
    """
    token = await token_called(session, refresh, lock=True)
    if token is None or token.kind is not TokenKind.refresh or token.oauth_client_id != client.id:
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    assert token.oauth_grant_id is not None, "no application gets a refresh token for itself"
    grant = await session.fetch(OAuthGrant, token.oauth_grant_id, lock=True)
    session.actor = grant.actor()
    if token.ended_at is not None:
        await _end_family(session, grant, GrantEnd.token_reused)
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    member = await _member_of(session, grant) if token.expires_at > now() else None
    if member is None:
        return Refused(Reason.invalid_grant, _NOT_GOOD)
    if scopes is not None and not set(scopes) <= set(grant.scopes):
        return Refused(Reason.invalid_scope, "A refresh token gives no more than was granted.")
    token.ended_at = now()
    return await _issue_both(session, client, grant, member, grant.scopes if scopes is None else scopes, "refresh_token")


async def act_for_itself(session: TenantSession, client: OAuthClient, *, scopes: list[str] | None) -> Issued | Refused:
    """A token with which a confidential application acts for no member, within its sponsor's rights."""
    if not client.client_credentials:
        return Refused(Reason.unauthorized_client, "This client was not registered for client credentials.")
    sponsor = await session.fetch(Member, client.sponsor_id)
    if not sponsor.seated:
        return Refused(Reason.unauthorized_client, "Nobody answers for this client any more; a member must take it over.")
    asked = client.scopes if scopes is None else scopes
    if not set(asked) <= set(client.scopes):
        return Refused(Reason.invalid_scope, "This client was not registered for all of these scopes.")
    session.actor = Actor(BORROWED, client.id, oauth_client_id=client.id)
    given = still_granted(asked, client, sponsor)
    access, expires_at = await _issue(session, client, None, TokenKind.access, given, "client_credentials")
    return Issued(access, None, given, _seconds_until(expires_at))


async def give_back(session: TenantSession, client: OAuthClient, text: str) -> bool:
    """End a token of an application's own (RFC 7009); with a refresh token the whole grant. False for another's."""
    token = await token_called(session, text, lock=True)
    if token is None:
        return True
    if token.oauth_client_id != client.id:
        return False
    grant = await session.fetch(OAuthGrant, token.oauth_grant_id, lock=True) if token.oauth_grant_id else None
    session.actor = grant.actor() if grant else Actor(BORROWED, client.id, oauth_client_id=client.id)
    if token.ended_at is None:
        token.ended_at = now()
        await session.flush()
        emit(session, "oauth_token.revoked", token, {"oauth_client_id": client.id, "kind": token.kind})
        await forget_credentials(session, token.id)
    if grant is not None and token.kind is TokenKind.refresh:
        await oauth_grants.end(session, grant, GrantEnd.given_back)
    return True


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
    elif _is_over(grant, found[3]):
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


async def _member_of(session: TenantSession, grant: OAuthGrant) -> Member | None:
    """The member behind a grant that is good; None when it or their seat is over."""
    member = await session.fetch(Member, grant.member_id)
    person = (await session.execute(select(Person).where(col(Person.id) == member.person_id))).scalar_one()
    return None if not member.seated or _is_over(grant, person) else member


def _is_over(grant: OAuthGrant, person: Person) -> bool:
    """A change of password ends what was agreed to before it, as it ends the sessions: perhaps it was somebody else."""
    signed_out = person.signed_out_at is not None and grant.created_at < person.signed_out_at
    return grant.ended_at is not None or grant.expires_at <= now() or signed_out


async def _end_family(session: TenantSession, grant: OAuthGrant, why: GrantEnd) -> None:
    """Told once: who has nothing but an old token cannot fill the trail with it."""
    if grant.ended_at is None:
        emit(session, "oauth_grant.reuse_detected", grant, {"oauth_client_id": grant.oauth_client_id, "ended_by": why})
        await oauth_grants.end(session, grant, why)


async def _issue_both(
    session: TenantSession, client: OAuthClient, grant: OAuthGrant, member: Member, scopes: list[str], how: str
) -> Issued:
    given = still_granted(scopes, client, member)
    access, expires_at = await _issue(session, client, grant, TokenKind.access, given, how)
    refresh, _ = await _issue(session, client, grant, TokenKind.refresh, grant.scopes, how)
    return Issued(access, refresh, given, _seconds_until(expires_at))


async def _issue(
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


def _seconds_until(moment: datetime) -> int:
    return max(0, round((moment - now()).total_seconds()))
