"""The one HTTP client for everything that talks to hosts our customers name: webhooks, ticketing, sign-in providers.

It goes only where the policy allows, within one total deadline, and keeps only the beginning of an answer. The
surprising fact: it never raises. Whatever goes wrong is a typed failure in the answer, because a customer's broken
host is an everyday event that has to be shown, counted and retried. Redirects are answers like any other and are not
followed; cookies, proxies and environment variables play no part.
"""

import asyncio
import ssl
import time
import zlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from domain.outbound.destinations import (
    EgressPolicy,
    EgressRefused,
    FailureCode,
    check_headers,
    check_url,
    destination,
)
from domain.outbound.transport import EgressFailed, Failure, GuardedTransport, Line, Resolver, parts_of

__all__ = [
    "Answer",
    "Egress",
    "EgressLine",
    "EgressPolicy",
    "EgressRefused",
    "Failure",
    "FailureCode",
    "GuardedTransport",
    "Resolver",
    "check_headers",
    "check_url",
    "egress_under",
]

_MOST_HEADER_BYTES_KEPT = 8192


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. `status` may stand beside a failure: the host answered, and then broke off."""

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration_ms: int
    failure: Failure | None

    @property
    def ok(self) -> bool:
        return self.failure is None and self.status is not None and 200 <= self.status < 300

    @property
    def body_excerpt(self) -> str:
        """The body as text that Postgres can store; NUL and what is not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", errors="replace").replace("\0", "\ufffd")


