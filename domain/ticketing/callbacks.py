"""Callbacks from ticketing products: verified on the raw body, taken once, and then only believed as far as the ticket goes."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from domain.errors import NotFound
from domain.runtime import Runtime
from domain.tenancy import TenantSession
from domain.ticketing.connections import Connection, callback_secret, parse_address
from domain.ticketing.connector import Callback
from domain.ticketing.connectors import PRODUCTS
from domain.ticketing.hearing import heed

address_of = parse_address


async def take(
    session: TenantSession,
    runtime: Runtime,
    named: tuple[UUID, UUID],
    *,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
) -> int:
    """How many tickets will be looked at. NotFound for a connection that is not there or switched off, Unauthenticated
    for a call that is not signed as this connection's product signs."""
    tenant_id, connection_id = named
    await session.enter(tenant_id)
    connection = await session.fetch(Connection, connection_id)
    if connection.archived_at is not None or not connection.enabled:
        raise NotFound(connection.noun)
    callback = Callback(headers=headers, body=body, secret=callback_secret(connection, runtime.keyring), at=at)
    hints = PRODUCTS[connection.product].parse_callback(callback)
    return await heed(session, connection, hints)
