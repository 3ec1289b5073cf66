"""Invoices: what is owed, what was paid, and each as a PDF."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Inside, door_router, may, this
from api.downloads import attachment
from api.pages import Listing, Page, PagedAndSorted, filters_of
from api.v1.subscriptions import ChargeLineOut
from billing import invoices, papers, standing
from billing.accounts import Account
from billing.invoices import Invoice, InvoiceStatus, PaymentFields
from domain.access import Permission
from domain.clock import today
from domain.errors import Conflict

router = door_router("billing")
Reader = Annotated[Inside, may(Permission.billing_read)]
Writer = Annotated[Inside, may(Permission.billing_write)]
ThisInvoice = Annotated[Invoice, this(Invoice)]
PDF: dict[int | str, dict[str, Any]] = {
    200: {"description": "The paper.", "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


class InvoiceOut(BaseModel):
    id: UUID
    organization_id: UUID | None
    """The organization that pays for itself; null when the tenant pays."""
    number: str | None
    status: InvoiceStatus
    currency: str
    issued_on: date
    due_on: date | None
    period_start: date
    period_end: date
    lines: list[ChargeLineOut]
    subtotal_cents: int
    tax_cents: int
    total_cents: int
    paid_cents: int
    paid_on: date | None
    overdue_since: date | None
    created_at: datetime
    updated_at: datetime


class PaymentOut(BaseModel):
    id: UUID
    invoice_id: UUID
    amount_cents: int
    received_on: date
    method: str | None
    reference: str | None
    created_at: datetime


INVOICES = Listing(
    InvoiceOut,
    Invoice,
    sorts={"issued_on": col(Invoice.issued_on), "created_at": col(Invoice.created_at)},
    filters=filters_of(Invoice, "organization_id", "status"),
)


@router.get("/invoices", response_model=Page[InvoiceOut])
async def list_invoices(
    by: Reader, window: PagedAndSorted, organization_id: UUID | None = None, status: InvoiceStatus | None = None
) -> Response:
    """By the day they were issued. Those that are paid by card may come without a due day."""
    return await INVOICES.page(by, window, organization_id=organization_id, status=status)


@router.get("/invoices/{invoice_id}", response_model=InvoiceOut)
async def read_invoice(by: Reader, invoice: ThisInvoice) -> Invoice:
    return invoice


@router.get("/invoices/{invoice_id}/pdf", response_class=Response, responses=PDF)
async def read_invoice_pdf(by: Reader, invoice: ThisInvoice) -> Response:
    if invoice.status is InvoiceStatus.draft:
        raise Conflict("This invoice is still being written.", code="draft")
    paper = await papers.invoice_paper(by.session, invoice, seller=by.runtime.settings.seller)
    content = await anyio.to_thread.run_sync(papers.set_paper, paper)
    headers = {"content-disposition": attachment(f"invoice-{invoice.number}.pdf")}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post("/invoices/{invoice_id}/payment", status_code=201, response_model=PaymentOut)
async def record_payment(by: Writer, invoice: ThisInvoice, fields: PaymentFields) -> invoices.Payment:
    """Note that money came in, for invoices that are written here. 409 for those of Stripe, which knows for itself."""
    payment = await invoices.record_payment(by.session, invoice, fields)
    account = await by.session.fetch(Account, invoice.account_id, lock=True)
    await standing.refresh(by.session, account, on=today())
    return payment
