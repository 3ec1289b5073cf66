"""Content negotiation: which of our media types a caller's ``Accept`` prefers (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence

from domain.errors import NotAcceptable


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
