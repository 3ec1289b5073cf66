"""Security incidents and suspected breaches."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, type_coerce
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, constant, filters_of
from domain.access import Permission
from domain.clock import today
from domain.records import archive
from domain.remediation import incidents
from domain.remediation.clocks import Applies, ClockName, State, clocks_of
from domain.remediation.incidents import (
    DAYS_FOR_NOTICE,
    BreachFactor,
    Exclusion,
    Incident,
    IncidentFields,
    LawEnforcementDelay,
)
from domain.sra.breach_questions import breach_questions

router = door_router("incidents")
Reader = Annotated[Inside, may(Permission.incidents_read)]
Writer = Annotated[Inside, may(Permission.incidents_write)]
ThisIncident = Annotated[Incident, this(Incident)]


class ClockOut(BaseModel):
    key: ClockName
    title: str
    citation: str
    due_on: date
    applies: Applies
    """``presumed`` until it is decided whether this is a breach, ``unknown`` while a count is missing."""
    done_on: date | None
    held_until: date | None
    """The last day of a delay for law enforcement, 45 CFR 164.412: until then nobody is told."""
    state: State


class AskedOfBreachOut(BaseModel):
    """One thing that the definition of breach asks about, in the catalogue's words, and what is said to it."""

    key: str
    item: str
    summary: str = Field(description="What the catalogue says of it. A summary; the paragraph itself is the law.")
    said: str | None


class BreachAssessmentOut(BaseModel):
    presumed: str = Field(description="What holds while nothing is decided, 45 CFR 164.402.")
    factors_citation: str
    factors: list[AskedOfBreachOut]
    exclusions_citation: str
    exclusions: list[AskedOfBreachOut]
    is_breach: bool | None
    exclusion: Exclusion | None
    secured: bool | None
    source: str
    verified: str


class IncidentOut(BaseModel):
    id: UUID
    organization_id: UUID
    what: str
    discovered_on: date
    notice_due_on: date = Field(
        description="If this is a breach of unsecured information: the last day to notify, 45 CFR 164.404(b)."
    )
    affected_count: int | None
    affected_by_state: dict[str, int]
    is_breach: bool | None
    """Null: not decided, and presumed to be a breach, 45 CFR 164.402(2)."""
    exclusion: Exclusion | None
    secured: bool | None
    individuals_notified_on: date | None
    hhs_notified_on: date | None
    media_notified_on: date | None
    asset_ids: list[UUID]
    """The devices and systems that it touched."""
    law_enforcement_delay: LawEnforcementDelay | None
    closed_on: date | None
    breach_decision: str | None
    assessment: dict[BreachFactor, str]
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


INCIDENTS = Listing(
    IncidentOut,
    Incident,
    sorts={"discovered_on": col(Incident.discovered_on), "created_at": col(Incident.created_at)},
    columns={"notice_due_on": type_coerce(col(Incident.discovered_on).op("+")(constant(str(DAYS_FOR_NOTICE))), Date)},
    filters={
        **filters_of(Incident, "organization_id", "ref"),
        "open": col(Incident.closed_on).is_(None),
        "closed": col(Incident.closed_on).is_not(None),
    },
    where=col(Incident.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/incidents", response_model=Page[IncidentOut])
async def list_incidents(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    open: bool | None = None,
    ref: str | None = None,
) -> Response:
    """``open`` is true for incidents without a day of closing."""
    return await INCIDENTS.page(
        by, window, organization_id=organization.id, ref=ref, open=open or None, closed=(open is False) or None
    )


@router.post("/organizations/{organization_id}/incidents", status_code=201, response_model=IncidentOut)
async def report_incident(by: Writer, organization: ThisOrganization, fields: IncidentFields) -> Incident:
    return by.tag(await incidents.report(by.session, organization, fields))


@router.get("/incidents/{incident_id}/clocks", response_model=list[ClockOut])
async def read_clocks(by: Reader, incident: ThisIncident) -> list[ClockOut]:
    """What the breach rules ask to be done about it, and until when."""
    return [ClockOut(**vars(each), state=each.state(today())) for each in clocks_of(incident)]


@router.get("/incidents/{incident_id}/breach-assessment", response_model=BreachAssessmentOut)
async def read_breach_assessment(by: Reader, incident: ThisIncident) -> BreachAssessmentOut:
    """What has to be weighed before an incident is held to be no breach, with what is written so far."""
    asked = breach_questions()
    said = incident.assessment
    return BreachAssessmentOut(
        presumed=asked.presumed,
        factors_citation=asked.factors_citation,
        factors=[AskedOfBreachOut(**vars(each), said=said.get(BreachFactor(each.key))) for each in asked.factors],
        exclusions_citation=asked.exclusions_citation,
        exclusions=[
            AskedOfBreachOut(**vars(each), said=incident.breach_decision if each.key == incident.exclusion else None)
            for each in asked.exclusions
        ],
        is_breach=incident.is_breach,
        exclusion=incident.exclusion,
        secured=incident.secured,
        source=asked.source,
        verified=asked.verified,
    )


@router.get("/incidents/{incident_id}", response_model=IncidentOut)
async def read_incident(by: Reader, incident: ThisIncident) -> Incident:
    return incident


@router.patch("/incidents/{incident_id}", response_model=IncidentOut, openapi_extra=patch_of(IncidentFields))
async def change_incident(by: Writer, incident: ThisIncident, changes: Changes) -> Incident:
    return await incidents.amend(by.session, incident, merged(IncidentFields, incident, changes))


@router.delete("/incidents/{incident_id}", status_code=204)
async def archive_incident(by: Writer, incident: ThisIncident) -> None:
    await archive(by.session, incident)
