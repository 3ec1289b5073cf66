"""Overview and usage of one tenant: its worth in a year, what renews when, what is owed, and how much of its plan it uses."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from billing.accounts import account_of
from billing.billing_years import committed_rate, shortfall
from billing.invoices import Invoice, InvoiceStatus
from billing.subscription_rows import State, Subscription, on_account
from domain.coverage import MIB
from domain.inventory.devices import Device
from domain.inventory.organizations import Organization
from domain.people.members import Member
from domain.people.tenants import own
from domain.sra.documents import Document
from domain.tenancy import TenantSession

EARNING = (State.active, State.past_due)
"""The states in which a subscription counts as revenue."""


@dataclass(frozen=True)
class Month:
    month: str
    """As ``2027-03``."""
    subscriptions: int
    yearly_cents: int


@dataclass(frozen=True)
class Overview:
    arr_cents: int
    """What the subscriptions that are in force, and what is committed and not used, come to in a year, without tax."""
    subscriptions: dict[str, int]
    """How many, by state."""
    renewals: list[Month]
    """What renews in which month, without what has been canceled."""
    open_cents: int
    past_due_cents: int
    past_due_invoices: int


async def overview(session: TenantSession, *, on: date) -> Overview:
    states: dict[str, int] = defaultdict(int)
    renewals: dict[str, list[int]] = defaultdict(list)
    arr = 0
    live = select(Subscription).where(col(Subscription.ended_on).is_(None))
    for each in (await session.execute(live)).scalars():
        states[each.state.value] += 1
        yearly = each.rate * each.locations
        if each.state in EARNING:
            arr += yearly
            if each.period_end is not None and not each.cancel_at_period_end:
                renewals[f"{each.period_end:%Y-%m}"].append(yearly)
    account = await account_of(session, None)
    if account is not None and account.anchor is not None:
        used = sum(each.locations for each in await on_account(session, account))
        arr += shortfall(account, used) * committed_rate(account)
    owed = select(Invoice).where(col(Invoice.status) == InvoiceStatus.open)
    invoices = list((await session.execute(owed)).scalars())
    late = [each for each in invoices if each.overdue_since is not None or (each.due_on is not None and each.due_on < on)]
    return Overview(
        arr_cents=arr,
        subscriptions=dict(sorted(states.items())),
        renewals=[Month(month, len(every), sum(every)) for month, every in sorted(renewals.items())],
        open_cents=sum(each.open_cents for each in invoices),
        past_due_cents=sum(each.open_cents for each in late),
        past_due_invoices=len(late),
    )


@dataclass(frozen=True)
class OrganizationUse:
    organization_id: UUID
    name: str
    devices: int
    devices_covered: int | None
    storage_mb: int
    storage_mb_covered: int | None


@dataclass(frozen=True)
class Use:
    organizations: list[OrganizationUse]
    members: int
    members_covered: int | None


async def use(session: TenantSession) -> Use:
    """What is held today, next to what is covered. Without archived devices; archived documents still take room."""
    limits = (await own(session)).limits
    devices = await _by_organization(session, Device, func.count(), col(Device.archived_at).is_(None))
    stored = await _by_organization(session, Document, func.coalesce(func.sum(Document.size), 0))
    statement = select(Organization).where(col(Organization.archived_at).is_(None)).order_by(col(Organization.name))
    members = select(func.count()).select_from(Member).where(col(Member.archived_at).is_(None))
    return Use(
        organizations=[
            OrganizationUse(
                organization_id=each.id,
                name=each.name,
                devices=devices.get(each.id, 0),
                devices_covered=(each.limits or limits).get("devices"),
                storage_mb=-(-stored.get(each.id, 0) // MIB),
                storage_mb_covered=(each.limits or limits).get("storage_mb"),
            )
            for each in (await session.execute(statement)).scalars()
        ],
        members=(await session.execute(members)).scalar_one(),
        members_covered=limits.get("members"),
    )


async def _by_organization(session: TenantSession, kind: Any, measure: Any, *where: Any) -> dict[UUID, int]:
    statement: Any = select(kind.organization_id, measure).where(*where).group_by(kind.organization_id)
    rows: list[Any] = list(await session.execute(statement))
    return {organization_id: int(value) for organization_id, value in rows}
