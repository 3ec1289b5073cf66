"""The written rules of a practice."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain.access import Permission
from domain.inventory import policies
from domain.inventory.policies import Policy, PolicyFields
from domain.records import archive, change

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.policies_read)]
Writer = Annotated[Inside, may(Permission.policies_write)]
ThisPolicy = Annotated[Policy, this(Policy)]


class PolicyOut(BaseModel):
    id: UUID
    organization_id: UUID
    key: str
    title: str | None
    in_place: bool | None
    adopted_on: date | None
    review_due_on: date | None
    document_id: UUID | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


POLICIES = Listing(
    PolicyOut,
    Policy,
    sorts={"key": col(Policy.key), "created_at": col(Policy.created_at)},
    filters=filters_of(Policy, "organization_id", "key", "in_place"),
    where=col(Policy.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/policies", response_model=Page[PolicyOut])
async def list_policies(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    key: str | None = None,
    in_place: bool | None = None,
) -> Response:
    return await POLICIES.page(by, window, organization_id=organization.id, key=key, in_place=in_place)


@router.post("/organizations/{organization_id}/policies", status_code=201, response_model=PolicyOut)
async def note_policy(by: Writer, organization: ThisOrganization, fields: PolicyFields) -> Policy:
    """One row for each key. The keys that the rules read are the facts of ``policy`` in the catalogue."""
    return by.tag(await policies.note(by.session, organization, fields))


@router.get("/policies/{policy_id}", response_model=PolicyOut)
async def read_policy(by: Reader, policy: ThisPolicy) -> Policy:
    return policy


@router.patch("/policies/{policy_id}", response_model=PolicyOut, openapi_extra=patch_of(PolicyFields))
async def change_policy(by: Writer, policy: ThisPolicy, changes: Changes) -> Policy:
    return await change(by.session, policy, merged(PolicyFields, policy, changes))


@router.delete("/policies/{policy_id}", status_code=204)
async def archive_policy(by: Writer, policy: ThisPolicy) -> None:
    await archive(by.session, policy)
