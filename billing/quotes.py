"""Quotes: a price for several locations or years, from the request to an acceptance that cannot happen twice.

    draft -> open (numbered, with a paper) -> sent -> accepted | declined | expired; void once a revision takes its place

Who asks for a quote is who pays it. So a discount beyond the price list's limit needs the operator of the installation.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, col, func, select

from billing.accounts import Ledger, account_of, opened_account, tell_stripe
from billing.plans import DEFAULT_PLAN, MOST_LOCATIONS, price_list
from billing.prices import discounted, years_after
from domain.clock import today
from domain.errors import Conflict, Fault, Invalid, NotFound
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.keyring import fingerprint
from domain.outbound.mail import send_mail
from domain.people.tenants import own
from domain.records import change, create
from domain.settings import Settings
from domain.tenancy import Fields, TenantOwned, TenantSession, json_object, listed_by, one_of, tenant_table


class QuoteStatus(StrEnum):
    draft = "draft"
    open = "open"
    sent = "sent"
    accepted = "accepted"
    declined = "declined"
    expired = "expired"
    void = "void"


class Brand(StrEnum):
    ours = "ours"
    tenant = "tenant"


class QuoteFields(Fields):
    organization_id: UUID | None = Field(
        default=None,
        description="The practice or group that it is for. Null: a commitment of the tenant for all its practices.",
    )
    plan: str = Field(default=DEFAULT_PLAN, max_length=64)
    locations: int = Field(ge=1, le=MOST_LOCATIONS)
    providers: int | None = Field(default=None, ge=1, le=100_000, description="How many dentists; changes no price.")
    years: int = Field(default=1, ge=1, le=10)
    starts_on: date | None = Field(default=None, description="Absent: on the day it is accepted.")
    discount_percent: int = Field(default=0, ge=0, le=100)
    discount_reason: str | None = Field(default=None, max_length=500)
    brand: Brand = one_of(Brand, default=Brand.ours)
    note: str | None = Field(default=None, max_length=2000, description="Printed on the quote.")
    recipient_name: str | None = Field(default=None, max_length=200)
    recipient_email: str | None = Field(default=None, max_length=320, schema_extra={"pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"})


class Quote(QuoteFields, TenantOwned, table=True):
    __table_args__ = tenant_table(
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organization.tenant_id", "organization.id"]),
        ForeignKeyConstraint(["tenant_id", "revises_id"], ["quote.tenant_id", "quote.id"]),
        UniqueConstraint("tenant_id", "number", "revision"),
        listed_by("quote", "created_at"),
    )
    noun: ClassVar[str] = "quote"

    status: QuoteStatus = one_of(QuoteStatus, default=QuoteStatus.draft)
    number: str | None = Field(default=None, max_length=64)
    revision: int = 1
    revises_id: UUID | None = None
    approved_percent: int = 0
    """The largest discount that the operator has agreed to."""
    list_rate: int | None = None
    """Cents a year for each location by the price list, when it was finalized."""
    rate: int | None = None
    tax_rate: int = 0
    finalized_on: date | None = None
    valid_until: date | None = None
    """The last day on which it can be accepted."""
    link_hash: str | None = Field(default=None, max_length=64)
    acceptance: dict[str, Any] = json_object()
    """Who accepted or declined: name, title, moment and address."""
    begun_on: date | None = None
    """The day on which what was accepted began."""
    stripe_quote_id: str | None = None
    stripe_quote_status: str | None = None
    stripe_schedule_id: str | None = None
    """Where Stripe keeps the ledger: its side of the same promise, and what will begin it on a later day."""

    @property
    def yearly_cents(self) -> int | None:
        return None if self.rate is None else self.rate * self.locations


class AcceptanceFields(Fields):
    token: str = Field(min_length=1, max_length=200, description="From the link that was sent.")
    name: str = Field(min_length=1, max_length=200)
    title: str = Field(min_length=1, max_length=200)


class DeclineFields(Fields):
    token: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    reason: str | None = Field(default=None, max_length=1000)


@dataclass(frozen=True)
class Bearer:
    """What a link's token says: whose wall the quote stands behind, and the secret."""

    tenant_id: UUID
    secret: str


async def request_quote(session: TenantSession, fields: QuoteFields) -> Quote:
    await _check(session, fields)
    return await create(session, Quote(**fields.model_dump()))


async def amend(session: TenantSession, quote: Quote, fields: QuoteFields) -> Quote:
    """Change a draft. What was finalized is revised instead."""
    _must_be(quote, QuoteStatus.draft)
    await _check(session, fields)
    return await change(session, quote, fields)


