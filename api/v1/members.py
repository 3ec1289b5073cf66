"""The people of a tenant: their seats, their roles, and invitations to more of them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Doorstep, DoorstepRoute, Inside, door_router, inside_of, may, merged, patch_of, runtime_of, this
from api.pages import Listing, Page, Paged, filters_of, page_of
from api.v1.start import TenantOut, tenant_out
from domain.access import NARROWED, ROLES, Permission, Principal, Role
from domain.errors import NotFound
from domain.people import factor_reset, invitations, seating
from domain.people.invitations import Invitation
from domain.people.members import Member
from domain.people.recovery import person_behind
from domain.people.tenants import Person

doorstep = APIRouter(route_class=DoorstepRoute, tags=["people"])
router = door_router("people")
Anybody = Annotated[Inside, Depends(inside_of)]
Reader = Annotated[Inside, may(Permission.members_read)]
Writer = Annotated[Inside, may(Permission.members_write)]
Owner = Annotated[Inside, may(Permission.ownership_write)]


def _seen(principal: Principal, member: Member) -> bool:
    """Whoever is narrowed to some organizations has to do with their own seat only."""
    return principal.organization_ids is None or member.id == principal.actor.member_id


def _offered(principal: Principal, invitation: Invitation) -> bool:
    return principal.organization_ids is None or invitation.invited_by == principal.actor.member_id


ThisMember = Annotated[Member, this(Member, seen_by=_seen)]
ThisInvitation = Annotated[Invitation, this(Invitation, seen_by=_offered)]


class RoleOut(BaseModel):
    role: Role
    permissions: list[Permission]
    always_narrowed: bool
    """Such a seat is for some organizations only."""


class MemberOut(BaseModel):
    id: UUID
    name: str
    email: str
    role: Role
    organization_ids: list[UUID] | None
    """The organizations this seat is narrowed to; null here and for groups means all."""
    group_ids: list[UUID] | None
    ends_on: date | None
    created_at: datetime
    archived_at: datetime | None


class InvitationOut(BaseModel):
    id: UUID
    email: str
    role: Role
    organization_ids: list[UUID] | None
    group_ids: list[UUID] | None
    ends_on: date | None
    invited_by: UUID
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None
    member_id: UUID | None
    created_at: datetime


class AcceptedOut(BaseModel):
    tenant: TenantOut
    member_id: UUID
    role: Role


MEMBERS = Listing(
    MemberOut,
    Member,
    sorts={"created_at": col(Member.created_at)},
    columns={"name": col(Person.name), "email": col(Person.email)},
    joins=lambda rows: rows.join(Person, col(Person.id) == col(Member.person_id)),
    filters=filters_of(Member, "id", "role"),
    where=col(Member.archived_at).is_(None),
)
INVITATIONS = Listing(
    InvitationOut,
    Invitation,
    sorts={"created_at": col(Invitation.created_at)},
    filters=filters_of(Invitation, "invited_by"),
)


@router.get("/roles")
async def list_roles(_by: Anybody, window: Paged) -> Page[RoleOut]:
    """The roles there are, and what each may do."""
    roles = [
        RoleOut(role=role, permissions=sorted(permissions), always_narrowed=role in NARROWED)
        for role, permissions in ROLES.items()
    ]
    return page_of(roles, window, key=lambda each: each.role.value)


@router.get("/members", response_model=Page[MemberOut])
async def list_members(by: Reader, window: Paged, role: Role | None = None) -> Response:
    """Everybody with a seat here, oldest first; only yourself, if you are narrowed to some organizations."""
    narrowed = by.principal.organization_ids is not None
    return await MEMBERS.page(by, window, role=role, id=by.principal.actor.member_id if narrowed else None)


@router.get("/members/{member_id}")
async def read_member(by: Reader, member: ThisMember) -> MemberOut:
    return await _shown(by, member)


@router.patch("/members/{member_id}", openapi_extra=patch_of(seating.SeatFields))
async def change_member(by: Writer, member: ThisMember, changes: Changes) -> MemberOut:
    """Another role, narrowing or end date; within what you have yourself. Holds at once, for sessions and keys too."""
    fields = merged(seating.SeatFields, member, changes)
    return await _shown(by, await seating.change_seat(by.session, member, fields, by=by.principal))


@router.delete("/members/{member_id}", status_code=204)
async def remove_member(by: Writer, member: ThisMember) -> None:
    """Take a seat away. All sessions and keys of the member end at once."""
    await seating.unseat(by.session, member, by=by.principal)


@router.post("/members/{member_id}/ownership", status_code=201)
async def give_ownership(by: Owner, member: ThisMember) -> MemberOut:
    """Make this member the owner in your place; you are an admin from then on."""
    return await _shown(by, await seating.hand_over(by.session, member, by=by.principal))


@router.post("/members/{member_id}/mfa-reset", status_code=201)
async def reset_mfa(by: Writer, member: ThisMember) -> MemberOut:
    """Take away the second factors and recovery codes of a member who has lost them, and end their sessions. They are told by
    letter, and set a new factor up at their next sign-in. For people who have shown their own within the last 15 minutes."""
    await factor_reset.reset_factors(by.session, member, by=by.principal)
    return await _shown(by, member)


@router.get("/invitations", response_model=Page[InvitationOut])
async def list_invitations(by: Reader, window: Paged) -> Response:
    """Every invitation, oldest first; only your own, if you are narrowed to some organizations."""
    narrowed = by.principal.organization_ids is not None
    return await INVITATIONS.page(by, window, invited_by=by.principal.actor.member_id if narrowed else None)


@router.post("/invitations", status_code=201, response_model=InvitationOut)
async def invite(by: Writer, fields: invitations.InvitationFields) -> Invitation:
    """Offer a seat to an address, within what you have yourself. The letter's link works once and for a week."""
    return by.tag(await invitations.invite(by.session, fields, by=by.principal, settings=by.runtime.settings))


@router.get("/invitations/{invitation_id}", response_model=InvitationOut)
async def read_invitation(by: Reader, invitation: ThisInvitation) -> Invitation:
    return invitation


@router.delete("/invitations/{invitation_id}", status_code=204)
async def take_invitation_back(by: Writer, invitation: ThisInvitation) -> None:
    """Withdraw an invitation that nobody has accepted yet."""
    await invitations.take_back(by.session, invitation)


@doorstep.post("/invitations/{invitation_id}/acceptance", status_code=201)
async def accept_invitation(
    session: Doorstep, request: Request, invitation_id: str, fields: invitations.AcceptanceFields
) -> AcceptedOut:
    """Take the seat, with the token of the letter: as yourself if you are known here, with your password; else as somebody
    new. Then sign in."""
    try:
        identifier = UUID(invitation_id)
    except ValueError:
        raise NotFound(Invitation.noun) from None
    done = await invitations.accept(session, identifier, fields, runtime_of(request))
    return AcceptedOut(tenant=tenant_out(done.tenant), member_id=done.member.id, role=done.member.role)


async def _shown(by: Inside, member: Member) -> MemberOut:
    person = await person_behind(by.session, member.id, lock=False)
    own = {name: getattr(member, name) for name in MemberOut.model_fields if name in Member.model_fields}
    return MemberOut(**own, name=person.name, email=person.email)
