"""For whom a key speaks: worked out anew from the seat or the account behind it, so that a key shrinks when they do."""

from datetime import timedelta
from typing import cast

from sqlalchemy import func
from sqlmodel import col, select

from domain.access import ROLES, Permission, Principal, Reach, both_reach
from domain.clock import now
from domain.networks import parse_network
from domain.people.api_keys import ApiKey
from domain.people.lending import reach_of
from domain.people.members import Member
from domain.people.service_accounts import ServiceAccount
from domain.tenancy import Actor, TenantSession

LAST_USED_EVERY = timedelta(minutes=5)


async def principal_of(session: TenantSession, print_of_key: str) -> tuple[Principal, float] | None:
    """Who a key speaks for, and for how many seconds at most that is so; None when it is not valid."""
    found = (
        await session.execute(
            select(ApiKey, ServiceAccount, Member)
            .outerjoin(ServiceAccount, col(ServiceAccount.id) == col(ApiKey.service_account_id))
            .join(Member, col(Member.id) == func.coalesce(col(ApiKey.member_id), col(ServiceAccount.sponsor_id)))
            .where(col(ApiKey.fingerprint) == print_of_key)
        )
    ).one_or_none()
    if found is None:
        return None
    key: ApiKey = found[0]
    account = cast("ServiceAccount | None", found[1])
    member: Member = found[2]
    moment = now()
    if key.revoked_at or (key.expires_at and key.expires_at <= moment) or not member.seated:
        return None
    if account is not None and account.archived_at:
        return None
    principal = Principal(
        tenant_id=session.tenant_id,
        actor=_actor(key, account),
        role=member.role,
        permissions=_permissions(key, account, member),
        organization_ids=await _reach(session, key, account, member),
        networks=tuple(parse_network(each) for each in key.allowed_addresses),
        ends_at=key.expires_at,
    )
    address = session.context.get("address")
    if principal.may_come_from(address) and (key.last_used_at is None or moment - key.last_used_at > LAST_USED_EVERY):
        key.last_used_at = moment
        key.last_used_from = address
    lasts = (key.expires_at - moment).total_seconds() if key.expires_at else float("inf")
    return principal, min(lasts, member.seated_for)


def _actor(key: ApiKey, account: ServiceAccount | None) -> Actor:
    if account is not None:
        return Actor("api_key", key.id, service_account_id=account.id)
    return Actor("api_key", key.id, key.member_id)


def _permissions(key: ApiKey, account: ServiceAccount | None, member: Member) -> frozenset[Permission]:
    rights = ROLES[member.role]
    if account is not None:
        rights &= frozenset(Permission(scope) for scope in account.scopes)
    return rights & frozenset(Permission(scope) for scope in key.scopes) if key.scopes else rights


async def _reach(session: TenantSession, key: ApiKey, account: ServiceAccount | None, member: Member) -> Reach:
    reach = both_reach(await reach_of(session, member), await reach_of(session, key))
    return both_reach(reach, await reach_of(session, account)) if account is not None else reach
