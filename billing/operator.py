"""What only the operator of an installation may do, from its command line: no credential of a tenant reaches this."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from billing.overview import overview
from billing.quotes import Quote, approve_discount
from domain.clock import today
from domain.database import tenant_session
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall


@dataclass(frozen=True)
class Revenue:
    """All tenants together."""

    tenants: int
    arr_cents: int
    open_cents: int
    past_due_cents: int
    renewals: dict[str, int]
    """Yearly cents by the month in which they renew."""


async def approve(runtime: Runtime, tenant_id: UUID, quote_id: UUID, percent: int) -> None:
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        await approve_discount(session, await session.fetch(Quote, quote_id, lock=True), percent)


async def revenue(runtime: Runtime) -> Revenue:
    """Each tenant's overview behind its own wall, added up."""
    sums: Counter[str] = Counter()
    renewals: Counter[str] = Counter()
    tenants = await all_tenants(runtime.database)
    for tenant_id in tenants:
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM, read_only=True) as session:
            found = await overview(session, on=today())
        sums.update(arr=found.arr_cents, open=found.open_cents, late=found.past_due_cents)
        renewals.update({each.month: each.yearly_cents for each in found.renewals})
    return Revenue(len(tenants), sums["arr"], sums["open"], sums["late"], dict(sorted(renewals.items())))
