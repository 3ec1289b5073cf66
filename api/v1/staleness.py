"""An analysis over the years: what has made it stale, what is confirmed of the year before, and what has changed since."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.door import Inside, door_router, may
from api.v1.assessments import ThisAssessment
from domain.access import Permission
from domain.sra import answering, re_evaluating
from domain.sra.assessments import Continuity
from domain.sra.changes import changes_since
from domain.sra.findings import Finding, FindingStatus
from domain.sra.levels import Level
from domain.sra.re_evaluating import EvaluationsFields
from domain.sra.staleness import Staleness, causes_of, touched_topics
from domain.sra.triggers import Trigger
from domain.tenancy import Fields

router = door_router("analysis")
Reader = Annotated[Inside, may(Permission.assessments_read)]
Writer = Annotated[Inside, may(Permission.assessments_write)]


class TouchedRiskOut(BaseModel):
    """A rule that speaks of the changed thing otherwise than at the seal."""

    rule: str
    subject: str
    outcome: str = Field(description="fires, or undetermined: it cannot be decided.")


class CauseOut(BaseModel):
    id: UUID
    trigger: Trigger
    name: str
    reason: str
    topics: dict[str, str] = Field(description="Each topic that it touches, with why.")
    risks: list[TouchedRiskOut]
    noticed_at: datetime

    @staticmethod
    def of(cause: Staleness) -> "CauseOut":
        kept: dict[str, Any] = cause.model_dump(include=set(CauseOut.model_fields))
        return CauseOut.model_validate({**kept, "noticed_at": cause.created_at})


class StalenessOut(BaseModel):
    stale: bool
    causes: list[CauseOut]
    topics: dict[str, list[str]] = Field(description="Each touched topic with all reasons, in words.")


class ChangedAnswerOut(BaseModel):
    topic_id: str
    was: str | None
    now: str | None
    reopened_because: list[str]


class ChangedRiskOut(BaseModel):
    id: UUID
    number: int
    title: str
    subject_name: str
    level: Level
    status: FindingStatus

    @staticmethod
    def of(finding: Finding) -> "ChangedRiskOut":
        return ChangedRiskOut.model_validate(finding.model_dump(include=set(ChangedRiskOut.model_fields)))


class ChangesOut(BaseModel):
    since: datetime | None = Field(description="When the analysis before was sealed; null for a first one.")
    causes: list[CauseOut]
    continuity: dict[Continuity, int] = Field(description="How the answers stand to those of the analysis before.")
    answers: list[ChangedAnswerOut]
    found: list[ChangedRiskOut]
    resolved: list[ChangedRiskOut]
    reopened: list[ChangedRiskOut]


class QueuedOut(BaseModel):
    organization_ids: list[UUID]


class ConfirmationFields(Fields):
    topic_ids: list[str] | None = Field(
        default=None, min_length=1, max_length=200, description="All that are carried, when absent."
    )


class ConfirmedOut(BaseModel):
    topic_ids: list[str]


@router.get("/assessments/{assessment_id}/staleness", response_model=StalenessOut)
async def read_staleness(by: Reader, assessment: ThisAssessment) -> StalenessOut:
    """What has happened since a sealed analysis that it does not speak of, as far as it has been noticed."""
    causes = await causes_of(by.session, assessment)
    return StalenessOut(stale=bool(causes), causes=[CauseOut.of(each) for each in causes], topics=dict(touched_topics(causes)))


@router.post("/assessments/{assessment_id}/confirmation", status_code=201, response_model=ConfirmedOut)
async def confirm_carried_answers(by: Writer, assessment: ThisAssessment, fields: ConfirmationFields) -> ConfirmedOut:
    """Confirm answers that were carried over from the analysis before: those named, or all. Reopened ones are answered."""
    confirmed = await answering.confirm_carried(by.session, assessment, fields.topic_ids)
    return ConfirmedOut(topic_ids=[each.topic_id for each in confirmed])


@router.post("/evaluations", status_code=202, response_model=QueuedOut)
async def evaluate_everywhere(by: Writer, fields: EvaluationsFields) -> QueuedOut:
    """Let the workers evaluate many organizations again: open analyses anew, sealed ones held against what has changed.

    While an evaluation of an organization waits or runs, no second one is queued.
    """
    return QueuedOut(organization_ids=await re_evaluating.ask_for_evaluations(by.session, fields))


@router.get("/assessments/{assessment_id}/changes", response_model=ChangesOut)
async def read_changes(by: Reader, assessment: ThisAssessment) -> ChangesOut:
    """What is another than when the analysis before this one was sealed."""
    changes = await changes_since(by.session, assessment)
    return ChangesOut(
        since=changes.since,
        causes=[CauseOut.of(each) for each in changes.causes],
        continuity=dict(changes.continuity),
        answers=[
            ChangedAnswerOut(topic_id=each.topic_id, was=each.was, now=each.now, reopened_because=list(each.reopened_because))
            for each in changes.answers
        ],
        found=[ChangedRiskOut.of(each) for each in changes.found],
        resolved=[ChangedRiskOut.of(each) for each in changes.resolved],
        reopened=[ChangedRiskOut.of(each) for each in changes.reopened],
    )
