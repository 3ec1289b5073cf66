"""Contract fakes of the products that cannot run here: real HTTP on the loopback interface, strict about what each vendor
documents (method, path, headers, authorisation, the shape of bodies), and able to answer as each does when it cannot.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw) if self.raw else None


@dataclass
class Kept:
    """A ticket as a fake keeps it."""

    number: int
    external: str
    title: str
    status: str
    comments: list[str] = field(default_factory=list[str])


@dataclass
class Fake:
    """``routes`` map "METHOD /path/pattern" to what answers; ``headers`` are what every request must carry."""

    headers: Mapping[str, str]
    routes: Mapping[str, Callable[["Fake", Request, re.Match[str]], Answer]]
    shapes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    open_to_all: frozenset[str] = frozenset()
    port: int = 0
    tickets: dict[int, Kept] = field(default_factory=dict[int, Kept])
    faults: list[str] = field(default_factory=list[str])
    trouble: tuple[int, Mapping[str, str], bytes] | None = None
    """What to answer to everything instead."""

    def keep(self, external: str, title: str, status: str) -> Kept:
        number = len(self.tickets) + 1
        self.tickets[number] = kept = Kept(number, external, title, status)
        return kept

    def by_external(self, external: str) -> list[Kept]:
        return [each for each in self.tickets.values() if each.external == external]

    def answer(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        if self.trouble is not None:
            return self.trouble
        for route, act in self.routes.items():
            method, pattern = route.split(" ", 1)
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                if route not in self.open_to_all:
                    for name, value in self.headers.items():
                        if request.headers.get(name) != value:
                            self.faults.append(f"{route}: header {name} is {request.headers.get(name)!r}")
                            return 401, {"content-type": "application/json"}, b'{"message": "unauthorised"}'
                if route in self.shapes:
                    errors = Draft202012Validator(self.shapes[route]).iter_errors(request.json)  # pyright: ignore[reportUnknownMemberType]  untyped there
                    self.faults += [f"{route}: {error.json_path}: {error.message}" for error in errors]
                status, body = act(self, request, found)
                return status, {"content-type": "application/json"}, b"" if body is None else json.dumps(body).encode()
        self.faults.append(f"no such operation: {request.method} {request.path}")
        return 404, {"content-type": "application/json"}, b'{"message": "no such resource"}'


class Answering(Protocol):
    """Anything that can stand behind an address."""

    port: int

    def answer(self, request: Request) -> tuple[int, Mapping[str, str], bytes]: ...


Answerer = TypeVar("Answerer", bound=Answering)


@asynccontextmanager
async def serving(fake: Answerer) -> AsyncGenerator[Answerer]:
    """``fake`` on a port of its own. One that raises OSError hangs up instead of answering."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if ": " in line)}
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target, _ = first.split(" ")
            parts = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, more, body = fake.answer(Request(method, parts.path, query, headers, raw))
            told = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            writer.write(
                f"HTTP/1.1 {status} X\r\n{told}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def shape(**properties: Any) -> dict[str, Any]:
    """An object with these members, all required but those whose schema says ``optional``, and no others."""
    required = [name for name, schema in properties.items() if not schema.get("optional")]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def optional(**schema: Any) -> dict[str, Any]:
    return {**schema, "optional": True}


TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
NUMBER: dict[str, Any] = {"type": "integer"}


def _at(fake: Fake, found: re.Match[str]) -> Kept | None:
    return fake.tickets.get(int(found["id"]))


def acting(act: Callable[[Fake, Request, Kept], Answer]) -> Callable[[Fake, Request, re.Match[str]], Answer]:
    """For routes about one ticket: 404 where there is none."""

    def on_one(fake: Fake, request: Request, found: re.Match[str]) -> Answer:
        kept = _at(fake, found)
        return act(fake, request, kept) if kept is not None else (404, {"message": "no such ticket"})

    return on_one


def changing(change: Callable[[Kept, Any], None], status: int, show: Callable[[Kept], Any] | None) -> Any:
    def act(_: Fake, request: Request, kept: Kept) -> Answer:
        change(kept, request.json)
        return status, show(kept) if show else None

    return acting(act)


def listed(show: Callable[[list[Kept]], Any]) -> Callable[[Fake, Request, re.Match[str]], Answer]:
    def all_of_them(fake: Fake, _: Request, __: re.Match[str]) -> Answer:
        return 200, show(list(fake.tickets.values()))

    return all_of_them
