"""Forgotten and changed passwords, and proof of who reads a mailbox.

Asking for a letter answers at once and always the same, and leaves a job whether or not somebody has that address.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Field, col, select

from domain.clock import new_id, now
from domain.database import tenant_session
from domain.errors import Invalid
from domain.jobs import RESET_PASSWORD, enqueue
from domain.outbound.mail import send_mail
from domain.people import sessions
from domain.people.attempts import Attempts
from domain.people.links import LASTS, LinkPurpose, make_link, use_link
from domain.people.members import Member
from domain.people.passwords import Password, hashed, matches, refuse_weak
from domain.people.personal_notes import Note, leave_note
from domain.people.revocation import forget_credentials
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import NOBODY, NOBODYS_TENANT, Fields, TenantSession, Wall


class ForgottenFields(Fields):
    email: str = Field(max_length=320)


class NewPasswordFields(Fields):
    token: str = Field(max_length=200, description="What stands behind `#token=` in the link.")
    password: Password


class VerifiedFields(Fields):
    token: str = Field(max_length=200, description="What stands behind `#token=` in the link.")


class ChangedPasswordFields(Fields):
    current_password: SecretStr = Field(max_length=200)
    password: Password


async def forget(session: TenantSession, fields: ForgottenFields, attempts: Attempts) -> None:
    """Have a letter sent to whoever has this address, if anybody has."""
    email = fields.email.lower()
    await attempts.letter(email, session.context.get("address"))
    found = (await session.execute(select(col(Person.id)).where(col(Person.email) == email))).scalar_one_or_none()
    enqueue(session, RESET_PASSWORD, person_id=found or new_id())


async def write_reset_letter(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job behind a forgotten password."""
    async with tenant_session(runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY) as session:
        person = await session.get(Person, UUID(payload["person_id"]))
        if person is None:
            return
        link, token = await make_link(session, person, LinkPurpose.reset_password)
        await send_mail(
            session,
            to=person.email,
            subject="Choose a new password for Bitewing",
            text=f"Somebody, we hope you, asked for a new password for this address.\n\n"
            f"Choose one here:\n{runtime.settings.link('password-reset', token)}\n\n"
            f"The link works once and for {_hours(LinkPurpose.reset_password)}. If you did not ask, do nothing: your password "
            "stays as it is.\n",
            key=f"password-reset:{link.id}",
        )


async def reset(session: TenantSession, fields: NewPasswordFields) -> None:
    """A new password for whoever reads the mailbox. Every session of theirs is over, in every tenant."""
    person = await use_link(session, fields.token, LinkPurpose.reset_password)
    refuse_weak(fields.password, about=(person.email, person.name))
    person.email_verified_at = person.email_verified_at or now()
    await _set(session, person, fields.password)


async def change_password(session: TenantSession, fields: ChangedPasswordFields, attempts: Attempts) -> None:
    """A new password for whoever is signed in and knows the old one. Their other sessions are over, in every tenant."""
    row = await sessions.current(session)
    person = await person_behind(session, row.member_id)
    spent = await attempts.code(str(person.id))
    if not await matches(fields.current_password, person.password_hash):
        raise Invalid.one("/current_password", "wrong", "This is not your password.")
    await attempts.forgive(spent)
    refuse_weak(fields.password, about=(person.email, person.name))
    await _set(session, person, fields.password)
    row.authenticated_at = now()


async def _set(session: TenantSession, person: Person, password: SecretStr) -> None:
    person.password_hash = await hashed(password)
    await sign_out_everywhere(session, person)
    leave_note(session, person.id, Note.password_changed)
    await send_mail(
        session,
        to=person.email,
        subject="Your Bitewing password was changed",
        text="Your password was just changed, and all other sessions were ended.\n\nIf that was not you, ask for a new "
        "password at once and tell whoever runs your account.\n",
        key=f"password-changed:{new_id()}",
    )


async def sign_out_everywhere(session: TenantSession, person: Person) -> None:
    """End every session of a person that has begun until now, in every tenant."""
    person.signed_out_at = now()
    await session.flush()
    await forget_credentials(session, person.id)


async def send_verification(session: TenantSession, person: Person, settings: Settings) -> None:
    """A letter whose link proves that the person reads their mailbox."""
    link, token = await make_link(session, person, LinkPurpose.verify_email)
    await send_mail(
        session,
        to=person.email,
        subject="Confirm your e-mail address for Bitewing",
        text=f"Confirm that this is your address:\n{settings.link('email-verification', token)}\n\n"
        f"The link works once and for {_hours(LinkPurpose.verify_email)}.\n",
        key=f"email-verification:{link.id}",
    )


async def verify(session: TenantSession, fields: VerifiedFields) -> None:
    """Note that the person reads the mailbox that the link was sent to."""
    person = await use_link(session, fields.token, LinkPurpose.verify_email)
    person.email_verified_at = now()


async def person_behind(session: TenantSession, member_id: UUID, *, lock: bool = True) -> Person:
    """The person in a seat."""
    member = await session.fetch(Member, member_id)
    statement = select(Person).where(col(Person.id) == member.person_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one()


def _hours(purpose: LinkPurpose) -> str:
    hours = int(LASTS[purpose].total_seconds() // 3600)
    return "one hour" if hours == 1 else f"{hours} hours"
