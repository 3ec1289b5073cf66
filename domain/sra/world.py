"""The world of one organization at one moment: all that a risk analysis is made from, and nothing else.

No database and no clock: whoever builds a World says as of when. References between things are ids inside facts, under the
names of the vocabulary: ``asset.vendor``, ``flow.source_asset``, ``backup.covers``. What is not known is left out, or is
None, "" or "unknown", which is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _no_facts() -> Mapping[str, Any]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing with its facts. ``kind`` is the asset's kind, the partner's type, or for other things their own word."""

    id: str
    kind: str
    facts: Mapping[str, Any] = field(default_factory=_no_facts)


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the rules read. ``as_of`` is an aware instant; "today" is its day in UTC.

    ``workforce`` are people as roles, with ``accounts`` [{system, enabled}]. ``approved_on`` and ``prior_risks`` belong to
    the approved analysis in force. ``policies`` says for each key whether the practice has the rule.
    """

    as_of: datetime
    practice: Thing
    settings: Mapping[str, Any] = field(default_factory=_no_facts)
    policies: Mapping[str, Any] = field(default_factory=_no_facts)
    approved_on: date | None = None
    prior_risks: tuple[Thing, ...] = ()
    assets: tuple[Thing, ...] = ()
    flows: tuple[Thing, ...] = ()
    vendors: tuple[Thing, ...] = ()
    engagements: tuple[Thing, ...] = ()
    baas: tuple[Thing, ...] = ()
    partners: tuple[Thing, ...] = ()
    remote_accesses: tuple[Thing, ...] = ()
    backups: tuple[Thing, ...] = ()
    workforce: tuple[Thing, ...] = ()
    incidents: tuple[Thing, ...] = ()
    access_requests: tuple[Thing, ...] = ()
    documents: tuple[Thing, ...] = ()
    answers: tuple[Thing, ...] = ()

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone: a day is counted in UTC")

    @property
    def today(self) -> date:
        return self.as_of.astimezone(UTC).date()
