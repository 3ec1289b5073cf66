"""From an ``Authorization`` header to a principal. Each credential names its tenant, so even its own look-up happens
behind that tenant's wall: no query in the path of a request looks across tenants.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog
from fastapi import Request

from domain.access import Principal
from domain.database import Database, tenant_session
from domain.errors import Forbidden, Unauthenticated
from domain.people import credentials
from domain.people.credentials import Presented
from domain.people.revocation import REVOKED_CHANNEL
from domain.tenancy import NOBODY, Wall

log = structlog.get_logger()

KNOWN_FOR_SECONDS = 60.0
KNOWN_AT_MOST = 10_000
LINE_ANSWERS_WITHIN_SECONDS = 1.0


class Credentials:
    """Resolves credentials, and remembers them for a minute so that a known one needs no query.

    A revocation, here or in another process, reaches :meth:`_listen` as a notification and is forgotten at once.
    While that line is down nothing is remembered: a lost connection makes requests slower, never a revoked key valid.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, tuple[float, Principal]] = OrderedDict()
        self._listening = False
        self._listener: asyncio.Task[None] | None = None
        self._generation = 0

    async def start(self) -> None:
        self._listener = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    async def principal(self, request: Request, circumstances: Mapping[str, Any]) -> Principal:
        """Who is calling, or :class:`Unauthenticated`."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Send an API key, or the token of a session, as 'Authorization: Bearer bw...'.")
        presented = credentials.read(token.strip())
        if presented is None:
            raise Unauthenticated("This is not a credential that Bitewing gave out.")
        principal = await self._resolve(presented, circumstances)
        if not principal.may_come_from(request.state.address):
            log.warning("credentials.address_refused", tenant_id=str(principal.tenant_id), credential=str(principal.actor.id))
            raise Forbidden("This key may not be used from your address.", code="address_not_allowed")
        return principal

    async def _resolve(self, presented: Presented, circumstances: Mapping[str, Any]) -> Principal:
        known = self._known.get(presented.fingerprint)
        if known and known[0] > time.monotonic() and known[1].tenant_id == presented.tenant_id:
            return known[1]
        generation = self._generation
        wall = Wall(presented.tenant_id)
        async with tenant_session(self._database, wall, actor=NOBODY, context=circumstances) as session:
            found = await credentials.resolve(session, presented)
        if session.ended_credentials:
            self.forget_all()
        if found is None:
            raise Unauthenticated("This credential is not valid: it may be mistyped, revoked or expired.")
        principal, expires_in = found
        if self._listening and generation == self._generation:
            self._remember(presented.fingerprint, principal, expires_in)
        return principal

    def _remember(self, print_of_credential: str, principal: Principal, expires_in: float) -> None:
        self._known[print_of_credential] = (time.monotonic() + min(KNOWN_FOR_SECONDS, expires_in), principal)
        while len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)

    def forget_all(self, *_notification: object) -> None:
        """Revocations are rare and the memory is cheap to fill again, so one of them empties it."""
        self._generation += 1
        self._known.clear()

    def _line_lost(self, *_connection: object) -> None:
        self._listening = False
        self.forget_all()

    async def _listen(self) -> None:
        while True:
            try:
                connection = await self._database.connect()
                try:
                    connection.add_termination_listener(self._line_lost)
                    await connection.add_listener(REVOKED_CHANNEL, self.forget_all)
                    self._listening = True
                    while not connection.is_closed():
                        await asyncio.sleep(1)
                        # A line that is cut without a word says nothing: whoever is asked on it does not answer.
                        await connection.execute("SELECT 1", timeout=LINE_ANSWERS_WITHIN_SECONDS)
                finally:
                    self._line_lost()
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("credentials.listener_lost", error=type(error).__name__)
                await asyncio.sleep(1)
