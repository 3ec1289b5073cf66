"""The demo's second person: the practice's security official, with a seat of her own, because nobody signs twice."""

import secrets
from uuid import UUID

from domain.access import ROLES, Principal, Role
from domain.database import tenant_session
from domain.people.api_keys import ApiKeyFields, issue
from domain.people.members import Member
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Actor, Wall

NAME = "Morgan Example (fictional)"


async def seat_the_official(runtime: Runtime, *, tenant_id: UUID, organization_id: UUID) -> str:
    """A member narrowed to the one practice; her API key."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        person = Person(email=f"official-{secrets.token_hex(6)}@practice.example.com", name=NAME)
        session.add(person)
        await session.flush()
        narrowed = [organization_id]
        member = await session.save(Member(person_id=person.id, role=Role.practice_admin, organization_ids=narrowed))
        actor = Actor("member", member.id, member.id)
        maker = Principal(tenant_id, actor, member.role, ROLES[member.role], frozenset({organization_id}))
        _, key = await issue(session, ApiKeyFields(name="Signing"), maker=maker, member_id=member.id)
    return key
