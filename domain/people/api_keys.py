"""API keys: how machines come in. Shown once, kept as a hash, and naming the tenant whose wall they open.

A key reads ``bw_<tenant, 32 hex digits>_<secret, 43 characters>``: the prefix is for secret scanners, the tenant for us.
It acts for the member who made it, or for a service account. What it may do is worked out anew from theirs each time it
is looked up, so a key shrinks with whoever stands behind it and never grows beyond.
"""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator
from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from domain.access import ROLES, Permission, Principal
from domain.clock import now
from domain.errors import Conflict, Fault, Forbidden, Invalid
from domain.events import differences, emit
from domain.keyring import fingerprint
from domain.networks import covers, parse_network
from domain.people.lending import (
    NarrowingFields,
    check_narrowing,
    check_scopes,
    hand_on_narrowing,
    reach_of,
    refuse_borrowed,
)
from domain.people.revocation import forget_credentials
from domain.people.service_accounts import ServiceAccount, refuse_wider_account
from domain.people.step_up import expect_fresh_proof_for
from domain.tenancy import (
    Fields,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_list,
    tenant_table,
)

LONGEST_OVERLAP = timedelta(days=7)
MOST_NETWORKS = 100
_WITHOUT_REST = ("Name one address or a network such as 203.0.113.0/24 or 2001:db8::/32; "
                 "bits behind the prefix must be zero.")  # fmt: skip


def _network(text: str) -> str:
    try:
        return str(parse_network(text))
    except ValueError:
        raise ValueError(_WITHOUT_REST) from None


class ApiKeyChanges(Fields):
    """What can be said about a key later as well."""

    name: str = Field(min_length=1, max_length=200)
    allowed_addresses: list[Annotated[str, AfterValidator(_network)]] = json_list()
    """Addresses or networks (CIDR) that the key may be used from. An empty list means any."""


class ApiKeyFields(ApiKeyChanges, NarrowingFields):
    scopes: list[str] = json_list()
    """Permissions such as ``devices:read``. An empty list gives everything that the maker may do."""
    expires_at: datetime | None = instant(default=None)


class ApiKey(ApiKeyFields, TenantOwned, table=True):
    __tablename__ = "api_key"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("member"),
        belongs_to_tenants("service_account"),
        UniqueConstraint("tenant_id", "fingerprint"),
        CheckConstraint("(member_id is null) <> (service_account_id is null)", name="stands_for_one"),
    )
    noun: ClassVar[str] = "api_key"

    member_id: UUID | None = None
    """The member it acts for; null for a key of a service account."""
    service_account_id: UUID | None = None
    prefix: str
    """The first characters of the key, so that a person can tell two apart. Useless for signing in."""
    fingerprint: str
    revoked_at: datetime | None = instant(default=None)
    successor_id: UUID | None = None
    """The key that took its place at a rotation."""
    last_used_at: datetime | None = instant(default=None)
    last_used_from: str | None = None


async def issue(
    session: TenantSession,
    fields: ApiKeyFields,
    *,
    maker: Principal,
    member_id: UUID | None = None,
    account: ServiceAccount | None = None,
) -> tuple[ApiKey, str]:
    """A new key for a member or a service account, and its text, which is never seen again.

    It stays within its maker in every way: scopes, organizations, addresses, and the day on which the maker itself ends.
    """
    refuse_borrowed(maker)
    await expect_fresh_proof_for(session, fields.scopes or (account.scopes if account else maker.permissions))
    check_scopes(maker, fields.scopes)
    await check_narrowing(session, maker, fields)
    _check_addresses(maker, fields.allowed_addresses)
    if fields.expires_at and fields.expires_at <= now():
        raise Invalid.one("/expires_at", "in_the_past", "A key must expire in the future, or not at all.")
    if fields.expires_at and maker.ends_at and fields.expires_at > maker.ends_at:
        raise Invalid.one("/expires_at", "beyond_maker", "Your own credential ends earlier, so your key does too.")
    if account is not None:
        await refuse_wider_account(session, account, maker)
    values = fields.model_dump(mode="json", exclude={"expires_at"})
    if maker.lent and account is None:
        # A key that makes a key hands on what it has itself, which may be less than its member has.
        values["scopes"] = fields.scopes or sorted(maker.permissions)
        values["organization_ids"] = hand_on_narrowing(maker, fields)
    if not fields.allowed_addresses:
        values["allowed_addresses"] = [str(each) for each in maker.networks]
    key = ApiKey(
        **values,
        expires_at=fields.expires_at or maker.ends_at,
        member_id=None if account else member_id,
        service_account_id=account.id if account else None,
        prefix="",
        fingerprint="",
    )
    text = await _written(session, key)
    emit(session, "api_key.created", key, {"name": key.name, "scopes": key.scopes, **_holder(key)})
    return key, text


