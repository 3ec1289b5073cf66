"""The demo's own receiver of webhooks, on loopback: what a partner would write in an afternoon.

It verifies with the ``standardwebhooks`` library and drops what it has seen before by its ``webhook-id``.
"""

import asyncio
from typing import Any, Self

import uvicorn
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.serving import Server


class Receiver:
    """Listens on a free port while the block lasts."""

    def __init__(self) -> None:
        self.verified: dict[str, dict[str, Any]] = {}
        """Events by ``webhook-id``, each verified."""
        self._webhook: Webhook | None = None
        self._news = asyncio.Condition()
        app = Starlette(routes=[Route("/hook", self._receive, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")
        self._server = Server(config, heeds_signals=False)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}/hook"

    def trust(self, secret: str) -> None:
        self._webhook = Webhook(secret)

    async def heard(self, kind: str, *, within: float) -> bool:
        """Whether an event of ``kind`` has come, waiting for it ``within`` seconds."""
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: any(each["type"] == kind for each in self.verified.values()))
        except TimeoutError:
            return False
        return True

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        if self._webhook is None:
            return Response(status_code=503)
        try:
            event: dict[str, Any] = self._webhook.verify(body, dict(request.headers))
        except Exception:  # the library raises several kinds for a bad signature; each means: not from Bitewing
            return Response(status_code=401)
        async with self._news:
            self.verified[request.headers["webhook-id"]] = event
            self._news.notify_all()
        return Response(status_code=204)

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve())
        await self._server.listening.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        if self._serving:
            await self._serving
