"""Invitations: a seat offered to one address, by a letter that works once and for a week.

What was offered holds only as long as whoever offered it could still give it: an invitation written by somebody who was
sent away since, or may do less by now, is worth nothing.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import SecretStr
from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, col, func, select

from domain.access import Principal
from domain.clock import now
from domain.coverage import may_seat
from domain.errors import Fault, Invalid, NotFound
from domain.events import emit
from domain.keyring import fingerprint
from domain.outbound.mail import send_mail
from domain.people import mfa
from domain.people.acting import acting_member
from domain.people.members import Member
from domain.people.passwords import Password, hashed, matches, refuse_weak
from domain.people.recovery import sign_out_everywhere
from domain.people.seating import SeatFields, check_seat, covers, take_seat
from domain.people.tenants import Person, Tenant, own
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import Actor, Fields, TenantOwned, TenantSession, belongs_to_tenants, instant, tenant_table

LASTS = timedelta(days=7)
_SHAPE = re.compile(r"bwi_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")
_NOT_VALID = (
    "This invitation is not valid: it was used, taken back or replaced, it is too old, or its giver may no longer give it."
)


class InvitationFields(SeatFields):
    email: str = Field(max_length=320)


class AcceptanceFields(Fields):
    token: str = Field(max_length=200, description="What stands behind `#token=` in the link.")
    name: str | None = Field(default=None, min_length=1, max_length=200, description="Yours. Needed if you are new.")
    password: Password
    """The one you have, or the one you choose if you are new."""


class Invitation(SeatFields, TenantOwned, table=True):
    __table_args__ = tenant_table(
        belongs_to_tenants("member", "invited_by"),
        belongs_to_tenants("member", "member_id"),
        UniqueConstraint("tenant_id", "fingerprint"),
        Index("ix_invitation_email", "tenant_id", "email"),
    )
    noun: ClassVar[str] = "invitation"

    email: str = Field(max_length=320)
    invited_by: UUID
    fingerprint: str
    expires_at: datetime = instant()
    accepted_at: datetime | None = instant(default=None)
    revoked_at: datetime | None = instant(default=None)
    member_id: UUID | None = None
    """Who came of it."""


@dataclass(frozen=True)
class Accepted:
    tenant: Tenant
    member: Member


async def invite(session: TenantSession, fields: InvitationFields, *, by: Principal, settings: Settings) -> Invitation:
    """Offer a seat to an address. An earlier offer to it is taken back."""
    email = _address(fields.email)
    await check_seat(session, by, fields)
    await _refuse_members(session, email)
    for earlier in await _open_ones(session, email):
        await take_back(session, earlier)
    await may_seat(session, promised=await _promised(session))
    token = f"bwi_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    invitation = Invitation(
        **fields.model_dump(mode="json", exclude={"email", "role", "ends_on"}),
        role=fields.role,
        ends_on=fields.ends_on,
        email=email,
        invited_by=acting_member(session),
        fingerprint=fingerprint(token),
        expires_at=now() + LASTS,
    )
    await session.save(invitation)
    emit(session, "invitation.created", invitation, {"email": email, **fields.model_dump(mode="json", exclude={"email"})})
    tenant = await own(session)
    await send_mail(
        session,
        to=email,
        subject=f"{tenant.name} invites you to Bitewing",
        text=f"{tenant.name} offers you a seat in Bitewing, as {fields.role.value.replace('_', ' ')}.\n\n"
        f"Take it here:\n{settings.link('invitation', token)}&id={invitation.id}\n\n"
        f"The link works once and for {LASTS.days} days. If you did not expect it, do nothing.\n",
        key=f"invitation:{invitation.id}",
    )
    return invitation


async def take_back(session: TenantSession, invitation: Invitation) -> None:
    """Withdraw an offer that nobody has taken yet."""
    if invitation.revoked_at is None and invitation.accepted_at is None:
        invitation.revoked_at = now()
        await session.flush()
        emit(session, "invitation.revoked", invitation, {"email": invitation.email})


async def accept(session: TenantSession, id: UUID, fields: AcceptanceFields, runtime: Runtime) -> Accepted:
    """Take the offered seat, from nobody's tenant into the one that the token names. The letter proves the address."""
    shape = _SHAPE.fullmatch(fields.token)
    if shape is None:
        raise NotFound(Invitation.noun)
    await session.enter(UUID(shape[1]))
    offered = select(Invitation).where(col(Invitation.fingerprint) == fingerprint(fields.token)).with_for_update()
    invitation = (await session.execute(offered)).scalar_one_or_none()
    if invitation is None or invitation.id != id:
        raise NotFound(Invitation.noun)
    if not await _still_good(session, invitation):
        raise Invalid.one("/token", "not_valid", _NOT_VALID)
    person = await _person(session, invitation, fields, runtime)
    return Accepted(await own(session), await accept_for(session, invitation, person))


