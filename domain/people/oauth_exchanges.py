"""How an application comes by tokens: for a code, for a refresh token, or for itself; and how it gives one back.

A refusal is an answer and not an exception, because what it finds out is kept: the end of a family whose token was used twice.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import col, select

from domain.clock import now
from domain.events import emit
from domain.keyring import fingerprint
from domain.people import oauth_grants
from domain.people.lending import BORROWED
from domain.people.members import Member
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_grants import GrantEnd, OAuthGrant, still_granted
from domain.people.oauth_tokens import TokenKind, is_over, issue, token_called
from domain.people.revocation import forget_credentials
from domain.people.tenants import Person
from domain.tenancy import Actor, TenantSession


class Reason(StrEnum):
    """As RFC 6749 section 5.2 calls them."""

    invalid_grant = "invalid_grant"
    invalid_scope = "invalid_scope"
    unauthorized_client = "unauthorized_client"


@dataclass(frozen=True)
class Refused:
    reason: Reason
    why: str


@dataclass(frozen=True)
class Issued:
    access: str
    refresh: str | None
    scopes: list[str]
    expires_in: int
    """Seconds."""


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
    access, expires_at = await issue(session, client, None, TokenKind.access, given, "client_credentials")
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


async def _member_of(session: TenantSession, grant: OAuthGrant) -> Member | None:
    """The member behind a grant that is good; None when it or their seat is over."""
    member = await session.fetch(Member, grant.member_id)
    person = (await session.execute(select(Person).where(col(Person.id) == member.person_id))).scalar_one()
    return None if not member.seated or is_over(grant, person) else member


async def _end_family(session: TenantSession, grant: OAuthGrant, why: GrantEnd) -> None:
    """Told once: who has nothing but an old token cannot fill the trail with it."""
    if grant.ended_at is None:
        emit(session, "oauth_grant.reuse_detected", grant, {"oauth_client_id": grant.oauth_client_id, "ended_by": why})
        await oauth_grants.end(session, grant, why)


async def _issue_both(
    session: TenantSession, client: OAuthClient, grant: OAuthGrant, member: Member, scopes: list[str], how: str
) -> Issued:
    given = still_granted(scopes, client, member)
    access, expires_at = await issue(session, client, grant, TokenKind.access, given, how)
    refresh, _ = await issue(session, client, grant, TokenKind.refresh, grant.scopes, how)
    return Issued(access, refresh, given, _seconds_until(expires_at))


def _seconds_until(moment: datetime) -> int:
    return max(0, round((moment - now()).total_seconds()))
