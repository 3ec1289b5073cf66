"""Billing years: how one begins, what changes in its midst, and how the next one follows.

Everything takes effect as its day begins. In Stripe's ledger the invoice of a year is written by Stripe; the lines here
are then only what it is told to charge.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from billing.accounts import Account, Ledger, tell_stripe
from billing.charges import Charge, rest_of_year, that_fit, waiting
from billing.invoices import Invoice, issue
from billing.plans import DEFAULT_PLAN, price_list
from billing.prices import Period, in_words, months_after, remainder, year_of
from billing.subscription_rows import Renewal, Subscription, on_account
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.tenancy import TenantSession


async def begin_year(session: TenantSession, account: Account, *, on: date) -> None:
    """Begin the account's first billing year with whatever is on it."""
    subscriptions = await on_account(session, account)
    account.anchor = await anchor_of(session, account, subscriptions, on=on)
    period = year_of(account.anchor, on)
    account.period_start, account.period_end = period.start, period.end
    account.next_statement_on = next_statement(account, on)
    await session.flush()
    emit(session, "billing_account.year_began", account, {"period_start": on, "period_end": period.end})
    whole = on == period.start
    account.stripe_bills_from = period.start if whole else period.end
    if account.ledger is Ledger.manual:
        lines = year_lines(account, subscriptions, await _names(session, subscriptions), period, on)
        await issue(session, account, lines=lines, period=Period(on, period.end), on=on)
    elif not whole:
        await charge_first_part(session, account, on=on)
    tell_stripe(session, account)


async def charge_first_part(session: TenantSession, account: Account, *, on: date) -> None:
    """The days until the first whole year, invoiced at once. In our own lines: Stripe would cut the year by the second."""
    assert account.period is not None
    subscriptions = await on_account(session, account)
    lines = year_lines(account, subscriptions, await _names(session, subscriptions), account.period, on)
    charges = await _as_charges(session, account, lines)
    await issue(session, account, charges=charges, period=Period(on, account.period.end), on=on)


async def renew(session: TenantSession, account: Account, *, on: date) -> None:
    """Let the next billing year follow the one that has ended, at the rates of the day."""
    assert account.period is not None
    assert account.anchor is not None
    period = year_of(account.anchor, account.period.end)
    await agree_rates(session, account, from_=period.start)
    account.period_start, account.period_end = period.start, period.end
    await session.flush()
    subscriptions = await on_account(session, account)
    emit(session, "billing_account.year_began", account, {"period_start": period.start, "period_end": period.end})
    lines = year_lines(account, subscriptions, await _names(session, subscriptions), period, period.start)
    beside = sum(int(each["amount_cents"]) for each in lines)
    charges = that_fit(await waiting(session, account), beside=beside)
    await issue(session, account, lines=lines, charges=charges, period=period, on=max(period.start, on))
    account.next_statement_on = next_statement(account, on)


async def close_statement(session: TenantSession, account: Account, *, on: date) -> Invoice | None:
    """The month's changes on one invoice, if more is owed than credited; else all of it waits on."""
    account.next_statement_on = next_statement(account, on)
    charges = await waiting(session, account)
    if sum(each.amount_cents for each in charges) <= 0:
        return None
    period = Period(min(each.first_day for each in charges), max(each.last_day for each in charges) + timedelta(days=1))
    invoice = await issue(session, account, charges=charges, period=period, on=on)
    tell_stripe(session, account)
    return invoice


async def agree_rates(session: TenantSession, account: Account, *, from_: date) -> None:
    """What was agreed stays agreed until its day; everything else follows the price list as it is now."""
    if account.commitment_until is not None and account.commitment_until <= from_:
        account.commitment, account.commitment_rate, account.commitment_until = 0, None, None
    for each in await on_account(session, account):
        if each.rate_until is None or each.rate_until <= from_:
            each.rate, each.rate_until = rate_for(account, each.plan, each.locations), None
    await session.flush()


def rate_for(account: Account, plan: str, locations: int) -> int:
    """Cents a year for each location of an organization that joins this account now."""
    listed = price_list().plan(plan).rate(locations, commitment=account.commitment)
    return listed if account.commitment_rate is None else min(listed, account.commitment_rate)


def committed_rate(account: Account) -> int:
    """Cents a year for a committed location that nobody uses yet."""
    return rate_for(account, DEFAULT_PLAN, 1)


def shortfall(account: Account, locations: int) -> int:
    """Committed locations that so many do not use."""
    return max(0, account.commitment - locations)


