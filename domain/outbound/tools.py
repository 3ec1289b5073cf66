"""JSON over HTTP to a tool that a customer connected (RMM, ticketing), through the one guarded way out, with every failure
given its meaning.

An HTML page where JSON was expected is a failure too, whatever its status: it is the maintenance page or the sign-in page
of the tool, and its text is of no use to anybody. What a tool says of a failure is shown to customers, so what proves who
we are is never repeated: nothing of an answer to a sign-in but its error code, and nothing that holds one of our headers.
"""

import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

from domain.clock import now
from domain.outbound.egress import Answer, Egress
from domain.outbound.retries import retry_after

Said = TypeVar("Said")
LARGEST_ANSWER = 16 * 1024 * 1024
"""A page of a thousand detailed devices is some 4 MB."""
_MOST_DETAIL = 300
_ERROR_CODE = re.compile(r"[a-z_]{3,40}")
_SHORTEST_SECRET = 8


class Trouble(StrEnum):
    """Why a tool did not do what was asked. Shown to customers and kept with runs and changes: never rename one."""

    unreachable = "unreachable"
    """No answer, half an answer, or the tool's own fault: tried again."""
    busy = "busy"
    """Too many requests: gone on with when it says so."""
    credentials = "credentials"
    """It does not take our credentials, or they may not do this."""
    gone = "gone"
    """There is no such thing, or none any more."""
    conflict = "conflict"
    """Somebody changed it at the same moment: tried again."""
    expired = "expired"
    """It has forgotten how far we had come: begun anew."""
    refused = "refused"
    """It understood, and does not want it: a missing field, an unknown queue."""
    wrong_answer = "wrong_answer"
    """It answered in another shape than it documents."""


class ToolFailed(Exception):
    """A tool did not do what was asked. ``detail`` is a sentence for the customer, without secrets."""

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


@dataclass(frozen=True)
class Token:
    text: str
    lasts: float
    """Seconds."""


class Web:
    """Requests to one tool. ``headers`` go with each of them. Every method raises ToolFailed."""

    def __init__(self, egress: Egress, base_url: str) -> None:
        self._egress = egress
        self.base_url = base_url.rstrip("/")
        self.headers = dict[str, str]()

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What there is. Nothing at all is half an answer."""
        reply = await self.send("GET", path, query=query)
        if reply.data is None:
            raise ToolFailed(Trouble.unreachable, f"It answered {reply.status} with nothing.")
        return reply.data

    async def post(self, path: str, body: Any) -> Any:
        return (await self.send("POST", path, body=body)).data

    async def put(self, path: str, body: Any) -> Any:
        return (await self.send("PUT", path, body=body)).data

    async def patch(self, path: str, body: Any) -> Any:
        return (await self.send("PATCH", path, body=body)).data

    async def sign_in(
        self,
        path: str,
        form: Mapping[str, str],
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Token:
        """The access token for these credentials (RFC 6749 sections 4.3 and 4.4)."""
        sent = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded", **(headers or {})}
        answer = await self._ask("POST", self._url(path, query), sent, urlencode(form).encode())
        try:
            said = _members(_read(answer, None).data)
        except ToolFailed as failure:
            if failure.trouble is Trouble.refused:  # RFC 6749 section 5.2: 400 with invalid_client or invalid_grant
                raise ToolFailed(Trouble.credentials, failure.detail) from None
            raise
        token, lasts = said.get("access_token"), said.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise ToolFailed(Trouble.wrong_answer, "It signed us in without giving an access token.")
        return Token(token, float(lasts) if isinstance(lasts, (int, float)) else 600.0)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> Reply:
        """The tool's answer, read as JSON."""
        ours = {**self.headers, **(headers or {})}
        sent = {"accept": "application/json", **ours}
        content = b""
        if body is not None:
            sent = {"content-type": "application/json", **sent}
            content = json.dumps(body).encode()
        return _read(await self._ask(method, self._url(path, query, base_url), sent, content), ours)

    def _url(self, path: str, query: Mapping[str, Any] | None, base_url: str | None = None) -> str:
        asked = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return (base_url or self.base_url).rstrip("/") + path + asked

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        return await self._egress.request(method, url, headers=headers, body=content, whole_up_to=LARGEST_ANSWER)


async def asked(doing: Awaitable[Said]) -> Said:
    """What was found out from a tool. An answer of another shape than it documents is the tool's fault."""
    try:
        return await doing
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise ToolFailed(Trouble.wrong_answer, "It answered in another shape than this product documents.") from None


def _read(answer: Answer, ours: Mapping[str, str] | None) -> Reply:
    """``ours``: the headers that prove who we are; None for a sign-in, of which nothing may be repeated."""
    if answer.failure is not None or answer.status is None:
        raise ToolFailed(Trouble.unreachable, answer.failure.detail if answer.failure else "There was no answer.")
    data, readable = _json(answer)
    if 200 <= answer.status < 300:
        if readable:
            return Reply(answer.status, answer.headers, data)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        what = "a web page" if kind == "text/html" else "something that is not JSON, or only the beginning of it"
        raise ToolFailed(Trouble.unreachable, f"It answered {answer.status} with {what}.")
    said = _repeated(data, ours)
    raise ToolFailed(_trouble(answer.status), f"It answered {answer.status}{said}.", wait=retry_after(answer.headers, now()))


def _json(answer: Answer) -> tuple[Any, bool]:
    if not answer.body.strip():
        return None, True
    try:
        return json.loads(answer.body), True
    except (ValueError, RecursionError):
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


def _repeated(data: Any, ours: Mapping[str, str] | None) -> str:
    """What the tool says is wrong, cut short, as the end of a sentence."""
    if data is None:
        return " without JSON"
    said = json.dumps(data, ensure_ascii=False).replace("\0", "")
    secrets = [word for value in (ours or {}).values() for word in value.split() if len(word) >= _SHORTEST_SECRET]
    if ours is not None and not any(secret in said for secret in secrets):
        return f": {said[:_MOST_DETAIL]}"
    code = _members(data).get("error")
    return f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _members(data: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", data) if isinstance(data, dict) else {}
