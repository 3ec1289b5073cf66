"""The headers that every answer carries: what a browser may do with it, and how much of a rate limit is left."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import Standing
from domain.settings import Settings

Headers = list[tuple[bytes, bytes]]

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_UNLESS_SAID = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
"""What an answer may say otherwise, such as a page that needs its own style sheet."""
_TWO_YEARS = b"max-age=63072000; includeSubDomains"


class HeadAsGet:
    """HEAD is GET without its body (RFC 9110 section 9.3.2); no route needs to know."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_bare(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_bare)


class Manners:
    """Adds them to the headers of an answer."""

    def __init__(self, settings: Settings) -> None:
        https = settings.base_url.startswith("https://")
        self._always = [*_ALWAYS, (b"strict-transport-security", _TWO_YEARS)] if https else _ALWAYS

    def add(self, request: Request, headers: Headers) -> None:
        headers += self._always
        said = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in _UNLESS_SAID.items() if name not in said]
        standing: Standing | None = getattr(request.state, "rate", None)
        if standing is not None:
            headers += standing.headers()