async def approve_discount(session: TenantSession, quote: Quote, percent: int) -> None:
    """The operator agrees to a discount of a draft. No credential of a tenant reaches this."""
    _must_be(quote, QuoteStatus.draft)
    if percent > price_list().discounts.most:
        raise Invalid.one("/discount_percent", "too_much", f"At most {price_list().discounts.most} percent.")
    quote.approved_percent = percent
    await session.flush()
    emit(session, "quote.discount_approved", quote, {"approved_percent": percent})


async def finalize(session: TenantSession, quote: Quote, *, ledger: Ledger, tax_rate: int = 0) -> Quote:
    """Fix the price and the number. From here on it can only be accepted, declined, revised, or run out."""
    _must_be(quote, QuoteStatus.draft)
    allowed = max(price_list().discounts.without_approval, quote.approved_percent)
    if quote.discount_percent > allowed:
        detail = (
            f"A discount of {quote.discount_percent} % needs the operator's approval: "
            f"`bitewing billing approve {session.tenant_id} {quote.id} {quote.discount_percent}`. Without it: {allowed} %."
        )
        raise Conflict(detail, code="approval_needed")
    on = today()
    plan = price_list().plan(quote.plan)
    commitment = 0 if quote.organization_id else quote.locations
    quote.list_rate = plan.rate(quote.locations) if quote.organization_id else plan.rate(1, commitment=commitment)
    quote.rate = discounted(quote.list_rate, quote.discount_percent)
    quote.tax_rate = tax_rate
    quote.number = quote.number or await _next_number(session, on)
    quote.finalized_on, quote.valid_until = on, on + timedelta(days=price_list().quotes.valid_days)
    quote.status = QuoteStatus.open
    if quote.revises_id is not None:
        earlier = await session.fetch(Quote, quote.revises_id, lock=True)
        if earlier.status is QuoteStatus.accepted:
            detail = f"Revision {earlier.revision} of this quote has been accepted meanwhile. Ask for a quote of its own."
            raise Conflict(detail, code="already_accepted")
        if earlier.status in {QuoteStatus.open, QuoteStatus.sent}:
            earlier.status, earlier.link_hash = QuoteStatus.void, None
            emit(session, "quote.voided", earlier, {"number": earlier.number, "revision": earlier.revision})
    await session.flush()
    if ledger is Ledger.stripe and await account_of(session, quote.organization_id) is None:
        await opened_account(session, quote.organization_id, ledger=ledger)
    await _tell_ledger(session, quote)
    emit(session, "quote.finalized", quote, {"number": quote.number, "rate": quote.rate, "valid_until": quote.valid_until})
    return quote


async def send(session: TenantSession, quote: Quote, *, settings: Settings) -> str:
    """Make the one link that accepts, and mail it to the recipient. A link made before is worth nothing any more."""
    if quote.status not in {QuoteStatus.open, QuoteStatus.sent}:
        raise Conflict(f"This quote is {quote.status.value}; only one that is finalized can be sent.", code="not_open")
    if quote.recipient_email is None:
        raise Invalid.one("/recipient_email", "missing", "Say to whom it goes, in the draft.")
    secret = secrets.token_urlsafe(32)
    quote.link_hash, quote.status = fingerprint(secret), QuoteStatus.sent
    await session.flush()
    url = settings.page("quote", f"{quote.id}.bwq_{session.tenant_id.hex}_{secret}")
    tenant = await own(session)
    subject = f"Quote {quote.number} from {tenant.name}"
    text = (
        f"Hello{' ' + quote.recipient_name if quote.recipient_name else ''},\n\nhere is quote {quote.number}. It can be read "
        f"and accepted until {quote.valid_until} at:\n\n{url}\n\nWhoever has this link can accept it, once.\n"
    )
    key = f"quote:{quote.id}:{quote.link_hash[:16]}"
    await send_mail(
        session, to=quote.recipient_email, subject=subject, text=text, key=key, organization_id=quote.organization_id
    )
    emit(session, "quote.sent", quote, {"number": quote.number})
    return url


async def revise(session: TenantSession, quote: Quote) -> Quote:
    """A new draft with the same words and the next revision; the old one is void as soon as the new one is finalized. Only the
    newest is revised, so that of one number no two can ever be accepted."""
    if quote.status in {QuoteStatus.draft, QuoteStatus.accepted, QuoteStatus.void}:
        raise Conflict(f"This quote is {quote.status.value}; it cannot be revised.", code="cannot_be_revised")
    said = {name: getattr(quote, name) for name in QuoteFields.model_fields}
    latest = select(func.max(Quote.revision)).where(col(Quote.number) == quote.number)
    newest = (await session.execute(latest)).scalar_one() or quote.revision
    if newest > quote.revision:
        raise Conflict(f"Revision {newest} takes the place of this one: change or revise that.", code="revised_already")
    revision = newest + 1
    made = await create(session, Quote(**said, number=quote.number, revision=revision, revises_id=quote.id))
    emit(session, "quote.revised", quote, {"number": quote.number, "revision": revision})
    return made


