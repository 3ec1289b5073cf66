"""When the phone is gone and the recovery codes with it: somebody else takes the second factors away, and the person sets new
ones up at the next sign-in, which their password alone then begins.

A member's are reset by an admin or owner who may do as much and has just shown who they are. An owner's by another owner. An
only owner, and whoever has seats in several tenants with the same factors, asks the operator of the installation, who makes
sure who is asking and runs ``bitewing factors reset``: no tenant decides what guards a person in another.
"""

from sqlmodel import col, select

from domain.access import Principal
from domain.clock import new_id
from domain.database import tenant_session
from domain.errors import Conflict, NotFound
from domain.events import emit
from domain.outbound.mail import send_mail
from domain.people import mfa, sessions
from domain.people.members import Member
from domain.people.personal_notes import Note, leave_note
from domain.people.recovery import person_behind, sign_out_everywhere
from domain.people.seating import refuse_further_reaching
from domain.people.seats import tenants_of
from domain.people.step_up import expect_fresh_proof
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, TenantSession, Wall


async def reset_factors(session: TenantSession, member: Member, *, by: Principal) -> None:
    """Take a member's second factors and recovery codes away, and end their sessions. A person's act: no key does it."""
    await refuse_further_reaching(session, member, by)
    row = await sessions.current(session, lock=False)
    if row.member_id == member.id:
        raise Conflict("Your own factors you change yourself: DELETE /v1/me/mfa-factors/{id}.", code="your_own")
    await expect_fresh_proof(session)
    person = await person_behind(session, member.id)
    if len(await tenants_of(session, person.id)) > 1:
        raise Conflict(
            "This person uses the same factors in another account too, so only the operator of Bitewing can reset them.",
            code="seats_elsewhere",
        )
    await _forget(session, person)
    await sessions.end_all_of(session, member.id)
    emit(session, "member.mfa_reset", member)


async def reset_by_operator(runtime: Runtime, email: str) -> None:
    """The same by whoever runs the installation, in every tenant of the person. Raises :class:`NotFound`."""
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=SYSTEM) as session:
        statement = select(Person).where(col(Person.email) == email.lower()).with_for_update()
        person = (await session.execute(statement)).scalar_one_or_none()
        if person is None:
            raise NotFound("person")
        await _forget(session, person)
        leave_note(session, person.id, Note.mfa_reset)


async def _forget(session: TenantSession, person: Person) -> None:
    await mfa.forget_factors(session, person)
    await sign_out_everywhere(session, person)
    await send_mail(
        session,
        to=person.email,
        subject="Your second factors for Bitewing were reset",
        text="Your second factors and recovery codes were taken away on request, and all of your sessions were ended.\n\n"
        "Sign in with your password and set a new factor up now. If you did not ask for this, choose a new password first "
        "and tell whoever runs your account.\n",
        key=f"mfa-reset:{new_id()}",
    )
