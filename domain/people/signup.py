"""Sign-up: a tenant, its owner, and the owner's first key, in one transaction.

The answer holds a key that works at once, so it cannot be the same for an address that somebody has: that one has to bring its
password, or gets 409. Who wants to know whether an address is known here can so find out, as at any sign-up that lets people
begin before they have read their mail. It is kept dear: each try counts as one at signing in, for the address that it comes
from and for the account; it takes the same work whatever the answer; and each address that was not known leaves a tenant.
Signing in, asking for a new password and inviting tell nothing.
"""

from dataclasses import dataclass

from sqlmodel import Field, col, select

from domain.access import ROLES, Principal, Role
from domain.clock import new_id
from domain.errors import Conflict
from domain.events import emit
from domain.people.api_keys import ApiKeyFields, issue
from domain.people.members import Member
from domain.people.passwords import Password, hashed, matches, refuse_weak
from domain.people.recovery import send_verification
from domain.people.tenants import Person, Tenant, TenantKind
from domain.runtime import Runtime
from domain.tenancy import Actor, Fields, TenantSession, one_of


class SignupFields(Fields):
    tenant_name: str = Field(min_length=1, max_length=200)
    kind: TenantKind = one_of(TenantKind, default=TenantKind.msp)
    name: str = Field(min_length=1, max_length=200, description="The owner's name.")
    email: str = Field(max_length=320, schema_extra={"pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"})
    password: Password


@dataclass(frozen=True)
class SignedUp:
    tenant: Tenant
    member: Member
    api_key: str


async def sign_up(session: TenantSession, fields: SignupFields, runtime: Runtime) -> SignedUp:
    """Make a tenant with its owner, from nobody's tenant into the new one."""
    refuse_weak(fields.password, about=(fields.email, fields.name, fields.tenant_name))
    # A known address has to bring its password, so this is a way to try passwords too.
    spent = await runtime.attempts.sign_in(fields.email, session.context.get("address"))
    # Two sign-ups with one address at once take turns, so that the second finds the person the first has made.
    await (await session.driver()).execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", fields.email.lower())
    person = await _person(session, fields)
    await runtime.attempts.forgive(spent)
    tenant = Tenant(name=fields.tenant_name, kind=fields.kind)
    session.add(tenant)
    await session.flush()
    await session.enter(tenant.id)
    member = await session.save(Member(id=new_id(), person_id=person.id, role=Role.owner, organization_ids=None))
    session.actor = Actor("member", member.id, member.id)
    owner = Principal(tenant.id, session.actor, Role.owner, ROLES[Role.owner])
    _, text = await issue(session, ApiKeyFields(name="First key"), maker=owner, member_id=member.id)
    emit(session, "member.created", member, {"role": member.role.value})
    if person.email_verified_at is None:
        await send_verification(session, person, runtime.settings)
    return SignedUp(tenant, member, text)


async def _person(session: TenantSession, fields: SignupFields) -> Person:
    """A known address must bring its password: whoever signs up with it is then the same person in two tenants."""
    email = fields.email.lower()
    known = (await session.execute(select(Person).where(col(Person.email) == email))).scalar_one_or_none()
    if known is None:
        person = Person(email=email, name=fields.name, password_hash=await hashed(fields.password))
        session.add(person)
        await session.flush()
        return person
    if not await matches(fields.password, known.password_hash):
        raise Conflict("This address cannot be signed up with this password.", code="cannot_sign_up")
    return known
