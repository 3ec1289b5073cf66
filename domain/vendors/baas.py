"""Business associate agreements: the written contract of 45 CFR 164.308(b)(3), from draft to closed.

What people did is stored, where it stands follows from the dates (``baa_states``). No day of a deed may lie in the
future: a signature that is expected is not a signature, and an agreement that will end has an ``end_on``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, col, select

from domain.clock import today
from domain.errors import Conflict, Fault, Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.organizations import Organization
from domain.records import change, create, said
from domain.sra.catalogue import catalogue
from domain.sra.documents import Document
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    belongs_to,
    belongs_to_tenants,
    json_list,
    json_object,
    json_or_unknown,
    one_of,
    organization_table,
)
from domain.vendors.baa_states import ALLOWED, IN_FORCE, OVER, SIGNED, UNSIGNED, AgreementState, BaaStatus, state_of
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor, engageable


class BaaFields(Fields):
    vendor_id: UUID
    sent_on: date | None = Field(default=None, description="When the draft went out for signature.")
    signed_on: date | None = Field(
        default=None,
        description="For an agreement that was signed before it was recorded here; others: POST /baas/{id}/signature.",
    )
    end_on: date | None = Field(default=None, description="The last day in force. Null on a signed agreement: open-ended.")
    amended_on: date | None = None
    breach_notice_days: int | None = Field(default=None, ge=0, le=3650)
    missing_required_clauses: list[str] | None = json_or_unknown()
    """Clause keys of the catalogue that the text lacks. Null: nobody has checked."""
    document_id: UUID | None = None
    renews_id: UUID | None = Field(
        default=None,
        description="The agreement with the same vendor that this one continues.",
    )
    ref: str | None = Field(default=None, max_length=200)
    facts: dict[str, Any] = json_object()


class BaaChanges(BaaFields):
    """What a PATCH may set: also that the vendor has attested the return or destruction of PHI."""

    return_destroy_attested_on: date | None = None


class Baa(BaaFields, Factual, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(
        belongs_to_tenants("vendor"),
        belongs_to("document"),
        belongs_to("baa", "renews_id"),
        UniqueConstraint("tenant_id", "organization_id", "ref"),
        Index("ix_baa_vendor", "tenant_id", "vendor_id", "id"),
    )
    noun: ClassVar[str] = "baa"

    status: BaaStatus = one_of(BaaStatus, default=BaaStatus.draft)
    signers: list[dict[str, Any]] = json_list()
    terminated_on: date | None = None
    termination_reason: str | None = None
    return_destroy_attested_on: date | None = None


class Party(StrEnum):
    covered_entity = "covered_entity"
    business_associate = "business_associate"


class Signer(Fields):
    """Who signed for a party. A person of business, never a patient."""

    party: Party
    name: str = Field(min_length=1, max_length=200)
    title: str | None = Field(default=None, max_length=200)


class Signature(Fields):
    signed_on: date
    signers: list[Signer] = Field(min_length=1, max_length=20)
    end_on: date | None = Field(default=None, description="Absent: as the draft says. Null: open-ended.")
    document_id: UUID | None = Field(default=None, description="The signed text, among this organization's documents.")


class Termination(Fields):
    terminated_on: date
    reason: str = Field(min_length=1, max_length=1000)
    return_destroy_attested_on: date | None = None


# --- verbs -----------------------------------------------------------------------------------------------------------


async def draw_up(session: TenantSession, organization: Organization, fields: BaaFields) -> Baa:
    """Record an agreement: a draft, one that was sent out, or one that was signed before Bitewing knew of it."""
    await engageable(session, fields.vendor_id)
    await _refuse_other_renewal(session, organization.id, fields)
    if fields.amended_on is not None and fields.signed_on is None:
        raise Invalid.one("/amended_on", "not_signed", "What was not signed cannot have been amended: set signed_on too.")
    baa = Baa(**_checked(fields).model_dump(), organization_id=organization.id)
    baa.status = _status_by_dates(baa)
    _refuse_impossible_days(baa)
    await create(session, baa)
    if baa.status not in (BaaStatus.draft, BaaStatus.sent):
        emit(session, "baa.signed", baa, {"signed_on": baa.signed_on})
    return baa


async def revise(session: TenantSession, baa: Baa, fields: BaaChanges) -> Baa:
    """Change what is recorded, and move the agreement on where a day says so: sent, amended, closed."""
    state = state_of(baa, as_of=today())
    before = said(baa)
    changed = {name for name in BaaChanges.model_fields if getattr(fields, name) != getattr(baa, name)}
    for name in sorted(changed & _WHEN.keys()):
        if state not in _WHEN[name]:
            raise _not_now(state, f"{name} cannot be changed")
    if "signed_on" in changed and fields.signed_on is None:
        raise Invalid.one("/signed_on", "required", "A signed agreement has the day on which it was signed.")
    if "vendor_id" in changed:
        await engageable(session, fields.vendor_id)
    if {"vendor_id", "renews_id"} & changed:
        await _refuse_other_renewal(session, baa.organization_id, fields, itself=baa.id)
    await change(session, baa, {**_checked(fields).model_dump(), "status": _status_after(baa, fields)})
    _refuse_impossible_days(baa)
    after = said(baa)
    for name, kind in _TELLS.items():
        if name in changed and after[name] is not None:
            emit(session, kind, baa, differences({name: before[name]}, {name: after[name]}))
    return baa


async def sign(session: TenantSession, baa: Baa, fields: Signature) -> Baa:
    """Both sides have signed: from this day the practice holds the assurances of 164.308(b)(1)."""
    state = await _held(session, baa)
    if state not in UNSIGNED:
        raise _not_now(state, "it cannot be signed")
    before = said(baa)
    baa.signed_on = fields.signed_on
    baa.signers = [signer.model_dump(mode="json") for signer in fields.signers]
    for name in fields.model_fields_set & {"end_on", "document_id"}:
        setattr(baa, name, getattr(fields, name))
    baa.status = BaaStatus.executed
    return await _done(session, "baa.signed", baa, before, spoken={"signers": baa.signers})


async def terminate(session: TenantSession, baa: Baa, fields: Termination) -> Baa:
    """The agreement has been ended. What the vendor may hold must come back or be destroyed, 164.504(e)(2)(ii)(J)."""
    state = await _held(session, baa)
    if state not in SIGNED:
        raise _not_now(state, "it cannot be terminated")
    before = said(baa)
    baa.terminated_on = fields.terminated_on
    baa.termination_reason = fields.reason
    baa.return_destroy_attested_on = fields.return_destroy_attested_on
    if fields.return_destroy_attested_on is not None:
        baa.status = BaaStatus.closed
    else:
        baa.status = BaaStatus.phi_return_pending if await _may_hold_phi(session, baa) else BaaStatus.terminated
    return await _done(session, "baa.terminated", baa, before, spoken={"reason": fields.reason})


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreement:
    """An agreement with what is shown beside it: the other party's name, and the hash of the signed file."""

    baa: Baa
    vendor_name: str
    document_sha256: str | None

    @property
    def id(self) -> UUID:
        return self.baa.id


