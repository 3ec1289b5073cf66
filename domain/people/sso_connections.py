"""Sign-in through a tenant's own provider (OpenID Connect): the connection, and what it may let in.

Whoever sets a connection up decides who comes in as anybody, so that takes everything that an admin may do. Owners come in
this way only where an owner has said so, and no group of a provider ever makes one. The issuer and the client stay what
they are: another issuer could name the same subjects, so it is another connection.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func
from sqlmodel import Field, col, select

from domain.access import ROLES, Permission, Principal, Role
from domain.errors import Conflict, Fault, Forbidden, Invalid
from domain.events import differences, emit
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressPolicy, check_url
from domain.people.lending import NarrowingFields, refuse_borrowed
from domain.people.seating import SeatFields, check_seat
from domain.people.sso_presets import sso_presets
from domain.people.step_up import expect_fresh_proof
from domain.records import archive
from domain.tenancy import (
    Archivable,
    Fields,
    TenantOwned,
    TenantSession,
    json_list,
    json_or_unknown,
    one_of,
    tenant_table,
)

MOST_CONNECTIONS = 10
_ADDRESS = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")
Word = Annotated[str, Field(min_length=1, max_length=200)]


class SecondFactorBy(StrEnum):
    """Who asks for the second factor that the tenant demands."""

    claim = "claim"
    """The provider, where its token says so: `mfa` among its methods (`amr`, RFC 8176), or a class (`acr`) that the connection
    names. Otherwise we do."""
    provider = "provider"
    """The provider, always: the tenant declares that nobody gets a token there without a second factor."""
    bitewing = "bitewing"
    """We do, whatever the token says."""


class SeatGrant(NarrowingFields):
    """A seat as it is given to those who come in by themselves."""

    role: Role


class MappedSeat(SeatGrant):
    """The seat of whoever is in a group of the provider."""

    group: Word = Field(description="As the provider writes it in its groups claim.")


class SsoConnectionFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    enabled: bool = True
    scopes: list[Word] = json_list()
    """What is asked for at the provider; `openid` is always among it."""
    email_verified_claim: str = Field(default="email_verified", min_length=1, max_length=100)
    """The claim that says whether the provider has checked the address."""
    domain_claim: str | None = Field(default=None, min_length=1, max_length=100)
    """A claim that must name the domain of the address, such as Google's `hd`."""
    groups_claim: str | None = Field(default=None, min_length=1, max_length=100)
    auto_join: bool = False
    """Whether people of a verified domain who have no seat yet are given one."""
    default_seat: SeatGrant | None = json_or_unknown()
    """The seat of those who are in no mapped group. Null: they are not let in."""
    role_mappings: list[MappedSeat] = json_list()
    """The first that fits is taken, at each sign-in of those who joined by themselves. A seat that a person gave is left."""
    second_factor: SecondFactorBy = one_of(SecondFactorBy, default=SecondFactorBy.claim)
    mfa_acr_values: list[Word] = json_list()
    """Values of `acr` that mean a second factor was shown."""
    admits_owners: bool = False
    """Whether owners come in this way. Only an owner can allow it."""


class NewSsoConnectionFields(SsoConnectionFields):
    preset: str = Field(default="other", max_length=40, description="One of `GET /v1/sso-presets`; fills in what is not said.")
    issuer: str = Field(min_length=1, max_length=500)
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr | None = Field(default=None, min_length=1, max_length=1000)


class SsoConnectionChanges(SsoConnectionFields):
    """The client's secret is set anew when it is said, and stays as it is otherwise."""

    client_secret: SecretStr | None = Field(default=None, min_length=1, max_length=1000)


class SsoConnection(SsoConnectionFields, TenantOwned, Archivable, table=True):
    __tablename__ = "sso_connection"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table()
    noun: ClassVar[str] = "sso_connection"

    preset: str = Field(max_length=40)
    issuer: str = Field(max_length=500)
    client_id: str = Field(max_length=500)
    sealed_client_secret: str | None = None


async def connect(
    session: TenantSession, fields: NewSsoConnectionFields, *, by: Principal, policy: EgressPolicy, keyring: KeyRing
) -> SsoConnection:
    """A new connection. Nothing is asked of the provider yet; that is what trying it out is for."""
    preset = sso_presets().get(fields.preset)
    if preset is None:
        raise Invalid.one("/preset", "unknown_preset", f"Known are: {', '.join(sorted(sso_presets()))}.")
    for name, value in preset.values.items():
        if name not in fields.model_fields_set:
            setattr(fields, name, value)
    await _check(session, fields, by=by, was_for_owners=False)
    _check_issuer(fields.issuer, policy)
    rows = select(func.count()).select_from(SsoConnection).where(col(SsoConnection.archived_at).is_(None))
    if (await session.execute(rows)).scalar_one() >= MOST_CONNECTIONS:
        raise Conflict(f"A tenant has at most {MOST_CONNECTIONS} of these; archive one first.", code="too_many")
    values = _kept(fields)
    connection = SsoConnection(
        **values, preset=fields.preset, issuer=fields.issuer, client_id=fields.client_id, tenant_id=session.tenant_id
    )
    _seal(connection, fields.client_secret, keyring)
    await session.save(connection)
    emit(session, "sso_connection.created", connection, {**values, "preset": fields.preset, "issuer": fields.issuer})
    return connection


