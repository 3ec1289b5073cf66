"""Which events a webhook endpoint hears beyond their kind: those of some organizations or groups, and those for which a
condition in CEL over the event holds, such as ``event.changes.level.to == "very_high"``.

The surprising fact: a condition that needs what an event does not have is undecided, and undecided is not true: the event is
not sent. Whoever would rather hear too much says so: ``!has(event.changes.level) || event.changes.level.to == "high"``.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from domain import bounded_cel
from domain.errors import Invalid
from domain.outbound import payloads
from domain.outbound.event_types import event_types

MOST_SECONDS = 2.0
FIELDS: Mapping[str, frozenset[str]] = {
    "id": frozenset(),
    "sequence": frozenset(),
    "kind": frozenset(),
    "at": frozenset(),
    "subject": frozenset({"type", "id"}),
    "organization_id": frozenset(),
    "changed": frozenset(),
    "changes": frozenset(),
}
"""What an event has, with what is within: ``data`` of the payload."""

_PATH = re.compile(r"\bevent\s*\.\s*(\w+)(?:\s*\.\s*(\w+)(?!\s*\())?")
_AT = "/condition"


def passes(condition: str, data: Mapping[str, Any]) -> bool:
    """Whether an event, in the form in which it would be sent, fulfils a condition."""
    return bounded_cel.outcome(condition, {"event": data}) is True


def check_condition(condition: str, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Refuse a condition that is too large, cannot be read, names what no event has, comes to something else than yes or no,
    or takes too long: it is tried on the example of every kind."""
    sentence = "A condition says something about `event`."
    bare = bounded_cel.check_bounds(condition, about="event", at=_AT, code="not_about_events", sentence=sentence)
    for field, inner in _PATH.findall(bare):
        if field not in FIELDS:
            raise Invalid.one(_AT, "unknown_field", f"An event has no {field!r}; it has: {', '.join(FIELDS)}.")
        if inner and FIELDS[field] and inner not in FIELDS[field]:
            raise Invalid.one(_AT, "unknown_field", f"There is no {field}.{inner} in an event.")
    end = clock() + MOST_SECONDS
    for kind in event_types().values():
        if not isinstance(bounded_cel.outcome(condition, {"event": payloads.example(kind)["data"]}), bool | None):
            raise Invalid.one(_AT, "not_a_condition", "It comes to something else than true or false.")
        if clock() > end:
            raise Invalid.one(_AT, "too_slow", "This takes too long. Say it more simply.")
