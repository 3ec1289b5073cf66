"""Second factors: setting them up, showing them, and what a session that has not shown one may do."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from api.door import DoorRoute, Inside, inside_even_withheld, inside_of
from api.pages import Page, Paged, page_of
from api.problems import refused
from api.v1.sessions import TokenOut, session_out
from domain.errors import Invalid, NotFound
from domain.people import mfa
from domain.people.second_factors import FactorKind, SecondFactor

router = APIRouter(route_class=DoorRoute, tags=["start"])
Whoever = Annotated[Inside, Depends(inside_even_withheld)]
Anybody = Annotated[Inside, Depends(inside_of)]


class FactorOut(BaseModel):
    id: UUID
    kind: FactorKind
    name: str
    confirmed_at: datetime | None
    last_used_at: datetime | None


class TotpOut(BaseModel):
    secret: str
    uri: str
    """What the picture for the app says."""


class BegunFactorOut(BaseModel):
    """A factor that counts once it was used. Its secret is shown this once."""

    factor: FactorOut
    totp: TotpOut | None
    public_key: dict[str, Any] | None
    """For a passkey: what ``navigator.credentials.create`` takes, as ``parseCreationOptionsFromJSON`` reads it."""


class ConfirmedFactorOut(TokenOut):
    factor: FactorOut
    recovery_codes: list[str] | None
    """With the first factor: ten codes for the day when it is gone. Shown this once."""


class ChallengeOut(BaseModel):
    public_key: dict[str, Any]
    """What ``navigator.credentials.get`` takes, as ``parseRequestOptionsFromJSON`` reads it."""


class RecoveryCodesOut(BaseModel):
    recovery_codes: list[str]


async def _this_factor(request: Request, mfa_factor_id: str) -> SecondFactor:
    inside: Inside = request.state.inside
    try:
        identifier = UUID(mfa_factor_id)
    except ValueError:
        raise NotFound("factor") from None
    return await mfa.factor_of(inside.session, identifier)


@router.post("/sessions/mfa", status_code=201, response_model=TokenOut)
async def show_factor(by: Whoever, request: Request, fields: mfa.ShownFields) -> TokenOut | Response:
    """Show a second factor: a code, a recovery code or a passkey. Go on with the new token; the old one is refused."""
    done = await mfa.show(by.session, fields, by.runtime)
    if isinstance(done, Invalid):
        return await refused(request, done)
    row, token = done
    return TokenOut(token=token, session=session_out(row))


@router.post("/sessions/mfa/challenge", status_code=201)
async def challenge_passkeys(by: Whoever) -> ChallengeOut:
    """Ask for what a passkey has to answer, within five minutes, in ``POST /v1/sessions/mfa``."""
    return ChallengeOut(public_key=await mfa.challenge_passkeys(by.session, by.runtime))


@router.get("/me/mfa-factors")
async def list_factors(by: Anybody, window: Paged) -> Page[FactorOut]:
    """Your own second factors. A key has none."""
    shown = [_shown(each) for each in await mfa.own_factors(by.session)] if by.principal.actor.kind == "session" else []
    return page_of(shown, window, key=lambda each: str(each.id))


@router.post("/me/mfa-factors", status_code=201)
async def begin_factor(by: Whoever, fields: mfa.FactorFields) -> BegunFactorOut:
    """Start to set up a second factor. It counts once you have used it: ``POST /v1/me/mfa-factors/confirmation``."""
    begun = await mfa.begin_factor(by.session, fields, by.runtime, by.principal.withheld)
    totp = TotpOut(secret=begun.secret, uri=begun.uri) if begun.secret and begun.uri else None
    return BegunFactorOut(factor=_shown(begun.factor), totp=totp, public_key=begun.public_key)


@router.post("/me/mfa-factors/confirmation", status_code=201)
async def confirm_factor(by: Whoever, fields: mfa.ConfirmedFields) -> ConfirmedFactorOut:
    """Use the new factor for the first time. Go on with the new token."""
    done = await mfa.confirm_factor(by.session, fields, by.runtime)
    return ConfirmedFactorOut(
        token=done.token, session=session_out(done.session), factor=_shown(done.factor), recovery_codes=done.recovery_codes
    )


@router.delete("/me/mfa-factors/{mfa_factor_id}", status_code=204)
async def remove_factor(by: Anybody, factor: Annotated[SecondFactor, Depends(_this_factor)]) -> None:
    """Take a factor away. Needs a second factor shown within the last 15 minutes."""
    await mfa.remove_factor(by.session, factor)


@router.post("/me/recovery-codes", status_code=201)
async def renew_recovery_codes(by: Anybody) -> RecoveryCodesOut:
    """Ten new recovery codes; the old ones are worth nothing any more."""
    return RecoveryCodesOut(recovery_codes=await mfa.renew_codes(by.session))


def _shown(factor: SecondFactor) -> FactorOut:
    return FactorOut.model_validate(factor, from_attributes=True)
