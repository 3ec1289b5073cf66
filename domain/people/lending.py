"""What may be handed on: whoever makes a credential gives no more than they have themselves."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlmodel import col, select

from domain.access import EVERYTHING, Permission, Principal, Reach
from domain.errors import Fault, Forbidden, Invalid
from domain.inventory.groups import Group, organizations_in
from domain.inventory.organizations import Organization
from domain.tenancy import Fields, TenantOwned, TenantSession, json_or_unknown

BORROWED = "oauth_token"
"""The kind of an actor who is an application that somebody has lent their rights to, for a while."""


class NarrowingFields(Fields):
    """Organizations and groups of them, together; null for both means all that whoever stands behind it reaches."""

    organization_ids: list[UUID] | None = json_or_unknown()
    """The organizations that this is narrowed to."""
    group_ids: list[UUID] | None = json_or_unknown()
    """The groups of organizations that this is narrowed to; it follows the group when organizations join or leave."""


class Narrowable(Protocol):
    organization_ids: list[UUID] | None
    group_ids: list[UUID] | None


class Entrusted(Narrowable, Protocol):
    """What was given scopes and a narrowing, and acts within them."""

    scopes: list[str]


async def reach_of(session: TenantSession, narrowed: Narrowable) -> Reach:
    """Which organizations a narrowing leaves at this moment."""
    if narrowed.organization_ids is None and narrowed.group_ids is None:
        return None
    # A column of JSON holds ids as texts.
    named = frozenset(UUID(str(each)) for each in narrowed.organization_ids or ())
    groups = [UUID(str(each)) for each in narrowed.group_ids or ()]
    return named | await organizations_in(session, groups) if groups else named


async def may_more(session: TenantSession, entrusted: Entrusted, principal: Principal) -> bool:
    """Whether something may do more than a principal, in any way."""
    own, reached = await reach_of(session, entrusted), principal.organization_ids
    further = reached is not None and (own is None or not own <= reached)
    return further or not all(principal.may(Permission(scope)) for scope in entrusted.scopes)


def refuse_borrowed(maker: Principal) -> None:
    """An application acts for a user for an hour; a key that it made would outlive the user's consent."""
    if maker.actor.kind == BORROWED:
        raise Forbidden("An application cannot make credentials; sign in to do that.", code="borrowed_rights")


def check_scopes(maker: Principal, scopes: Sequence[str], *, pointer: str = "/scopes") -> None:
    """Refuse scopes that do not exist, and those that the maker has not."""
    unknown = [scope for scope in scopes if scope not in set(EVERYTHING)]
    beyond = [scope for scope in scopes if scope not in unknown and not maker.may(Permission(scope))]
    if unknown or beyond:
        raise Invalid(
            [Fault(pointer, "unknown_scope", f"There is no scope {scope!r}.") for scope in unknown]
            + [Fault(pointer, "beyond_maker", f"You may not do {scope!r}, so this may not.") for scope in beyond]
        )


async def check_narrowing(session: TenantSession, maker: Principal, fields: NarrowingFields) -> None:
    """Refuse organizations and groups that are not there, or not all the maker's.

    The session's wall hides the organizations that a narrowed maker does not reach; a group may hold some of those, today
    or tomorrow.
    """
    faults = [
        *await absent(session, Organization, fields.organization_ids, "organization"),
        *await absent(session, Group, fields.group_ids, "group"),
    ]
    if maker.organization_ids is not None and fields.group_ids:
        faults.append(Fault("/group_ids", "beyond_maker", "You act for some organizations; name those instead of groups."))
    if faults:
        raise Invalid(faults)


def hand_on_narrowing(maker: Principal, fields: NarrowingFields) -> list[UUID] | None:
    """The organizations to narrow something to, where its maker is narrowed and named none."""
    if fields.organization_ids is None and fields.group_ids is None and maker.organization_ids is not None:
        return sorted(maker.organization_ids)
    return fields.organization_ids


async def absent(session: TenantSession, kind: type[TenantOwned], ids: Sequence[UUID] | None, noun: str) -> list[Fault]:
    """A fault for each of the ids that the session does not see."""
    if not ids:
        return []
    found = set((await session.execute(select(col(kind.id)).where(col(kind.id).in_(ids)))).scalars())
    return [
        Fault(f"/{noun}_ids/{place}", "unknown_reference", f"There is no such {noun} here.")
        for place, each in enumerate(ids)
        if each not in found
    ]