async def agreements_of(
    session: TenantSession, organization_id: UUID, *, vendor_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Agreement]:
    """The organization's agreements in the order in which they were recorded, those that follow ``after``."""
    statement = _with_names().where(col(Baa.organization_id) == organization_id, col(Baa.archived_at).is_(None))
    if vendor_id is not None:
        statement = statement.where(col(Baa.vendor_id) == vendor_id)
    if after is not None:
        statement = statement.where(col(Baa.id) > after)
    rows = await session.execute(statement.order_by(col(Baa.id)).limit(limit))
    return [Agreement(*row) for row in rows]


async def agreement_of(session: TenantSession, baa: Baa) -> Agreement:
    return Agreement(*(await session.execute(_with_names().where(col(Baa.id) == baa.id))).one())


def _with_names() -> Any:
    return (
        select(Baa, Vendor.name, Document.sha256)
        .join(Vendor, col(Vendor.id) == col(Baa.vendor_id))
        .outerjoin(Document, col(Document.id) == col(Baa.document_id))
    )


# --- rules -----------------------------------------------------------------------------------------------------------

_TERMS = UNSIGNED | SIGNED
_WHEN = {
    "vendor_id": UNSIGNED,
    "sent_on": UNSIGNED,
    "signed_on": SIGNED,
    "end_on": _TERMS,
    "amended_on": IN_FORCE,
    "return_destroy_attested_on": OVER | {AgreementState.expired},
}
"""In which states a day may be recorded or mended. What is observed about the text may be recorded at any time."""
_TELLS = {"sent_on": "baa.sent", "amended_on": "baa.amended", "return_destroy_attested_on": "baa.closed"}


