"""A fresh proof of who somebody is, before an act that would outlast a stolen session: ownership, seats and credentials that
open doors to others, also those lent to an application, sign-in connections and domains, what the account demands of those who
sign in, another member's second factors, and a practice that goes to another tenant.

Only people are asked. A key has nobody behind it who could show a factor; its scopes and addresses are what bounds it.
"""

from collections.abc import Iterable

from domain.access import OPENS_DOORS
from domain.errors import Forbidden
from domain.people import sessions
from domain.people.members import Member
from domain.people.second_factors import SecondFactor, factors_of, recent
from domain.people.sessions import Session
from domain.tenancy import TenantSession


async def expect_fresh_proof(session: TenantSession) -> None:
    """Refuse a person who has not shown who they are within the last 15 minutes, as strongly as they can."""
    if session.actor.kind != "session":
        return
    row = await sessions.current(session, lock=False)
    member = await session.fetch(Member, row.member_id)
    refuse_stale(row, await factors_of(session, member.person_id))


async def expect_fresh_proof_for(session: TenantSession, given: Iterable[str]) -> None:
    """The same, where what is given away opens doors to others."""
    if not OPENS_DOORS.isdisjoint(given):
        await expect_fresh_proof(session)


def refuse_stale(row: Session, known: list[SecondFactor]) -> None:
    """Whoever has second factors shows one; whoever has none signs in."""
    if recent(row.factor_at if known else row.authenticated_at):
        return
    how = "Show your second factor again with POST /v1/sessions/mfa." if known else "Sign in again."
    raise Forbidden(f"This needs a fresh proof of who you are. {how}", code="step_up_required")
