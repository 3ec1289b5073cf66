"""Connections: a tenant's account at a ticketing product. Its credentials are sealed to the row and never shown again.

The surprising fact: the address for callbacks names the tenant as well as the connection, so that even the look-up of an
anonymous request happens behind that tenant's wall.
"""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel, col, select

from domain.errors import Conflict, Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.json_forms import accepted
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressPolicy, check_url, leads_elsewhere
from domain.outbound.tools import Web
from domain.records import archive
from domain.tenancy import (
    Archivable,
    Fields,
    TenantOwned,
    TenantSession,
    belongs_to_tenants,
    instant,
    json_object,
    json_or_unknown,
    tenant_table,
)
from domain.ticketing.connector import Account, Connector, TicketState
from domain.ticketing.connectors import PRODUCTS
from domain.ticketing.waking import wake

MOST_CONNECTIONS = 20
_ADDRESS = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")


class ConnectionFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    base_url: str = Field(min_length=1, max_length=500, description="Where the product is: https, on the public internet.")
    settings: dict[str, Any] = json_object()
    """What the product needs to know beside its address; see its entry in ``GET /v1/ticketing-products``."""
    status_map: dict[str, TicketState] = json_object()
    """The product's statuses in our four words, where they are other than those it is delivered with."""
    status_words: dict[TicketState, str] = json_object()
    """Which status of the product says each of our four words, where that is another than usual."""
    enabled: bool = True
    poll_seconds: int = Field(default=300, ge=60, le=86_400, description="How often to ask what changed, beside callbacks.")


class NewConnectionFields(ConnectionFields):
    product: str = Field(min_length=1, max_length=40)
    credentials: dict[str, str] = json_object()
    callback_secret: str | None = Field(
        default=None, min_length=16, max_length=500, description="Absent: one is made, and shown once."
    )


class ConnectionChanges(ConnectionFields):
    """Credentials and secret are set anew when they are said, and stay as they are otherwise."""

    credentials: dict[str, str] | None = json_or_unknown()
    callback_secret: str | None = Field(default=None, min_length=16, max_length=500)


class Connection(ConnectionFields, TenantOwned, Archivable, table=True):
    __tablename__ = "ticketing_connection"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        Index("ix_ticketing_connection_poll", "tenant_id", "next_poll_at", postgresql_where=text("enabled")),
    )
    noun: ClassVar[str] = "connection"

    product: str = Field(max_length=40)
    sealed_credentials: str
    sealed_callback_secret: str
    failing_since: datetime | None = instant(default=None)
    """Since when nothing came through."""
    trouble: str | None = None
    trouble_detail: str | None = None
    next_poll_at: datetime | None = instant(default=None)
    polled_up_to: datetime | None = instant(default=None)
    last_test: dict[str, Any] | None = json_or_unknown()


class TicketingPlace(SQLModel, table=True):
    """Up to which of the tenant's events its tickets have heard. It begins with the first connection."""

    __tablename__ = "ticketing_place"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),)

    tenant_id: UUID = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)


class HeardCallback(TenantOwned, table=True):
    """A callback that came in, so that the second delivery of the same one does nothing."""

    __tablename__ = "heard_callback"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(
        belongs_to_tenants("ticketing_connection", "connection_id"),
        UniqueConstraint("tenant_id", "connection_id", "key"),
    )
    noun: ClassVar[str] = "heard_callback"

    connection_id: UUID
    key: str = Field(max_length=200)


_BEGIN_TO_LISTEN = """
    insert into ticketing_place (tenant_id, sequence)
    select $1, coalesce((select sequence from event_head where tenant_id = $1), 0) on conflict (tenant_id) do nothing"""


async def connect(
    session: TenantSession, fields: NewConnectionFields, *, policy: EgressPolicy, keyring: KeyRing
) -> tuple[Connection, str]:
    """A new connection, and the secret for its callbacks, which is never seen again."""
    kind = PRODUCTS.get(fields.product)
    if kind is None:
        raise Invalid.one("/product", "unknown_product", f"Known are: {', '.join(sorted(PRODUCTS))}.")
    values = await _checked(session, kind, fields, policy=policy)
    credentials = accepted(kind.Credentials, fields.credentials, at="/credentials")
    if kind.gives_secret and fields.callback_secret is None:
        raise Invalid.one("/callback_secret", "missing", "This product makes the secret of its callbacks itself: say it here.")
    rows = select(func.count()).select_from(Connection).where(col(Connection.archived_at).is_(None))
    if (await session.execute(rows)).scalar_one() >= MOST_CONNECTIONS:
        raise Conflict(f"A tenant has at most {MOST_CONNECTIONS} connections; archive one first.", code="too_many")
    secret = fields.callback_secret or secrets.token_urlsafe(32)
    connection = Connection(
        **values, product=fields.product, tenant_id=session.tenant_id, sealed_credentials="", sealed_callback_secret=""
    )
    connection.sealed_credentials = keyring.encrypt(json.dumps(credentials), context=_context(connection, "credentials"))
    connection.sealed_callback_secret = keyring.encrypt(secret, context=_context(connection, "callback"))
    await session.save(connection)
    await (await session.driver()).execute(_BEGIN_TO_LISTEN, session.tenant_id)
    emit(session, "connection.created", connection, {**_for_the_trail(values), "product": fields.product})
    return connection, secret


