"""Connections to management tools, from which inventories are pulled; their runs."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlmodel import col

from api.door import Changes, DoorRoute, Inside, may, merged, patch_of, this, whole_tenant
from api.pages import Listing, Page, Paged, filters_of, page_of
from domain.access import Permission
from domain.inventory.rmm import connections, runs
from domain.inventory.rmm.connections import NewRmmConnectionFields, RmmConnection, RmmConnectionChanges
from domain.inventory.rmm.products import PRODUCTS
from domain.inventory.rmm.runs import RmmRun, RunStatus
from domain.outbound.destinations import EgressPolicy

router = APIRouter(route_class=DoorRoute, tags=["imports"], dependencies=[Depends(whole_tenant)])
Reader = Annotated[Inside, may(Permission.imports_read)]
Runner = Annotated[Inside, may(Permission.imports_write)]
Writer = Annotated[Inside, may(Permission.connections_write)]
ThisConnection = Annotated[RmmConnection, this(RmmConnection)]
ThisRun = Annotated[RmmRun, this(RmmRun)]


class RmmProductOut(BaseModel):
    """A management tool that can be connected, and what it needs to know."""

    product: str
    title: str
    source: str = Field(description="The import source of its rows, as in `/rmm-sites`.")
    addresses: list[str] = Field(description="Where its maker runs it, by region.")
    settings: dict[str, Any] = Field(description="JSON Schema of a connection's `settings`.")
    credentials: dict[str, Any] = Field(description="JSON Schema of a connection's `credentials`.")


class RmmTroubleOut(BaseModel):
    code: str = Field(description="A stable code, such as `credentials` or `unreachable`.")
    detail: str


class LeftOutOut(RmmTroubleOut):
    part: str = Field(description="Which document of the export it would have been, such as `volumes`.")


class LastErrorOut(RmmTroubleOut):
    at: datetime


class RmmConnectionOut(BaseModel):
    id: UUID
    product: str
    name: str
    base_url: str
    settings: dict[str, Any]
    enabled: bool
    disabled_reason: str | None = Field(
        description="`credentials`: switched off by itself, since they were refused three times in a row."
    )
    every_minutes: int | None
    daily_at: str | None
    timezone: str
    next_run_at: datetime | None = Field(description="Null: only when somebody asks for it.")
    last_run_at: datetime | None = Field(description="When the last run began.")
    last_success_at: datetime | None = Field(description="When the inventory was last taken in whole.")
    last_error: LastErrorOut | None = Field(description="Why the last run failed; null once one has succeeded.")
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class RmmRunOut(BaseModel):
    id: UUID
    connection_id: UUID
    status: RunStatus = Field(
        description="`waiting`: put off until `resume_at`, because the tool asked for it or did not answer; "
        "`importing`: all is here, and `fleet_import_id` takes it in."
    )
    scheduled: bool
    made_by: UUID | None = Field(description="The member who asked for it.")
    pages: int = Field(description="Answers of the tool that were kept so far.")
    devices: int = Field(description="Devices that it listed so far.")
    resume_at: datetime | None
    error: RmmTroubleOut | None
    left_out: list[LeftOutOut] = Field(
        description="What the tool did not let us read beside the devices. What is known from there stays as it was."
    )
    counts: dict[str, int] = Field(description="What the import came to.")
    fleet_import_id: UUID | None
    created_at: datetime
    finished_at: datetime | None


CONNECTIONS = Listing(
    RmmConnectionOut,
    RmmConnection,
    sorts={"created_at": col(RmmConnection.created_at)},
    where=col(RmmConnection.archived_at).is_(None),
)
RUNS = Listing(
    RmmRunOut,
    RmmRun,
    sorts={"created_at": col(RmmRun.created_at)},
    filters=filters_of(RmmRun, "connection_id", "status"),
)


@router.get("/rmm-products", response_model=Page[RmmProductOut])
async def list_rmm_products(by: Reader, window: Paged) -> Page[RmmProductOut]:
    """Every tool that can be connected, with JSON Schemas of what it needs to know: a form draws itself."""
    known = [
        RmmProductOut(
            product=name,
            title=kind.title,
            source=kind.source,
            addresses=list(kind.addresses),
            settings=kind.Settings.model_json_schema(),
            credentials=kind.Credentials.model_json_schema(),
        )
        for name, kind in sorted(PRODUCTS.items())
    ]
    return page_of(known, window, key=lambda each: each.product)


@router.get("/rmm-connections", response_model=Page[RmmConnectionOut])
async def list_rmm_connections(by: Reader, window: Paged) -> Response:
    """The tenant's management tools, the oldest first. Credentials are never shown."""
    return await CONNECTIONS.page(by, window)


@router.post("/rmm-connections", status_code=201, response_model=RmmConnectionOut)
async def connect_rmm(by: Writer, fields: NewRmmConnectionFields) -> RmmConnection:
    """Connect a management tool. Its devices are sorted by the mapping at ``/rmm-sites``, as with an import for the whole
    tenant."""
    policy = EgressPolicy.of(by.runtime.settings)
    return by.tag(await connections.connect(by.session, fields, policy=policy, keyring=by.runtime.keyring))


@router.get("/rmm-connections/{rmm_connection_id}", response_model=RmmConnectionOut)
async def read_rmm_connection(by: Reader, connection: ThisConnection) -> RmmConnection:
    return connection


@router.patch(
    "/rmm-connections/{rmm_connection_id}",
    response_model=RmmConnectionOut,
    openapi_extra=patch_of(RmmConnectionChanges),
)
async def change_rmm_connection(by: Writer, connection: ThisConnection, changes: Changes) -> RmmConnection:
    """Change a connection. ``credentials`` are set anew as a whole, and only when they are said; a
    ``base_url`` on another host wants them said again."""
    fields = merged(RmmConnectionChanges, connection, changes)
    policy = EgressPolicy.of(by.runtime.settings)
    return await connections.change_connection(by.session, connection, fields, policy=policy, keyring=by.runtime.keyring)


@router.delete("/rmm-connections/{rmm_connection_id}", status_code=204)
async def archive_rmm_connection(by: Writer, connection: ThisConnection) -> None:
    """Ask the tool nothing more. What its runs brought stays; the credentials are gone for good."""
    await connections.remove(by.session, connection)


@router.post("/rmm-connections/{rmm_connection_id}/runs", status_code=202, response_model=RmmRunOut)
async def run_rmm_connection(by: Runner, connection: ThisConnection, response: Response) -> RmmRun:
    """Pull the inventory now, beside its schedule. 409 while another run is under way. ``GET /rmm-runs/{id}`` shows how far
    it has come."""
    run = await runs.start(by.session, connection, scheduled=False)
    response.headers["location"] = f"/v1/rmm-runs/{run.id}"
    return run


@router.get("/rmm-connections/{rmm_connection_id}/runs", response_model=Page[RmmRunOut])
async def list_rmm_runs(by: Reader, connection: ThisConnection, window: Paged, status: RunStatus | None = None) -> Response:
    """What became of each run, the newest first."""
    newest_first = replace(window, sort="-created_at")
    return await RUNS.page(by, newest_first, connection_id=connection.id, status=status)


@router.get("/rmm-runs/{rmm_run_id}", response_model=RmmRunOut)
async def read_rmm_run(by: Reader, run: ThisRun) -> RmmRun:
    return run
