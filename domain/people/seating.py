"""Who sits where: giving a seat, changing it, taking it away. Nobody gives more than they have themselves, and nobody touches
the seat of someone who may do more. One owner at least is always there.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlmodel import Field, col, select

from domain.access import NARROWED, ROLES, Principal, Reach, Role
from domain.clock import now, today
from domain.coverage import may_seat
from domain.errors import Conflict, Forbidden, Invalid
from domain.events import emit
from domain.people import oauth_grants, sessions
from domain.people.acting import acting_member
from domain.people.api_keys import ApiKey, revoke
from domain.people.lending import NarrowingFields, check_narrowing, hand_on_narrowing, reach_of, refuse_borrowed
from domain.people.members import Member
from domain.people.revocation import forget_credentials
from domain.people.sso_identities import forget_identities
from domain.people.step_up import expect_fresh_proof, expect_fresh_proof_for
from domain.people.tenants import Person, own
from domain.records import change
from domain.tenancy import TenantSession, one_of


class SeatFields(NarrowingFields):
    role: Role = one_of(Role)
    ends_on: date | None = Field(default=None, description="The last day of the seat, in UTC. Null: until it is taken away.")


async def check_seat(session: TenantSession, by: Principal, fields: SeatFields) -> None:
    """Refuse to give a seat that reaches further than one's own, in any way; and one that the role cannot have."""
    refuse_borrowed(by)
    await expect_fresh_proof_for(session, ROLES[fields.role])
    if not ROLES[fields.role] <= by.permissions:
        raise Invalid.one("/role", "beyond_maker", "This role may do more than you, so it is not yours to give.")
    await check_narrowing(session, by, fields)
    fields.organization_ids = hand_on_narrowing(by, fields)
    narrowed = fields.organization_ids is not None or fields.group_ids is not None
    if fields.role in NARROWED and not narrowed:
        raise Invalid.one("/organization_ids", "narrowing_required", "Say for which organizations or groups.")
    if fields.role is Role.owner and (narrowed or fields.ends_on):
        raise Invalid.one("/role", "whole", "An owner answers for the whole account, and without an end date.")
    if fields.ends_on is not None and fields.ends_on < today():
        raise Invalid.one("/ends_on", "in_the_past", "The last day of a seat lies in the future, or is today.")
    giver = await session.fetch(Member, acting_member(session))
    if giver.ends_on is not None and (fields.ends_on is None or fields.ends_on > giver.ends_on):
        raise Invalid.one("/ends_on", "beyond_maker", "Your own seat ends earlier, so this one does too.")


async def covers(session: TenantSession, giver: Member, fields: SeatFields) -> bool:
    """Whether a member could give such a seat at this moment: what was offered is not worth more than who offered it."""
    theirs, given = await reach_of(session, giver), await reach_of(session, fields)
    return giver.seated and ROLES[fields.role] <= ROLES[giver.role] and _within(given, theirs)


async def take_seat(session: TenantSession, person: Person, fields: SeatFields) -> Member:
    """Seat a person. Who had a seat here before takes it again, with nothing left of what it was."""
    seat = select(Member).where(col(Member.person_id) == person.id).with_for_update()
    member = (await session.execute(seat)).scalar_one_or_none()
    if member is not None and member.seated:
        raise Conflict("This person has a seat here already.", code="already_member")
    await may_seat(session)
    if member is None:
        member = Member(person_id=person.id, role=fields.role)
    elif member.archived_at is None:
        # The seat's last day is over, and nobody has taken it away: its keys and what it granted would come back to life.
        await end_seat(session, member)
    member.archived_at = None
    for name, value in fields.model_dump(mode="json", exclude={"role", "ends_on"}).items():
        setattr(member, name, value)
    member.role, member.ends_on = fields.role, fields.ends_on
    await session.save(member)
    emit(session, "member.created", member, {"role": member.role, **fields.model_dump(mode="json", exclude={"role"})})
    return member


