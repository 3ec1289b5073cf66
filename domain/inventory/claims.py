"""Who says what about one thing, and who is believed: a person before anybody, then the machine's own report, then the
survey. So the same sources give the same result in whatever order they are imported.

Who is believed stands in the row's ``provenance``. Where a switch such as encryption is both measured and surveyed, the
other voice is kept beside it (``also``), so that a disagreement shows until somebody settles it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from domain.inventory.reconcile import agree

PERSON = "person"
SURVEY = "survey"
SWITCHES = frozenset({"encryption_at_rest", "endpoint_protection"})
"""Facts that are on or off, which a machine reports better than a person remembers."""
UNTOLD = frozenset({"provenance", "updated_at", "version"})
QUIET = frozenset({"last_seen_at"})
"""What every import sets anew. It is written down, but is no news: an event for each device and day would drown all others."""
QUIET_FACTS = frozenset({"oldest_missing_critical_patch_days"})
"""They grow by themselves from one day to the next."""
KEYS = UNTOLD | {"tenant_id", "id", "organization_id", "created_at", "archived_at"}
Mark: TypeAlias = dict[str, Any]
"""An entry of ``provenance``: source, observed_at, confirmed_by, and perhaps ``also`` and ``site``."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of one fact. ``value`` None: it knows of nothing."""

    source: str
    value: Any
    observed_at: str | None

    @property
    def voice(self) -> str:
        return self.source if self.source in (PERSON, SURVEY) else "measured"

    def mark(self) -> Mark:
        return {"source": self.source, "observed_at": self.observed_at, "confirmed_by": None}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two voices about one fact, and the value that the analysis goes by."""

    fact: str
    said: Mapping[str, Any]
    used: Any

    def as_json(self, subject: str) -> dict[str, Any]:
        told = {"subject": subject, "fact": self.fact, "survey": self.said.get(SURVEY), "measured": self.said.get("measured")}
        if PERSON in self.said:
            told[PERSON] = self.said[PERSON]
        return {**told, "used": self.used}


@dataclass(slots=True)
class Card:
    """One row while it is being decided upon: what it was, and what it will be. Facts and columns are read alike."""

    values: dict[str, Any]
    is_new: bool
    before: dict[str, Any] = field(init=False)
    disagreements: list[Disagreement] = field(default_factory=list[Disagreement])
    weighed: set[str] = field(default_factory=set[str])
    """Facts of which somebody has spoken now, so that their disagreements are all known."""

    def __post_init__(self) -> None:
        self.before = dict(self.values)
        for name in ("facts", "provenance"):
            if name in self.values:
                self.values[name] = dict(self.values[name])

    def value(self, name: str) -> Any:
        return self.values[name] if name in self.values else self.values["facts"].get(name)

    def mark(self, name: str) -> Mark | None:
        return self.values.get("provenance", {}).get(name)

    def holder(self, name: str) -> str | None:
        """Whose value stands there: a source, or None where nothing is known. A value without a source is a person's."""
        if self.value(name) is None:
            return None
        mark = self.mark(name)
        return PERSON if mark is None else mark["source"]

    def put(self, name: str, value: Any, mark: Mark | None) -> None:
        """Set a column or a fact, with its mark; None takes it back to unknown."""
        if name in self.values:
            self.values[name] = value
        elif value is None:
            self.values["facts"].pop(name, None)
        else:
            self.values["facts"][name] = value
        if mark is None:
            self.values.get("provenance", {}).pop(name, None)
        else:
            self.values["provenance"][name] = mark

    @property
    def is_changed(self) -> bool:
        """Whether anything is said otherwise than before that is worth an event."""
        before = self.before
        return any(
            value != before[name] and not (name == "facts" and _loud(value) == _loud(before[name]))
            for name, value in self.values.items()
            if name not in UNTOLD and name not in QUIET
        )

    @property
    def is_to_be_written(self) -> bool:
        """Also when the same is said by somebody else, or it was seen again. A later observation alone is nothing new."""
        return (
            self.is_changed
            or any(self.values[name] != self.before[name] for name in (*QUIET, "facts") if name in self.values)
            or _timeless(self.values.get("provenance")) != _timeless(self.before.get("provenance"))
        )

    def told_first(self) -> dict[str, Any]:
        """What a new row says, for its event."""
        return {name: value for name, value in self.values.items() if value not in (None, [], {}) and name not in KEYS}

    def changes(self) -> dict[str, Any]:
        """What is said otherwise than before, for an event."""
        before = self.before
        return {
            name: {"from": before[name], "to": value}
            for name, value in self.values.items()
            if value != before[name] and name not in KEYS and name not in QUIET
        }