class Egress:
    """Sends requests under a policy. Holds no connection, so it needs no closing and may be shared by all tasks.

    `resolver` and `tls` are for tests and for operators with their own certificate authority.
    """

    def __init__(self, policy: EgressPolicy, *, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._transport = GuardedTransport(policy, resolver=resolver, tls=tls)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Deliver `body`. Only the beginning of the answer is kept; a long one is cut off and is no failure."""
        return await self.request("POST", url, headers=headers, body=body)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        whole_up_to: int | None = None,
    ) -> Answer:
        """Send one request; whatever goes wrong is in the answer's `failure`, nothing is raised.

        `whole_up_to` (bytes) is for callers who must read all of the answer: a longer one is then a failure.
        """
        started = time.monotonic()
        arrived = _Arrived(limit=whole_up_to or self._policy.kept_bytes, needed_whole=whole_up_to is not None)
        failure = await _failure_of(self._exchange(method, url, headers or {}, body, arrived), self._policy)
        return arrived.answer(failure, duration_ms=round((time.monotonic() - started) * 1000))

    def line(self) -> "EgressLine":
        """For requests that follow each other to one host of one customer."""
        return EgressLine(self._policy, self._transport)

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes, arrived: "_Arrived") -> None:
        # The transport is spoken to directly: a client in between would write each URL, which may hold a
        # customer's token, into the log.
        request = _request(self._policy, method, url, headers, body, connection="close")
        response = await self._transport.handle_async_request(request)
        try:
            arrived.begin(response.status_code, response.headers)
            async for chunk in response.aiter_raw():
                if not arrived.take(chunk):
                    break
        finally:
            await response.aclose()


class EgressLine:
    """Posts one after the other, each as :meth:`Egress.post` does, and keeps the connection open in between.

    Only for what goes to one host on behalf of one customer. Whoever opened it closes it.
    """

    def __init__(self, policy: EgressPolicy, transport: GuardedTransport) -> None:
        self._policy = policy
        self._transport = transport
        self._line: Line | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """As :meth:`Egress.post`. A host may hang up between two requests; then this one goes out on a new connection."""
        started = time.monotonic()
        arrived = _Arrived(limit=self._policy.kept_bytes, needed_whole=False)
        failure = await _failure_of(self._exchange(url, headers, body, arrived), self._policy)
        return arrived.answer(failure, duration_ms=round((time.monotonic() - started) * 1000))

    async def close(self) -> None:
        if self._line is not None:
            line, self._line = self._line, None
            await line.close()

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes, arrived: "_Arrived") -> None:
        request = _request(self._policy, "POST", url, headers, body, connection="keep-alive")
        if self._line is not None and not self._line.usable:
            await self.close()
        followed = self._line is not None
        try:
            await self._exchange_on_line(request, arrived)
        except EgressFailed as failed:
            if not followed or failed.failure.code not in _HUNG_UP or arrived.status is not None:
                raise
            await self._exchange_on_line(request, arrived)

    async def _exchange_on_line(self, request: httpx.Request, arrived: "_Arrived") -> None:
        """The line is kept only when all of the answer has come, so that the next one begins where it should."""
        whole = False
        try:
            self._line = self._line or self._transport.line_to(request.url)
            answer = await self._line.exchange(request)
            arrived.begin(answer.status, httpx.Headers(answer.headers))
            async for chunk in parts_of(answer):
                if not arrived.take(chunk):
                    return
            await answer.aclose()
            whole = True
        finally:
            if not whole:
                await self.close()


async def _failure_of(exchange: Awaitable[None], policy: EgressPolicy) -> Failure | None:
    """What went wrong with it, within the one deadline for everything."""
    try:
        async with asyncio.timeout(policy.deadline):
            await exchange
    except TimeoutError:
        return Failure(FailureCode.timeout, f"No complete answer within {policy.deadline:g} seconds.")
    except EgressRefused as refused:
        return Failure(refused.reason, refused.detail)
    except EgressFailed as failed:
        return failed.failure
    return None


_HUNG_UP = frozenset({FailureCode.connection_lost, FailureCode.bad_answer})


def _request(
    policy: EgressPolicy, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connection: str
) -> httpx.Request:
    """Raises EgressRefused."""
    check_headers(headers)
    defaults = {"user-agent": policy.user_agent, "accept": "*/*", "accept-encoding": "identity"}
    named = {name.lower(): value for name, value in headers.items()}
    return httpx.Request(
        method, destination(url, policy), headers={**defaults, **named, "connection": connection}, content=body
    )


@lru_cache(maxsize=4)
def egress_under(policy: EgressPolicy) -> Egress:
    """One per policy: it keeps threads for names and the list of authorities, which are slow to make."""
    return Egress(policy)


@dataclass
class _Arrived:
    """What has come in so far, kept outside the deadline so that a status outlives a body that never ends."""

    limit: int
    needed_whole: bool
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    raw: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def begin(self, status: int, headers: httpx.Headers) -> None:
        self.status = status
        room = _MOST_HEADER_BYTES_KEPT
        for name, value in headers.items():
            room -= len(name) + len(value)
            if room >= 0:
                self.headers[name] = value

    def take(self, chunk: bytes) -> bool:
        """False when there is no room for more."""
        self.cut = len(self.raw) + len(chunk) > self.limit
        self.raw += chunk[: self.limit - len(self.raw)]
        return not self.cut

    def answer(self, failure: Failure | None, *, duration_ms: int) -> Answer:
        body, complete = _unpacked(bytes(self.raw), self.headers.get("content-encoding", ""), limit=self.limit)
        truncated = self.cut or not complete
        if failure is None and self.needed_whole and truncated:
            failure = Failure(
                FailureCode.answer_too_large,
                f"The answer is longer than {self.limit} bytes or packed in a way we did not ask for.",
            )
        return Answer(
            status=self.status,
            headers=self.headers,
            body=body,
            truncated=truncated,
            duration_ms=duration_ms,
            failure=failure,
        )


def _unpacked(raw: bytes, encoding: str, *, limit: int) -> tuple[bytes, bool]:
    """The body, and whether that is all of it. We ask for plain bytes but some hosts pack all the same; a few kB
    may unpack to gigabytes, so unpacking stops at the limit too."""
    if not raw or encoding.strip().lower() in ("", "identity"):
        return raw, True
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return b"", False
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # | 32: gzip or zlib, by their first bytes
    try:
        body = unpacker.decompress(raw, limit)
    except zlib.error:
        return b"", False
    return body, unpacker.eof
