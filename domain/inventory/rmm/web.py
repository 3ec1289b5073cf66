"""JSON over HTTP from a management tool, through the one guarded way out, with every failure given its meaning.

No text of an answer is repeated in a failure: it may quote what was sent, and what is sent to sign in is secret.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import cast
from urllib.parse import quote, urlencode

from domain.clock import now
from domain.inventory.imports.normal_form import Json
from domain.outbound.egress import Answer, Egress, EgressPolicy, egress_under
from domain.outbound.retries import retry_after

LARGEST_PAGE = 16 * 1024 * 1024
"""A page of a thousand detailed devices is some 4 MB."""
LONGEST = 60.0
"""Seconds for one page. A tool that collects a thousand devices takes its time."""
_ERROR_CODE = re.compile(r"[a-z_]{3,40}")


class Trouble(StrEnum):
    """Why a tool did not give what was asked for. Shown to customers and kept with runs: never rename one."""

    unreachable = "unreachable"
    """No answer, half an answer, or the tool's own fault: tried again."""
    busy = "busy"
    """Too many requests: gone on with when it says so."""
    credentials = "credentials"
    """It does not take our credentials, or they may not read this."""
    expired = "expired"
    """It has forgotten how far we had come: begun anew."""
    refused = "refused"
    """It understood, and does not want it."""
    wrong_answer = "wrong_answer"
    """It answered in another shape than it documents."""


class PullFailed(Exception):
    """A tool did not give what was asked for. ``detail`` is a sentence for the customer, without secrets."""

    def __init__(self, trouble: Trouble, detail: str, *, wait: timedelta | None = None) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.wait = wait


class Web:
    """Requests to one tool. ``headers`` go with each of them."""

    def __init__(self, policy: EgressPolicy, base_url: str) -> None:
        self._egress: Egress = egress_under(replace(policy, deadline=LONGEST))
        self.base_url = base_url.rstrip("/")
        self.headers = dict[str, str]()

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        return await self._send("GET", path + (f"?{urlencode(query, quote_via=quote)}" if query else ""), self.headers, b"")

    async def sign_in(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> str:
        """The access token for these credentials (RFC 6749 sections 4.3 and 4.4), which then goes with each request."""
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        try:
            answer = await self._send("POST", path, sent, urlencode(form).encode())
        except PullFailed as failure:
            if failure.trouble is Trouble.refused:  # RFC 6749 section 5.2: 400 with invalid_client or invalid_grant
                raise PullFailed(Trouble.credentials, failure.detail) from None
            raise
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise PullFailed(Trouble.wrong_answer, "It signed us in without giving an access token.")
        self.headers["authorization"] = f"Bearer {token}"
        return token

    async def _send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Json:
        answer = await self._egress.request(
            method,
            self.base_url + target,
            headers={"accept": "application/json", **headers},
            body=body,
            whole_up_to=LARGEST_PAGE,
        )
        return _read(answer)


def _read(answer: Answer) -> Json:
    if answer.failure is not None or answer.status is None:
        raise PullFailed(Trouble.unreachable, answer.failure.detail if answer.failure else "There was no answer.")
    try:
        said = cast(Json, json.loads(answer.body))
    except (ValueError, RecursionError):
        said = None
    if 200 <= answer.status < 300:
        if said is None:
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
            what = "a web page" if kind == "text/html" else "something that is not JSON, or only the beginning of it"
            raise PullFailed(Trouble.unreachable, f"It answered {answer.status} with {what}.")
        return said
    code = said.get("error") if isinstance(said, dict) else None
    named = f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
    raise PullFailed(_trouble(answer.status), f"It answered {answer.status}{named}.", wait=retry_after(answer.headers, now()))


def _trouble(status: int) -> Trouble:
    match status:
        case 401 | 403:
            return Trouble.credentials
        case 429:
            return Trouble.busy
        case _ if 400 <= status < 500 and status != 408:
            return Trouble.refused
        case _:
            return Trouble.unreachable