def composition(account: Account, subscriptions: Sequence[Subscription]) -> Mapping[int, int]:
    """How many locations at which rate an account pays for: the items of its subscription at Stripe."""
    units: Counter[int] = Counter()
    for each in subscriptions:
        units[each.rate] += each.locations
    unused = shortfall(account, sum(each.locations for each in subscriptions))
    if unused:
        units[committed_rate(account)] += unused
    return dict(units)


def year_lines(
    account: Account, subscriptions: Sequence[Subscription], names: Mapping[UUID, str], period: Period, on: date
) -> list[dict[str, Any]]:
    """One line for each organization, and one for what is committed and not used: from ``on`` to the end of the year."""
    lines = [
        _year_line(names[each.organization_id], each.organization_id, each.locations, each.rate, period, on)
        for each in subscriptions
    ]
    unused = shortfall(account, sum(each.locations for each in subscriptions))
    if unused:
        lines.append(_year_line("Committed, not used yet", None, unused, committed_rate(account), period, on))
    return lines


async def _as_charges(session: TenantSession, account: Account, lines: Sequence[Mapping[str, Any]]) -> list[Charge]:
    return [
        await session.save(
            Charge(
                organization_id=UUID(line["organization_id"]) if line["organization_id"] else None,
                account_id=account.id,
                description=line["description"],
                quantity=line["quantity"],
                unit_cents=line["unit_cents"],
                amount_cents=line["amount_cents"],
                first_day=date.fromisoformat(line["first_day"]),
                last_day=date.fromisoformat(line["last_day"]),
            )
        )
        for line in lines
    ]


def _year_line(what: str, organization_id: UUID | None, locations: int, rate: int, period: Period, on: date) -> dict[str, Any]:
    unit = remainder(rate, period, on)
    counted = f"{locations} location{'s' if locations != 1 else ''}"
    days = "one year" if on == period.start else f"{(period.end - on).days} of {period.days} days"
    return {
        "description": f"{what}: {counted}, {days} at {in_words(rate)} a year",
        "organization_id": str(organization_id) if organization_id else None,
        "quantity": locations,
        "unit_cents": unit,
        "amount_cents": unit * locations,
        "first_day": on.isoformat(),
        "last_day": (period.end - timedelta(days=1)).isoformat(),
    }


def change_charges(
    account: Account,
    name: str,
    organization_id: UUID,
    *,
    others: int,
    before: tuple[int, int],
    after: tuple[int, int],
    on: date,
) -> list[Charge]:
    """What it costs that an organization has ``after`` locations at a rate, and no longer ``before``.

    ``others``: locations of the account's other organizations. What a commitment has paid for already is not paid twice.
    """
    (old, old_rate), (new, new_rate) = before, after
    freed = shortfall(account, others + old) - shortfall(account, others + new)
    asked = [
        (name, organization_id, -old, old_rate),
        (name, organization_id, new, new_rate),
        ("Committed before", None, -freed, committed_rate(account)),
    ]
    if old_rate == new_rate:
        asked[:2] = [(name, organization_id, new - old, new_rate)]
    found = (
        rest_of_year(account, what, organization_id=whose, locations=locations, rate=rate, on=on)
        for what, whose, locations, rate in asked
    )
    return [each for each in found if each is not None]


def next_statement(account: Account, on: date) -> date:
    """The next day of the month on which the account's changes are invoiced."""
    assert account.period_start is not None
    months = 1
    while months_after(account.period_start, months) <= on:
        months += 1
    return months_after(account.period_start, months)


async def anchor_of(session: TenantSession, account: Account, subscriptions: Sequence[Subscription], *, on: date) -> date:
    """From which day the years of an account are counted that begins ``on``: from that one; or for an organization that wants
    its renewals to follow its analysis, from the day that one was sealed."""
    follows = [each for each in subscriptions if each.renewal is Renewal.analysis_year]
    if account.organization_id is None or not follows:
        return on
    statement = select(func.max(Assessment.sealed_at)).where(
        col(Assessment.organization_id) == account.organization_id,
        col(Assessment.status).in_([AssessmentStatus.sealed, AssessmentStatus.superseded]),
    )
    sealed = (await session.execute(statement)).scalar_one_or_none()
    return on if sealed is None else sealed.date()


async def _names(session: TenantSession, subscriptions: Sequence[Subscription]) -> dict[UUID, str]:
    wanted = [each.organization_id for each in subscriptions]
    statement = select(col(Organization.id), col(Organization.name)).where(col(Organization.id).in_(wanted))
    return {row.id: row.name for row in await session.execute(statement)}
