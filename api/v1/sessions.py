"""Signing in and out, and everything about one's own password: the door's own door."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import DoorRoute, Doorstep, DoorstepRoute, Inside, inside_even_withheld, inside_of, runtime_of, this
from api.pages import Listing, Page, Paged, filters_of
from api.problems import refused_sign_in
from api.v1.start import TenantOut, tenant_out
from domain.access import Permission, Principal, Withheld
from domain.errors import Conflict, Forbidden, NotFound
from domain.people import recovery, sessions, signing_in
from domain.people.lending import BORROWED
from domain.people.second_factors import FactorKind
from domain.people.sessions import Session, SessionEnd, SignInMethod
from domain.people.signing_in import Choice, SignedIn

doorstep = APIRouter(route_class=DoorstepRoute, tags=["start"])
router = APIRouter(route_class=DoorRoute, tags=["start"])
Anybody = Annotated[Inside, Depends(inside_of)]
Whoever = Annotated[Inside, Depends(inside_even_withheld)]


def _seen(principal: Principal, row: Session) -> bool:
    """One's own; everybody's, for those who may change members and are not narrowed."""
    own = row.member_id == principal.actor.member_id and principal.actor.kind == "session"
    return own or (principal.organization_ids is None and principal.may(Permission.members_write))


ThisSession = Annotated[Session, this(Session, seen_by=_seen)]


class SessionOut(BaseModel):
    id: UUID
    member_id: UUID
    method: SignInMethod
    created_at: datetime
    last_seen_at: datetime
    """To the minute."""
    idle_minutes: int
    """So long it may rest before it is over."""
    expires_at: datetime
    """When it is over at the latest."""
    ended_at: datetime | None
    ended_by: SessionEnd | None
    address: str | None
    """Where it began."""
    user_agent: str | None


class SignedInOut(BaseModel):
    token: str
    """Send it as ``Authorization: Bearer``. Shown this once."""
    tenant: TenantOut
    session: SessionOut
    withheld: Withheld | None
    """What is still to be done before this session may do anything else: show a second factor, or set one up."""
    factors: list[FactorKind]
    """With which kinds of second factor you can do so."""


class TenantChoiceOut(BaseModel):
    """You are who you say, and have a seat in each of these: send the same again with one of them as ``tenant_id``."""

    tenants: list[TenantOut]


class TokenOut(BaseModel):
    token: str
    session: SessionOut


SESSIONS = Listing(
    SessionOut,
    Session,
    sorts={"created_at": col(Session.created_at)},
    filters=filters_of(Session, "member_id"),
)


@doorstep.post(
    "/sessions",
    status_code=201,
    response_model=SignedInOut,
    responses={200: {"model": TenantChoiceOut, "description": "Right, but which tenant?"}},
)
async def sign_in(session: Doorstep, request: Request, fields: signing_in.SignInFields) -> SignedInOut | Response:
    """Sign in with e-mail and password. Whatever is wrong about them, the answer is the same 401."""
    done = await signing_in.sign_in(session, fields, runtime_of(request).attempts)
    if done is None:
        return refused_sign_in(request)
    if isinstance(done, Choice):
        return Response(
            TenantChoiceOut(tenants=[tenant_out(each) for each in done.tenants]).model_dump_json(),
            media_type="application/json",
        )
    return signed_in_out(done)


@router.get("/sessions", response_model=Page[SessionOut])
async def list_sessions(by: Anybody, window: Paged, member_id: UUID | None = None) -> Response:
    """Your own sessions, ended ones too; everybody's for those who may read members and are not narrowed. An application sees
    none, unless it may read members."""
    if by.principal.actor.kind == BORROWED and not by.principal.may(Permission.members_read):
        raise Forbidden("Where somebody is signed in is no matter of an application that may not read members.")
    if by.principal.organization_ids is not None or not by.principal.may(Permission.members_read):
        if by.principal.actor.member_id is None:
            raise NotFound("member")
        member_id = by.principal.actor.member_id
    return await SESSIONS.page(by, window, member_id=member_id)


@router.delete("/sessions/current", status_code=204)
async def sign_out(by: Whoever) -> None:
    """End the session that you are using."""
    await sessions.end(by.session, await sessions.current(by.session), SessionEnd.signed_out)


@router.post("/sessions/current/rotation", status_code=201, response_model=TokenOut)
async def rotate_session(by: Anybody) -> TokenOut:
    """Take a new token for the session that you are using. The old one is refused; shown again later, it ends the session."""
    row = await sessions.current(by.session)
    token = await sessions.rotate(by.session, row)
    return TokenOut(token=token, session=session_out(row))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(by: Anybody, row: ThisSession) -> None:
    """End a session of your own; anybody's, for those who may change members and are not narrowed."""
    await sessions.end(by.session, row, SessionEnd.revoked)


@doorstep.post("/password-resets", status_code=202)
async def forget_password(session: Doorstep, request: Request, fields: recovery.ForgottenFields) -> None:
    """Have a letter with a link sent to this address. The answer says nothing about whether anybody has it."""
    await recovery.forget(session, fields, runtime_of(request).attempts)


@doorstep.post("/password-resets/completion", status_code=204)
async def reset_password(session: Doorstep, fields: recovery.NewPasswordFields) -> None:
    """Choose a new password with the token of a letter. It ends every session that you have, in every tenant."""
    await recovery.reset(session, fields)


@router.post("/me/password", status_code=204)
async def change_password(by: Anybody, fields: recovery.ChangedPasswordFields) -> None:
    """Change your own password. It ends every other session that you have, in every tenant."""
    await recovery.change_password(by.session, fields, by.runtime.attempts)


@router.post("/email-verifications", status_code=202)
async def ask_for_verification(by: Anybody) -> None:
    """Have a letter sent to your own address, whose link proves that you read it."""
    member_id = by.principal.actor.member_id
    if member_id is None:
        raise NotFound("member")
    person = await recovery.person_behind(by.session, member_id)
    if person.email_verified_at is not None:
        raise Conflict("Your address is confirmed already.", code="already_verified")
    await by.runtime.attempts.letter(person.email, None)
    await recovery.send_verification(by.session, person, by.runtime.settings)


@doorstep.post("/email-verifications/completion", status_code=204)
async def verify_email(session: Doorstep, fields: recovery.VerifiedFields) -> None:
    """Confirm an address with the token of a letter."""
    await recovery.verify(session, fields)


def signed_in_out(done: SignedIn) -> SignedInOut:
    return SignedInOut(
        token=done.token,
        tenant=tenant_out(done.tenant),
        session=session_out(done.session),
        withheld=done.withheld,
        factors=list(done.factors),
    )


def session_out(row: Session) -> SessionOut:
    return SessionOut.model_validate(row, from_attributes=True)
