"""What a member has agreed to: that an application acts for them, for these scopes, until somebody ends it.

A grant is one agreement, made on the consent page. It begins with a **code** for one use within a minute, which only who
began the request can redeem (PKCE, RFC 7636); the tokens that follow are all of its family (see ``oauth_tokens``). When a
code or a token that was used turns up again, two parties hold it, and nobody knows which of them is the right one: then
the whole family ends.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import col, select

from domain.access import ROLES, Permission, Principal
from domain.clock import now
from domain.errors import Forbidden, NotFound
from domain.events import emit
from domain.keyring import fingerprint
from domain.people.lending import BORROWED
from domain.people.members import Member
from domain.people.oauth_clients import OAuthClient
from domain.people.revocation import forget_credentials
from domain.tenancy import (
    Actor,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_list,
    one_of,
    tenant_table,
)

CODE_LASTS = timedelta(minutes=1)
GRANT_LASTS = timedelta(days=90)
"""After that the member is asked again, however busy the application was."""


class GrantEnd(StrEnum):
    revoked = "revoked"
    """By its member."""
    given_back = "given_back"
    """By the application (RFC 7009)."""
    code_reused = "code_reused"
    token_reused = "token_reused"  # noqa: S105  the name of a reason
    seat_ended = "seat_ended"


class OAuthGrant(TenantOwned, table=True):
    __tablename__ = "oauth_grant"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("oauth_client"),
        belongs_to_tenants("member"),
        UniqueConstraint("tenant_id", "code_fingerprint"),
        Index("ix_oauth_grant_member_id", "tenant_id", "member_id"),
        Index("ix_oauth_grant_oauth_client_id", "tenant_id", "oauth_client_id"),
    )
    noun: ClassVar[str] = "oauth_grant"

    oauth_client_id: UUID
    member_id: UUID
    scopes: list[str] = json_list()
    """Those that the member saw and had at that moment. It never becomes more."""
    redirect_uri: str
    challenge: str
    """Of PKCE, by S256."""
    code_fingerprint: str
    code_expires_at: datetime = instant()
    code_used_at: datetime | None = instant(default=None)
    expires_at: datetime = instant()
    last_used_at: datetime | None = instant(default=None)
    ended_at: datetime | None = instant(default=None)
    ended_by: GrantEnd | None = one_of(GrantEnd, default=None)

    def actor(self) -> Actor:
        """The application, on behalf of the member."""
        return Actor(BORROWED, self.id, self.member_id, oauth_client_id=self.oauth_client_id)


def grantable(principal: Principal, client: OAuthClient, asked: Iterable[str]) -> list[str]:
    """Of the scopes asked for, those that both the member and the application have now."""
    return [each for each in dict.fromkeys(asked) if each in client.scopes and principal.may(Permission(each))]


def still_granted(grant_scopes: Iterable[str], client: OAuthClient, member: Member) -> list[str]:
    """What is left at this moment of what was agreed to."""
    return [each for each in grant_scopes if each in client.scopes and Permission(each) in ROLES[member.role]]


async def agree(
    session: TenantSession, client: OAuthClient, *, member_id: UUID, scopes: list[str], redirect_uri: str, challenge: str
) -> str:
    """Let an application act for a member; the code that it redeems, which is never seen again."""
    code = f"bwg_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    moment = now()
    grant = await session.save(
        OAuthGrant(
            oauth_client_id=client.id,
            member_id=member_id,
            scopes=scopes,
            redirect_uri=redirect_uri,
            challenge=challenge,
            code_fingerprint=fingerprint(code),
            code_expires_at=moment + CODE_LASTS,
            expires_at=moment + GRANT_LASTS,
        )
    )
    emit(
        session,
        "oauth_grant.created",
        grant,
        {"oauth_client_id": client.id, "client_name": client.name, "member_id": member_id, "scopes": scopes},
    )
    return code


async def end(session: TenantSession, grant: OAuthGrant, why: GrantEnd) -> None:
    """End a grant and every token of its family at once, in every process."""
    if grant.ended_at is None:
        grant.ended_at, grant.ended_by = now(), why
        await session.flush()
        changes = {"oauth_client_id": grant.oauth_client_id, "member_id": grant.member_id, "ended_by": why}
        emit(session, "oauth_grant.ended", grant, changes)
        await forget_credentials(session, grant.id)


async def end_all_of(session: TenantSession, member_id: UUID) -> None:
    """End every grant of a member whose seat is taken away: it does not come back with the person."""
    alive = select(OAuthGrant).where(col(OAuthGrant.member_id) == member_id, col(OAuthGrant.ended_at).is_(None))
    for grant in (await session.execute(alive)).scalars().all():
        await end(session, grant, GrantEnd.seat_ended)


async def revoke_own(session: TenantSession, grant: OAuthGrant, *, by: Principal) -> None:
    """Take back what one has agreed to oneself."""
    refuse_applications(by)
    if grant.member_id != by.actor.member_id or by.actor.member_id is None:
        raise NotFound(grant.noun)
    await end(session, grant, GrantEnd.revoked)


def refuse_applications(by: Principal) -> None:
    """What a member has agreed to is between them and us: no application learns of the others."""
    if by.actor.kind == BORROWED:
        raise Forbidden(
            "An application cannot look after what its user has granted; sign in to do that.", code="borrowed_rights"
        )