async def change_seat(session: TenantSession, member: Member, fields: SeatFields, *, by: Principal) -> Member:
    """Another role, narrowing or end. Holds at once for every session and key of the member."""
    await refuse_further_reaching(session, member, by)
    await expect_fresh_proof_for(session, ROLES[member.role])
    await check_seat(session, by, fields)
    if member.role is Role.owner and fields.role is not Role.owner:
        await _expect_another_owner(session, member)
    await change(session, member, fields)
    await forget_credentials(session, member.id)
    return member


async def reseat(session: TenantSession, member: Member, fields: SeatFields) -> None:
    """The seat that a provider's groups give at this sign-in, where a provider gave it before."""
    before = (member.role, member.organization_ids, member.group_ids)
    await change(session, member, fields)
    if (member.role, member.organization_ids, member.group_ids) != before:
        await forget_credentials(session, member.id)


async def unseat(session: TenantSession, member: Member, *, by: Principal) -> None:
    """Take a seat away. Sessions, keys and what was granted to applications end with it, in every process, and do not come
    back with the person."""
    await refuse_further_reaching(session, member, by)
    await expect_fresh_proof(session)
    if member.archived_at is not None:
        return
    if member.role is Role.owner:
        await _expect_another_owner(session, member)
    await end_seat(session, member)


async def end_seat(session: TenantSession, member: Member) -> None:
    """The end of a seat, whoever asks for it: nobody is asked whether they may."""
    member.archived_at = now()
    await session.flush()
    await sessions.end_all_of(session, member.id)
    await oauth_grants.end_all_of(session, member.id)
    keys = select(ApiKey).where(col(ApiKey.member_id) == member.id, col(ApiKey.revoked_at).is_(None))
    for key in (await session.execute(keys)).scalars().all():
        await revoke(session, key)
    await forget_identities(session, member.id)
    emit(session, "member.archived", member)
    await forget_credentials(session, member.id)


async def hand_over(session: TenantSession, member: Member, *, by: Principal) -> Member:
    """Make another member the owner, in one's own place: the giver is an admin from then on."""
    refuse_borrowed(by)
    await own(session, lock=True)
    giver = await session.fetch(Member, acting_member(session), lock=True)
    if giver.role is not Role.owner:
        raise Forbidden("Only an owner can give ownership away.")
    await expect_fresh_proof(session)
    if giver.id == member.id or member.role is Role.owner:
        raise Conflict("This member is an owner already.", code="already_owner")
    if not member.seated or member.ends_on is not None:
        raise Conflict("An owner's seat has no end.", code="seat_ends")
    emit(
        session, "member.ownership_given", member, {"from_member_id": giver.id, "role": {"from": member.role, "to": Role.owner}}
    )
    member.role, member.organization_ids, member.group_ids = Role.owner, None, None
    giver.role = Role.admin
    await session.flush()
    await forget_credentials(session, member.id)
    return member


async def refuse_further_reaching(session: TenantSession, member: Member, by: Principal) -> None:
    """Whoever may do more than you is not yours to change."""
    refuse_borrowed(by)
    within = _within(await reach_of(session, member), by.organization_ids)
    if not (within and ROLES[member.role] <= by.permissions):
        raise Forbidden("This member may do more than you.", code="beyond_maker")


def _within(inner: Reach, outer: Reach) -> bool:
    return outer is None or (inner is not None and inner <= outer)


async def _expect_another_owner(session: TenantSession, member: Member) -> None:
    """With the account locked, so that two owners who leave at once do not both think the other stays."""
    await own(session, lock=True)
    owners: Sequence[UUID] = (
        (
            await session.execute(
                select(col(Member.id)).where(
                    col(Member.role) == Role.owner,
                    col(Member.archived_at).is_(None),
                    col(Member.ends_on).is_(None),
                    col(Member.id) != member.id,
                )
            )
        )
        .scalars()
        .all()
    )
    if not owners:
        raise Conflict("An account has an owner at all times; make another member one first.", code="last_owner")
