"""Connections to ticketing products, where each organization's tickets go, and trying a connection out."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import String, Uuid, bindparam, cast, func, select
from sqlmodel import col

from api.door import Changes, DoorRoute, Inside, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, Paged, constant, filters_of, page_of
from api.v1.tickets import TicketChangeOut
from domain.access import Permission
from domain.errors import Forbidden
from domain.outbound.destinations import EgressPolicy
from domain.records import archive
from domain.sra.levels import Level
from domain.tenancy import Fields
from domain.ticketing import connections, mappings, trying
from domain.ticketing.connections import Connection, ConnectionChanges, NewConnectionFields
from domain.ticketing.connector import TicketState
from domain.ticketing.connectors import PRODUCTS
from domain.ticketing.mappings import Automatic, Mapping, MappingFields, NewMappingFields
from domain.ticketing.tickets import ChangeStatus, Ticket, TicketChange


async def not_narrowed(request: Request) -> None:
    """A connection serves the whole tenant, so whoever is narrowed to some organizations may not even look at it."""
    inside: Inside = request.state.inside
    if inside.principal.organization_ids is not None:
        raise Forbidden("Connections serve the whole account, and your access is narrowed to some organizations.")


router = APIRouter(route_class=DoorRoute, tags=["ticketing"], dependencies=[Depends(not_narrowed)])
mapped = door_router("ticketing")
Reader = Annotated[Inside, may(Permission.connections_read)]
Writer = Annotated[Inside, may(Permission.connections_write)]
ThisConnection = Annotated[Connection, this(Connection)]
ThisMapping = Annotated[Mapping, this(Mapping)]


class ProductOut(BaseModel):
    """A product that can be connected, and what it needs to know."""

    product: str
    settings: dict[str, Any] = Field(description="JSON Schema of a connection's `settings`.")
    credentials: dict[str, Any] = Field(description="JSON Schema of a connection's `credentials`.")
    target: dict[str, Any] = Field(description="JSON Schema of a mapping's `target`.")
    status_map: dict[str, TicketState] = Field(description="Its statuses as delivered; in lower case.")
    status_words: dict[TicketState, str]
    priorities: dict[str, str]
    gives_secret: bool = Field(description="It makes the secret of its callbacks itself: say it as `callback_secret`.")


class StepOut(BaseModel):
    step: str
    ok: bool
    detail: str | None
    trouble: str | None = None


class TestOut(BaseModel):
    id: UUID
    state: str = Field(description="`waiting`, `passed` or `failed`.")
    asked_at: datetime
    ended_at: datetime | None = None
    ticket_id: str | None = None
    url: str | None = None
    steps: list[StepOut]


class ConnectionOut(BaseModel):
    id: UUID
    product: str
    name: str
    base_url: str
    settings: dict[str, Any]
    status_map: dict[str, TicketState]
    status_words: dict[TicketState, str]
    enabled: bool
    poll_seconds: int
    callback_url: str = Field(description="Where the product sends its callbacks.")
    failing_since: datetime | None = Field(description="Since when nothing came through; null while it works.")
    trouble: str | None = Field(description="Why nothing comes through: a stable code.")
    trouble_detail: str | None
    last_test: TestOut | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class NewConnectionOut(ConnectionOut):
    callback_secret: str = Field(description="Verifies the product's callbacks. Shown this once.")


class TestFields(Fields):
    organization_id: UUID | None = Field(default=None, description="Whose mapping to try; absent: the oldest one.")


class MappingOut(BaseModel):
    id: UUID
    connection_id: UUID
    organization_id: UUID
    target: dict[str, Any]
    priorities: dict[Level, str]
    automatic: Automatic
    least_level: Level
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


MAPPINGS = Listing(
    MappingOut,
    Mapping,
    sorts={"created_at": col(Mapping.created_at)},
    filters=filters_of(Mapping, "connection_id", "organization_id"),
    where=col(Mapping.archived_at).is_(None),
)


def _connection_of_its_ticket() -> Any:
    return (
        select(col(Ticket.connection_id))
        .where(col(Ticket.tenant_id) == col(TicketChange.tenant_id), col(Ticket.id) == col(TicketChange.ticket_id))
        .correlate(TicketChange)
        .scalar_subquery()
    )


REFUSED = Listing(
    TicketChangeOut,
    TicketChange,
    sorts={"created_at": col(TicketChange.created_at)},
    filters={"connection_id": _connection_of_its_ticket() == bindparam("connection_id", type_=Uuid())},
    where=col(TicketChange.status) == constant(f"'{ChangeStatus.refused.value}'"),
)


def _address() -> Any:
    """As ``connections.address`` writes it, behind ``callback_base``."""
    tenant, own = (
        func.replace(cast(each, String()), constant("'-'"), constant("''")) for each in (Connection.tenant_id, Connection.id)
    )
    return bindparam("callback_base", type_=String()) + tenant + constant("'.'") + own


CONNECTIONS = Listing(
    ConnectionOut,
    Connection,
    sorts={"created_at": col(Connection.created_at)},
    where=col(Connection.archived_at).is_(None),
    columns={"callback_url": _address()},
)


@router.get("/ticketing-products", response_model=Page[ProductOut])
async def list_ticketing_products(by: Reader, window: Paged) -> Page[ProductOut]:
    """Every product that can be connected, with JSON Schemas of what it needs to know: a form draws itself."""
    known = [
        ProductOut(
            product=name,
            settings=kind.Settings.model_json_schema(),
            credentials=kind.Credentials.model_json_schema(),
            target=kind.Target.model_json_schema(),
            status_map=dict(kind.statuses),
            status_words=dict(kind.words),
            priorities=dict(kind.priorities),
            gives_secret=kind.gives_secret,
        )
        for name, kind in sorted(PRODUCTS.items())
    ]
    return page_of(known, window, key=lambda each: each.product)


@router.get("/connections", response_model=Page[ConnectionOut])
async def list_connections(by: Reader, window: Paged) -> Response:
    """The tenant's ticketing products, the oldest first. Credentials are never shown."""
    return await CONNECTIONS.page(by, window, bound={"callback_base": _callback_base(by)})


