"""Findings written by hand: a risk that a person sees and no rule does, such as a leaking roof over the server.

No evaluation ever touches one. Its level is looked up from likelihood and impact, as every level is.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, func, select

from domain.clock import new_id, now, today
from domain.errors import Conflict, Fault, Invalid
from domain.events import emit
from domain.free_text import keep_patients_out
from domain.inventory.backups import Backup
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.segments import Segment
from domain.inventory.systems import System
from domain.records import change
from domain.remediation.due_dates import sla_of
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.sra.catalogue import catalogue
from domain.sra.findings import Basis, Finding, FindingOrigin
from domain.sra.levels import Level, risk_level
from domain.tenancy import Fields, OrganizationOwned, TenantSession
from domain.vendors.vendors import Vendor


class SubjectType(StrEnum):
    """What a risk can be about. ``other`` is for what no inventory lists, such as a server room."""

    organization = "organization"
    location = "location"
    device = "device"
    system = "system"
    flow = "flow"
    vendor = "vendor"
    partner = "partner"
    segment = "segment"
    backup = "backup"
    remote_access = "remote_access"
    other = "other"


Named = Backup | Device | Flow | Location | Organization | Partner | RemoteAccess | Segment | System | Vendor
TABLES: Mapping[SubjectType, type[Named]] = {
    SubjectType.organization: Organization,
    SubjectType.location: Location,
    SubjectType.device: Device,
    SubjectType.system: System,
    SubjectType.flow: Flow,
    SubjectType.vendor: Vendor,
    SubjectType.partner: Partner,
    SubjectType.segment: Segment,
    SubjectType.backup: Backup,
    SubjectType.remote_access: RemoteAccess,
}


class ManualFindingTexts(Fields):
    """What of a finding written by hand can be reworded later. Its rating changes by a decision, with a reason."""

    title: str = Field(min_length=1, max_length=300)
    threat: str = Field(min_length=1, max_length=4000)
    vulnerability: str = Field(min_length=1, max_length=4000)
    remediation: str = Field(min_length=1, max_length=4000)
    reason: str = Field(min_length=1, max_length=4000, description="Why likelihood and impact are rated as they are.")
    current_measures: str | None = Field(default=None, min_length=1, max_length=4000)
    citations: list[str] = Field(
        default_factory=list, max_length=50, description="Paragraphs in force, as the catalogue's requirements name them."
    )


class ManualFindingFields(ManualFindingTexts):
    subject_type: SubjectType = SubjectType.other
    subject_id: UUID | None = None
    subject_name: str | None = Field(
        default=None, min_length=1, max_length=300, description="Needed where nothing on the inventory is named by its id."
    )
    likelihood: Level
    impact: Level


async def write_down(
    session: TenantSession, organization: Organization, fields: ManualFindingFields, *, key: str | None = None
) -> Finding:
    """Record a risk that a person has seen. ``key``: what makes it the same risk as another one, where that can be said."""
    spoken = fields.model_dump(include={"subject_name", *ManualFindingTexts.model_fields})
    suspected = await keep_patients_out(session, spoken)
    texts: dict[str, Any] = fields.model_dump(include=set(ManualFindingTexts.model_fields))
    texts["citations"] = _cited(fields.citations)
    subject_id, subject_name = await _subject(session, organization, fields)
    identifier = new_id()
    level = risk_level(likelihood=fields.likelihood, impact=fields.impact)
    policy = await sla_of(session, organization)
    finding = await session.save(
        Finding(
            **texts,
            id=identifier,
            organization_id=organization.id,
            assessment_id=await _open_assessment(session, organization),
            number=await _next_number(session, organization),
            key=key or f"manual:{identifier}",
            origin=FindingOrigin.manual,
            subject_type=fields.subject_type,
            subject_id=subject_id,
            subject_name=subject_name,
            cause=f"manual:{identifier}",
            likelihood=fields.likelihood,
            impact=fields.impact,
            level=level,
            level_rank=level.rank,
            basis=Basis.judgement,
            opened_at=now(),
            due_on=policy.due_on(level, since=today()),
        )
    )
    emit(session, "finding.opened", finding, {"level": level, "origin": finding.origin, "number": finding.number})
    if suspected:
        emit(session, "finding.patient_identifier_suspected", finding, suspected)
    return finding


async def reword(session: TenantSession, finding: Finding, fields: ManualFindingTexts) -> Finding:
    """Change the texts of a finding written by hand; those of the rules are the catalogue's."""
    if finding.origin != FindingOrigin.manual:
        raise Conflict(
            "Only findings written by hand can be reworded. To rate this one otherwise, adjust it by a decision.",
            code="not_manual",
        )
    before = set(finding.citations)
    texts = {**fields.model_dump(), "citations": _cited(fields.citations, known_before=before)}
    new = {name: value for name, value in texts.items() if value != getattr(finding, name)}
    return await change(session, finding, texts, also_said=new)


def _cited(citations: Sequence[str], *, known_before: set[str] | None = None) -> list[str]:
    """The citations, each once. One that the catalogue's law does not have is refused: a paragraph of the proposed rule
    is none."""
    book = catalogue()
    faults = [
        Fault(f"/citations/{place}", "unknown_citation", "The catalogue has no requirement in force with this citation.")
        for place, citation in enumerate(citations)
        if book.requirement(citation) is None and citation not in (known_before or ())
    ]
    if faults:
        raise Invalid(faults)
    return list(dict.fromkeys(citations))


async def _subject(session: TenantSession, organization: Organization, fields: ManualFindingFields) -> tuple[UUID | None, str]:
    """The id and the name of what the risk is about."""
    if fields.subject_type is SubjectType.organization and fields.subject_id in (None, organization.id):
        return organization.id, fields.subject_name or organization.name
    if fields.subject_id is None:
        if fields.subject_name is None:
            raise Invalid.one("/subject_name", "missing", "Say what the risk is about: subject_type and subject_id, or a name.")
        return None, fields.subject_name
    row = await _named(session, organization, fields.subject_type, fields.subject_id)
    if row is None:
        raise Invalid.one("/subject_id", "unknown_reference", f"There is no such {fields.subject_type.value} here.")
    return row.id, fields.subject_name or row.name


async def _named(session: TenantSession, organization: Organization, of: SubjectType, identifier: UUID) -> Named | None:
    kind = TABLES.get(of)
    if kind is None or kind is Organization:
        return None
    statement = select(kind).where(col(kind.id) == identifier, col(kind.archived_at).is_(None))
    if issubclass(kind, OrganizationOwned):
        statement = statement.where(col(kind.organization_id) == organization.id)
    return (await session.execute(statement)).scalar_one_or_none()


async def _open_assessment(session: TenantSession, organization: Organization) -> UUID | None:
    statement = select(Assessment).where(
        col(Assessment.organization_id) == organization.id, col(Assessment.status) == AssessmentStatus.open
    )
    assessment = (await session.execute(statement)).scalar_one_or_none()
    return assessment.id if assessment else None


async def _next_number(session: TenantSession, organization: Organization) -> int:
    """The lock is the one that an evaluation takes, so no number is given twice."""
    await session.fetch(Organization, organization.id, lock=True)
    last: Any = select(func.coalesce(func.max(Finding.number), 0)).where(col(Finding.organization_id) == organization.id)
    return (await session.execute(last)).scalar_one() + 1
