"""The audit trail: who did what, when, from where, with every value before and after; and the proof that it is whole."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Response
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import DateTime, Text, bindparam, func, literal_column
from sqlmodel import col

from api.door import Inside, door_router, may
from api.pages import Listing, Page, PagedAndSorted, filters_of
from domain import audit
from domain.access import Permission
from domain.errors import Forbidden
from domain.events import Event
from domain.tenancy import TenantOwned

router = door_router("events")
Reader = Annotated[Inside, may(Permission.audit_read)]


class AuditEntryOut(BaseModel):
    id: UUID
    sequence: int
    at: datetime
    kind: str
    subject_type: str
    subject_id: UUID
    organization_id: UUID | None
    changes: dict[str, Any]
    """Each field with its value before and after, or with its first value."""
    actor: dict[str, Any]
    context: dict[str, Any]
    """The request's id, address and user agent."""
    previous_hash: str
    hash: str


class BrokenLinkOut(BaseModel):
    sequence: int
    event_id: UUID | None
    problem: audit.Break


class VerificationOut(BaseModel):
    intact: bool
    verified: int
    """How many events hold, from the beginning."""
    head_sequence: int
    head_hash: str
    """Keep it elsewhere: a later trail that is whole still holds this hash at this number."""
    first_broken: BrokenLinkOut | None


_AT = cast("Any", DateTime(timezone=True))
ENTRIES = Listing(
    AuditEntryOut,
    cast("type[TenantOwned]", Event),
    sorts={"sequence": col(Event.sequence)},
    filters={
        **filters_of(Event, "kind", "subject_id", "subject_type", "organization_id"),
        "actor_id": func.jsonb_extract_path_text(col(Event.actor), literal_column("'id'"))
        == bindparam("actor_id", type_=Text()),
        "since": col(Event.at) >= bindparam("since", type_=_AT),
        "until": col(Event.at) < bindparam("until", type_=_AT),
    },
)


@router.get("/audit-log", response_model=Page[AuditEntryOut])
async def list_audit_entries(
    by: Reader,
    window: PagedAndSorted,
    kind: str | None = None,
    subject_type: str | None = None,
    subject_id: UUID | None = None,
    organization_id: UUID | None = None,
    actor_id: UUID | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
) -> Response:
    """The trail in full, the newest entry first. ``sort=sequence`` turns it round."""
    return await ENTRIES.page(
        by,
        replace(window, sort=window.sort or "-sequence"),
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
        organization_id=organization_id,
        actor_id=str(actor_id) if actor_id else None,
        since=since,
        until=until,
    )


@router.get("/audit-log/verification", response_model=VerificationOut)
async def verify_audit_log(by: Reader) -> audit.Verification:
    """Compute the chain of hashes anew and name the first link that does not hold."""
    if by.principal.organization_ids is not None:
        raise Forbidden("Only the whole trail can be verified, and your access is narrowed to some organizations.")
    return await audit.verify_chain(by.session)
