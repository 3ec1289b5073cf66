"""Signing in with a password. The answer for an address that nobody has is the answer for a wrong password, in its words and
in the work behind it: one look-up, one hash, one job.
"""

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Field, col, select

from domain.access import Withheld
from domain.clock import new_id
from domain.people import sessions
from domain.people.attempts import Attempts
from domain.people.members import Member
from domain.people.passwords import matches
from domain.people.personal_notes import Note, leave_note
from domain.people.seats import tenants_of
from domain.people.second_factors import FactorKind, factors_of
from domain.people.session_policy import policy_of
from domain.people.sessions import Session, SignInMethod
from domain.people.tenants import Person, Tenant, own
from domain.tenancy import Fields, TenantSession


class SignInFields(Fields):
    email: str = Field(max_length=320)
    password: SecretStr = Field(max_length=200)
    tenant_id: UUID | None = Field(default=None, description="Which of your accounts. Only needed by those who have several.")


@dataclass(frozen=True)
class SignedIn:
    session: Session
    token: str
    member: Member
    tenant: Tenant
    withheld: Withheld | None
    factors: tuple[FactorKind, ...]


@dataclass(frozen=True)
class Choice:
    """The person is who they say, and has seats in all of these: which is it to be?"""

    tenants: list[Tenant]


async def sign_in(session: TenantSession, fields: SignInFields, attempts: Attempts) -> SignedIn | Choice | None:
    """From nobody's tenant into the person's. None refuses, and is to be committed: the tenant's trail will hear of it."""
    email = fields.email.lower()
    spent = await attempts.sign_in(email, session.context.get("address"))
    person = (await session.execute(select(Person).where(col(Person.email) == email))).scalar_one_or_none()
    right = await matches(fields.password, person.password_hash if person else None)
    if person is None or not right or not await _unchanged(session, person):
        leave_note(session, person.id if person else new_id(), Note.sign_in_refused)
        return None
    await attempts.forgive(spent)
    tenants = await tenants_of(session, person.id)
    if fields.tenant_id is None and len(tenants) > 1:
        return Choice(tenants)
    chosen = [each for each in tenants if fields.tenant_id in {None, each.id}]
    return await _enter(session, person, chosen[0]) if chosen else None


async def _unchanged(session: TenantSession, person: Person) -> bool:
    """Whether the password that was compared is still theirs: a change at the same moment ends what began before it."""
    known = person.password_hash
    await session.refresh(person, with_for_update={"read": True})
    return person.password_hash == known


async def _enter(session: TenantSession, person: Person, tenant: Tenant) -> SignedIn | None:
    await session.enter(tenant.id)
    member = (await session.execute(select(Member).where(col(Member.person_id) == person.id))).scalar_one_or_none()
    if member is None or not member.seated:
        return None
    policy = policy_of((await own(session)).settings)
    row, token = await sessions.begin(session, member, method=SignInMethod.password, policy=policy)
    kinds = tuple(dict.fromkeys(each.kind for each in await factors_of(session, person.id)))
    withheld = sessions.withheld(row, member, policy, has_factor=bool(kinds))
    return SignedIn(row, token, member, tenant, withheld, kinds)
