"""Changing the key that seals secrets at rest: everything that an older key of the ring sealed is sealed anew by the newest.

It may be stopped and run again at any time, and while the program runs: what is done already is passed over, and a secret
that somebody changes meanwhile is left to that change. When nothing is left, the old key can be taken off the ring.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import inspect
from sqlmodel import SQLModel

from domain.database import tenant_session
from domain.inventory.rmm.connections import RmmConnection
from domain.keyring import KeyRing, KeyRingError
from domain.outbound.endpoints import WebhookEndpoint
from domain.outbound.mail import Mail
from domain.people.kept_answers import KeptAnswer
from domain.people.second_factors import SecondFactor
from domain.people.sso_connections import SsoConnection
from domain.people.tenants import all_tenants
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall
from domain.ticketing.connections import Connection

AT_ONCE = 200


@dataclass(frozen=True)
class Place:
    """A column that holds what is sealed: one ciphertext, or a list of objects with one each as ``sealed``."""

    kind: type[SQLModel]
    column: str
    context: str
    """What its secrets are bound to, over the columns of the row's key."""
    listed: bool = False

    @property
    def table(self) -> str:
        return str(inspect(self.kind).local_table)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in inspect(self.kind).primary_key)

    @property
    def walled(self) -> bool:
        return "tenant_id" in self.key


PLACES = (
    Place(Mail, "sealed", "mail:{tenant_id}:{id}"),
    Place(WebhookEndpoint, "secrets", "webhook_endpoint:{tenant_id}:{id}", listed=True),
    Place(WebhookEndpoint, "sealed_headers", "webhook_endpoint:{tenant_id}:{id}:headers"),
    Place(Connection, "sealed_credentials", "ticketing_connection:{tenant_id}:{id}:credentials"),
    Place(Connection, "sealed_callback_secret", "ticketing_connection:{tenant_id}:{id}:callback"),
    Place(RmmConnection, "sealed_credentials", "rmm_connection:{tenant_id}:{id}:credentials"),
    Place(SsoConnection, "sealed_client_secret", "sso_connection:{tenant_id}:{id}:client"),
    Place(SecondFactor, "sealed", "second_factor:{person_id}:{id}"),
    Place(KeptAnswer, "sealed", "kept_answer:{tenant_id}:{principal_id}:{key}"),
)
"""Every place where the key ring is used. A test holds this against the tables."""


@dataclass
class Resealed:
    """What became of a place's secrets. ``unreadable`` ones were sealed by a key that is not on the ring."""

    place: Place
    sealed_anew: int = 0
    already: int = 0
    unreadable: int = 0


async def reseal_everything(runtime: Runtime, tenants: Sequence[UUID] | None = None) -> list[Resealed]:
    """Go through every place, tenant by tenant, each behind its own wall; committed a few rows at a time."""
    if tenants is None:
        tenants = [NOBODYS_TENANT, *await all_tenants(runtime.database)]
    counts = [Resealed(place) for place in PLACES]
    for count in counts:
        for tenant_id in tenants if count.place.walled else [NOBODYS_TENANT]:
            await _reseal(runtime, tenant_id, count)
    return counts


async def _reseal(runtime: Runtime, tenant_id: UUID, count: Resealed) -> None:
    last: tuple[Any, ...] | None = None
    while True:
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            driver = await session.driver()
            rows = [row async for row in _rows(driver, tenant_id, count.place, last)]
            for row in rows:
                await _reseal_row(driver, runtime.keyring, row, count)
        if len(rows) < AT_ONCE:
            return
        last = tuple(rows[-1][name] for name in count.place.key)


async def _rows(driver: Any, tenant_id: UUID, place: Place, last: tuple[Any, ...] | None) -> AsyncIterator[Any]:
    """The next rows that hold something, in the order of their keys."""
    value = f"{place.column}::text as {place.column}"
    wanted = {*place.key, *(("person_id",) if place.kind is SecondFactor else ()), value}
    key = ", ".join(place.key)
    conditions, arguments = [f"{place.column} is not null"], list[Any]()
    if place.walled:
        arguments.append(tenant_id)
        conditions.append("tenant_id = $1")
    if last is not None:
        marks = ", ".join(f"${number}" for number in range(len(arguments) + 1, len(arguments) + 1 + len(last)))
        conditions.append(f"({key}) > ({marks})")
        arguments += last
    statement = f"select {', '.join(sorted(wanted))} from {place.table} where {' and '.join(conditions)}"  # noqa: S608  our own names
    for row in await driver.fetch(f"{statement} order by {key} limit {AT_ONCE}", *arguments):
        yield row


async def _reseal_row(driver: Any, keyring: KeyRing, row: Any, count: Resealed) -> None:
    place = count.place
    context = place.context.format(**dict(row))
    old: str = row[place.column]
    if place.listed:
        items = cast("list[dict[str, str | None]]", json.loads(old))
        new = json.dumps([{**each, "sealed": _anew(keyring, each["sealed"] or "", context, count)} for each in items])
        changed = json.loads(new) != items
    else:
        new = _anew(keyring, old, context, count)
        changed = new != old
    if changed:
        cast_to = "::text::jsonb" if place.listed else ""
        key = " and ".join(f"{name} = ${number}" for number, name in enumerate(place.key, start=3))
        await driver.execute(
            f"update {place.table} set {place.column} = $1{cast_to} where {place.column} = $2{cast_to} and {key}",  # noqa: S608  our own names
            new, old, *(row[name] for name in place.key),
        )  # fmt: skip


def _anew(keyring: KeyRing, token: str, context: str, count: Resealed) -> str:
    try:
        if not keyring.needs_rotation(token):
            count.already += 1
            return token
        sealed = keyring.encrypt(keyring.decrypt(token, context), context)
    except KeyRingError:
        count.unreadable += 1
        return token
    count.sealed_anew += 1
    return sealed
