"""Media types: which of ours a caller prefers (RFC 9110 section 12.5.1), and whether a body says that it is JSON."""

import re
from collections.abc import Sequence

from fastapi import Request

from domain.errors import NotAcceptable, UnsupportedMedia

FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
_JSON = re.compile(r"application/(?:[^/]+\+)?json")


def negotiate(accept: str, offered: Sequence[str]) -> str:
    """The offered type of the highest quality, ours first among equals; :class:`NotAcceptable` when there is none."""
    wanted = [_parse(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best = max(offered, key=lambda each: _quality(each, wanted))
    if _quality(best, wanted) <= 0:
        raise NotAcceptable(f"This can be had as: {', '.join(offered)}.")
    return best


def _parse(part: str) -> tuple[str, float]:
    pattern, *parameters = (each.strip() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return pattern.lower(), float(quality)
    except ValueError:
        return pattern.lower(), 0.0


def _quality(offered: str, wanted: Sequence[tuple[str, float]]) -> float:
    """The most exact of the caller's patterns decides."""
    for pattern in (offered, f"{offered.split('/', maxsplit=1)[0]}/*", "*/*"):
        found = [quality for each, quality in wanted if each == pattern]
        if found:
            return max(found)
    return 0.0


def is_no_json(request: Request) -> bool:
    """Whether the request has a body of which its sender does not say that it is JSON."""
    return _has_body(request) and not _JSON.fullmatch(_kind(request))


def is_no_form(request: Request) -> bool:
    return _has_body(request) and _kind(request) not in FORMS


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def not_json() -> UnsupportedMedia:
    return UnsupportedMedia("Send the body as JSON, with the header Content-Type: application/json.")


def not_a_form() -> UnsupportedMedia:
    return UnsupportedMedia("Send the body as a form: multipart/form-data.")
