"""Requests of individuals for their images and records, counted in days and never by name."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, case, type_coerce
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, constant, filters_of
from domain.access import Permission
from domain.records import archive
from domain.remediation import access_requests
from domain.remediation.access_requests import DAYS_TO_ACT, DAYS_WITH_EXTENSION, AccessRequest, AccessRequestFields

router = door_router("incidents")
Reader = Annotated[Inside, may(Permission.access_requests_read)]
Writer = Annotated[Inside, may(Permission.access_requests_write)]
ThisAccessRequest = Annotated[AccessRequest, this(AccessRequest)]


class AccessRequestOut(BaseModel):
    id: UUID
    organization_id: UUID
    received_on: date
    due_on: date = Field(description="The last day to act on it, 45 CFR 164.524(b)(2).")
    format: str | None
    extension_notice: bool | None
    closed_on: date | None
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


_days = case(
    (col(AccessRequest.extension_notice).is_(True), constant(str(DAYS_WITH_EXTENSION))),
    else_=constant(str(DAYS_TO_ACT)),
)
ACCESS_REQUESTS = Listing(
    AccessRequestOut,
    AccessRequest,
    sorts={"received_on": col(AccessRequest.received_on), "created_at": col(AccessRequest.created_at)},
    columns={"due_on": type_coerce(col(AccessRequest.received_on).op("+")(_days), Date)},
    filters={
        **filters_of(AccessRequest, "organization_id", "ref"),
        "open": col(AccessRequest.closed_on).is_(None),
        "closed": col(AccessRequest.closed_on).is_not(None),
    },
    where=col(AccessRequest.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/access-requests", response_model=Page[AccessRequestOut])
async def list_access_requests(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    open: bool | None = None,
    ref: str | None = None,
) -> Response:
    """``open`` is true for requests without a day of closing."""
    return await ACCESS_REQUESTS.page(
        by, window, organization_id=organization.id, ref=ref, open=open or None, closed=(open is False) or None
    )


@router.post("/organizations/{organization_id}/access-requests", status_code=201, response_model=AccessRequestOut)
async def receive_access_request(by: Writer, organization: ThisOrganization, fields: AccessRequestFields) -> AccessRequest:
    """Only dates and form are kept. Who asked stands in the practice's own records."""
    return by.tag(await access_requests.receive(by.session, organization, fields))


@router.get("/access-requests/{access_request_id}", response_model=AccessRequestOut)
async def read_access_request(by: Reader, access_request: ThisAccessRequest) -> AccessRequest:
    return access_request


@router.patch(
    "/access-requests/{access_request_id}", response_model=AccessRequestOut, openapi_extra=patch_of(AccessRequestFields)
)
async def change_access_request(by: Writer, access_request: ThisAccessRequest, changes: Changes) -> AccessRequest:
    fields = merged(AccessRequestFields, access_request, changes)
    return await access_requests.amend(by.session, access_request, fields)


@router.delete("/access-requests/{access_request_id}", status_code=204)
async def archive_access_request(by: Writer, access_request: ThisAccessRequest) -> None:
    await archive(by.session, access_request)
