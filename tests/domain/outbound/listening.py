"""A tenant's side of webhooks: a receiver that verifies with an independent library, and a worker that is in a hurry."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from domain.runtime import Runtime
from domain.worker import Pace, work
from tests.domain.outbound.receivers import Receiver, answers, receiver
from tests.makers import Caller

HURRIED = Pace(
    look=timedelta(seconds=0.2),
    heartbeat_timeout=timedelta(seconds=2),
    first_delay=timedelta(seconds=0.05),
    reconnect=timedelta(seconds=0.1),
)


@dataclass(frozen=True)
class Arrival:
    """One request that came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.payload["type"]

    def verified_by(self, secret: str) -> dict[str, Any]:
        """The payload, if the library finds it signed with this secret; it raises otherwise."""
        return Webhook(secret).verify(self.body.decode(), self.headers)

    def verified_with(self, public_key: str) -> None:
        """Raises InvalidSignature unless one of the ed25519 signatures is by the private half of this key."""
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
        pairs = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        for signature in (base64.b64decode(text) for version, text in pairs if version == "v1a"):
            with suppress(InvalidSignature):
                key.verify(signature, content)
                return
        raise InvalidSignature


@dataclass(frozen=True)
class Listener:
    seen: Receiver
    statuses: list[int]
    """What to answer, one after the other; the last one stays."""

    @property
    def url(self) -> str:
        return self.seen.url()

    @property
    def arrivals(self) -> list[Arrival]:
        heads = [dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line) for head in self.seen.heads]
        named = [{name.lower(): value for name, value in head.items()} for head in heads]
        return [Arrival(head, body) for head, body in zip(named, self.seen.bodies, strict=False)]

    async def hears(self, count: int) -> list[Arrival]:
        """The arrivals once there are so many."""
        await eventually(lambda: len(self.arrivals) >= count, f"{count} arrivals")
        return self.arrivals


@asynccontextmanager
async def listening(*statuses: int) -> AsyncGenerator[Listener]:
    """A receiver on the loopback interface that answers with these statuses, and with 204 by itself."""
    pending = list(statuses or (204,))

    async def manner(writer: asyncio.StreamWriter) -> None:
        status = pending.pop(0) if len(pending) > 1 else pending[0]
        await answers(status)(writer)

    async with receiver(manner) as seen:
        yield Listener(seen, pending)


@asynccontextmanager
async def working(runtime: Runtime, pace: Pace = HURRIED) -> AsyncGenerator[None]:
    """A worker beside the block; afterwards it finishes what it has begun."""
    stop = asyncio.Event()
    worker = asyncio.create_task(work(runtime, stop, pace=pace))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 30)


async def eventually(holds: Callable[[], bool | Awaitable[bool]], what: str, *, within: float = 20) -> None:
    """Wait until something holds, or fail."""
    try:
        async with asyncio.timeout(within):
            while True:
                found = holds()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within} s: {what}") from None


async def listen(msp: Caller, to: Listener, *kinds: str, **fields: Any) -> dict[str, Any]:
    return await msp.make("/webhook-endpoints", {"url": to.url, "event_types": kinds, **fields})


async def deliveries(msp: Caller, endpoint: dict[str, Any], **filters: str) -> list[dict[str, Any]]:
    return (await msp.get_json(f"/webhook-endpoints/{endpoint['id']}/deliveries", params=filters))["data"]


async def settled(msp: Caller, endpoint: dict[str, Any], **count: int) -> list[dict[str, Any]]:
    """The deliveries to an endpoint, once there are so many of each status."""

    async def holds() -> bool:
        found = [each["status"] for each in await deliveries(msp, endpoint)]
        return {status: found.count(status) for status in count} == count

    await eventually(holds, f"{count} deliveries")
    return await deliveries(msp, endpoint)
