"""JSON over HTTP to a ticketing product, through the one guarded way out, with every failure given its meaning.

An HTML page where JSON was expected is a failure too, whatever its status: it is the maintenance page or the sign-in page
of the product, and its text is of no use to anybody.
"""

import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from domain.clock import now
from domain.outbound.egress import Answer, Egress
from domain.outbound.retries import retry_after

Said = TypeVar("Said")
MOST_BYTES = 4 * 1024 * 1024
_MOST_DETAIL = 300


class Trouble(StrEnum):
    """Why a product did not do what was asked. Shown to customers and kept with changes: never rename one."""

    unreachable = "unreachable"
    """No answer, or the product's own fault: tried again."""
    busy = "busy"
    """Too many requests: tried again when it says so."""
    credentials = "credentials"
    """It does not take our credentials, or they may not do this."""
    gone = "gone"
    """There is no such ticket any more."""
    conflict = "conflict"
    """Somebody changed it at the same moment: tried again."""
    refused = "refused"
    """It understood, and does not want it: a missing field, an unknown queue."""


class TicketingFailed(Exception):
    """A product did not do what was asked. ``detail`` is a sentence for the customer, without secrets."""

    def __init__(self, trouble: Trouble, detail: str, *, wait: timedelta | None = None) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.wait = wait


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    data: Any


class Web:
    """Requests to one product. ``headers`` go with each of them."""

    def __init__(self, egress: Egress, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self._egress = egress
        self._base_url = base_url.rstrip("/")
        self.headers = dict(headers or {})

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return (await self.send("GET", path, query=query)).data

    async def post(self, path: str, body: Any) -> Any:
        return (await self.send("POST", path, body=body)).data

    async def put(self, path: str, body: Any) -> Any:
        return (await self.send("PUT", path, body=body)).data

    async def patch(self, path: str, body: Any) -> Any:
        return (await self.send("PATCH", path, body=body)).data

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> Reply:
        """The product's answer, read as JSON; TicketingFailed for everything that is no success."""
        url = (base_url or self._base_url).rstrip("/") + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        sent = {"accept": "application/json", **self.headers, **(headers or {})}
        content = b""
        if form is not None:
            sent, content = {**sent, "content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
        elif body is not None:
            sent = {"content-type": "application/json", **sent}
            content = json.dumps(body).encode()
        answer = await self._egress.request(method, url, headers=sent, body=content, whole_up_to=MOST_BYTES)
        return _read(answer)


async def asked(doing: Awaitable[Said]) -> Said:
    """What a connector found out. An answer of another shape than the product documents is the product's fault."""
    try:
        return await doing
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise TicketingFailed(Trouble.unreachable, "It answered in another shape than this product documents.") from None


def _read(answer: Answer) -> Reply:
    if answer.failure is not None or answer.status is None:
        raise TicketingFailed(Trouble.unreachable, answer.failure.detail if answer.failure else "There was no answer.")
    data, readable = _json(answer)
    if 200 <= answer.status < 300 and readable:
        return Reply(answer.status, answer.headers, data)
    trouble = _trouble(answer.status)
    raise TicketingFailed(trouble, _sentence(answer, data), wait=retry_after(answer.headers, now()))


def _json(answer: Answer) -> tuple[Any, bool]:
    if not answer.body.strip():
        return None, True
    try:
        return json.loads(answer.body), True
    except ValueError:
        return None, False


def _trouble(status: int) -> Trouble:
    match status:
        case 401 | 403:
            return Trouble.credentials
        case 404 | 410:
            return Trouble.gone
        case 409 | 412 | 423:
            return Trouble.conflict
        case 429:
            return Trouble.busy
        case _ if 400 <= status < 500 and status != 408:
            return Trouble.refused
        case _:
            return Trouble.unreachable


def _sentence(answer: Answer, data: Any) -> str:
    """What the product says is wrong, cut short. A page of HTML is not repeated."""
    if data is None:
        return f"It answered {answer.status} without JSON."
    said = json.dumps(data, ensure_ascii=False)
    return f"It answered {answer.status}: {said[:_MOST_DETAIL]}".replace("\0", "")
