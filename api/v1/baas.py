"""Business associate agreements of an organization: drawn up, sent, signed, amended, terminated, closed.

Where one stands follows from dates as of today, so its lists are the exception that Postgres does not build.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.derived import page_of
from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Page, Paged
from domain.access import Permission
from domain.clock import today
from domain.inventory.organizations import Organization
from domain.records import archive
from domain.vendors import baas
from domain.vendors.baa_states import AgreementState, clause_checklist, state_of, warnings_of
from domain.vendors.baas import Agreement, Baa, BaaChanges, BaaFields, Party, Signature, Termination

router = door_router("vendors")
Reader = Annotated[Inside, may(Permission.baas_read)]
Writer = Annotated[Inside, may(Permission.baas_write)]
ThisBaa = Annotated[Baa, this(Baa)]


class SignerOut(BaseModel):
    party: Party
    name: str
    title: str | None = None


class ClauseOut(BaseModel):
    """A clause that the law wants. ``present`` is null while nobody has checked the text."""

    key: str
    title: str
    citations: list[str]
    conditional: bool
    present: bool | None


class TermsWarningOut(BaseModel):
    code: str
    field: str
    detail: str
    citation: str | None = Field(description="Where the law says so; null where it is good practice or a missing record.")


class BaaOut(BaseModel):
    id: UUID
    organization_id: UUID
    vendor_id: UUID
    vendor_name: str
    state: AgreementState = Field(description="As of today. `expiring`: it ends within 60 days, and is still in force.")
    sent_on: date | None
    signed_on: date | None
    signers: list[SignerOut]
    end_on: date | None
    amended_on: date | None
    breach_notice_days: int | None
    missing_required_clauses: list[str] | None
    clauses: list[ClauseOut]
    warnings: list[TermsWarningOut]
    document_id: UUID | None
    renews_id: UUID | None
    document_sha256: str | None
    terminated_on: date | None
    termination_reason: str | None
    return_destroy_attested_on: date | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None

    @staticmethod
    def of(agreement: Agreement, organization: Organization, *, as_of: date) -> "BaaOut":
        baa = agreement.baa
        return BaaOut(
            **baa.model_dump(include=set(BaaOut.model_fields)),
            vendor_name=agreement.vendor_name,
            document_sha256=agreement.document_sha256,
            state=state_of(baa, as_of=as_of),
            clauses=[
                ClauseOut(
                    key=clause.key,
                    title=clause.title,
                    citations=list(clause.citations),
                    conditional=clause.conditional,
                    present=present,
                )
                for clause, present in clause_checklist(baa.missing_required_clauses)
            ],
            warnings=[
                TermsWarningOut(code=each.code, field=each.field, detail=each.detail, citation=each.citation)
                for each in warnings_of(baa, settings=organization.settings)
            ],
        )


@router.get("/organizations/{organization_id}/baas")
async def list_baas(
    by: Reader,
    organization: ThisOrganization,
    window: Paged,
    vendor_id: UUID | None = None,
    state: AgreementState | None = None,
) -> Page[BaaOut]:
    """The agreements of this organization, oldest record first."""
    as_of = today()

    async def read(after: UUID | None, limit: int) -> Sequence[Agreement]:
        return await baas.agreements_of(by.session, organization.id, vendor_id=vendor_id, after=after, limit=limit)

    def wanted(each: Agreement) -> bool:
        return state_of(each.baa, as_of=as_of) == state

    found, following = await page_of(window, read, None if state is None else wanted)
    return Page(data=[BaaOut.of(each, organization, as_of=as_of) for each in found], next=following)


@router.post("/organizations/{organization_id}/baas", status_code=201)
async def draw_up_baa(by: Writer, organization: ThisOrganization, fields: BaaFields) -> BaaOut:
    """Begin a draft; or, with ``signed_on``, record an agreement that was signed before."""
    return await _shown(by, by.tag(await baas.draw_up(by.session, organization, fields)))


@router.get("/baas/{baa_id}")
async def read_baa(by: Reader, baa: ThisBaa) -> BaaOut:
    return await _shown(by, baa)


@router.patch("/baas/{baa_id}", openapi_extra=patch_of(BaaChanges))
async def change_baa(by: Writer, baa: ThisBaa, changes: Changes) -> BaaOut:
    """Mend what is recorded. ``sent_on``, ``amended_on`` and ``return_destroy_attested_on`` move the agreement on, each at
    its time; 409 says what is allowed instead."""
    return await _shown(by, await baas.revise(by.session, baa, merged(BaaChanges, baa, changes)))


@router.delete("/baas/{baa_id}", status_code=204)
async def archive_baa(by: Writer, baa: ThisBaa) -> None:
    """For what was recorded by mistake: it no longer counts as an agreement, and is kept. What has ended is terminated."""
    await archive(by.session, baa)


@router.post("/baas/{baa_id}/signature", status_code=201)
async def sign_baa(by: Writer, baa: ThisBaa, fields: Signature) -> BaaOut:
    """Record that both sides have signed a draft."""
    return await _shown(by, by.tag(await baas.sign(by.session, baa, fields)))


@router.post("/baas/{baa_id}/termination", status_code=201)
async def terminate_baa(by: Writer, baa: ThisBaa, fields: Termination) -> BaaOut:
    """Record that a signed agreement was ended. Without an attestation it waits for PHI to come back or be destroyed,
    unless this organization's engagements show that the vendor never had any."""
    return await _shown(by, by.tag(await baas.terminate(by.session, baa, fields)))


async def _shown(by: Inside, baa: Baa) -> BaaOut:
    organization = await by.session.fetch(Organization, baa.organization_id)
    return BaaOut.of(await baas.agreement_of(by.session, baa), organization, as_of=today())
