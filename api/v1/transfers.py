"""A practice goes to another tenant with all its records: one makes a code, the other uses it, and the first accepts."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Inside, ThisOrganization, door_router, may, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from billing import handing_over
from billing.subscription_rows import Payer
from domain.access import Permission
from domain.people import transfers
from domain.people.transfers import Transfer, TransferDirection, TransferFields, TransferStatus
from domain.tenancy import Fields, one_of

router = door_router("organizations")
Reader = Annotated[Inside, may(Permission.tenant_read)]
Owner = Annotated[Inside, may(Permission.ownership_write)]
ThisTransfer = Annotated[Transfer, this(Transfer)]


class TransferOut(BaseModel):
    id: UUID
    direction: TransferDirection
    status: TransferStatus
    organization_id: UUID | None
    """Keeps its id, as everything that moves with it."""
    organization_name: str | None
    other_tenant_id: UUID | None
    other_tenant_name: str | None
    reason: str | None
    problem: str | None
    valid_until: datetime | None
    """Of the code."""
    agreed_by: dict[str, Any]
    """Who agreed on this side."""
    agreed_at: datetime | None
    paid_by: Payer | None
    counts: dict[str, int]
    """How many rows of each kind have moved."""
    moved_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime


class NewTransferOut(BaseModel):
    transfer: TransferOut
    code: str
    """Shown this once. Give it to whoever is to hand a practice over to you."""


class TransferAcceptanceFields(Fields):
    paid_by: Payer = one_of(
        Payer,
        default=Payer.msp,
    )
    """Who pays from now on. A practice that has paid for itself takes its year along, whatever is said here."""


TRANSFERS = Listing(
    TransferOut, Transfer, sorts={"created_at": col(Transfer.created_at)}, filters=filters_of(Transfer, "direction", "status")
)


@router.get("/transfers", response_model=Page[TransferOut])
async def list_transfers(
    by: Reader, window: PagedAndSorted, direction: TransferDirection | None = None, status: TransferStatus | None = None
) -> Response:
    """Practices that come or go, as this side sees it."""
    return await TRANSFERS.page(by, window, direction=direction, status=status)


@router.post("/transfers", status_code=201, response_model=NewTransferOut)
async def offer_to_receive(by: Owner) -> NewTransferOut:
    """Make a code for another tenant that is to hand a practice over to you. It is good for one, for 14 days."""
    made, code = await transfers.offer(by.session, by=by.principal)
    return NewTransferOut(transfer=TransferOut.model_validate(by.tag(made), from_attributes=True), code=code)


@router.get("/transfers/{transfer_id}", response_model=TransferOut)
async def read_transfer(by: Reader, transfer: ThisTransfer) -> Transfer:
    return transfer


@router.post("/organizations/{organization_id}/transfer", status_code=201, response_model=TransferOut)
async def hand_over_organization(by: Owner, organization: ThisOrganization, fields: TransferFields) -> Transfer:
    """Agree to hand an organization over to the tenant that made the code. Nothing moves before that one accepts too.

    Then all its records pass on with their ids; what stays here is its name, the audit trail and the invoices. Its links, and
    the seats and keys for it alone, end; the tickets in your ticketing tool stay there and are known here no more.
    """
    await handing_over.may_leave(by.session, organization)
    return by.tag(await transfers.ask(by.session, organization, fields, by=by.principal))


@router.post("/transfers/{transfer_id}/acceptance", status_code=202, response_model=TransferOut)
async def accept_transfer(by: Owner, transfer: ThisTransfer, fields: TransferAcceptanceFields) -> Transfer:
    """Take the organization on. It is there within moments; `status` then is `moved`."""
    await by.session.refresh(transfer, with_for_update=True)
    await transfers.accept(by.session, transfer, paid_by=fields.paid_by.value, by=by.principal)
    handing_over.begin(by.session, transfer)
    return by.tag(transfer)


@router.post("/transfers/{transfer_id}/refusal", status_code=201, response_model=TransferOut)
async def refuse_transfer(by: Owner, transfer: ThisTransfer) -> Transfer:
    """Decline what is offered to you, withdraw what you have offered, or end a code that nobody has used."""
    await by.session.refresh(transfer, with_for_update=True)
    await transfers.call_off(by.session, transfer, by=by.principal)
    return by.tag(transfer)
