"""Showing a second factor, and setting one up: the verbs behind ``POST /sessions/mfa`` and ``/me/mfa-factors``.

Until a session has shown what its tenant demands it may do nothing else: set a factor up, or show one. A password alone
never adds a factor to an account that has one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Field, col

from domain.access import Withheld
from domain.clock import now
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from domain.events import emit
from domain.people import passkeys, recovery_codes, sessions
from domain.people.members import Member
from domain.people.passkeys import CredentialFields
from domain.people.recovery import person_behind
from domain.people.recovery_codes import RecoveryCode
from domain.people.seats import tenants_of
from domain.people.second_factors import (
    FactorKind,
    SecondFactor,
    being_set_up,
    factors_of,
    new_secret,
    recent,
    takes_code,
)
from domain.people.session_policy import policy_of
from domain.people.sessions import Session, SignInMethod
from domain.people.step_up import refuse_stale
from domain.people.tenants import Person, own
from domain.runtime import Runtime
from domain.tenancy import Fields, TenantSession, one_of

CHALLENGE_LASTS = timedelta(minutes=5)
_WRONG = "This is not right, was used before, or is too old."


class FactorFields(Fields):
    kind: FactorKind = one_of(FactorKind)
    name: str = Field(default="", max_length=100, description="To tell two apart, such as `Phone`.")


class ShownFields(Fields):
    """Exactly one of them."""

    code: str | None = Field(default=None, max_length=20, description="The six digits that the app shows.")
    recovery_code: str | None = Field(default=None, max_length=40)
    credential: CredentialFields | None = Field(default=None, description="What `navigator.credentials.get` gave.")


class ConfirmedFields(Fields):
    """The first use of a factor that is being set up: one of them."""

    code: str | None = Field(default=None, max_length=20, description="The six digits that the app shows.")
    credential: CredentialFields | None = Field(default=None, description="What `navigator.credentials.create` gave.")


@dataclass(frozen=True)
class Begun:
    """What a person needs to set a factor up. Shown this once."""

    factor: SecondFactor
    secret: str | None = None
    uri: str | None = None
    public_key: Any = None


@dataclass(frozen=True)
class Confirmed:
    factor: SecondFactor
    session: Session
    token: str
    recovery_codes: list[str] | None


async def begin_factor(session: TenantSession, fields: FactorFields, runtime: Runtime, withheld: Withheld | None) -> Begun:
    """Start to set up a factor. It counts once it was used; one that was begun before is forgotten."""
    row, person = await _who(session)
    await _refuse_provider(session, row, person)
    known = await factors_of(session, person.id)
    if withheld is Withheld.verification:
        raise Forbidden("Show your second factor first: POST /v1/sessions/mfa.", code="step_up_required")
    refuse_stale(row, known)
    if (before := await being_set_up(session, person.id)) is not None:
        await session.delete(before)
        await session.flush()
    factor = SecondFactor(person_id=person.id, kind=fields.kind, name=fields.name or fields.kind.value)
    if fields.kind is FactorKind.totp:
        secret, uri = new_secret(session, factor, account=person.email)
        session.add(factor)
        return Begun(factor, secret=secret, uri=uri)
    challenge, options = passkeys.registration(runtime.settings, person_id=person.id, account=person.email, known=known)
    row.challenge, row.challenge_at = challenge.hex(), now()
    session.add(factor)
    return Begun(factor, public_key=options)


async def confirm_factor(session: TenantSession, fields: ConfirmedFields, runtime: Runtime) -> Confirmed:
    """Use the new factor for the first time: from then on it counts, and this session has shown it."""
    row, person = await _who(session)
    factor = await being_set_up(session, person.id)
    if factor is None:
        raise Conflict("No factor is being set up; begin with POST /v1/me/mfa-factors.", code="nothing_begun")
    spent = await runtime.attempts.code(str(person.id))
    if factor.kind is FactorKind.totp:
        right = takes_code(session, factor, fields.code or "")
    else:
        challenge = _challenge(row)
        right = fields.credential is not None and passkeys.register(runtime.settings, factor, fields.credential, challenge)
    if not right:
        raise Invalid.one("/code" if factor.kind is FactorKind.totp else "/credential", "wrong", _WRONG)
    await runtime.attempts.forgive(spent)
    factor.confirmed_at = now()
    row.challenge = None
    codes = None if await recovery_codes.has_codes(session, person.id) else await recovery_codes.new_codes(session, person.id)
    token = await _shown(session, row)
    _note(session, "member.mfa_factor_added", await session.fetch(Member, row.member_id), factor)
    return Confirmed(factor, row, token, codes)


async def challenge_passkeys(session: TenantSession, runtime: Runtime) -> Any:
    """What a browser needs to let a passkey answer."""
    row, person = await _who(session)
    known = [each for each in await factors_of(session, person.id) if each.kind is FactorKind.passkey]
    if not known:
        raise Conflict("You have set up no passkey.", code="no_passkey")
    challenge, options = passkeys.request(runtime.settings, known)
    row.challenge, row.challenge_at = challenge.hex(), now()
    return options


async def show(session: TenantSession, fields: ShownFields, runtime: Runtime) -> tuple[Session, str] | Invalid:
    """Show a second factor: the session may do what its member may, under a new token. A refusal is given and not raised,
    because the trail keeps it."""
    said = [name for name in ("code", "recovery_code", "credential") if getattr(fields, name) is not None]
    row, person = await _who(session)
    if len(said) != 1:
        raise Invalid.one("", "one_of", "Send exactly one of code, recovery_code and credential.")
    spent = await runtime.attempts.code(str(person.id))
    known = await factors_of(session, person.id, lock=True)
    if fields.code is not None:
        right = any(takes_code(session, each, fields.code) for each in known)
    elif fields.recovery_code is not None:
        right = bool(known) and await recovery_codes.use_code(session, person.id, fields.recovery_code)
    else:
        assert fields.credential is not None
        right = passkeys.answers(runtime.settings, known, fields.credential, _challenge(row))
    if not right:
        emit(session, "member.mfa_refused", await session.fetch(Member, row.member_id), {"shown": said[0]})
        return Invalid.one(f"/{said[0]}", "wrong", _WRONG)
    await runtime.attempts.forgive(spent)
    row.challenge = None
    return row, await _shown(session, row)


async def remove_factor(session: TenantSession, factor: SecondFactor) -> None:
    """Take a factor away, but never the last one that the tenant demands."""
    row, person = await _who(session)
    await _refuse_provider(session, row, person)
    known = await factors_of(session, person.id)
    refuse_stale(row, known)
    member = await session.fetch(Member, row.member_id)
    if [each.id for each in known] == [factor.id] and member.role in policy_of(
        (await own(session)).settings
    ).mfa_required_roles:
        raise Conflict("Your role needs a second factor; set another one up first.", code="last_factor")
    await session.delete(factor)
    _note(session, "member.mfa_factor_removed", member, factor)


async def renew_codes(session: TenantSession) -> list[str]:
    """Ten new recovery codes instead of the old ones."""
    row, person = await _who(session)
    await _refuse_provider(session, row, person)
    known = await factors_of(session, person.id)
    if not known:
        raise Conflict("Recovery codes stand in for a second factor; set one up first.", code="no_factor")
    refuse_stale(row, known)
    return await recovery_codes.new_codes(session, person.id)


async def factor_of(session: TenantSession, id: UUID) -> SecondFactor:
    """One of the acting person's own; anybody else's is not there."""
    if session.actor.kind != "session":
        raise NotFound("factor")
    _, person = await _who(session)
    found = [each for each in await factors_of(session, person.id) if each.id == id]
    if not found:
        raise NotFound("factor")
    return found[0]


async def own_factors(session: TenantSession) -> list[SecondFactor]:
    """All of the acting person's own."""
    _, person = await _who(session, lock=False)
    return await factors_of(session, person.id)


