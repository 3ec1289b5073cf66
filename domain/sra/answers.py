"""Answers: what may be said to a topic, when it is a gap, and when it stands on evidence.

Every question is put so that *yes* is the safe answer, and what is unknown, unanswered or without its reasons is a gap like
*no*. An addressable specification may be answered by an alternative or by a written reason (45 CFR 164.306(d)(3)); a
required one may not, so those states are never offered there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from domain.errors import Fault, Invalid
from domain.sra.catalogue import Topic


class State(StrEnum):
    yes = "yes"
    partial = "partial"
    no = "no"
    not_applicable = "not_applicable"

    implemented = "implemented"
    alternative = "alternative"
    neither = "neither"
    not_in_place = "not_in_place"

    does_not_apply = "does_not_apply"
    applies_done = "applies_done"
    applies_not_done = "applies_not_done"

    met = "met"
    not_met = "not_met"

    unknown = "unknown"


_ALLOWED: Mapping[str, tuple[State, ...]] = {
    "yn": (State.yes, State.partial, State.no, State.unknown, State.not_applicable),
    "addr": (State.implemented, State.alternative, State.neither, State.not_in_place, State.unknown),
    "na": (State.does_not_apply, State.applies_done, State.applies_not_done, State.unknown),
    "ready": (State.met, State.not_met, State.unknown),
}


def allowed_states(topic: Topic) -> tuple[State, ...]:
    """The states that a topic may be answered with, the safe one first."""
    return _ALLOWED[topic.answer_type]


@dataclass(frozen=True)
class ReasonNeeded:
    """A text without which a state does not stand, and the question to put to the person who writes it."""

    field: Literal["rationale", "alternative"]
    prompt: str


_WHY_NOT = ReasonNeeded("rationale", "Why is the specification not reasonable and appropriate here?")
_REASONS: Mapping[State, tuple[ReasonNeeded, ...]] = {
    State.alternative: (
        _WHY_NOT,
        ReasonNeeded("alternative", "What is done instead, and why is it equivalent?"),
    ),
    State.neither: (
        _WHY_NOT,
        ReasonNeeded(
            "alternative",
            "Why is no equivalent measure reasonable and appropriate either, and how is the standard still met?",
        ),
    ),
    State.not_applicable: (ReasonNeeded("rationale", "Why does this not apply to the practice?"),),
    State.does_not_apply: (ReasonNeeded("rationale", "Why does this not apply to the practice?"),),
}


def reasons_needed(state: State) -> tuple[ReasonNeeded, ...]:
    """The texts that a state needs, 45 CFR 164.306(d)(3)(ii)(B) for the addressable ones; none for most states."""
    return _REASONS.get(state, ())


class Given(Protocol):
    """An answer as it was given, whether it is a row, a request or a line of a survey."""

    @property
    def state(self) -> str | None: ...
    @property
    def rationale(self) -> str | None: ...
    @property
    def alternative(self) -> str | None: ...
    @property
    def evidence(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class Reply:
    """An answer that is no row yet."""

    state: str | None
    rationale: str | None = None
    alternative: str | None = None
    evidence: Sequence[object] = ()


def faults_in(topic: Topic, given: Given) -> tuple[Fault, ...]:
    """All that keeps an answer from being taken; empty when it may be."""
    state = _state_of(topic, given)
    if state is None:
        return (Fault("/state", "state_not_allowed", _not_allowed(topic, given.state)),)
    return tuple(
        Fault(f"/{needed.field}", "reason_required", needed.prompt)
        for needed in reasons_needed(state)
        if not _says_something(getattr(given, needed.field))
    )


def check(topic: Topic, given: Given) -> State:
    """The state of an acceptable answer; raises Invalid, with one fault per field, for any other."""
    faults = faults_in(topic, given)
    if faults:
        raise Invalid(faults)
    return State(given.state or "")


class GapKind(StrEnum):
    unanswered = "unanswered"
    unknown = "unknown"
    not_in_place = "not_in_place"
    partly_in_place = "partly_in_place"
    reason_missing = "reason_missing"


@dataclass(frozen=True)
class Gap:
    topic_id: str
    kind: GapKind
    reason: str


def is_gap(topic: Topic, given: Given | None) -> Gap | None:
    """Why an answer is a gap under the law in force, or None. Readiness for the proposed rule never is one."""
    if topic.answer_type == "ready":
        return None
    if given is None or given.state is None:
        return Gap(topic.id, GapKind.unanswered, "Not answered. A proposed answer does not count until a person confirms it.")
    state = _state_of(topic, given)
    if state is None:
        return Gap(topic.id, GapKind.unanswered, _not_allowed(topic, given.state))
    if state is State.unknown:
        return Gap(topic.id, GapKind.unknown, "Not known. What is not known does not count as in place.")
    if state is State.partial:
        return Gap(topic.id, GapKind.partly_in_place, "Only partly in place.")
    if state in (State.no, State.not_in_place):
        return Gap(topic.id, GapKind.not_in_place, "Not in place.")
    if state is State.applies_not_done:
        return Gap(topic.id, GapKind.not_in_place, "Applies to the practice and is not done.")
    missing = [fault.detail for fault in faults_in(topic, given)]
    if missing:
        return Gap(topic.id, GapKind.reason_missing, f"Without its reasons this does not stand. {' '.join(missing)}")
    return None


class Standing(StrEnum):
    """How well an answer stands. Only ``evidenced`` has something to show; ``asserted`` is somebody's word."""

    unanswered = "unanswered"
    gap = "gap"
    asserted = "asserted"
    evidenced = "evidenced"
    decided = "decided"
    """Does not apply, or is not done for documented reasons: the reasons are what there is to show."""
    not_scored = "not_scored"


def standing(topic: Topic, given: Given | None) -> Standing:
    if topic.answer_type == "ready":
        return Standing.not_scored
    gap = is_gap(topic, given)
    if given is None or (gap is not None and gap.kind is GapKind.unanswered):
        return Standing.unanswered
    if gap is not None:
        return Standing.gap
    if given.state in (State.neither, State.not_applicable, State.does_not_apply):
        return Standing.decided
    return Standing.evidenced if given.evidence else Standing.asserted


def _state_of(topic: Topic, given: Given) -> State | None:
    return next((state for state in allowed_states(topic) if state.value == given.state), None)


def _not_allowed(topic: Topic, state: str | None) -> str:
    allowed = f"Allowed here: {', '.join(allowed_states(topic))}."
    if state is None:
        return f"A state is needed. {allowed}"
    if topic.primary_type == "required" and state in _ALLOWED["addr"]:
        return f"This rests on a required specification, which no alternative and no reason can replace. {allowed}"
    return f"{state!r} is no answer to this question. {allowed}"


def _says_something(text: str | None) -> bool:
    """Ten letters or digits: enough to keep "n/a" and "-" out, too few to judge what is said."""
    return text is not None and sum(character.isalnum() for character in text) >= 10
