"""Facts: disagreements that wait for a decision, confirmations, and how a fact came about."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Inside, ThisOrganization, door_router, may, this
from api.pages import Listing, Page, Paged, filters_of
from domain.access import Permission
from domain.errors import Invalid
from domain.inventory import factual, reviews
from domain.inventory.factual import FactConfirmationFields
from domain.inventory.reviews import Review, ReviewDecisionFields, ReviewStatus

router = door_router("imports")
Reader = Annotated[Inside, may(Permission.imports_read)]
Writer = Annotated[Inside, may(Permission.imports_write)]
ThisReview = Annotated[Review, this(Review)]


class ReviewOut(BaseModel):
    id: UUID
    organization_id: UUID
    subject_type: str
    subject_id: UUID
    fact: str
    said: dict[str, Any] = Field(description="Voice (`person`, `survey`, `measured`) to value.")
    used: Any = Field(description="What the analysis goes by until somebody decides.")
    source: str
    status: ReviewStatus
    accepted: str | None
    reason: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    created_at: datetime


class FactsConfirmedOut(BaseModel):
    subject_type: str
    subject_id: UUID
    provenance: dict[str, Any] = Field(description="Of the confirmed facts.")


class FactChangeOut(BaseModel):
    """One change of one fact."""

    fact: str
    before: Any
    after: Any
    source: str = Field(description="`person`, or the import source.")
    at: datetime
    sequence: int = Field(description="Of the event in the audit trail.")
    actor: dict[str, Any]


REVIEWS = Listing(
    ReviewOut,
    Review,
    sorts={"created_at": col(Review.created_at)},
    filters=filters_of(Review, "organization_id", "status", "subject_id", "fact"),
)


@router.get("/organizations/{organization_id}/reviews", response_model=Page[ReviewOut])
async def list_reviews(
    by: Reader,
    organization: ThisOrganization,
    window: Paged,
    status: ReviewStatus | None = None,
    subject_id: UUID | None = None,
    fact: str | None = None,
) -> Response:
    """Facts on which a person, a survey and a machine disagree."""
    return await REVIEWS.page(by, window, organization_id=organization.id, status=status, subject_id=subject_id, fact=fact)


@router.get("/reviews/{review_id}", response_model=ReviewOut)
async def read_review(by: Reader, review: ThisReview) -> Review:
    return review


@router.post("/reviews/{review_id}/decision", status_code=201, response_model=ReviewOut)
async def decide_review(by: Writer, review: ThisReview, fields: ReviewDecisionFields) -> Review:
    """Accept one side. The same two values are not asked about again."""
    return await reviews.decide_review(by.session, review, fields)


@router.post("/organizations/{organization_id}/fact-confirmations", status_code=201, response_model=FactsConfirmedOut)
async def confirm_facts(by: Writer, organization: ThisOrganization, fields: FactConfirmationFields) -> FactsConfirmedOut:
    """Say that you have checked facts. Who said them first stays; when a value changes, its confirmation ends."""
    row = await factual.confirm(by.session, organization.id, fields)
    marks = {name: row.provenance[name] for name in fields.facts}
    return FactsConfirmedOut(subject_type=fields.subject_type, subject_id=row.id, provenance=marks)


@router.get("/organizations/{organization_id}/fact-history", response_model=Page[FactChangeOut])
async def list_fact_history(
    by: Reader,
    organization: ThisOrganization,
    window: Paged,
    subject_id: UUID | None = None,
    fact: str | None = None,
) -> dict[str, Any]:
    """How the facts of a thing, or of all here, came about, the latest first: from, to, by whom, from which source, when."""
    before = None
    if window.after is not None:
        if not window.after.isdigit() or len(window.after) > 18:
            raise Invalid.one("query/after", "invalid", "This is not a cursor that a page gave out.")
        before = int(window.after)
    data, following = await factual.history(
        by.session, organization.id, subject_id, fact=fact, before=before, limit=window.limit
    )
    return {"data": data, "next": None if following is None else str(following)}