async def _held(session: TenantSession, baa: Baa) -> AgreementState:
    """Where it stands now, held against a second deed at the same moment. What was taken off the list stays as it is."""
    await session.refresh(baa, with_for_update=True)
    if baa.archived_at is not None:
        raise Conflict("This agreement was archived. Draw up a new one.", code="archived")
    return state_of(baa, as_of=today())


def _not_now(state: AgreementState, refused: str) -> Conflict:
    return Conflict(f"This agreement is {state.value}, so {refused}. Allowed now: {ALLOWED[state]}.", code="illegal_transition")


def _status_by_dates(baa: BaaFields) -> BaaStatus:
    if baa.signed_on is None:
        return BaaStatus.draft if baa.sent_on is None else BaaStatus.sent
    return BaaStatus.executed if baa.amended_on is None else BaaStatus.amended


def _status_after(baa: Baa, fields: BaaChanges) -> BaaStatus:
    if baa.status in (BaaStatus.draft, BaaStatus.sent):
        return BaaStatus.draft if fields.sent_on is None else BaaStatus.sent
    if fields.return_destroy_attested_on is not None:
        return BaaStatus.closed
    if baa.status == BaaStatus.closed:
        return BaaStatus.phi_return_pending
    if baa.status in (BaaStatus.executed, BaaStatus.amended):
        return BaaStatus.executed if fields.amended_on is None else BaaStatus.amended
    return baa.status


def _checked(fields: BaaFields) -> BaaFields:
    """The fields with the missing clauses in the catalogue's order, each once; one that the catalogue lacks is refused."""
    missing = fields.missing_required_clauses
    if missing is None:
        return fields
    known = catalogue().clause_by_key
    faults = [
        Fault(f"/missing_required_clauses/{place}", "unknown_clause", f"The clauses are: {', '.join(known)}.")
        for place, key in enumerate(missing)
        if key not in known
    ]
    if faults:
        raise Invalid(faults)
    return fields.model_copy(update={"missing_required_clauses": [key for key in known if key in missing]})


async def _refuse_other_renewal(
    session: TenantSession, organization_id: UUID, fields: BaaFields, *, itself: UUID | None = None
) -> None:
    """Only an agreement of the same two parties is continued, and not by itself."""
    if fields.renews_id is None:
        return
    statement = select(Baa.id).where(
        col(Baa.id) == fields.renews_id,
        col(Baa.organization_id) == organization_id,
        col(Baa.vendor_id) == fields.vendor_id,
    )
    if fields.renews_id == itself or (await session.execute(statement)).scalar_one_or_none() is None:
        raise Invalid.one("/renews_id", "unknown_reference", "There is no such agreement with this vendor to continue.")


def _refuse_impossible_days(baa: Baa) -> None:
    """Deeds lie in the past, and follow the signature."""
    faults: list[Fault] = []
    for name in ("sent_on", "signed_on", "amended_on", "terminated_on", "return_destroy_attested_on"):
        day: date | None = getattr(baa, name)
        if day is not None and day > today():
            faults.append(Fault(f"/{name}", "in_the_future", "This day has not come yet: record it when it has happened."))
    if baa.signed_on is not None:
        for name in ("end_on", "amended_on", "terminated_on"):
            day = getattr(baa, name)
            if day is not None and day < baa.signed_on:
                faults.append(Fault(f"/{name}", "before_signature", f"The agreement was signed on {baa.signed_on} only."))
        if baa.sent_on is not None and baa.sent_on > baa.signed_on:
            faults.append(Fault("/signed_on", "before_sending", f"The draft was sent out on {baa.sent_on} only."))
    if faults:
        raise Invalid(faults)


async def _may_hold_phi(session: TenantSession, baa: Baa) -> bool:
    """Whether something may have to come back: unless all engagements are known to leave the vendor without PHI, yes."""
    statement = select(Engagement).where(
        col(Engagement.organization_id) == baa.organization_id, col(Engagement.vendor_id) == baa.vendor_id
    )
    engagements = (await session.execute(statement)).scalars().all()
    said_to_hold = [(each.creates_phi, each.receives_phi, each.maintains_phi) for each in engagements]
    return not said_to_hold or any(flag is not False for flags in said_to_hold for flag in flags)


async def _done(session: TenantSession, kind: str, baa: Baa, before: dict[str, Any], *, spoken: dict[str, Any]) -> Baa:
    _refuse_impossible_days(baa)
    suspected = await keep_patients_out(session, spoken)
    await session.flush()
    emit(session, kind, baa, differences(before, said(baa)))
    if suspected:
        emit(session, "baa.patient_identifier_suspected", baa, suspected)
    return baa
