"""Work for many: the same fix opened in every organization that needs it, and the duties that come back everywhere."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from api.door import Inside, ThisOrganization, door_router, may
from domain.access import Permission
from domain.remediation import duties, fleet_work
from domain.remediation.duties import DutiesFields
from domain.remediation.fleet_work import CampaignFields
from domain.remediation.recurring import Recurrence

router = door_router("work")
Reader = Annotated[Inside, may(Permission.tasks_read)]
Writer = Annotated[Inside, may(Permission.tasks_write)]


class OpenedTaskOut(BaseModel):
    id: UUID
    organization_id: UUID
    due_on: date | None
    finding_ids: list[UUID]


class CampaignOut(BaseModel):
    id: UUID = Field(description="Of the campaign. Follow it by `GET /v1/tasks?campaign_id=`.")
    tasks: list[OpenedTaskOut]
    not_needed: list[UUID] = Field(description="Named organizations without such a risk that no live task treats already.")


class DutyOut(BaseModel):
    key: str
    title: str
    description: str
    recurrence: Recurrence
    citations: list[str]


class DutiesOut(BaseModel):
    duties: list[DutyOut]


class PlannedDutyOut(BaseModel):
    task_id: UUID
    duty: str | None
    due_on: date | None


class PlannedDutiesOut(BaseModel):
    planned: list[PlannedDutyOut]


@router.post("/campaigns", status_code=201, response_model=CampaignOut)
async def open_tasks_everywhere(by: Writer, fields: CampaignFields) -> CampaignOut:
    """Open the same fix in every organization that has the risks of a rule, or of a piece of work, all at once.

    Each task treats the open risks of its organization that no live task treats already, so sending it again opens nothing
    twice. Without `due_on` each is due with the first of its risks.
    """
    campaign = await fleet_work.open_everywhere(by.session, fields)
    opened = [
        OpenedTaskOut(id=task.id, organization_id=task.organization_id, due_on=task.due_on, finding_ids=list(findings))
        for task, findings in campaign.tasks
    ]
    return CampaignOut(id=campaign.id, tasks=opened, not_needed=list(campaign.not_needed))


@router.get("/duties", response_model=DutiesOut)
async def list_duties(by: Reader) -> DutiesOut:
    """Duties that come back in every practice, with a usual interval. The rule in force names none."""
    return DutiesOut(
        duties=[
            DutyOut(
                key=each.key,
                title=each.title,
                description=each.description,
                recurrence=each.recurrence,
                citations=list(each.citations),
            )
            for each in duties.duties().values()
        ]
    )


@router.post("/organizations/{organization_id}/duties", status_code=201, response_model=PlannedDutiesOut)
async def take_on_duties(by: Writer, organization: ThisOrganization, fields: DutiesFields) -> PlannedDutiesOut:
    """Plan the first occurrence of each duty. One that is planned already stays as it is."""
    tasks = await duties.take_on_duties(by.session, organization, fields)
    return PlannedDutiesOut(planned=[PlannedDutyOut(task_id=each.id, duty=each.duty, due_on=each.due_on) for each in tasks])
