"""One sign-in through a provider, from the link to the session, in three steps that may be minutes apart.

It is bound twice: to the browser, by a cookie whose secret also gives the nonce and the PKCE verifier, and to the
application that began it, by a secret of which we know the hash. Whoever intercepts a link or an answer on the way has
neither. Each step works once.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import UniqueConstraint, delete
from sqlmodel import Field, col, select

from domain.clock import now
from domain.database import tenant_session
from domain.keyring import fingerprint
from domain.people import sessions
from domain.people.members import Member
from domain.people.second_factors import factors_of
from domain.people.session_policy import policy_of
from domain.people.sessions import SignInMethod
from domain.people.signing_in import SignedIn
from domain.people.sso_connections import SsoConnection, open_for_sign_in
from domain.people.sso_identities import SsoRefused
from domain.people.tenants import own, tenants_in_turn
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Fields, TenantOwned, TenantSession, Wall, belongs_to_tenants, instant, tenant_table

LASTS = timedelta(minutes=10)
"""So long one may be at the provider."""
HANDOVER_LASTS = timedelta(minutes=1)
CHALLENGE = r"^[A-Za-z0-9_-]{43}$"
"""SHA-256 in base64url, without padding (RFC 7636, S256)."""
_STATE = re.compile(r"([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")
_HANDOVER = re.compile(r"bwh_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


class RedeemFields(Fields):
    token: str = Field(max_length=200, description="What stands behind `#token=` in the address of your page.")
    verifier: SecretStr = Field(min_length=43, max_length=128, description="The secret whose `challenge` began the sign-in.")


class SsoSignIn(TenantOwned, table=True):
    __tablename__ = "sso_sign_in"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("sso_connection", "connection_id"),
        belongs_to_tenants("member"),
        UniqueConstraint("tenant_id", "state_fingerprint"),
        UniqueConstraint("tenant_id", "handover_fingerprint"),
    )
    noun: ClassVar[str] = "sso_sign_in"

    connection_id: UUID
    state_fingerprint: str
    browser_fingerprint: str
    challenge: str
    returns_to: str | None = None
    """The request, as parameters, whose page goes on after this sign-in; null where an application began it."""
    expires_at: datetime = instant()
    returned_at: datetime | None = instant(default=None)
    member_id: UUID | None = None
    factor: bool = False
    handover_fingerprint: str | None = None
    handover_until: datetime | None = instant(default=None)
    redeemed_at: datetime | None = instant(default=None)


@dataclass(frozen=True)
class Begun:
    """What goes to the provider, and the secret that stays in the browser."""

    state: str
    browser: str

    @property
    def nonce(self) -> str:
        return _derived(self.browser, "nonce")

    @property
    def verifier(self) -> str:
        return _derived(self.browser, "verifier")


async def begin(
    session: TenantSession, connection: SsoConnection, challenge: str | None, *, returns_to: str | None = None
) -> Begun:
    """Set out for the provider: for an application, which has said a challenge, or for a page of ours."""
    begun = Begun(f"{session.tenant_id.hex}.{secrets.token_urlsafe(32)}", secrets.token_urlsafe(32))
    await session.save(
        SsoSignIn(
            connection_id=connection.id,
            state_fingerprint=fingerprint(begun.state),
            browser_fingerprint=fingerprint(begun.browser),
            # Of a page's own sign-in nothing is handed over: nobody has the secret of this challenge.
            challenge=challenge or _derived(begun.browser, "page"),
            returns_to=returns_to,
            expires_at=now() + LASTS,
        )
    )
    return begun


def tenant_of(state: str) -> UUID | None:
    """The tenant that a state names; None for what is none of ours."""
    shape = _STATE.fullmatch(state)
    return UUID(shape[1]) if shape else None


def cookie_of(state: str) -> str:
    """The name of the cookie: one for each sign-in, so that two tabs do not disturb each other."""
    return f"bitewing-sso-{fingerprint(state)[:16]}"


async def come_back(session: TenantSession, state: str, browser: str | None) -> SsoSignIn:
    """Take the state back, once, from the browser that it was given to. Raises :class:`SsoRefused`; a state that was shown by
    another browser stays good for the right one."""
    statement = select(SsoSignIn).where(col(SsoSignIn.state_fingerprint) == fingerprint(state)).with_for_update()
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None or row.returned_at is not None or row.expires_at <= now():
        raise SsoRefused("state_not_valid")
    if browser is None or not hmac.compare_digest(fingerprint(browser), row.browser_fingerprint):
        raise SsoRefused("other_browser")
    row.returned_at = now()
    await session.flush()
    return row


async def hand_over(session: TenantSession, id: UUID, member: Member, *, factor: bool) -> str:
    """A token that the application, and nobody else, can change for a session."""
    row = await session.fetch(SsoSignIn, id, lock=True)
    token = f"bwh_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    row.member_id, row.factor = member.id, factor
    row.handover_fingerprint, row.handover_until = fingerprint(token), now() + HANDOVER_LASTS
    await session.flush()
    return token


async def redeem(session: TenantSession, fields: RedeemFields) -> SignedIn | None:
    """Change the token for a session. None refuses, and is to be committed: the token is used up, whoever showed it."""
    shape = _HANDOVER.fullmatch(fields.token)
    if shape is None:
        return None
    await session.enter(UUID(shape[1]))
    statement = select(SsoSignIn).where(col(SsoSignIn.handover_fingerprint) == fingerprint(fields.token)).with_for_update()
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None or row.member_id is None or row.redeemed_at is not None:
        return None
    row.redeemed_at = now()
    verified = hmac.compare_digest(_s256(fields.verifier.get_secret_value()), row.challenge)
    if not verified or row.handover_until is None or row.handover_until <= now():
        return None
    member = await session.fetch(Member, row.member_id)
    connection = await session.fetch(SsoConnection, row.connection_id)
    if not member.seated or not open_for_sign_in(connection):
        return None
    return await _sign_in(session, row, member)


async def enter(session: TenantSession, id: UUID, member: Member, *, factor: bool) -> SignedIn:
    """A session at once, for the page of ours that this browser came from."""
    row = await session.fetch(SsoSignIn, id, lock=True)
    row.member_id, row.factor, row.redeemed_at = member.id, factor, now()
    return await _sign_in(session, row, member)


async def _sign_in(session: TenantSession, row: SsoSignIn, member: Member) -> SignedIn:
    tenant = await own(session)
    policy = policy_of(tenant.settings)
    session_row, token = await sessions.begin(
        session, member, method=SignInMethod.sso, policy=policy, factor_at=now() if row.factor else None
    )
    kinds = tuple(dict.fromkeys(each.kind for each in await factors_of(session, member.person_id)))
    withheld = sessions.withheld(session_row, member, policy, has_factor=bool(kinds))
    return SignedIn(session_row, token, member, tenant, withheld, kinds)


async def forget_old_sign_ins(runtime: Runtime) -> None:
    """A chore: what became of a sign-in stands in the trail, so the row itself goes the day after."""
    for tenant_id in await tenants_in_turn(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await session.execute(delete(SsoSignIn).where(col(SsoSignIn.expires_at) < now() - timedelta(days=1)))


def _derived(secret: str, purpose: str) -> str:
    return _base64url(hmac.digest(secret.encode(), purpose.encode(), "sha256"))


def _s256(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
