"""Quotes: requested and sent by those who bill, accepted or declined by whoever holds the link.

The link's token comes in a body, never in an address: addresses are logged.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Changes, Doorstep, DoorstepRoute, Inside, door_router, may, merged, patch_of, runtime_of, this
from api.downloads import attachment
from api.pages import Listing, Page, PagedAndSorted, filters_of
from api.v1.invoices import PDF
from billing import acceptance, papers, quotes
from billing.accounts import account_of, check_placed, ledger_of
from billing.plans import price_list
from billing.quotes import AcceptanceFields, Brand, DeclineFields, Quote, QuoteFields, QuoteStatus
from domain.access import Permission
from domain.clock import now, rfc3339, today
from domain.errors import Conflict
from domain.free_text import keep_patients_out
from domain.tenancy import Actor, Fields, TenantSession

router = door_router("billing")
doorstep = APIRouter(route_class=DoorstepRoute, tags=["billing"])
Reader = Annotated[Inside, may(Permission.billing_read)]
Writer = Annotated[Inside, may(Permission.billing_write)]
ThisQuote = Annotated[Quote, this(Quote)]


class QuoteOut(BaseModel):
    id: UUID
    organization_id: UUID | None
    plan: str
    locations: int
    providers: int | None
    years: int
    starts_on: date | None
    discount_percent: int
    discount_reason: str | None
    brand: Brand
    note: str | None
    recipient_name: str | None
    recipient_email: str | None
    status: QuoteStatus
    number: str | None
    revision: int
    revises_id: UUID | None
    approved_percent: int
    list_rate: int | None
    """Cents a year for each location by the price list; null for a draft."""
    rate: int | None
    tax_rate: int
    finalized_on: date | None
    valid_until: date | None
    acceptance: dict[str, Any]
    begun_on: date | None
    created_at: datetime
    updated_at: datetime


class SentQuoteOut(BaseModel):
    url: str
    """Mailed to the recipient, and shown this once. Whoever has it can accept, once."""


class OfferOut(BaseModel):
    """What the holder of a link sees."""

    id: UUID
    number: str | None
    status: QuoteStatus
    plan: str
    locations: int
    years: int
    starts_on: date | None
    rate_cents: int | None
    yearly_cents: int | None
    tax_rate: int
    currency: str
    valid_until: date | None
    acceptance: dict[str, Any]
    begun_on: date | None


class TokenFields(Fields):
    token: str = Field(min_length=1, max_length=200)


QUOTES = Listing(
    QuoteOut, Quote, sorts={"created_at": col(Quote.created_at)}, filters=filters_of(Quote, "organization_id", "status")
)


@router.get("/quotes", response_model=Page[QuoteOut])
async def list_quotes(
    by: Reader, window: PagedAndSorted, organization_id: UUID | None = None, status: QuoteStatus | None = None
) -> Response:
    return await QUOTES.page(by, window, organization_id=organization_id, status=status)


@router.post("/quotes", status_code=201, response_model=QuoteOut)
async def request_quote(by: Writer, fields: QuoteFields) -> Quote:
    """A draft for several locations or years. Its price is fixed when it is finalized."""
    return by.tag(await quotes.request_quote(by.session, fields))


@router.get("/quotes/{quote_id}", response_model=QuoteOut)
async def read_quote(by: Reader, quote: ThisQuote) -> Quote:
    return quote


@router.patch("/quotes/{quote_id}", response_model=QuoteOut, openapi_extra=patch_of(QuoteFields))
async def change_quote(by: Writer, quote: ThisQuote, changes: Changes) -> Quote:
    """While it is a draft."""
    return await quotes.amend(by.session, quote, merged(QuoteFields, quote, changes))


@router.post("/quotes/{quote_id}/finalization", status_code=201, response_model=QuoteOut)
async def finalize_quote(by: Writer, quote: ThisQuote) -> Quote:
    """Fix number, price and last day. 409 `approval-needed` for a discount that the operator has not agreed to."""
    await by.session.refresh(quote, with_for_update=True)
    own = await account_of(by.session, quote.organization_id)
    check_placed(own, by.runtime.settings)
    account = own or await account_of(by.session, None)
    ledger = ledger_of(by.runtime.settings)
    return by.tag(await quotes.finalize(by.session, quote, ledger=ledger, tax_rate=account.tax_rate if account else 0))


@router.get("/quotes/{quote_id}/pdf", response_class=Response, responses=PDF)
async def read_quote_pdf(by: Reader, quote: ThisQuote) -> Response:
    if quote.status is QuoteStatus.draft:
        raise Conflict("A draft has no paper yet: finalize it.", code="draft")
    return await paper_of(by.session, quote)


@router.post("/quotes/{quote_id}/sending", status_code=201, response_model=SentQuoteOut)
async def send_quote(by: Writer, quote: ThisQuote) -> SentQuoteOut:
    """Mail the link that accepts it. An earlier link of the same quote ends."""
    await by.session.refresh(quote, with_for_update=True)
    return SentQuoteOut(url=await quotes.send(by.session, quote, settings=by.runtime.settings))


@router.post("/quotes/{quote_id}/revision", status_code=201, response_model=QuoteOut)
async def revise_quote(by: Writer, quote: ThisQuote) -> Quote:
    """A new draft of the same number. The old quote can be accepted until the new one is finalized; 409 `already-accepted` is
    what finalizing it says after that. 409 `revised-already` when a later revision is there: change or revise that one.
    A discount that needs the operator's approval needs it anew."""
    return by.tag(await quotes.revise(by.session, quote))


