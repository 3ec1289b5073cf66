"""The catalogue of event kinds: what a webhook endpoint can listen to, and what ``GET /v1/events`` can show.

The kinds are data, in ``event_types.toml``; a test holds them against the code that emits, so none is missing. A
listener names exact kinds, or all kinds of a noun as ``finding.*``.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from domain.errors import Fault, Invalid

TEST = "webhook.test"
MOST_FILTERS = 200


@dataclass(frozen=True)
class EventType:
    """One kind. ``changes`` are those of an example, as the audit trail would hold them."""

    kind: str
    description: str
    changes: Mapping[str, Any]

    @property
    def noun(self) -> str:
        return self.kind.split(".")[0]


@cache
def event_types() -> Mapping[str, EventType]:
    """Every kind, in alphabetical order."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    found = [
        EventType(f"{noun}.{act}", sentence.format(what=entry["what"]), entry.get(act, {}))
        for noun, entry in data["nouns"].items()
        for act, sentence in data["general"].items()
    ]
    found += [EventType(kind, entry["description"], entry["changes"]) for kind, entry in data["kinds"].items()]
    return {each.kind: each for each in sorted(found, key=lambda each: each.kind)}


def check_filters(filters: Sequence[str], *, pointer: str = "/event_types") -> list[str]:
    """The filters without repetitions, or :class:`Invalid` naming those that nothing could ever match."""
    if len(filters) > MOST_FILTERS:
        raise Invalid.one(pointer, "too_long", f"Name at most {MOST_FILTERS} kinds; an empty list hears everything.")
    known = event_types()
    families = {f"{each.noun}.*" for each in known.values()}
    faults = [
        Fault(f"{pointer}/{position}", "unknown_event_type", "There is no such kind of event; see GET /v1/event-types.")
        for position, name in enumerate(filters)
        if name not in known and name not in families
    ]
    if faults:
        raise Invalid(faults)
    return list(dict.fromkeys(filters))