async def open_invitation(session: TenantSession, email: str) -> Invitation | None:
    """The offer that waits for whoever has this address, locked; for those whose provider has proven who they are."""
    for invitation in await _open_ones(session, email, lock=True):
        if await _still_good(session, invitation):
            return invitation
    return None


async def accept_for(session: TenantSession, invitation: Invitation, person: Person) -> Member:
    """Seat a person who has proven to be the one invited."""
    member = await take_seat(session, person, _seat_of(invitation))
    session.actor = Actor("member", member.id, member.id)
    invitation.accepted_at, invitation.member_id = now(), member.id
    await session.flush()
    emit(session, "invitation.accepted", invitation, {"member_id": member.id})
    return member


async def _still_good(session: TenantSession, invitation: Invitation) -> bool:
    giver = await session.fetch(Member, invitation.invited_by)
    open_still = invitation.accepted_at is None and invitation.revoked_at is None and invitation.expires_at > now()
    return open_still and await covers(session, giver, invitation)


async def _person(session: TenantSession, invitation: Invitation, fields: AcceptanceFields, runtime: Runtime) -> Person:
    """Who reads the mailbox: somebody new, or somebody known who brings their password.

    An account that never proved its address may have been made by anybody, in the hope of this invitation. So the one who
    reads the mailbox takes it over, and whatever was set up before is gone.
    """
    await runtime.attempts.sign_in(invitation.email, session.context.get("address"))
    statement = select(Person).where(col(Person.email) == invitation.email).with_for_update()
    known = (await session.execute(statement)).scalar_one_or_none()
    if known is None:
        if fields.name is None:
            raise Invalid.one("/name", "missing", "Say your name.")
        refuse_weak(fields.password, about=(invitation.email, fields.name))
        person = Person(email=invitation.email, name=fields.name, password_hash=await hashed(fields.password))
        session.add(person)
    elif await matches(fields.password, known.password_hash):
        person = known
    elif known.email_verified_at is not None and known.password_hash is not None:
        raise Invalid.one("/password", "wrong", "You have a password here already, and this is another.")
    else:
        person = await _take_over(session, known, fields.password)
    person.email_verified_at = person.email_verified_at or now()
    await session.flush()
    return person


async def _take_over(session: TenantSession, person: Person, password: SecretStr) -> Person:
    refuse_weak(password, about=(person.email, person.name))
    person.password_hash = await hashed(password)
    await mfa.forget_factors(session, person)
    await sign_out_everywhere(session, person)
    return person


def _seat_of(invitation: Invitation) -> SeatFields:
    return SeatFields.model_validate({name: getattr(invitation, name) for name in SeatFields.model_fields})


async def _refuse_members(session: TenantSession, email: str) -> None:
    statement = select(Member).join(Person, col(Person.id) == col(Member.person_id)).where(col(Person.email) == email)
    member = (await session.execute(statement)).scalar_one_or_none()
    if member is not None and member.seated:
        raise Invalid([Fault("/email", "already_member", "Whoever has this address has a seat here already.")])


async def _promised(session: TenantSession) -> int:
    """Seats that were offered and can still be taken."""
    waiting = select(func.count()).where(
        col(Invitation.accepted_at).is_(None), col(Invitation.revoked_at).is_(None), col(Invitation.expires_at) > now()
    )
    return (await session.execute(waiting)).scalar_one()


async def _open_ones(session: TenantSession, email: str, *, lock: bool = False) -> list[Invitation]:
    statement = select(Invitation).where(
        col(Invitation.email) == email, col(Invitation.accepted_at).is_(None), col(Invitation.revoked_at).is_(None)
    )
    return list((await session.execute(statement.with_for_update() if lock else statement)).scalars())


def _address(text: str) -> str:
    try:
        return str(validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email).lower()
    except EmailNotValidError:
        raise Invalid.one("/email", "no_address", "This is not an e-mail address that a letter can be sent to.") from None
