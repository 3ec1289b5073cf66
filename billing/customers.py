"""Accounts as Stripe's customers: who they are, and where, as far as we know it better than a card's page."""

from collections.abc import Mapping
from typing import Any

from billing.accounts import Account
from billing.calls import Work
from billing.papers import payer_lines
from domain.database import tenant_session
from domain.people.tenants import own
from domain.tenancy import SYSTEM, TenantSession, Wall


async def customer_of(work: Work) -> str:
    """The account's customer, made if there is none yet."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        if account.stripe_customer_id is not None:
            return account.stripe_customer_id
        params = {**await _payer(session, account), "metadata": work.names}
    customer = await work.once(f"customer:{work.account_id}", "customers.create", params)
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM) as session:
        (await session.fetch(Account, work.account_id, lock=True)).stripe_customer_id = customer
    return customer


async def _payer(session: TenantSession, account: Account) -> dict[str, Any]:
    """As Stripe's customer is to be called and found. An address that a card's page has asked for is Stripe's to keep."""
    name = (await payer_lines(session, await own(session), account))[0]
    said: dict[str, Any] = {"name": name}
    if account.billing_email:
        said["email"] = account.billing_email
    if account.billing_country:
        line = ", ".join((account.billing_address or "").splitlines())
        parts = {"line1": line, "postal_code": account.billing_postal_code, "country": account.billing_country}
        said["address"] = {part: value for part, value in parts.items() if value}
    return said


async def push_customer(work: Work) -> None:
    """Stripe's customer is called as the account is."""
    async with tenant_session(work.runtime.database, Wall(work.tenant_id), actor=SYSTEM, read_only=True) as session:
        account = await session.fetch(Account, work.account_id)
        wanted = await _payer(session, account)
    customer = await customer_of(work)
    there = await work.gateway.read("customers", customer)
    changed = {name: value for name, value in wanted.items() if not _same(there.get(name), value)}
    if changed:
        purpose = f"customer:{work.account_id}:{account.version}"
        await work.once(purpose, "customers.update", changed, target=customer)


def _same(there: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        parts: Mapping[str, Any] = there or {}
        return all(parts.get(name) == value for name, value in wanted.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
    return there == wanted
