"""The guard at the place where a socket opens, as an httpx transport.

The surprising fact: checking a URL is not enough, since its name may lead anywhere. The name is looked up once, every
address it leads to is checked, and the socket goes to a checked address while Host, SNI and certificate stay on the
name; so a name server that answers differently the second time gains nothing. Each request has a connection of its
own, which no other tenant's request ever shares; only what goes to one endpoint in one go may follow on the same one.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import httpcore
import httpx

from domain.outbound.destinations import (
    EgressPolicy,
    FailureCode,
    address,
    check_address,
    check_parsed_url,
    port_of,
)

# Host name and port to addresses, as text. Raises OSError when the name cannot be looked up.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

_MOST_ADDRESSES_TRIED = 4


@dataclass(frozen=True)
class Failure:
    """Why there is no usable answer: a stable code, and a sentence for the customer that names no address."""

    code: FailureCode
    detail: str


class EgressFailed(httpx.TransportError):
    """A request that brought no usable answer. Any httpx client on a GuardedTransport sees it as a TransportError."""

    def __init__(self, code: FailureCode, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(code, detail)


class GuardedTransport(httpx.AsyncBaseTransport):
    """The same guard for code that brings its own httpx client: `httpx.AsyncClient(transport=GuardedTransport(...),
    trust_env=False)`. Raises EgressRefused or EgressFailed. The total deadline is Egress's own; a client on this
    transport has httpx's timeouts."""

    def __init__(self, policy: EgressPolicy, *, resolver: Resolver | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._resolver = resolver or SystemResolver()
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made once and only when needed: reading the public authorities takes some 40 ms."""
        return self._given_tls or httpx.create_ssl_context(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        check_parsed_url(request.url, self._policy)
        line = self.line_to(request.url)
        try:
            answer = await line.exchange(request)
        except BaseException:
            await line.close()
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, line))

    def line_to(self, url: httpx.URL) -> "Line":
        """A connection to the host of a URL that has been checked; it is opened by the first request."""
        return Line(url, self._policy, self._resolver, self._tls if url.scheme == "https" else None)


class Line:
    """One connection, for requests that follow each other to one host. The name is looked up once, as it opens."""

    def __init__(self, url: httpx.URL, policy: EgressPolicy, resolver: Resolver, tls: ssl.SSLContext | None) -> None:
        self._socket = _Socket(policy, resolver)
        self._connection = httpcore.AsyncHTTPConnection(
            origin=httpcore.Origin(url.raw_scheme, url.raw_host, port_of(url)), ssl_context=tls, network_backend=self._socket
        )
        self.used = False

    @property
    def usable(self) -> bool:
        """Whether it may take a(nother) request: it has not been opened, or waits and the host has not hung up."""
        if not self.used:
            return True
        return self._connection.is_idle() and not self._connection.has_expired()

    async def exchange(self, request: httpx.Request) -> httpcore.Response:
        """Raises EgressRefused or EgressFailed."""
        url = request.url
        self.used = True
        with _failures_named():
            return await self._connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port_of(url), target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )

    async def close(self) -> None:
        await self._socket.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, line: Line) -> None:
        self._answer = answer
        self._line = line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in parts_of(self._answer):
            yield part

    async def aclose(self) -> None:
        await self._line.close()


async def parts_of(answer: httpcore.Response) -> AsyncIterator[bytes]:
    """The body as it comes in. Raises EgressFailed."""
    with _failures_named():
        async for part in answer.aiter_stream():
            yield part


class _Socket(httpcore.AsyncNetworkBackend):
    """Opens the socket of one connection, and closes it whatever happens, also when a deadline cuts into a handshake."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        # httpcore declares a second, empty class of this name for when anyio is missing, and pyright sees only that.
        self._network: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()  # pyright: ignore[reportAttributeAccessIssue]
        self._open: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        refused = False
        for checked in await self._checked_addresses(host, port):
            try:
                self._open = await self._network.connect_tcp(
                    checked, port, self._policy.connect_timeout, local_address, socket_options
                )
                return self._open
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                refused = _cause(error, ConnectionRefusedError) is not None
        if refused:
            raise EgressFailed(FailureCode.connection_refused, "The host refused the connection.")
        raise EgressFailed(FailureCode.unreachable, "The host could not be reached.")

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        if address(host):
            found: Sequence[str] = [host]
        else:
            try:
                found = await self._resolver(host, port)
            except (OSError, UnicodeError):
                found = []
        if not found:
            raise EgressFailed(FailureCode.dns_failed, "The host name could not be looked up.")
        for text in found:
            candidate = address(text)
            if candidate is None:
                raise EgressFailed(FailureCode.dns_failed, "The host name could not be looked up.")
            # One bad address spoils the name: an attacker would mix good and bad ones and wait for the bad one.
            check_address(candidate, self._policy)
        return list(dict.fromkeys(found))[:_MOST_ADDRESSES_TRIED]

    async def close(self) -> None:
        if self._open is not None:
            await self._open.aclose()


class SystemResolver:
    """The operating system's look-up, in threads of its own: a customer's slow name server must not hold up
    whatever else runs in the event loop's few shared threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="egress-dns")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        def look_up() -> list[str]:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, look_up)


@contextmanager
def _failures_named() -> Generator[None]:
    """Gives each error of the network layer its code. Their own messages may name addresses and are dropped."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, ssl.SSLError) as error:
        # `_Socket` names what goes wrong before there is a connection, so what is left is the TLS handshake.
        raise EgressFailed(FailureCode.tls_failed, _tls_sentence(error)) from error
    except httpcore.TimeoutException as error:
        raise EgressFailed(FailureCode.timeout, "The host did not answer in time.") from error
    except httpcore.LocalProtocolError as error:
        raise EgressFailed(FailureCode.header_not_allowed, "The request could not be written as HTTP.") from error
    except httpcore.ProtocolError as error:
        raise EgressFailed(FailureCode.bad_answer, "The host broke off early or did not answer in well-formed HTTP.") from error
    except (httpcore.NetworkError, OSError) as error:
        raise EgressFailed(FailureCode.connection_lost, "The connection broke before the answer came.") from error


def _tls_sentence(error: BaseException) -> str:
    found = _cause(error, ssl.SSLCertVerificationError)
    if found is None:
        return "No secure connection could be agreed with the host."
    return f"The host's certificate was not accepted: {found.verify_message.rstrip('.')}."


_Kind = TypeVar("_Kind", bound=BaseException)


def _cause(error: BaseException, kind: type[_Kind]) -> _Kind | None:
    walked: BaseException | None = error
    while walked is not None and not isinstance(walked, kind):
        walked = walked.__cause__
    return walked
