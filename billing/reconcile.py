"""The nightly comparison with Stripe: what our copy has missed is mended and reported. And the first one, which moves an
installation that has kept its own books over to Stripe.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlmodel import col, select

from billing.accounts import Account, Ledger, tell_stripe
from billing.gateway import Gateway, reached
from billing.inbox import copy
from billing.plans import price_list
from billing.price_tags import price_of
from domain.clock import today
from domain.database import tenant_session
from domain.events import emit
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall

log = structlog.get_logger()
LOOK_BACK = timedelta(days=400)


async def reconcile(runtime: Runtime) -> list[str]:
    """Compare every account with Stripe; the drift that was found and mended, such as ``invoice in_123``."""
    if runtime.settings.stripe_api_key is None:
        return []
    drift: list[str] = []
    async with reached(runtime.settings) as gateway:
        for tenant_id in await all_tenants(runtime.database):
            drift += await reconcile_tenant(runtime, gateway, tenant_id)
    return drift


async def reconcile_tenant(runtime: Runtime, gateway: Gateway, tenant_id: UUID) -> list[str]:
    """One tenant's accounts, each copied anew; and Stripe is told once more what it may have missed of ours."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        statement = select(Account).where(col(Account.ledger) == Ledger.stripe).order_by(col(Account.id))
        accounts = list((await session.execute(statement)).scalars())
        for account in accounts:
            tell_stripe(session, account)
    drift: list[str] = []
    for account in accounts:
        customer = account.stripe_customer_id
        if customer is None:
            continue
        async for said in gateway.each("subscriptions", customer=customer, status="all"):
            drift += await copy(runtime, tenant_id, account.id, "subscription", said)
        async for said in gateway.each("invoices", customer=customer):
            drift += await copy(runtime, tenant_id, account.id, "invoice", said)
        async for said in gateway.each("quotes", customer=customer):
            drift += await copy(runtime, tenant_id, account.id, "quote", said)
        async for said in gateway.each("subscription_schedules", customer=customer):
            drift += await copy(runtime, tenant_id, account.id, "subscription_schedule", said)
    for each in drift:
        log.warning("billing.drift", tenant_id=str(tenant_id), mended=each)
    return drift


async def reconcile_chore(runtime: Runtime) -> None:
    await reconcile(runtime)


async def sync(runtime: Runtime) -> int:
    """Tell Stripe of every price on the list, and move accounts that were kept here into its ledger; how many."""
    async with reached(runtime.settings) as gateway:
        for plan in price_list().plans:
            for rate in plan.rates:
                await price_of(gateway, rate, plan=plan.key)
    moved = 0
    for tenant_id in await all_tenants(runtime.database):
        moved += await move_to_stripe(runtime, tenant_id)
    return moved


async def move_to_stripe(runtime: Runtime, tenant_id: UUID) -> int:
    """What is paid for stays paid: Stripe's first invoice comes when the running year ends. Invoices that are open here are
    still paid here."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        statement = select(Account).where(col(Account.ledger) == Ledger.manual).with_for_update()
        accounts = list((await session.execute(statement)).scalars())
        for account in accounts:
            account.ledger = Ledger.stripe
            account.stripe_bills_from = account.period_end or today()
            emit(session, "billing_account.moved", account, {"ledger": {"from": "manual", "to": "stripe"}})
            tell_stripe(session, account)
        return len(accounts)