async def change_connection(
    session: TenantSession, connection: Connection, fields: ConnectionChanges, *, policy: EgressPolicy, keyring: KeyRing
) -> Connection:
    """Set what a caller may say. Whatever waits is tried again at once."""
    kind = PRODUCTS[connection.product]
    before = {name: getattr(connection, name) for name in ConnectionFields.model_fields}
    values = await _checked(session, kind, fields, policy=policy)
    if fields.credentials is None and leads_elsewhere(connection.base_url, fields.base_url):
        # Or whoever may change a connection could read its credentials at a host of their own.
        detail = "Another host would get the credentials. Say them again with the address."
        raise Invalid.one("/credentials", "missing", detail)
    changed = differences(_for_the_trail(before), _for_the_trail(values))
    for name, value in values.items():
        if getattr(connection, name) != value:
            setattr(connection, name, value)
    if fields.credentials is not None:
        credentials = accepted(kind.Credentials, fields.credentials, at="/credentials")
        connection.sealed_credentials = keyring.encrypt(json.dumps(credentials), context=_context(connection, "credentials"))
        changed["credentials_changed"] = True
    if fields.callback_secret is not None:
        connection.sealed_callback_secret = keyring.encrypt(fields.callback_secret, context=_context(connection, "callback"))
        changed["callback_secret_changed"] = True
    if changed:
        connection.failing_since = connection.trouble = connection.trouble_detail = None
        connection.next_poll_at = None
        await session.flush()
        emit(session, "connection.updated", connection, changed)
        if connection.enabled:
            await wake(session, connection.id)
    return connection


async def remove(session: TenantSession, connection: Connection) -> None:
    """Archive a connection. Its tickets stay readable; its credentials are gone for good."""
    connection.sealed_credentials = connection.sealed_callback_secret = ""
    connection.enabled = False
    await archive(session, connection)


def connector_of(connection: Connection, keyring: KeyRing, web: Web) -> Connector:
    """The connection, ready to speak. Raises KeyRingError."""
    kind = PRODUCTS[connection.product]
    opened = json.loads(keyring.decrypt_text(connection.sealed_credentials, context=_context(connection, "credentials")))
    account = Account(
        base_url=connection.base_url,
        settings=kind.Settings.model_validate(connection.settings),
        credentials=kind.Credentials.model_validate(opened),
        key=f"{connection.id}:{connection.version}",
        statuses={word: TicketState(state) for word, state in connection.status_map.items()},
        words={TicketState(state): word for state, word in connection.status_words.items()},
    )
    return kind(account, web)


def callback_secret(connection: Connection, keyring: KeyRing) -> str:
    """The secret that verifies callbacks. Raises KeyRingError."""
    return keyring.decrypt_text(connection.sealed_callback_secret, context=_context(connection, "callback"))


def address(connection: Connection) -> str:
    """What a callback's path names: the tenant, then the connection."""
    return f"{connection.tenant_id.hex}.{connection.id.hex}"


def parse_address(text: str) -> tuple[UUID, UUID] | None:
    found = _ADDRESS.fullmatch(text)
    return (UUID(found[1]), UUID(found[2])) if found else None


async def _checked(
    session: TenantSession, kind: type[Connector], fields: ConnectionFields, *, policy: EgressPolicy
) -> dict[str, Any]:
    check_url(fields.base_url, policy, pointer="/base_url")
    values = {name: getattr(fields, name) for name in ConnectionFields.model_fields}
    values["settings"] = accepted(kind.Settings, fields.settings, at="/settings")
    values["status_map"] = {word: TicketState(state).value for word, state in fields.status_map.items()}
    values["status_words"] = {TicketState(state).value: word for state, word in fields.status_words.items()}
    await keep_patients_out(session, {"name": fields.name})
    return values


def _for_the_trail(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in ConnectionFields.model_fields and name != "settings"}


def _context(connection: Connection, what: str) -> str:
    return f"ticketing_connection:{connection.tenant_id}:{connection.id}:{what}"
