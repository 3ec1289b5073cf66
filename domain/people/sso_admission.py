"""Letting somebody in whom a provider speaks of: a member who is known, one who was invited, or one who joins now.

An address is believed only where the provider has checked it and the tenant has proven its domain in the DNS, and only the
first time; from then on the provider's own name for the person counts, which nobody else can be given.
"""

from email_validator import EmailNotValidError, validate_email
from sqlmodel import col, select

from domain.access import Role
from domain.clock import now
from domain.events import emit
from domain.people import mfa, seating
from domain.people.invitations import accept_for, open_invitation
from domain.people.members import Member
from domain.people.recovery import sign_out_everywhere
from domain.people.seating import SeatFields
from domain.people.sso_connections import SsoConnection, open_for_sign_in, seat_for
from domain.people.sso_domains import is_verified
from domain.people.sso_identities import Shown, SsoIdentity, SsoRefused
from domain.people.tenants import Person
from domain.tenancy import Actor, TenantSession


async def admit(session: TenantSession, connection: SsoConnection, shown: Shown) -> Member:
    """The member whom a provider speaks of: known, invited, or joining now. Raises :class:`SsoRefused`."""
    if not open_for_sign_in(connection):
        raise SsoRefused("connection_closed")
    session.actor = Actor("sso_connection", connection.id)
    # Two sign-ins of one person at once take turns, so that the second finds what the first has made.
    await (await session.driver()).execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{connection.id}:{shown.subject}"
    )
    statement = select(SsoIdentity).where(
        col(SsoIdentity.connection_id) == connection.id, col(SsoIdentity.subject) == shown.subject
    )
    identity = (await session.execute(statement)).scalar_one_or_none()
    if identity is None:
        identity = await _link(session, connection, shown)
    member = await session.fetch(Member, identity.member_id, lock=True)
    if not member.seated:
        raise SsoRefused("no_seat")
    if member.role is Role.owner and not connection.admits_owners:
        raise SsoRefused("owners_not_admitted")
    if identity.joined:
        await _follow_groups(session, connection, shown, member)
    identity.last_used_at = now()
    return member


async def _link(session: TenantSession, connection: SsoConnection, shown: Shown) -> SsoIdentity:
    email = await _proven(session, shown)
    await (await session.driver()).execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", email)
    person = (await session.execute(select(Person).where(col(Person.email) == email).with_for_update())).scalar_one_or_none()
    member = None
    if person is not None:
        seat = select(Member).where(col(Member.person_id) == person.id)
        member = (await session.execute(seat)).scalar_one_or_none()
    joined = False
    if member is None or not member.seated:
        invitation = await open_invitation(session, email)
        if invitation is not None:
            person = await _person(session, person, email, shown)
            member = await accept_for(session, invitation, person)
        elif member is not None or not connection.auto_join:
            # A seat that was taken away comes back by an invitation, and never by itself.
            raise SsoRefused("no_seat")
        else:
            grant = seat_for(connection, shown.groups)
            if grant is None:
                raise SsoRefused("no_seat")
            person = await _person(session, person, email, shown)
            member = await seating.take_seat(session, person, SeatFields.model_validate(grant.model_dump()))
            joined = True
    if member.role is Role.owner and not connection.admits_owners:
        raise SsoRefused("owners_not_admitted")
    known = select(SsoIdentity.id).where(
        col(SsoIdentity.connection_id) == connection.id, col(SsoIdentity.member_id) == member.id
    )
    if (await session.execute(known)).first() is not None:
        # An address that was given to somebody else at the provider must not bring its former owner's seat with it.
        raise SsoRefused("linked_to_another")
    identity = await session.save(
        SsoIdentity(connection_id=connection.id, subject=shown.subject, member_id=member.id, joined=joined, last_used_at=now())
    )
    emit(session, "member.sso_linked", member, {"connection_id": connection.id, "joined": joined})
    return identity


async def _proven(session: TenantSession, shown: Shown) -> str:
    """The address by which somebody is recognised."""
    try:
        email = validate_email(shown.email or "", check_deliverability=False, allow_smtputf8=False).ascii_email
    except EmailNotValidError:
        email = None
    if not email or not await is_verified(session, email.rpartition("@")[2].lower()):
        raise SsoRefused("email_not_proven")
    return email.lower()


async def _person(session: TenantSession, known: Person | None, email: str, shown: Shown) -> Person:
    """Who has this address. An account that never proved it may have been made by anybody, in the hope of this moment: what
    was set up there is gone, as with an invitation. A tenant that proves a domain does not prove each mailbox, so the address
    stays unproven for other tenants."""
    if known is None:
        person = Person(email=email, name=(shown.name or email)[:200])
        session.add(person)
        await session.flush()
        return person
    if known.email_verified_at is None:
        known.password_hash = None
        await mfa.forget_factors(session, known)
        await sign_out_everywhere(session, known)
    return known


async def _follow_groups(session: TenantSession, connection: SsoConnection, shown: Shown, member: Member) -> None:
    grant = seat_for(connection, shown.groups)
    if grant is None:
        raise SsoRefused("no_seat")
    if member.role is not Role.owner:
        seat = SeatFields.model_validate({**grant.model_dump(), "ends_on": member.ends_on})
        await seating.reseat(session, member, seat)