@router.post("/connections", status_code=201, response_model=NewConnectionOut)
async def connect(by: Writer, fields: NewConnectionFields) -> NewConnectionOut:
    """Connect a ticketing product. The answer holds the secret for its callbacks, which is never shown again."""
    policy = EgressPolicy.of(by.runtime.settings)
    connection, secret = await connections.connect(by.session, fields, policy=policy, keyring=by.runtime.keyring)
    return NewConnectionOut(**_shown(by, by.tag(connection)).model_dump(), callback_secret=secret)


@router.get("/connections/{connection_id}", response_model=ConnectionOut)
async def read_connection(by: Reader, connection: ThisConnection) -> ConnectionOut:
    return _shown(by, connection)


@router.patch("/connections/{connection_id}", response_model=ConnectionOut, openapi_extra=patch_of(ConnectionChanges))
async def change_connection(by: Writer, connection: ThisConnection, changes: Changes) -> ConnectionOut:
    """Change a connection. ``credentials`` are set anew as a whole, and only when they are said; a
    ``base_url`` on another host wants them said again."""
    fields = merged(ConnectionChanges, connection, changes)
    policy = EgressPolicy.of(by.runtime.settings)
    changed = await connections.change_connection(by.session, connection, fields, policy=policy, keyring=by.runtime.keyring)
    return _shown(by, changed)


@router.delete("/connections/{connection_id}", status_code=204)
async def archive_connection(by: Writer, connection: ThisConnection) -> None:
    """Speak to the product no more. Its tickets stay readable here; the credentials are gone for good."""
    await connections.remove(by.session, connection)


@router.post("/connections/{connection_id}/test", status_code=202, response_model=TestOut)
async def test_connection(by: Writer, connection: ThisConnection, fields: TestFields | None = None) -> dict[str, Any]:
    """Make a test ticket, find it, comment on it and close it. ``last_test`` of the connection shows how each went."""
    return await trying.ask_to_try(by.session, connection, (fields or TestFields()).organization_id)


@router.get("/connections/{connection_id}/refused-changes", response_model=Page[TicketChangeOut])
async def list_refused_changes(by: Reader, connection: ThisConnection, window: Paged) -> Response:
    """What the product did not want, again and again, over all tickets, the oldest first: to be set right there by hand.
    What came after it was told all the same."""
    return await REFUSED.page(by, window, connection_id=connection.id)


@router.get("/connections/{connection_id}/mappings", response_model=Page[MappingOut])
async def list_mappings(by: Reader, connection: ThisConnection, window: Paged, organization_id: UUID | None = None) -> Response:
    return await MAPPINGS.page(by, window, connection_id=connection.id, organization_id=organization_id)


@router.post("/connections/{connection_id}/mappings", status_code=201, response_model=MappingOut)
async def map_organization(by: Writer, connection: ThisConnection, fields: NewMappingFields) -> Mapping:
    """Say where an organization's tickets go, and what makes one by itself."""
    return by.tag(await mappings.map_organization(by.session, connection, fields))


@mapped.get("/mappings/{mapping_id}", response_model=MappingOut)
async def read_mapping(by: Reader, mapping: ThisMapping) -> Mapping:
    return mapping


@mapped.patch("/mappings/{mapping_id}", response_model=MappingOut, openapi_extra=patch_of(MappingFields))
async def change_mapping(by: Writer, mapping: ThisMapping, changes: Changes) -> Mapping:
    return await mappings.change_mapping(by.session, mapping, merged(MappingFields, mapping, changes))


@mapped.delete("/mappings/{mapping_id}", status_code=204)
async def archive_mapping(by: Writer, mapping: ThisMapping) -> None:
    """Make no more tickets for this organization. Those that are there stay in step."""
    await archive(by.session, mapping)


def _callback_base(by: Inside) -> str:
    return f"{by.runtime.settings.base_url}/v1/inbound/"


def _shown(by: Inside, connection: Connection) -> ConnectionOut:
    known = {name: getattr(connection, name) for name in ConnectionOut.model_fields if name != "callback_url"}
    return ConnectionOut(**known, callback_url=_callback_base(by) + connections.address(connection))
