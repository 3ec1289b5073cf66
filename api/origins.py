"""Calls from web pages of other origins (CORS): only of those that were registered, and never with cookies.

A preflight names no tenant, so what is asked here is only whether *anybody* has registered the origin. What a page then
gets still depends on the credential that it sends, which the browser sends for no page by itself.
"""

import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KNOWN_FOR_SECONDS = 30.0
METHODS = "GET, POST, PUT, PATCH, DELETE"
SENT = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Accept, X-Request-Id"
SHOWN = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Content-Disposition, Idempotent-Replayed"

Registered = Callable[[str], Awaitable[bool]]


class Origins:
    """In plain ASGI, like all layers before the routes."""

    def __init__(self, app: ASGIApp, *, always: tuple[str, ...], never: frozenset[str], registered: Registered) -> None:
        """``never`` are paths that are for people: no page of another origin reads them (RFC 9700 section 2.6)."""
        self._app = app
        self._never = never
        self._always = frozenset(always)
        self._registered = registered
        self._known: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = Headers(scope=scope).get("origin") if scope["type"] == "http" else None
        if origin is None or scope["path"] in self._never:
            await self._app(scope, receive, send)
            return
        allowed = await self._allowed(origin)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in Headers(scope=scope):
            await self._preflight(origin if allowed else None)(scope, receive, send)
            return

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                if allowed:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = SHOWN
            await send(message)

        await self._app(scope, receive, send_named)

    def _preflight(self, origin: str | None) -> Response:
        headers = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        if origin is not None:
            headers |= {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": SENT,
                "Access-Control-Max-Age": "600",
            }
        return Response(status_code=204, headers=headers)

    async def _allowed(self, origin: str) -> bool:
        if origin in self._always:
            return True
        if self._known.get(origin, 0.0) > time.monotonic():
            return True
        found = await self._registered(origin)
        if found:
            self._known[origin] = time.monotonic() + KNOWN_FOR_SECONDS
        return found