async def change_connection(
    session: TenantSession, connection: SsoConnection, fields: SsoConnectionChanges, *, by: Principal, keyring: KeyRing
) -> SsoConnection:
    """Set what a caller may say. Whoever is signed in stays so."""
    await _check(session, fields, by=by, was_for_owners=connection.admits_owners)
    values = _kept(fields)
    changed = differences({name: getattr(connection, name) for name in values}, values)
    for name, value in values.items():
        if getattr(connection, name) != value:
            setattr(connection, name, value)
    if fields.client_secret is not None:
        _seal(connection, fields.client_secret, keyring)
        changed["client_secret_changed"] = True
    if changed:
        await session.flush()
        emit(session, "sso_connection.updated", connection, changed)
    return connection


async def remove(session: TenantSession, connection: SsoConnection, *, by: Principal) -> None:
    """Archive a connection: nobody comes in by it any more, and its secret is gone for good."""
    _refuse_lesser(by)
    await expect_fresh_proof(session)
    connection.sealed_client_secret, connection.enabled = None, False
    await archive(session, connection)


def client_secret(connection: SsoConnection, keyring: KeyRing) -> str | None:
    """None for a client that has none. Raises KeyRingError."""
    sealed = connection.sealed_client_secret
    return None if sealed is None else keyring.decrypt_text(sealed, context=_context(connection))


def address(connection: SsoConnection) -> str:
    """What the sign-in link names: the tenant, then the connection, so that its look-up happens behind that tenant's wall."""
    return f"{connection.tenant_id.hex}.{connection.id.hex}"


def parse_address(text: str) -> tuple[UUID, UUID] | None:
    found = _ADDRESS.fullmatch(text)
    return (UUID(found[1]), UUID(found[2])) if found else None


def open_for_sign_in(connection: SsoConnection) -> bool:
    return connection.enabled and connection.archived_at is None


async def ways_in(session: TenantSession) -> Sequence[SsoConnection]:
    """The connections by which members may sign in, by name."""
    statement = (
        select(SsoConnection)
        .where(col(SsoConnection.enabled), col(SsoConnection.archived_at).is_(None))
        .order_by(col(SsoConnection.name), col(SsoConnection.id))
    )
    return (await session.execute(statement)).scalars().all()


def seat_for(connection: SsoConnection, groups: frozenset[str]) -> SeatGrant | None:
    """The seat that somebody in these groups gets by themselves; None for no seat."""
    mapped = (MappedSeat.model_validate(each) for each in connection.role_mappings)
    fitting = next((each for each in mapped if each.group in groups), None)
    if fitting is not None:
        return SeatGrant.model_validate(fitting.model_dump(exclude={"group"}))
    return None if connection.default_seat is None else SeatGrant.model_validate(connection.default_seat)


async def _check(session: TenantSession, fields: SsoConnectionFields, *, by: Principal, was_for_owners: bool) -> None:
    _refuse_lesser(by)
    await expect_fresh_proof(session)
    if fields.admits_owners != was_for_owners and not by.may(Permission.ownership_write):
        raise Forbidden("Only an owner can say whether owners come in this way.", code="owners_only")
    fields.scopes = list(dict.fromkeys(["openid", *fields.scopes]))
    if fields.auto_join and fields.default_seat is None and not fields.role_mappings:
        raise Invalid.one("/auto_join", "no_seat", "Say which seat those get who join: default_seat, or role_mappings.")
    if fields.role_mappings and fields.groups_claim is None:
        raise Invalid.one("/groups_claim", "missing", "Say in which claim the provider names the groups.")
    if fields.default_seat is not None:
        await _check_grant(session, by, fields.default_seat, at="/default_seat")
    for place, each in enumerate(fields.role_mappings):
        await _check_grant(session, by, each, at=f"/role_mappings/{place}")


def _refuse_lesser(by: Principal) -> None:
    refuse_borrowed(by)
    if by.organization_ids is not None or not ROLES[Role.admin] <= by.permissions:
        raise Forbidden("A sign-in connection lets people in as anybody, so it takes all that an admin may do.")


async def _check_grant(session: TenantSession, by: Principal, grant: SeatGrant, *, at: str) -> None:
    if grant.role is Role.owner:
        raise Invalid.one(f"{at}/role", "never_ownership", "Ownership is given by an owner, and never by a provider.")
    seat = SeatFields.model_validate(grant.model_dump(include=set(SeatGrant.model_fields)))
    try:
        await check_seat(session, by, seat)
    except Invalid as refused:
        raise Invalid([Fault(f"{at}{each.pointer}", each.code, each.detail) for each in refused.faults]) from None


def _check_issuer(issuer: str, policy: EgressPolicy) -> None:
    """An issuer has no query and no fragment (OpenID Connect Core 1.0, section 2)."""
    check_url(issuer, policy, pointer="/issuer")
    if "?" in issuer or "#" in issuer:
        raise Invalid.one("/issuer", "url_malformed", "An issuer has no query and no fragment.")


def _kept(fields: SsoConnectionFields) -> dict[str, Any]:
    """As the columns hold it; two are told apart as JSON."""
    said = {name: getattr(fields, name) for name in SsoConnectionFields.model_fields}
    said["default_seat"] = None if fields.default_seat is None else fields.default_seat.model_dump(mode="json")
    said["role_mappings"] = [each.model_dump(mode="json") for each in fields.role_mappings]
    return said


def _seal(connection: SsoConnection, secret: SecretStr | None, keyring: KeyRing) -> None:
    if secret is not None:
        connection.sealed_client_secret = keyring.encrypt(secret.get_secret_value(), context=_context(connection))


def _context(connection: SsoConnection) -> str:
    return f"sso_connection:{connection.tenant_id}:{connection.id}:client"