def settle(card: Card, name: str, claim: Claim) -> None:
    """Weigh a new claim about a switch against those already known, and let the card say what follows from all of them."""
    card.weighed.add(name)
    if card.value(name) is None and card.mark(name) is None:
        if claim.value is not None:
            card.put(name, claim.value, claim.mark())
        return
    claims = _claims(card, name)
    if claim.value is None:
        claims.pop(claim.voice, None)
    else:
        claims[claim.voice] = claim
    person, measured, survey = (claims.get(voice) for voice in (PERSON, "measured", SURVEY))
    used = person or measured or survey
    if person is None and measured and survey and agree(name, survey.value, measured.value):
        used = survey if survey.value != measured.value else measured
    if used is None:
        card.put(name, None, None)
        return
    others = [each for each in claims.values() if each is not used]
    mark = _kept_confirmation(card, name, used)
    if others:
        mark["also"] = [
            {"source": each.source, "value": each.value, "observed_at": each.observed_at}
            for each in sorted(others, key=lambda each: each.voice)
        ]
    card.put(name, used.value, mark)
    if any(not agree(name, used.value, other.value) for other in others):
        said = {voice: each.value for voice, each in claims.items()}
        card.disagreements.append(Disagreement(name, said, used.value))


def believe(card: Card, name: str, claim: Claim, *, over: frozenset[str]) -> None:
    """Set a plain fact, if nobody holds it or only voices in ``over``. A person's other word is a disagreement."""
    holder = card.holder(name)
    if holder is not None:
        card.weighed.add(name)
        held_by = Claim(holder, None, None).voice
        if held_by == PERSON and claim.value is not None and not _same(card.value(name), claim.value):
            said = {PERSON: card.value(name), claim.voice: claim.value}
            card.disagreements.append(Disagreement(name, said, card.value(name)))
        if held_by not in over or (claim.value is None and held_by != claim.voice):
            return
    mark = _kept_confirmation(card, name, claim) if claim.value is not None else None
    card.put(name, claim.value, mark)


def _claims(card: Card, name: str) -> dict[str, Claim]:
    mark = card.mark(name)
    value = card.value(name)
    if mark is None:
        return {} if value is None else {PERSON: Claim(PERSON, value, None)}
    found = [Claim(mark["source"], value, mark.get("observed_at"))]
    found += [Claim(each["source"], each["value"], each.get("observed_at")) for each in mark.get("also", ())]
    return {each.voice: each for each in found}


def _kept_confirmation(card: Card, name: str, claim: Claim) -> Mark:
    """The claim's mark; a confirmation of the very same value stays."""
    before, mark = card.mark(name), claim.mark()
    if before is not None and before.get("source") == claim.source and card.value(name) == claim.value:
        mark["confirmed_by"] = before.get("confirmed_by")
    return mark


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return one == other


def _loud(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in QUIET_FACTS}


def _timeless(provenance: Mapping[str, Mark] | None) -> dict[str, Any]:
    """Provenance without when it was observed."""
    return {
        name: {
            key: [{each: inner for each, inner in claim.items() if each != "observed_at"} for claim in value]
            if key == "also"
            else value
            for key, value in mark.items()
            if key != "observed_at"
        }
        for name, mark in (provenance or {}).items()
    }
