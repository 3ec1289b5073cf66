"""Headers that a customer adds to what an endpoint is sent, mostly to be let in at a gateway: a token, a key.

Their values are secrets: sealed to the endpoint's row, never shown again, and masked in the log of attempts. Only names
that carry such things are taken, so none can stand in for a header of ours or of the connection.
"""

import json
import re
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from domain.errors import Fault, Invalid
from domain.keyring import KeyRing
from domain.outbound.destinations import EgressRefused, check_headers

MOST_HEADERS = 10
LONGEST_VALUE = 2_000
MASK = "***"

_WELCOME = re.compile(
    r"authorization|api-?key|ocp-apim-subscription-key|cf-access-client-(id|secret)|x-[a-z0-9][a-z0-9-]{0,60}"
)
_UNWELCOME = re.compile(r"x-(forwarded|original|rewrite|real|client|http|method|host|envoy|middleware|webhook|bitewing)(-.*)?")
"""What proxies take for the truth about a request, and names of our own."""


class Headed(Protocol):
    """An endpoint, as far as its headers go."""

    id: UUID
    tenant_id: UUID
    header_names: list[str]
    sealed_headers: str | None


def check_own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers under names in lower case. Raises Invalid, which repeats no value."""
    if len(headers) > MOST_HEADERS:
        raise Invalid.one("/headers", "too_long", f"An endpoint has at most {MOST_HEADERS} headers of its own.")
    faults = [fault for name, value in headers.items() if (fault := _fault(name, value)) is not None]
    if faults:
        raise Invalid(faults)
    return {name.lower(): value for name, value in headers.items()}


def seal_headers(endpoint: Headed, headers: Mapping[str, str], keyring: KeyRing) -> None:
    """Keep these, and no others."""
    endpoint.header_names = sorted(headers)
    endpoint.sealed_headers = keyring.encrypt(json.dumps(dict(headers)), context=_context(endpoint)) if headers else None


def open_headers(endpoint: Headed, keyring: KeyRing) -> dict[str, str]:
    """Raises KeyRingError."""
    if endpoint.sealed_headers is None:
        return {}
    return json.loads(keyring.decrypt_text(endpoint.sealed_headers, context=_context(endpoint)))


def _fault(name: str, value: str) -> Fault | None:
    at = f"/headers/{name.replace('~', '~0').replace('/', '~1')}"
    low = name.lower()
    if _WELCOME.fullmatch(low) is None or _UNWELCOME.fullmatch(low) is not None:
        detail = "Headers of your own are Authorization, Api-Key and those that begin with X-, but for what proxies and we set."
        return Fault(at, "header_not_allowed", detail)
    if not value or len(value) > LONGEST_VALUE:
        return Fault(at, "too_long", f"A value has 1 to {LONGEST_VALUE} characters.")
    try:
        check_headers({name: value})
    except EgressRefused as refused:
        return Fault(at, refused.reason, refused.detail)
    return None


def _context(endpoint: Headed) -> str:
    return f"webhook_endpoint:{endpoint.tenant_id}:{endpoint.id}:headers"
