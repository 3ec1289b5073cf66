"""Where an application may have people sent back to: exactly there. A code that goes elsewhere is a code that was stolen.

``https`` only. A program on the person's own machine listens on whatever port it got, so the loopback addresses are taken
with ``http`` and with any port (RFC 8252 section 7.3); ``localhost`` is a name that something else may answer to, and is not.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

LONGEST = 2000
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_PLAIN = re.compile(r"[!-~]+")
"""Printable ASCII without spaces: what a browser sends as it stands."""
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")


def checked_redirect(text: str) -> str:
    """The address, or :class:`ValueError` saying what is wrong with it."""
    parts = _split(text)
    if not _PLAIN.fullmatch(text) or len(text) > LONGEST or parts is None or "\\" in text or "*" in text:
        raise ValueError("This is not an address; it reads https://app.example.com/callback.")
    if parts.fragment or "#" in text:
        raise ValueError("An address to come back to has no fragment (RFC 6749 section 3.1.2).")
    if parts.netloc != parts.netloc.lower() or "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError("Name the host in small letters, without a user.")
    if parts.scheme != "https" and not _is_loopback(parts):
        raise ValueError("It begins with https://, or for a program on the same machine with http://127.0.0.1 or http://[::1].")
    return text


def comes_back_to(registered: Sequence[str], wanted: str) -> bool:
    """Whether an address is one of those registered, letter by letter, but for the port on the same machine."""
    return wanted in registered or any(_same_but_for_port(each, wanted) for each in registered)


def origin_of(address: str) -> str:
    """The scheme, host and port of an address that was checked."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _same_but_for_port(registered: str, wanted: str) -> bool:
    one, other = _split(registered), _split(wanted)
    if one is None or other is None or not _is_loopback(one) or not _is_loopback(other) or not _PLAIN.fullmatch(wanted):
        return False
    # What follows the port is compared as it is written: parsing would let through what looks alike.
    return one.hostname == other.hostname and wanted == f"http://{other.netloc}" + registered.removeprefix(
        f"http://{one.netloc}"
    )


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and "@" not in parts.netloc


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts
