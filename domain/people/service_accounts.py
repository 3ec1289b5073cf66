"""Service accounts: a name for a machine that outlives the person who set it up, and stands for no person.

Somebody answers for each of them all the same: its **sponsor**, at first the member who made it. The account may do what
it was given, and of that only what its sponsor may do at this moment; it rests while the sponsor's seat is given up,
until another member takes it over. So no account ever exceeds its maker, and none survives without a person behind it.
"""

from typing import ClassVar
from uuid import UUID

from sqlmodel import Field

from domain.access import Principal
from domain.errors import Forbidden
from domain.events import emit
from domain.people.acting import acting_member
from domain.people.lending import (
    NarrowingFields,
    check_narrowing,
    check_scopes,
    hand_on_narrowing,
    may_more,
    refuse_borrowed,
)
from domain.people.step_up import expect_fresh_proof_for
from domain.records import archive, change, create
from domain.tenancy import (
    Archivable,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    json_list,
    tenant_table,
)


class ServiceAccountFields(NarrowingFields):
    name: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=1000)
    scopes: list[str] = json_list()
    """Permissions such as ``devices:write``. An empty list means none."""


class ServiceAccount(ServiceAccountFields, TenantOwned, Archivable, table=True):
    __tablename__ = "service_account"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(belongs_to_tenants("member", "sponsor_id"))
    noun: ClassVar[str] = "service_account"

    sponsor_id: UUID
    """The member who answers for it, and whose rights bound it."""


async def refuse_wider_account(session: TenantSession, account: ServiceAccount, principal: Principal) -> None:
    """A key of an account is a way to all that it may do, so only those who may do as much hold one."""
    if await may_more(session, account, principal):
        raise Forbidden("This account may do more than you, so its keys are not yours to make.", code="beyond_maker")


async def open_account(session: TenantSession, fields: ServiceAccountFields, *, maker: Principal) -> ServiceAccount:
    """A new account, within its maker's rights; the maker answers for it."""
    await _check(session, fields, maker)
    account = ServiceAccount(**fields.model_dump(), sponsor_id=acting_member(session))
    account.organization_ids = hand_on_narrowing(maker, fields)
    return await create(session, account)


async def change_account(
    session: TenantSession, account: ServiceAccount, fields: ServiceAccountFields, *, by: Principal
) -> ServiceAccount:
    """Set what it is called and may do; both what it may now and what it could before lie within one's own rights."""
    await refuse_wider_account(session, account, by)
    await _check(session, fields, by)
    return await change(session, account, fields)


async def take_over(session: TenantSession, account: ServiceAccount, *, by: Principal) -> ServiceAccount:
    """Become the one who answers for it. Its rights are then bounded by the new sponsor's."""
    refuse_borrowed(by)
    await refuse_wider_account(session, account, by)
    await expect_fresh_proof_for(session, account.scopes)
    before, account.sponsor_id = account.sponsor_id, acting_member(session)
    await session.flush()
    emit(session, "service_account.sponsored", account, {"sponsor_id": {"from": before, "to": account.sponsor_id}})
    return account


async def close_account(session: TenantSession, account: ServiceAccount) -> None:
    """Archive it. Its keys are refused from then on, because an archived account may do nothing."""
    await archive(session, account)


async def _check(session: TenantSession, fields: ServiceAccountFields, maker: Principal) -> None:
    refuse_borrowed(maker)
    await expect_fresh_proof_for(session, fields.scopes)
    check_scopes(maker, fields.scopes)
    await check_narrowing(session, maker, fields)
