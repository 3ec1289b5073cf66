"""Sessions: how people come in. A token shown once, kept as a hash, and naming the tenant whose wall it opens.

A token reads ``bws_<tenant, 32 hex digits>_<secret, 43 characters>``. A session ends when it has been idle too long, when
its time is over whatever happens, when somebody ends it, when its person changes the password, and when a token that was
replaced turns up again: then two people hold it, and nobody knows which of them is the right one.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, exists, or_
from sqlmodel import col, select

from domain.access import ROLES, Principal, Withheld
from domain.clock import now
from domain.errors import Conflict
from domain.events import emit
from domain.keyring import fingerprint
from domain.people.lending import reach_of
from domain.people.members import Member
from domain.people.revocation import forget_credentials
from domain.people.second_factors import SecondFactor
from domain.people.session_policy import SessionPolicy, policy_of
from domain.people.tenants import Person, Tenant
from domain.tenancy import Actor, TenantOwned, TenantSession, belongs_to_tenants, instant, one_of, tenant_table

LAPSE = timedelta(seconds=30)
"""A request with the old token may still be on its way when the new one is given out; later there is no innocent reason."""


class SignInMethod(StrEnum):
    password = "password"  # noqa: S105  the name of a method
    sso = "sso"


class SessionEnd(StrEnum):
    signed_out = "signed_out"
    revoked = "revoked"
    token_reused = "token_reused"  # noqa: S105  the name of a reason


class Session(TenantOwned, table=True):
    __table_args__ = tenant_table(
        belongs_to_tenants("member"),
        UniqueConstraint("tenant_id", "fingerprint"),
        Index("ix_session_previous_fingerprint", "tenant_id", "previous_fingerprint"),
        Index("ix_session_member_id", "tenant_id", "member_id"),
    )
    noun: ClassVar[str] = "session"

    member_id: UUID
    method: SignInMethod = one_of(SignInMethod)
    fingerprint: str
    previous_fingerprint: str | None = None
    """Of the token that the present one replaced."""
    rotated_at: datetime | None = instant(default=None)
    authenticated_at: datetime = instant()
    """When the person last showed who they are. Older than their last change of password: over."""
    last_seen_at: datetime = instant()
    idle_minutes: int
    expires_at: datetime = instant()
    ended_at: datetime | None = instant(default=None)
    ended_by: SessionEnd | None = one_of(SessionEnd, default=None)
    factor_at: datetime | None = instant(default=None)
    """When a second factor was last shown."""
    challenge: str | None = None
    """What a passkey has to answer, in hexadecimal; for one use."""
    challenge_at: datetime | None = instant(default=None)
    address: str | None = None
    user_agent: str | None = None

    @property
    def idle_until(self) -> datetime:
        return min(self.last_seen_at + timedelta(minutes=self.idle_minutes), self.expires_at)


async def begin(
    session: TenantSession, member: Member, *, method: SignInMethod, policy: SessionPolicy, factor_at: datetime | None = None
) -> tuple[Session, str]:
    """Sign a member in, in their tenant: the session, and its token, which is never seen again. ``factor_at`` is when a second
    factor was shown already, at the provider."""
    moment = now()
    token = _new_token(session)
    row = await session.save(
        Session(
            member_id=member.id,
            method=method,
            fingerprint=fingerprint(token),
            authenticated_at=moment,
            last_seen_at=moment,
            idle_minutes=policy.session_idle_minutes,
            expires_at=moment + timedelta(hours=policy.session_hours),
            factor_at=factor_at,
            address=session.context.get("address"),
            user_agent=session.context.get("user_agent"),
        )
    )
    session.actor = Actor("session", row.id, member.id)
    emit(session, "session.started", row, {"member_id": member.id, "method": method})
    return row, token


async def rotate(session: TenantSession, row: Session) -> str:
    """Give the session a new token. The old one is refused from now on; after a moment, whoever shows it ends both."""
    token = _new_token(session)
    row.previous_fingerprint, row.fingerprint, row.rotated_at = row.fingerprint, fingerprint(token), now()
    await session.flush()
    await forget_credentials(session, row.id)
    return token


async def end(session: TenantSession, row: Session, why: SessionEnd) -> None:
    """End a session at once, in every process."""
    if row.ended_at is None:
        row.ended_at, row.ended_by = now(), why
        await session.flush()
        emit(session, "session.ended", row, {"member_id": row.member_id, "ended_by": why})
        await forget_credentials(session, row.id)


async def end_all_of(session: TenantSession, member_id: UUID) -> None:
    """End every session of a member whose seat is taken away."""
    alive = select(Session).where(col(Session.member_id) == member_id, col(Session.ended_at).is_(None))
    for row in (await session.execute(alive)).scalars().all():
        await end(session, row, SessionEnd.revoked)


async def current(session: TenantSession, *, lock: bool = True) -> Session:
    """The session that acts; :class:`Conflict` for a key, which has none."""
    if session.actor.kind != "session" or session.actor.id is None:
        raise Conflict("This is for people who have signed in; a key has no session.", code="no_session")
    return await session.fetch(Session, session.actor.id, lock=lock)


async def principal_of(session: TenantSession, print_of_token: str) -> tuple[Principal, float] | None:
    """Who a session speaks for, and for how many seconds at most that is so; None when it is over."""
    tokens = (col(Session.fingerprint), col(Session.previous_fingerprint))
    statement: Any = (
        select(Session, Member, Person, Tenant)
        .add_columns(_has_factor())
        .join(Member, col(Member.id) == col(Session.member_id))
        .join(Person, col(Person.id) == col(Member.person_id))
        .join(Tenant, col(Tenant.id) == col(Session.tenant_id))
        .where(or_(*(each == print_of_token for each in tokens)))
    )
    found: Any = (await session.execute(statement)).one_or_none()
    if found is None:
        return None
    row: Session = found[0]
    member: Member = found[1]
    person: Person = found[2]
    moment = now()
    if row.ended_at or row.idle_until <= moment or not member.seated:
        return None
    if person.signed_out_at and row.authenticated_at < person.signed_out_at:
        return None
    if row.fingerprint != print_of_token:
        if row.rotated_at is None or moment - row.rotated_at > LAPSE:
            session.actor = Actor("session", row.id, member.id)
            await end(session, row, SessionEnd.token_reused)
        return None
    row.last_seen_at = moment
    waits = withheld(row, member, policy_of(found[3].settings), has_factor=found[4])
    principal = Principal(
        tenant_id=session.tenant_id,
        actor=Actor("session", row.id, member.id),
        role=member.role,
        permissions=frozenset() if waits else ROLES[member.role],
        organization_ids=await reach_of(session, member),
        withheld=waits,
    )
    return principal, min((row.idle_until - moment).total_seconds(), member.seated_for)


def _has_factor() -> Any:
    return exists().where(col(SecondFactor.person_id) == col(Person.id), col(SecondFactor.confirmed_at).is_not(None))


def withheld(row: Session, member: Member, policy: SessionPolicy, *, has_factor: bool) -> Withheld | None:
    """Whoever has a second factor shows it; whoever needs one and has none sets it up."""
    if row.factor_at is not None:
        return None
    if has_factor:
        return Withheld.verification
    return Withheld.enrolment if member.role in policy.mfa_required_roles else None


def _new_token(session: TenantSession) -> str:
    return f"bws_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
