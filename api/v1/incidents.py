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
from domain.records import archive
from domain.remediation import incidents
from domain.remediation.incidents import DAYS_FOR_NOTICE, BreachFactor, Incident, IncidentFields

router = door_router("incidents")
Reader = Annotated[Inside, may(Permission.incidents_read)]
Writer = Annotated[Inside, may(Permission.incidents_write)]
ThisIncident = Annotated[Incident, this(Incident)]


class IncidentOut(BaseModel):
    id: UUID
    organization_id: UUID
    what: str
    discovered_on: date
    notice_due_on: date = Field(
        description="If this is a breach of unsecured information: the last day to notify, 45 CFR 164.404(b)."
    )
    affected_count: int | None
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


@router.get("/incidents/{incident_id}", response_model=IncidentOut)
async def read_incident(by: Reader, incident: ThisIncident) -> Incident:
    return incident


@router.patch("/incidents/{incident_id}", response_model=IncidentOut, openapi_extra=patch_of(IncidentFields))
async def change_incident(by: Writer, incident: ThisIncident, changes: Changes) -> Incident:
    return await incidents.amend(by.session, incident, merged(IncidentFields, incident, changes))


@router.delete("/incidents/{incident_id}", status_code=204)
async def archive_incident(by: Writer, incident: ThisIncident) -> None:
    await archive(by.session, incident)
