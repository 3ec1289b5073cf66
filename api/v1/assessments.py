"""The Security Risk Analysis: opened, evaluated, completed, signed and sealed, and printed. Its questions: topics.py."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, Paged, filters_of
from api.reports import REPORT_RESPONSES, report_in
from domain.access import Permission
from domain.clock import now
from domain.sra import evaluating, opening, sealing
from domain.sra.assessments import Assessment, AssessmentFields, AssessmentKind, AssessmentStatus, OpeningFields
from domain.sra.completeness import completeness, unsigned
from domain.sra.levels import Level
from domain.sra.reading import change_assessment, in_force_on, organization_of
from domain.sra.sealing import ApprovalFields
from domain.tenancy import Fields

router = door_router("analysis")
Reader = Annotated[Inside, may(Permission.assessments_read)]
ReportReader = Annotated[Inside, may(Permission.assessments_read, recorded=True)]
Writer = Annotated[Inside, may(Permission.assessments_write)]
ThisAssessment = Annotated[Assessment, this(Assessment)]


class SignerOut(BaseModel):
    """The credential that signed, and the member who answers for it."""

    kind: str
    id: UUID | None
    member_id: UUID | None


class SignatureOut(BaseModel):
    role: str
    """``preparer`` or ``approver``, the practice's security official."""
    name: str
    title: str
    statement: str
    signed_at: datetime
    principal: SignerOut
    signed_sha256: str
    """The hash of what the signer saw; the same in both signatures of a sealed analysis."""


class AssessmentOut(BaseModel):
    id: UUID
    organization_id: UUID
    number: int
    kind: AssessmentKind
    title: str
    scope: str | None
    period_start: date | None
    period_end: date | None
    edition: str
    status: AssessmentStatus
    previous_id: UUID | None
    evaluated_at: datetime | None
    as_of: datetime | None
    undetermined: list[dict[str, Any]]
    """Rules that could not be decided, with the facts that would decide them. Never a pass."""
    unknown_facts: list[dict[str, Any]]
    signatures: list[SignatureOut]
    sealed_at: datetime | None
    sealed_sha256: str | None
    in_force_until: date | None
    created_at: datetime
    updated_at: datetime


class EvaluationFields(Fields):
    as_of: datetime | None = None
    """The moment to evaluate for; now when absent. The same facts and moment give the same findings."""


class EvaluationOut(BaseModel):
    assessment: AssessmentOut
    findings_by_level: dict[Level, int]
    """Findings of threat rules."""
    undetermined: int
    unknown_facts: int


class MissingOut(BaseModel):
    code: str
    detail: str
    link: str


class ElementOut(BaseModel):
    number: int
    key: str
    title: str
    must_show: str
    missing: list[MissingOut]


class CompletenessOut(BaseModel):
    complete: bool
    """Nothing but the signatures is missing."""
    elements: list[ElementOut]
    signatures_missing: list[MissingOut]


class VerificationOut(BaseModel):
    intact: bool | None = Field(description="Null while the analysis is not sealed: there is nothing yet to compare.")
    sealed_sha256: str | None
    computed_sha256: str | None
    sealed_at: datetime | None


ASSESSMENTS = Listing(
    AssessmentOut,
    Assessment,
    sorts={"number": col(Assessment.number)},
    filters=filters_of(Assessment, "organization_id", "status", "id"),
)


@router.get("/organizations/{organization_id}/assessments", response_model=Page[AssessmentOut])
async def list_assessments(
    by: Reader,
    organization: ThisOrganization,
    window: Paged,
    status: AssessmentStatus | None = None,
    as_of: date | None = None,
) -> Response:
    """The analyses of a client, oldest first. ``as_of`` gives the one in force on that day, if any."""
    one = await in_force_on(by.session, organization, as_of) if as_of else None
    return await ASSESSMENTS.page(by, window, organization_id=organization.id, status=status, id=one)


@router.post("/organizations/{organization_id}/assessments", status_code=201, response_model=AssessmentOut)
async def open_assessment(by: Writer, organization: ThisOrganization, fields: OpeningFields) -> Assessment:
    """Open the next analysis, one at a time. The answers of the last one are carried over; those that a change since then
    has touched are reopened with the reason. A `delta` asks for those alone, and needs such a change: else 409."""
    return by.tag(await opening.open_assessment(by.session, organization, fields))


@router.get("/assessments/{assessment_id}", response_model=AssessmentOut)
async def read_assessment(by: Reader, assessment: ThisAssessment) -> Assessment:
    return assessment


@router.patch("/assessments/{assessment_id}", response_model=AssessmentOut, openapi_extra=patch_of(AssessmentFields))
async def edit_assessment(by: Writer, assessment: ThisAssessment, changes: Changes) -> Assessment:
    """Change the title, the scope or the period of an open analysis."""
    return await change_assessment(by.session, assessment, merged(AssessmentFields, assessment, changes))


@router.post("/assessments/{assessment_id}/evaluation", status_code=201, response_model=EvaluationOut)
async def evaluate(by: Writer, assessment: ThisAssessment, fields: EvaluationFields) -> EvaluationOut:
    """Run the rules over the facts and the answers, and bring the findings up to date."""
    organization = await organization_of(by.session, assessment)
    result = await evaluating.evaluate_assessment(by.session, assessment, organization, as_of=fields.as_of or now())
    counts = {level: sum(each.level is level for each in result.findings) for level in Level}
    return EvaluationOut(
        assessment=AssessmentOut.model_validate(assessment, from_attributes=True),
        findings_by_level=counts,
        undetermined=len(result.undetermined),
        unknown_facts=len(result.unknown_facts),
    )


@router.get("/assessments/{assessment_id}/completeness", response_model=CompletenessOut)
async def read_completeness(by: Reader, assessment: ThisAssessment) -> CompletenessOut:
    """OCR's nine elements of a risk analysis, each with what is missing and where to mend it."""
    organization = await organization_of(by.session, assessment)
    elements = [
        ElementOut.model_validate(each, from_attributes=True)
        for each in await completeness(by.session, assessment, organization)
    ]
    return CompletenessOut(
        complete=not any(each.missing for each in elements),
        elements=elements,
        signatures_missing=[MissingOut.model_validate(each, from_attributes=True) for each in unsigned(assessment)],
    )


@router.post("/assessments/{assessment_id}/approval", status_code=201, response_model=AssessmentOut)
async def approve(by: Writer, assessment: ThisAssessment, fields: ApprovalFields) -> Assessment:
    """Sign. The preparer signs first; with the signature of another member, the security official, it is sealed."""
    organization = await organization_of(by.session, assessment)
    return by.tag(await sealing.approve(by.session, assessment, organization, fields, by=by.principal))


@router.get("/assessments/{assessment_id}/verification", response_model=VerificationOut)
async def verify_seal(by: Reader, assessment: ThisAssessment) -> sealing.Verification:
    """Recompute the hash of the sealed data set and compare it with the one that the report prints."""
    return sealing.verify(assessment)


@router.get("/assessments/{assessment_id}/report", response_class=Response, responses=REPORT_RESPONSES)
async def read_report(by: ReportReader, assessment: ThisAssessment, request: Request) -> Response:
    """The report: PDF, HTML, JSON, XLSX or CSV, by ``Accept``. Marked DRAFT until the analysis is sealed."""
    return await report_in(by, assessment, request.headers.get("accept", "*/*"))