@doorstep.post("/quotes/{quote_id}/offer", status_code=200, response_model=OfferOut, responses=PDF)
async def read_offer(session: Doorstep, request: Request, quote_id: str, fields: TokenFields) -> OfferOut | Response:
    """The quote for whoever holds its link; with `Accept: application/pdf` its paper."""
    quote = await by_link(session, quote_id, fields.token)
    if "application/pdf" in request.headers.get("accept", ""):
        return await paper_of(session, quote)
    return _offer(quote)


@doorstep.post("/quotes/{quote_id}/acceptance", status_code=201, response_model=OfferOut)
async def accept_quote(session: Doorstep, request: Request, quote_id: str, fields: AcceptanceFields) -> OfferOut:
    """Accept with the link's token. The second click is a 409, and does nothing. What it promises begins on its day."""
    quote = await by_link(session, quote_id, fields.token)
    await say_yes(session, request, quote, fields)
    return _offer(quote)


@doorstep.post("/quotes/{quote_id}/decline", status_code=201, response_model=OfferOut)
async def decline_quote(session: Doorstep, request: Request, quote_id: str, fields: DeclineFields) -> OfferOut:
    """Say no with the link's token."""
    quote = await by_link(session, quote_id, fields.token)
    await say_no(session, request, quote, fields)
    return _offer(quote)


async def say_yes(session: TenantSession, request: Request, quote: Quote, fields: AcceptanceFields) -> None:
    await keep_patients_out(session, {"name": fields.name, "title": fields.title})
    await quotes.accept(session, quote, signer=_signer(request, name=fields.name, title=fields.title))
    await session.flush()
    await acceptance.begin(session, quote, ledger=ledger_of(runtime_of(request).settings), on=today())


async def say_no(session: TenantSession, request: Request, quote: Quote, fields: DeclineFields) -> None:
    await keep_patients_out(session, {"name": fields.name, "reason": fields.reason})
    await quotes.decline(session, quote, signer=_signer(request, name=fields.name, reason=fields.reason))


async def by_link(session: TenantSession, quote_id: str, token: str) -> Quote:
    """Into the wall that the token names, where only its own secret opens anything."""
    bearer = quotes.read_token(token)
    await session.enter(bearer.tenant_id)
    quote = await quotes.by_link(session, quote_id, bearer)
    session.actor = Actor("quote_link", quote.id)
    return quote


def _signer(request: Request, **said: str | None) -> dict[str, Any]:
    return {**said, "at": rfc3339(now()), "address": request.state.address}


async def paper_of(session: TenantSession, quote: Quote) -> Response:
    content = await anyio.to_thread.run_sync(papers.set_paper, await papers.quote_paper(session, quote))
    headers = {"content-disposition": attachment(f"quote-{quote.number}-{quote.revision}.pdf")}
    return Response(content, media_type="application/pdf", headers=headers)


def _offer(quote: Quote) -> OfferOut:
    names = OfferOut.model_fields.keys() & Quote.model_fields.keys()
    return OfferOut(
        **{name: getattr(quote, name) for name in names},
        rate_cents=quote.rate,
        yearly_cents=quote.yearly_cents,
        currency=price_list().currency,
    )