async def forget_factors(session: TenantSession, person: Person) -> None:
    """Take away whatever was set up, where it was not the person who did it."""
    await session.execute(delete(SecondFactor).where(col(SecondFactor.person_id) == person.id))
    await session.execute(delete(RecoveryCode).where(col(RecoveryCode.person_id) == person.id))


async def _who(session: TenantSession, *, lock: bool = True) -> tuple[Session, Person]:
    row = await sessions.current(session, lock=lock)
    return row, await person_behind(session, row.member_id, lock=lock)


async def _refuse_provider(session: TenantSession, row: Session, person: Person) -> None:
    """What belongs to a person in every tenant is not changed on the word of one tenant's sign-in provider."""
    if row.method is SignInMethod.sso and (person.password_hash is not None or len(await tenants_of(session, person.id)) > 1):
        raise Forbidden("Second factors are yours in every account: sign in with your password.", code="sign_in_with_password")


def _challenge(row: Session) -> bytes:
    if row.challenge is None or not recent(row.challenge_at, CHALLENGE_LASTS):
        raise Conflict("The challenge is too old or was used; ask for a new one.", code="no_challenge")
    return bytes.fromhex(row.challenge)


async def _shown(session: TenantSession, row: Session) -> str:
    row.factor_at = now()
    return await sessions.rotate(session, row)


def _note(session: TenantSession, kind: str, member: Member, factor: SecondFactor) -> None:
    emit(session, kind, member, {"kind": factor.kind, "factor_id": factor.id})