async def change_key(session: TenantSession, key: ApiKey, fields: ApiKeyChanges, *, by: Principal) -> ApiKey:
    """Set its name and the addresses it may be used from."""
    _expect_alive(key)
    _check_addresses(by, fields.allowed_addresses)
    if by.networks and not fields.allowed_addresses:
        raise Invalid.one("/allowed_addresses", "beyond_maker", "Your own key is bound to addresses, so name some.")
    before = {name: getattr(key, name) for name in ApiKeyChanges.model_fields}
    changed = differences(before, fields.model_dump())
    if changed:
        if "allowed_addresses" in changed:
            await expect_fresh_proof_for(session, key.scopes or by.permissions)
        for name, value in fields.model_dump().items():
            setattr(key, name, value)
        await session.flush()
        emit(session, "api_key.updated", key, changed)
        await forget_credentials(session, key.id)
    return key


async def rotate(
    session: TenantSession, key: ApiKey, *, overlap: timedelta, account: ServiceAccount | None, by: Principal
) -> tuple[ApiKey, str]:
    """A new key in the place of this one, which goes on for ``overlap`` so that nobody is locked out meanwhile.

    Only for one's own keys and those of service accounts: whoever could rotate a colleague's would become the colleague.
    """
    refuse_borrowed(by)
    _expect_alive(key)
    if account is not None:
        await refuse_wider_account(session, account, by)
    refuse_strangers(key, by)
    await expect_fresh_proof_for(session, key.scopes or (account.scopes if account else by.permissions))
    if by.lent and by.actor.id != key.id:
        await _refuse_wider(session, key, by)
    moment = now()
    successor = ApiKey(
        **{name: getattr(key, name) for name in ApiKeyFields.model_fields},
        member_id=key.member_id,
        service_account_id=key.service_account_id,
        prefix="",
        fingerprint="",
    )
    text = await _written(session, successor)
    key.successor_id = successor.id
    key.expires_at = min(key.expires_at or moment + overlap, moment + overlap)
    await session.flush()
    emit(session, "api_key.rotated", key, {"successor_id": successor.id, "expires_at": key.expires_at})
    await forget_credentials(session, key.id)
    return successor, text


async def revoke(session: TenantSession, key: ApiKey) -> None:
    """End a key at once, in every process: the notification leaves with the commit."""
    if key.revoked_at is None:
        key.revoked_at = now()
        await session.save(key)
        emit(session, "api_key.revoked", key, {"name": key.name})
    await forget_credentials(session, key.id)


def seen_by(principal: Principal, key: ApiKey) -> bool:
    """Who is narrowed to some organizations has to do with their own keys only: a colleague's may reach further."""
    return principal.organization_ids is None or (key.member_id is not None and key.member_id == principal.actor.member_id)


def refuse_strangers(key: ApiKey, principal: Principal) -> None:
    """A member's key is changed and rotated by that member alone; a service account's by whoever looks after those."""
    if key.service_account_id is None and key.member_id != principal.actor.member_id:
        raise Forbidden("Only its own member can change a key. You can revoke it.", code="not_your_key")


async def _written(session: TenantSession, key: ApiKey) -> str:
    """Give the key its secret, write it, and return the text that is shown once."""
    text = f"bw_{session.tenant_id.hex}_{secrets.token_urlsafe(32)}"
    key.prefix = text[:3] + text[36:40]
    key.fingerprint = fingerprint(text)
    await session.save(key)
    return text


async def _refuse_wider(session: TenantSession, key: ApiKey, by: Principal) -> None:
    """A key may rotate another of its member's, but not one that reaches further in any way: it would learn its secret."""
    scopes = frozenset(map(Permission, key.scopes)) or ROLES[by.role]
    own = await reach_of(session, key)
    narrower = by.organization_ids is None or (own is not None and own <= by.organization_ids)
    networks = [parse_network(each) for each in key.allowed_addresses]
    nearer = not by.networks or (networks and all(covers(by.networks, each) for each in networks))
    sooner = by.ends_at is None or (key.expires_at is not None and key.expires_at <= by.ends_at)
    if not (scopes <= by.permissions and narrower and nearer and sooner):
        raise Forbidden("That key may do more than the one you use.", code="beyond_maker")


def _expect_alive(key: ApiKey) -> None:
    if key.revoked_at or (key.expires_at and key.expires_at <= now()):
        raise Conflict("This key has ended; make a new one.", code="key_ended")


def _check_addresses(maker: Principal, addresses: list[str]) -> None:
    if len(addresses) > MOST_NETWORKS:
        raise Invalid.one("/allowed_addresses", "too_long", f"Name at most {MOST_NETWORKS} networks.")
    beyond = [each for each in addresses if maker.networks and not covers(maker.networks, parse_network(each))]
    if beyond:
        raise Invalid(
            [
                Fault("/allowed_addresses", "beyond_maker", f"Your own key may not be used from {each}, so yours may not.")
                for each in beyond
            ]
        )


def _holder(key: ApiKey) -> dict[str, UUID]:
    return {"service_account_id": key.service_account_id} if key.service_account_id else {}
