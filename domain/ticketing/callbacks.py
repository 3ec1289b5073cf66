"""Callbacks from ticketing products: verified on the raw body, taken once, and then only believed as far as the ticket goes."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from domain.errors import NotFound, Unavailable
from domain.outbound.egress import EgressPolicy, egress_under
from domain.runtime import Runtime
from domain.tenancy import TenantSession
from domain.ticketing.connections import Connection, callback_secret, parse_address
from domain.ticketing.connector import Callback, refuse_callback
from domain.ticketing.connectors import PRODUCTS
from domain.ticketing.hearing import heed

address_of = parse_address
KEY_HOSTS = (".myconnectwise.net", ".connectwisedev.com")
KEY_DEADLINE = 4.0
MOST_KEYS = 200
_keys: dict[str, str] = {}
_asking = asyncio.Semaphore(2)
"""The request's transaction is open meanwhile, so few may wait at once: a flood of forged callbacks holds up nothing else."""


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
    product = PRODUCTS[connection.product]
    callback = Callback(headers=headers, body=body, secret=callback_secret(connection, runtime.keyring), at=at)
    url = product.key_url(callback)
    if url is not None:
        callback = replace(callback, secret=await _key_at(runtime, connection, url))
    return await heed(session, connection, product.parse_callback(callback))


async def _key_at(runtime: Runtime, connection: Connection, url: str) -> str:
    """The key that a callback names by URL. Anybody may name any, so only hosts that may be believed are asked."""
    host = (urlsplit(url).hostname or "").lower()
    own = (urlsplit(connection.base_url).hostname or "").lower()
    if host != own and not host.endswith(KEY_HOSTS):
        raise refuse_callback("its key is not where this product keeps keys.")
    if url not in _keys:
        policy = EgressPolicy.of(runtime.settings)
        if _asking.locked():
            raise Unavailable("Keys are being fetched for other callbacks just now.")
        async with _asking:
            answer = await egress_under(replace(policy, deadline=KEY_DEADLINE)).request("GET", url, whole_up_to=16_384)
        try:
            key = json.loads(answer.body)["signing_key"] if answer.ok else None
        except (ValueError, KeyError, TypeError):
            key = None
        if not isinstance(key, str) or len(key) < 16:
            raise refuse_callback("its key could not be fetched.")
        while len(_keys) >= MOST_KEYS:
            del _keys[next(iter(_keys))]
        _keys[url] = key
    return _keys[url]
