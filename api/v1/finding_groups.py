"""The open risks of an organization in two short views: as pieces of work, and as one level for it and each location."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from api.door import Inside, ThisOrganization, door_router, may
from api.pages import Page, Paged, page_of
from domain.access import Permission
from domain.remediation.grouping import Group, groups_of
from domain.sra.levels import Level, RollUp
from domain.sra.rolling_up import LocationRisk, risk_of

router = door_router("findings")
Reader = Annotated[Inside, may(Permission.findings_read)]


class FindingGroupOut(BaseModel):
    """Open findings that one piece of work mends."""

    key: str = Field(description="Stable: what `POST /v1/organizations/{id}/tasks` takes as `group`.")
    title: str
    worst: Level = Field(description="Of the worst finding in it. Levels are never averaged.")
    counts: dict[Level, int]
    rules: list[str]
    subjects: list[str]
    finding_ids: list[UUID] = Field(description="The worst first.")
    untreated: int = Field(description="How many of them no live task treats.")
    task_ids: list[UUID]
    due_on: date | None = Field(description="When the first of them is due.")

    @staticmethod
    def of(group: Group) -> "FindingGroupOut":
        findings = group.findings
        return FindingGroupOut(
            key=group.work.key,
            title=group.work.title,
            worst=group.worst,
            counts=dict(group.counts),
            rules=sorted({rule for each in findings if (rule := each.rule_id or each.topic_id)}),
            subjects=list(dict.fromkeys(each.subject_name for each in findings)),
            finding_ids=[each.id for each in findings],
            untreated=len(group.untreated),
            task_ids=list(group.task_ids),
            due_on=min((each.due_on for each in findings if each.due_on is not None), default=None),
        )


class RollUpOut(BaseModel):
    worst: Level | None = Field(description="Null where no risk is known, which is not a low risk.")
    open: int
    counts: dict[Level, int]

    @staticmethod
    def of(risk: RollUp) -> "RollUpOut":
        return RollUpOut(worst=risk.worst, open=risk.total, counts=dict(risk.counts))


class LocationRiskOut(RollUpOut):
    location_id: UUID | None = Field(description="Null: the practice as a whole, and what nobody has placed.")
    name: str | None

    @staticmethod
    def at(place: LocationRisk) -> "LocationRiskOut":
        location = place.location
        rolled = RollUpOut.of(place.risk).model_dump()
        return LocationRiskOut(
            **rolled, location_id=location.id if location else None, name=location.name if location else None
        )


class RiskOut(RollUpOut):
    locations: list[LocationRiskOut]


@router.get("/organizations/{organization_id}/finding-groups", response_model=Page[FindingGroupOut])
async def list_finding_groups(by: Reader, organization: ThisOrganization, window: Paged) -> Page[FindingGroupOut]:
    """The open risks as pieces of work, the worst first. Every open finding is in exactly one of them."""
    groups = [FindingGroupOut.of(each) for each in await groups_of(by.session, organization)]
    return page_of(groups, window, key=lambda each: each.key)


@router.get("/organizations/{organization_id}/risk", response_model=RiskOut)
async def read_risk(by: Reader, organization: ThisOrganization) -> RiskOut:
    """The worst open risk, and how many there are of each level: for the practice, and for each of its locations."""
    risk = await risk_of(by.session, organization)
    return RiskOut(**RollUpOut.of(risk.whole).model_dump(), locations=[LocationRiskOut.at(each) for each in risk.locations])
