"""The practice's staff, by role."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.inventory import workforce
from domain.inventory.workforce import Workforce, WorkforceFields, WorkforceStatus
from domain.records import archive

router = door_router("people")
Reader = Annotated[Inside, may(Permission.workforce_read)]
Writer = Annotated[Inside, may(Permission.workforce_write)]
ThisPerson = Annotated[Workforce, this(Workforce)]


class WorkforceAccountOut(BaseModel):
    asset_id: UUID
    """A device or system of the same organization."""
    enabled: bool | None = None


class WorkforceMemberOut(BaseModel):
    id: UUID
    organization_id: UUID
    role: str
    name: str | None
    status: WorkforceStatus
    trained_on: date | None
    left_on: date | None
    accounts: list[WorkforceAccountOut] | None
    """Null is "nobody has asked"."""
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


WORKFORCE = Listing(
    WorkforceMemberOut,
    Workforce,
    sorts={"role": col(Workforce.role), "created_at": col(Workforce.created_at)},
    filters={
        **filters_of(Workforce, "organization_id", "status", "ref"),
        "q": part_of("q", Workforce.role, Workforce.name),
    },
    where=col(Workforce.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/workforce", response_model=Page[WorkforceMemberOut])
async def list_workforce(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    status: WorkforceStatus | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """``q`` finds a part of the role or name."""
    return await WORKFORCE.page(by, window, organization_id=organization.id, status=status, ref=ref, q=q)


@router.post("/organizations/{organization_id}/workforce", status_code=201, response_model=WorkforceMemberOut)
async def enter_workforce_member(by: Writer, organization: ThisOrganization, fields: WorkforceFields) -> Workforce:
    """Staff only; patients never stand here. A role is enough, a name need not be given."""
    return by.tag(await workforce.enter(by.session, organization, fields))


@router.get("/workforce/{workforce_member_id}", response_model=WorkforceMemberOut)
async def read_workforce_member(by: Reader, person: ThisPerson) -> Workforce:
    return person


@router.patch("/workforce/{workforce_member_id}", response_model=WorkforceMemberOut, openapi_extra=patch_of(WorkforceFields))
async def change_workforce_member(by: Writer, person: ThisPerson, changes: Changes) -> Workforce:
    return await workforce.amend(by.session, person, merged(WorkforceFields, person, changes))


@router.delete("/workforce/{workforce_member_id}", status_code=204)
async def archive_workforce_member(by: Writer, person: ThisPerson) -> None:
    await archive(by.session, person)
