"""Trials: a new tenant may do everything for some days, within the limits of the plan that it has not bought yet."""

from datetime import timedelta

from billing.plans import DEFAULT_PLAN, price_list
from domain.clock import today
from domain.people.tenants import Tenant
from domain.tenancy import TenantSession


async def begin_trial(session: TenantSession, tenant: Tenant) -> None:
    """From today on, for a tenant that has just signed up."""
    limits = price_list().plan(DEFAULT_PLAN).limits
    tenant.trial_until = today() + timedelta(days=price_list().trial_days)
    tenant.limits = limits.for_tenant(0)
    await session.flush()