def read_token(token: str) -> Bearer:
    """Which tenant a token names; NotFound for what is none. Nothing is known to be true yet."""
    prefix, _, rest = token.partition("_")
    tenant, _, secret = rest.partition("_")
    try:
        if prefix != "bwq" or not secret:
            raise ValueError
        return Bearer(UUID(tenant), secret)
    except ValueError:
        raise NotFound("quote") from None


async def by_link(session: TenantSession, quote_id: str, bearer: Bearer) -> Quote:
    """The quote that the link is for, locked. Inside the wall that its token names, and only with its secret."""
    try:
        identifier = UUID(quote_id)
    except ValueError:
        raise NotFound("quote") from None
    quote = await session.fetch(Quote, identifier, lock=True)
    if quote.link_hash is None or not hmac.compare_digest(quote.link_hash, fingerprint(bearer.secret)):
        raise NotFound("quote")
    return quote


async def accept(session: TenantSession, quote: Quote, *, signer: Mapping[str, Any]) -> None:
    """Note who said yes. Conflict for the second click."""
    _can_be_answered(quote)
    quote.status, quote.acceptance = QuoteStatus.accepted, dict(signer)
    await _tell_ledger(session, quote)
    emit(session, "quote.accepted", quote, {"number": quote.number, "name": signer["name"], "title": signer["title"]})


async def decline(session: TenantSession, quote: Quote, *, signer: Mapping[str, Any]) -> None:
    _can_be_answered(quote)
    quote.status, quote.acceptance = QuoteStatus.declined, dict(signer)
    await _tell_ledger(session, quote)
    emit(session, "quote.declined", quote, {"number": quote.number, "name": signer["name"]})


async def expire(session: TenantSession, *, on: date) -> None:
    """Close what has run out."""
    waiting = select(Quote).where(col(Quote.status).in_([QuoteStatus.open, QuoteStatus.sent]), col(Quote.valid_until) < on)
    for quote in (await session.execute(waiting.with_for_update())).scalars():
        quote.status = QuoteStatus.expired
        await _tell_ledger(session, quote)
        emit(session, "quote.expired", quote, {"number": quote.number})
    await session.flush()


def first_day(quote: Quote, on: date) -> date:
    """When what it promises begins: never before it was accepted."""
    return max(quote.starts_on or on, on)


def agreed_until(quote: Quote, start: date) -> date:
    return years_after(start, quote.years)


async def _tell_ledger(session: TenantSession, quote: Quote) -> None:
    account = await account_of(session, quote.organization_id)
    if account is not None:
        tell_stripe(session, account)


def _can_be_answered(quote: Quote) -> None:
    if quote.status is QuoteStatus.accepted:
        raise Conflict("This quote has been accepted already. Nothing more was done.", code="already_accepted")
    _must_be(quote, QuoteStatus.sent)
    if quote.valid_until is not None and quote.valid_until < today():
        raise Conflict(f"This quote could be accepted until {quote.valid_until}. Ask for a new one.", code="expired")


def _must_be(quote: Quote, status: QuoteStatus) -> None:
    if quote.status is not status:
        raise Conflict(f"This quote is {quote.status.value}, not {status.value}.", code=f"not_{status.value}")


async def _check(session: TenantSession, fields: QuoteFields) -> None:
    faults: list[Fault] = []
    if fields.plan not in price_list().by_key:
        faults.append(Fault("/plan", "unknown", f"There is no such plan; known: {', '.join(price_list().by_key)}."))
    if fields.years > price_list().quotes.longest_years:
        faults.append(Fault("/years", "too_long", f"At most {price_list().quotes.longest_years} years."))
    if fields.discount_percent > price_list().discounts.most:
        faults.append(Fault("/discount_percent", "too_much", f"At most {price_list().discounts.most} percent."))
    if fields.discount_percent and not fields.discount_reason:
        faults.append(Fault("/discount_reason", "missing", "A discount needs its reason."))
    if fields.starts_on is not None and fields.starts_on < today():
        faults.append(Fault("/starts_on", "in_the_past", "It begins today at the earliest."))
    if faults:
        raise Invalid(faults)
    if fields.organization_id is not None:
        await session.fetch(Organization, fields.organization_id)


async def _next_number(session: TenantSession, on: date) -> str:
    connection = await session.driver()
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"quote:{session.tenant_id}")
    statement = select(func.count(func.distinct(Quote.number))).where(col(Quote.number).startswith(f"Q{on.year}-"))
    return f"Q{on.year}-{(await session.execute(statement)).scalar_one() + 1:04d}"
