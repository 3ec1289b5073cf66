"""An installation whose ledger is Stripe's: the same database, an application that knows the key, and the fake on a port."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import stripe
import uvicorn
from pydantic import SecretStr

from api.app import build
from billing.duties import DUTIES
from billing.gateway import StripeUnavailable
from billing.inbox import NotThereYet
from domain.clock import today
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, Wall
from tests.billing.fake_stripe import FakeStripe, Thing
from tests.contract import Contract, Held
from tests.makers import House, expect

SECRET = "whsec_test_secret_of_the_fake"
TRIES = 8


class World:
    """Both sides, and the way between them."""

    def __init__(self, house: House, stripe_: FakeStripe) -> None:
        self.house = house
        self.stripe = stripe_
        self.runtime = house.runtime
        self.delivered = 0

    async def deliver(self, *events: Thing) -> None:
        """Send events as Stripe would: signed, each in a request of its own."""
        for event in events:
            body = json.dumps(event)
            sign: Any = getattr(stripe.WebhookSignature, "generate_signature_header")  # noqa: B009  untyped there
            signature: str = sign(body, SECRET)
            headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
            expect(await self.house.http.post("/v1/stripe/webhook", content=body, headers=headers), 202)

    async def deliver_new(self) -> None:
        new = self.stripe.events[self.delivered :]
        self.delivered = len(self.stripe.events)
        await self.deliver(*new)

    async def work(self) -> None:
        """Do what is queued, and what comes of it, until nothing is left: each job again when Stripe could not be reached."""
        while jobs := await self.queued():
            for name, payload in jobs:
                for attempt in range(TRIES):
                    try:
                        await DUTIES.jobs[name](self.runtime, payload)
                        break
                    except (StripeUnavailable, NotThereYet):
                        if attempt == TRIES - 1:
                            raise
            await self.deliver_new()

    async def queued(self) -> list[tuple[str, Any]]:
        statement = (
            "delete from pgqueuer where status = 'queued' and entrypoint like 'billing.%' "
            "returning id, entrypoint, convert_from(payload, 'UTF8') as payload"
        )
        async with self.runtime.database.inside(Wall(NOBODYS_TENANT)) as connection, connection.begin():
            rows = list(await connection.exec_driver_sql(statement))
        return [(row.entrypoint, json.loads(row.payload)) for row in sorted(rows, key=lambda row: row.id)]


@asynccontextmanager
async def open_world(runtime: Runtime, *, stripe_tax: bool = False) -> AsyncGenerator[World]:
    fake = FakeStripe(today())
    server = uvicorn.Server(uvicorn.Config(fake.app, port=0, log_config=None, lifespan="off"))
    server.install_signal_handlers = lambda: None  # pyright: ignore[reportAttributeAccessIssue]  the suite keeps its own
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    changes = {
        "stripe_tax": stripe_tax,
        "stripe_api_key": SecretStr("sk_test_fake"),
        "stripe_webhook_secret": SecretStr(SECRET),
        "stripe_api_base": f"http://127.0.0.1:{port}",
    }
    with_stripe = dataclasses.replace(runtime, settings=runtime.settings.model_copy(update=changes))
    app = build(with_stripe)
    async with app.router.lifespan_context(app):
        transport = Held(httpx.ASGITransport(app, raise_app_exceptions=False), Contract(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://bitewing.test") as client:
            yield World(House(client, with_stripe), fake)
    server.should_exit = True
    await serving
