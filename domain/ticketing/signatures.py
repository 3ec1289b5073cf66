"""How callbacks are verified: always on the raw body, always in constant time, and not long after they were signed."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from domain.ticketing.connector import Callback, refuse_callback

WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signed moment may be."""


def expect_equal(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise refuse_callback("its signature does not fit.")


def expect_hmac(
    callback: Callback,
    header: str,
    *,
    prefix: str = "",
    digest: str = "sha256",
    hexadecimal: bool = True,
    before: bytes = b"",
    key: bytes | None = None,
) -> None:
    """The header holds an HMAC of the body (behind ``before``) under the connection's secret, or under ``key``."""
    mac = hmac.new(key or callback.secret.encode(), before + callback.body, getattr(hashlib, digest)).digest()
    wanted = mac.hex() if hexadecimal else base64.b64encode(mac).decode()
    expect_equal(callback.headers.get(header, ""), prefix + wanted)


def expect_secret(callback: Callback, header: str = "authorization", *, prefix: str = "Bearer ") -> None:
    """For products that cannot sign: the header holds the secret itself."""
    expect_equal(callback.headers.get(header, ""), prefix + callback.secret)


def expect_recent(callback: Callback, moment: datetime | None) -> None:
    if moment is None or abs(callback.at - moment) > WINDOW:
        raise refuse_callback("it was signed too long ago, or does not say when.")


def seconds_since_1970(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text[:12]), UTC) if text.isascii() and text.isdigit() else None


def iso_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def json_object(callback: Callback) -> dict[str, Any]:
    """The body as an object. Read after it was verified."""
    try:
        found = json.loads(callback.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise refuse_callback("its body is no JSON object.")
    return found  # pyright: ignore[reportUnknownVariableType]  JSON


def json_items(callback: Callback) -> list[dict[str, Any]]:
    """The body as a list of objects, where a product sends one or several at once."""
    try:
        found = json.loads(callback.body)
    except (ValueError, RecursionError):
        found = None
    items: list[Any] = found if isinstance(found, list) else [found]  # pyright: ignore[reportUnknownVariableType]  JSON
    if not all(isinstance(each, dict) for each in items):
        raise refuse_callback("its body is no JSON object.")
    return items


def within(said: Any, *names: str) -> Any:
    """What stands at a way into the body; None where the way ends early."""
    for name in names:
        said = cast("dict[str, Any]", said).get(name) if isinstance(said, dict) else None
    return said


def content_key(callback: Callback) -> str:
    """For products that do not number their callbacks: the same body is the same callback."""
    return hashlib.sha256(callback.body).hexdigest()
