"""What can be seen of a running program: one log line and one measurement per request, never a body, never a secret.

Also the request's id, where it comes from and its size limit, because all must hold before anything else looks at the request.
"""

import logging
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import Request
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.headers import Manners
from api.problems import problem, unexpected
from domain.clock import new_id
from domain.errors import TooLarge, place_of
from domain.networks import client_address
from domain.queue_state import QueueLine
from domain.settings import Settings

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
log = structlog.get_logger()


class Measurements:
    """The program's own Prometheus registry, one per application so that tests do not share it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "bitewing_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram("bitewing_request_seconds", "Time to answer.", ["method", "route"], registry=self.registry)
        self.jobs = Gauge("bitewing_jobs", "Jobs in the queue.", ["job", "status"], registry=self.registry)
        self.oldest = Gauge(
            "bitewing_job_oldest_seconds",
            "How long the oldest job is overdue (queued), has been running (picked), or lies set aside (failed).",
            ["job", "status"],
            registry=self.registry,
        )

    def note_queue(self, lines: Sequence[QueueLine]) -> None:
        """The queue as it is now; what is not in it any more is told no more."""
        self.jobs.clear()
        self.oldest.clear()
        for each in lines:
            self.jobs.labels(each.job, each.status).set(each.count)
            self.oldest.labels(each.job, each.status).set(each.oldest_seconds)


class Observed:
    """The outermost layer, in plain ASGI: a wrapper of requests and responses would cost as much as the route."""

    def __init__(self, app: ASGIApp, *, settings: Settings, measurements: Measurements) -> None:
        self._app = app
        self._limits = (settings.body_limit, settings.upload_limit)
        self._proxies = settings.proxies
        self._measurements = measurements
        self._manners = Manners(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        offered = request.headers.get("x-request-id", "")
        request_id = offered if _ACCEPTABLE_ID.fullmatch(offered) else str(new_id())
        request.state.request_id = request_id
        peer = request.client.host if request.client else None
        request.state.address = client_address(peer, request.headers.getlist("x-forwarded-for"), self._proxies)
        started = time.perf_counter()
        status = 500
        begun = False

        async def send_named(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                headers: list[tuple[bytes, bytes]] = message.setdefault("headers", [])
                headers.append((b"x-request-id", request_id.encode()))
                self._manners.add(request, headers)
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            limit = self._limit(request)
            if _announced(request) > limit:
                await _too_large(request, limit)(scope, receive, send_named)
            else:
                await self._app(scope, _limited(receive, limit), send_named)
        except Exception as error:
            if begun:
                raise
            response = await unexpected(request, error)
            await response(scope, receive, send_named)
        finally:
            self._note(request, status, time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")

    def _limit(self, request: Request) -> int:
        body, upload = self._limits
        return max(body, upload) if request.headers.get("content-type", "").startswith("multipart/") else body

    def _note(self, request: Request, status: int, seconds: float) -> None:
        route = getattr(request.scope.get("route"), "path", "unmatched")
        self._measurements.requests.labels(request.method, route, str(status)).inc()
        self._measurements.seconds.labels(request.method, route).observe(seconds)
        tenant_id = getattr(request.state, "tenant_id", None)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
            tenant_id=str(tenant_id) if tenant_id else None,
        )


def _announced(request: Request) -> int:
    """The length that the body is said to have; what says none is counted as it comes."""
    said = request.headers.get("content-length", "")
    return int(said[:18]) if said.isdecimal() else 0


def _limited(receive: Receive, limit: int) -> Receive:
    """A body without a length is counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            # The one kind of error that lets itself be raised through the reading of a body.
            raise HTTPException(413, _limit_told(limit))
        return message

    return counted


def _too_large(request: Request, limit: int) -> JSONResponse:
    headers = {"Connection": "close"}
    return problem(request, 413, code="too_large", title=TooLarge.title, detail=_limit_told(limit), headers=headers)


def _limit_told(limit: int) -> str:
    return f"The body may have at most {limit} bytes."


def set_up_logging(settings: Settings) -> None:
    """Structured logs to standard error: one JSON object a line, or a readable line on a terminal."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[OthersLog()])


class OthersLog(logging.Handler):
    """What libraries log, such as pgqueuer when the database goes away, as lines of ours.

    A traceback would be many lines, and the message of an exception can quote a row or a parameter: what is kept of an error
    is its kind and its place, as of our own.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        kept = {"error": type(error).__name__, "where": place_of(error)} if error else {}
        log.log(min(record.levelno // 10, 5) * 10, "library", logger=record.name, message=_first_line(record), **kept)


def _first_line(record: logging.LogRecord) -> str:
    """The message, with the words and numbers in it; of an exception, a task and the like no more than their kind."""
    said = record.args if isinstance(record.args, tuple) else ()
    plain = tuple(each if isinstance(each, str | int | float) else type(each).__name__ for each in said)
    try:
        text = str(record.msg) % plain if plain else str(record.msg)
    except (TypeError, ValueError):
        text = str(record.msg)
    return text.partition("\n")[0]
