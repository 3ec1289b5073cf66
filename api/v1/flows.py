"""The movements of images and other ePHI, each with its two ends."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import bindparam, case, func
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import col, or_

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, constant, filters_of, part_of
from domain.access import Permission
from domain.inventory import flows
from domain.inventory.flows import INVENTORIED, Flow, FlowFields
from domain.inventory.kinds import Direction, EndKind, FlowMethod
from domain.records import archive

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.flows_read)]
Writer = Annotated[Inside, may(Permission.flows_write)]
ThisFlow = Annotated[Flow, this(Flow)]


class FlowEndOut(BaseModel):
    kind: EndKind
    id: UUID | None
    name: str | None


class FlowOut(BaseModel):
    id: UUID
    organization_id: UUID
    name: str
    source: FlowEndOut | None
    """Null: nobody has said where it begins."""
    destination: FlowEndOut | None
    method: FlowMethod | None
    direction: Direction | None
    encrypted: bool | None
    tls_version: str | None
    audit_logged: bool | None
    crosses_internet: bool | None
    purpose: str | None
    vendor_id: UUID | None
    active_since: date | None
    active_until: date | None
    ref: str | None
    facts: dict[str, Any]
    provenance: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


def _end(side: str) -> Any:
    kind: Any = col(getattr(Flow, f"{side}_kind"))
    identifier = func.coalesce(*(getattr(Flow, f"{side}_{each}_id") for each in INVENTORIED))
    members = (("kind", kind), ("id", identifier), ("name", getattr(Flow, f"{side}_name")))
    parts = [part for name, value in members for part in (constant(f"'{name}'"), value)]
    return case((kind.is_not(None), func.json_build_object(*parts, type_=JSON)))


def _answers(name: str) -> dict[str, Any]:
    """Yes, no and nobody knows: three answers that are asked for apart."""
    column: Any = col(getattr(Flow, name))
    return {f"{name}_true": column.is_(True), f"{name}_false": column.is_(False), f"{name}_unknown": column.is_(None)}


def _touches(name: str) -> Any:
    column: Any = col(getattr(Flow, name))
    return column == bindparam("end_id", type_=column.type)


FLOWS = Listing(
    FlowOut,
    Flow,
    sorts={"name": col(Flow.name), "created_at": col(Flow.created_at)},
    columns={"source": _end("source"), "destination": _end("destination")},
    filters={
        **filters_of(Flow, "organization_id", "method", "direction", "vendor_id", "ref"),
        **_answers("encrypted"),
        **_answers("audit_logged"),
        **_answers("crosses_internet"),
        "end_id": or_(*(_touches(f"{side}_{kind}_id") for side in ("source", "destination") for kind in INVENTORIED)),
        "q": part_of("q", Flow.name, Flow.source_name, Flow.destination_name),
    },
    where=col(Flow.archived_at).is_(None),
)
Answer = Literal["true", "false", "unknown"]


@router.get("/organizations/{organization_id}/flows", response_model=Page[FlowOut])
async def list_flows(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    method: FlowMethod | None = None,
    direction: Direction | None = None,
    vendor_id: UUID | None = None,
    end_id: UUID | None = None,
    encrypted: Answer | None = None,
    audit_logged: Answer | None = None,
    crosses_internet: Answer | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """``end_id`` finds the flows from or to one thing; ``q`` a part of the name, or of an end that is only a name."""
    asked = {"encrypted": encrypted, "audit_logged": audit_logged, "crosses_internet": crosses_internet}
    return await FLOWS.page(
        by,
        window,
        organization_id=organization.id,
        method=method,
        direction=direction,
        vendor_id=vendor_id,
        end_id=end_id,
        ref=ref,
        q=q,
        bound=None,
        **{f"{name}_{answer}": True for name, answer in asked.items() if answer is not None},
    )


@router.post("/organizations/{organization_id}/flows", status_code=201, response_model=FlowOut)
async def draw_flow(by: Writer, organization: ThisOrganization, fields: FlowFields) -> Flow:
    """An end is a device, system or partner of this organization, a vendor, ``patient``, or ``other`` with a name."""
    return by.tag(await flows.draw(by.session, organization, fields))


@router.get("/flows/{flow_id}", response_model=FlowOut)
async def read_flow(by: Reader, flow: ThisFlow) -> Flow:
    return flow


@router.patch("/flows/{flow_id}", response_model=FlowOut, openapi_extra=patch_of(FlowFields))
async def change_flow(by: Writer, flow: ThisFlow, changes: Changes) -> Flow:
    """An end merges member by member: to make a device a patient, send ``{"kind": "patient", "id": null}``."""
    return await flows.redraw(by.session, flow, merged(FlowFields, flow, changes))


@router.delete("/flows/{flow_id}", status_code=204)
async def archive_flow(by: Writer, flow: ThisFlow) -> None:
    await archive(by.session, flow)
