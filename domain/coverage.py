"""What an organization may begin, by what is paid: the one place that says 402.

Billing writes dates, limits and words onto the organization and the tenant; this only reads them. Money trouble never costs a
practice its records: reading, exporting, downloading and finishing what was begun ask nothing here.
"""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlmodel import col, func, select

from domain.clock import today
from domain.errors import PaymentRequired
from domain.people.tenants import Tenant, own
from domain.tenancy import TenantSession

if TYPE_CHECKING:
    from domain.inventory.organizations import Organization

MIB = 1024 * 1024


class Access(StrEnum):
    """``full``: everything. ``read_only``: a subscription in arrears, so nothing new. ``closed``: no subscription, so nothing
    new either. In all three everything is read and exported, and what was begun is finished."""

    full = "full"
    read_only = "read_only"
    closed = "closed"


def access_to(organization: "Organization", tenant: Tenant, *, on: date) -> Access:
    """By the last day that is covered; one that was never subscribed lives on its tenant's trial."""
    until = organization.covered_until or tenant.trial_until
    if until is not None and on <= until:
        return Access.full
    ended = organization.subscription_state in {None, "canceled", "incomplete"}
    return Access.closed if ended else Access.read_only


async def may_begin(session: TenantSession, organization: "Organization") -> None:
    """Refuse to begin something new for an organization that is not covered today."""
    tenant = await own(session)
    access = access_to(organization, tenant, on=today())
    if access is Access.full:
        return
    detail = (
        "An invoice for this practice is overdue. Everything can be read and exported; pay it to begin something new."
        if access is Access.read_only
        else "This practice has no subscription, and no trial runs. Everything can be read and exported; subscribe to go on."
    )
    raise _refusal(detail, access, organization, mend="pay" if access is Access.read_only else "subscribe")


async def may_take_on(session: TenantSession) -> None:
    """Refuse a new organization to a tenant whose trial is over and that pays for nobody."""
    tenant = await own(session)
    until = max((day for day in (tenant.trial_until, tenant.covered_until) if day is not None), default=None)
    if until is None or until < today():
        detail = "The trial is over and nothing is subscribed. Subscribe one of your practices to take on another."
        more = {"plan": None, "state": None, "access": Access.closed.value}
        raise PaymentRequired(detail, code="trial_over", more=more, mend="subscribe_any")


async def may_hold(session: TenantSession, organization_id: UUID, *, more_devices: int) -> None:
    """Refuse what would give an organization more devices than its plan covers: one by hand as well as an import."""
    from domain.inventory.devices import Device  # noqa: PLC0415  whoever brings devices asks here first
    from domain.inventory.organizations import Organization  # noqa: PLC0415

    if not more_devices:
        return
    organization = await session.fetch(Organization, organization_id)
    limit = await _limit(session, organization, "devices")
    if limit is None:
        return
    statement = select(func.count()).where(col(Device.organization_id) == organization_id, col(Device.archived_at).is_(None))
    devices = (await session.execute(statement)).scalar_one() + more_devices
    if devices > limit:
        detail = f"There would be {devices} devices; the plan covers {limit}. Nothing was kept."
        raise _over(detail, organization, "devices", limit, devices)


async def may_store(session: TenantSession, organization: "Organization", *, more_bytes: int) -> None:
    """Refuse a document for which the plan has no room."""
    from domain.sra.documents import Document  # noqa: PLC0415  documents ask here before they are kept

    limit = await _limit(session, organization, "storage_mb")
    if limit is None:
        return
    statement = select(func.coalesce(func.sum(Document.size), 0)).where(col(Document.organization_id) == organization.id)
    kept: int = (await session.execute(statement)).scalar_one() or 0
    needed = -(-(kept + more_bytes) // MIB)
    if needed > limit:
        detail = f"With this document there would be {needed} MB; the plan covers {limit} MB. Nothing was kept."
        raise _over(detail, organization, "storage_mb", limit, needed)


async def may_seat(session: TenantSession, *, promised: int = 0) -> None:
    """Refuse one more member than the plan covers; ``promised`` are the seats that were offered and not taken yet."""
    from domain.people.members import Member  # noqa: PLC0415  whoever gives a seat asks here first

    tenant = await own(session)
    limit: int | None = tenant.limits.get("members")
    if limit is None:
        return
    statement = select(func.count()).select_from(Member).where(col(Member.archived_at).is_(None))
    needed = (await session.execute(statement)).scalar_one() + promised + 1
    if needed > limit:
        detail = (
            f"There would be {needed} members; your plan covers {limit}. Each practice that is subscribed brings more. "
            "Or take away seats that nobody needs any more."
        )
        more = {"plan": None, "state": None, "limit": {"name": "members", "covered": limit, "needed": needed}}
        raise PaymentRequired(detail, code="over_limit", more=more, mend="subscribe_any")


async def _limit(session: TenantSession, organization: "Organization", name: str) -> int | None:
    """The organization's own limit, or its tenant's for one that is on trial."""
    limits: dict[str, Any] = organization.limits or (await own(session)).limits
    return limits.get(name)


def _over(detail: str, organization: "Organization", name: str, limit: int, needed: int) -> PaymentRequired:
    more = {"limit": {"name": name, "covered": limit, "needed": needed}}
    mend = "extend" if organization.subscription_state not in {None, "canceled"} else "subscribe"
    return _refusal(detail, None, organization, mend=mend, code="over_limit", more=more)


def _refusal(
    detail: str,
    access: Access | None,
    organization: "Organization",
    *,
    mend: str,
    code: str | None = None,
    more: dict[str, Any] | None = None,
) -> PaymentRequired:
    said = {"plan": organization.plan, "state": organization.subscription_state, **(more or {})}
    if access is not None:
        said["access"] = access.value
    organization_id: UUID = organization.id
    return PaymentRequired(detail, code=code, more=said, mend=mend, organization_id=organization_id)
