"""Disposals: how a device and its media were made unreadable, and whether the images on it were allowed to go.

How long images are kept is the law of the States, not HIPAA. Where a period is not known, nothing is inside or outside it:
then, as inside it, images go only when a second copy has been verified. Nothing is ever purged by itself.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.clock import today
from domain.errors import Conflict, Fault, Invalid
from domain.events import emit
from domain.inventory.devices import Device
from domain.inventory.kinds import AssetStatus
from domain.inventory.organizations import Organization
from domain.inventory.references import VENDOR, refuse_absent
from domain.records import change, create
from domain.sra.catalogue import State, catalogue
from domain.sra.documents import Document
from domain.tenancy import Fields, OrganizationOwned, TenantSession, belongs_to, belongs_to_tenants, one_of, organization_table

YEARS_OF_RECORDS = 6
"""45 CFR 164.316(b)(2)(i): the record of a disposal is itself kept six years."""


class Sanitization(StrEnum):
    """The three ways of NIST SP 800-88."""

    clear = "clear"
    purge = "purge"
    destroy = "destroy"


class DisposalFields(Fields):
    disposed_on: date
    media_type: str = Field(min_length=1, max_length=200, description="Such as SSD, hard disk, memory card.")
    method: Sanitization = one_of(Sanitization)
    tool: str | None = Field(default=None, max_length=200, description="Program and version, or the machine.")
    verification: str = Field(min_length=1, max_length=2000, description="How it was checked that nothing can be read.")
    performed_by: str = Field(min_length=1, max_length=200, description="Who did it; a person or firm, not a patient.")
    vendor_id: UUID | None = Field(default=None, description="The firm, if it is a vendor: it may need an agreement.")
    certificate_id: UUID | None = Field(default=None, description="The certificate, among the documents.")
    held_images: bool | None = Field(default=None, description="Null: not known, which counts as held.")
    last_entry_on: date | None = Field(
        default=None, description="The newest date from which the retention of an image on it runs, such as last treatment."
    )
    images_of_minors: bool | None = Field(default=None, description="Null: not known, which counts as yes.")
    legal_hold: bool = False
    second_copy: str | None = Field(default=None, min_length=1, max_length=500, description="Where the images are kept now.")
    second_copy_verified_on: date | None = Field(default=None, description="When that copy was opened and compared.")


class Disposal(DisposalFields, OrganizationOwned, table=True):
    """Never changed and never removed: it is the record that 45 CFR 164.310(d)(2)(i) asks for."""

    __table_args__ = organization_table(
        belongs_to("device"),
        belongs_to_tenants("vendor"),
        belongs_to("document", "certificate_id"),
        UniqueConstraint("tenant_id", "device_id"),
    )
    noun: ClassVar[str] = "disposal"

    device_id: UUID
    images_may_go: str = Field(description="Why the images were allowed to go.")
    retain_until: date


@dataclass(frozen=True)
class Retention:
    """How long the State of a practice has images kept. ``years`` None: not known, so nothing is purged by a date."""

    state: State | None
    years: int | None
    explanation: str


def retention_of(organization: Organization) -> Retention:
    state = catalogue().state_by_code.get(organization.state or "")
    if state is None:
        return Retention(None, None, "The State of the practice is not recorded. Unknown State: nothing is purged by a date.")
    if state.verified_years is None:
        why = f"No verified period for {state.name} is on record. Ask counsel; nothing is purged by a date."
        return Retention(state, None, why)
    runs = f" from {state.runs_from}" if state.runs_from else ""
    minors = f" Minors: {state.minor_rule}." if state.minor_rule else " What holds for minors is not recorded."
    return Retention(state, state.verified_years, f"{state.name}: {state.verified_years} years{runs}.{minors}")


async def dispose(session: TenantSession, device: Device, organization: Organization, fields: DisposalFields) -> Disposal:
    """Record that a device is gone. :class:`Conflict` when images on it may still have to be kept and no copy is verified."""
    await session.refresh(device, with_for_update=True)
    _in_order(fields)
    if fields.vendor_id is not None:
        await refuse_absent(session, organization.id, [("/vendor_id", fields.vendor_id, VENDOR)])
    await _refuse_absent_certificate(session, organization, fields)
    if device.status == AssetStatus.disposed:
        raise Conflict("This device has been disposed of already.", code="already_disposed")
    because = _why_images_may_go(device, retention_of(organization), fields)
    disposal = await create(
        session,
        Disposal(
            **fields.model_dump(),
            organization_id=organization.id,
            device_id=device.id,
            images_may_go=because,
            retain_until=_years_later(fields.disposed_on, YEARS_OF_RECORDS),
        ),
    )
    await change(session, device, {"status": AssetStatus.disposed})
    emit(session, "device.disposed", device, {"disposal_id": disposal.id, "method": fields.method})
    return disposal


def _why_images_may_go(device: Device, retention: Retention, fields: DisposalFields) -> str:
    """The reason, or a Conflict that says what stands against it. What is not known never speaks for disposal."""
    if fields.held_images is False and device.facts.get("stores_ephi") is not True:
        return "It held no images."
    if fields.second_copy and fields.second_copy_verified_on:
        return f"A second copy was verified on {fields.second_copy_verified_on}."
    if fields.legal_hold:
        against = "They are under a legal hold."
    elif retention.years is None:
        against = retention.explanation
    elif fields.last_entry_on is None:
        against = f"{retention.explanation} From when it runs for these images (last_entry_on) is not known."
    elif fields.images_of_minors is not False:
        against = f"{retention.explanation} Images of minors are among them, or nobody knows."
    else:
        ends = _years_later(fields.last_entry_on, retention.years)
        if fields.disposed_on > ends:
            return f"Retention ended on {ends}. {retention.explanation}"
        against = f"{retention.explanation} It ends on {ends}."
    raise Conflict(
        f"There may be images on this device that have to be kept. {against} Make a second copy, open and compare it, and say "
        "so in second_copy and second_copy_verified_on.",
        code="inside_retention",
    )


def _in_order(fields: DisposalFields) -> None:
    faults: list[Fault] = []
    if fields.disposed_on > today() + timedelta(days=1):
        faults.append(Fault("/disposed_on", "in_future", "This day has not come yet, in any time zone."))
    if fields.second_copy_verified_on is not None and fields.second_copy_verified_on > fields.disposed_on:
        faults.append(Fault("/second_copy_verified_on", "after_disposal", "A copy is verified before the original goes."))
    if (fields.second_copy is None) != (fields.second_copy_verified_on is None):
        faults.append(Fault("/second_copy", "missing", "Say where the copy is and when it was verified, or neither."))
    if faults:
        raise Invalid(faults)


async def _refuse_absent_certificate(session: TenantSession, organization: Organization, fields: DisposalFields) -> None:
    if fields.certificate_id is None:
        return
    document = await session.get(Document, (session.tenant_id, fields.certificate_id))
    if document is None or document.organization_id != organization.id or document.archived_at is not None:
        raise Invalid.one("/certificate_id", "unknown_reference", "There is no such document here.")


def _years_later(day: date, years: int) -> date:
    """The same day, years later; a leap day moves to 1 March, so a period is never too short."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
