"""Proposed answers: what the recorded facts suggest for a topic, with the facts to show for it.

A proposal is never an answer. One fact that shows a gap is enough to propose that answer; the safe answer is proposed only
where the rules read all that the question asks, each of them found something to look at, and nothing is unknown. Most
questions ask for more than facts can show, and then nothing is proposed at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from domain.sra.answers import State
from domain.sra.catalogue import Catalogue, Topic
from domain.sra.evaluation import Evaluation, Finding

Basis = Literal["fact", "absent", "unknown"]
"""Why a rule fired: a value shows it; something that must be on record is not; or a value is simply not known."""

_NAMED = 5
"""So many subjects are named in a sentence before it says how many more there are."""


@dataclass(frozen=True)
class Looked:
    """One rule looking at one subject: what it is called, the facts that were read, and those it would have needed."""

    subject: str
    """``asset:`` and an id, or the like."""
    name: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    missing: Sequence[str] = ()
    basis: Basis = "fact"


@dataclass(frozen=True)
class RuleOutcome:
    """What one rule came to, for every subject in its scope."""

    title: str
    fired: Sequence[Looked] = ()
    undetermined: Sequence[Looked] = ()
    cleared: Sequence[Looked] = ()

    @property
    def looked_at(self) -> tuple[Looked, ...]:
        return (*self.fired, *self.undetermined, *self.cleared)


@dataclass(frozen=True)
class ShownFact:
    """One fact beside a proposal. Not known: there is no value, which is not the value "no"."""

    rule: str
    subject: str
    name: str
    fact: str
    known: bool
    value: Any = None


@dataclass(frozen=True)
class Proposal:
    topic_id: str
    state: State | None
    """None: the facts do not speak to this question, or not enough."""
    because: tuple[str, ...]
    facts: tuple[ShownFact, ...]

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside the answer, so that a sealed analysis can show what was proposed and from what."""
        return {
            "state": None if self.state is None else self.state.value,
            "because": list(self.because),
            "facts": [
                {
                    "rule": shown.rule,
                    "subject": shown.subject,
                    "name": shown.name,
                    "fact": shown.fact,
                    "known": shown.known,
                    "value": _plain(shown.value),
                }
                for shown in self.facts
            ],
        }


def propose(topic: Topic, outcome_by_rule: Mapping[str, RuleOutcome]) -> Proposal:
    """The answer that the facts suggest. Looks only at ``topic.shown_by``: the other linked rules are about related
    risks, and prove or disprove nothing about this question."""
    if not topic.shown_by:
        return Proposal(topic.id, None, ("No recorded fact answers this question.",), ())
    outcomes = {rule: outcome_by_rule.get(rule, RuleOutcome(title=rule)) for rule in topic.shown_by}
    if any(outcome.fired for outcome in outcomes.values()):
        return _gap(topic, outcomes)
    if any(outcome.undetermined for outcome in outcomes.values()):
        return _unknown(topic, outcomes)
    if topic.settled_by_facts and all(outcome.cleared for outcome in outcomes.values()):
        return _safe(topic, outcomes)
    because = (
        "Nothing on record speaks against it, but the facts alone do not show it."
        if any(outcome.cleared for outcome in outcomes.values())
        else "There is nothing on record that could show it."
    )
    return Proposal(topic.id, None, (because,), ())


def outcomes_of(evaluation: Evaluation, catalogue: Catalogue, names: Mapping[str, str]) -> dict[str, RuleOutcome]:
    """What each rule came to, in the words of a proposal. ``names`` says what a subject (``asset:<id>``) is called; one
    without a name is shown by its reference."""
    found = {(finding.rule, finding.subject): finding for finding in evaluation.findings}
    missing = {(one.rule, subject): one.missing for one in evaluation.undetermined for subject in one.subjects}

    def looked(rule: str, subject: str) -> Looked:
        name = names.get(subject, subject)
        finding = found.get((rule, subject))
        if finding is None:
            return Looked(subject, name, missing=missing.get((rule, subject), ()))
        return Looked(subject, name, facts=_read(finding, names), missing=finding.facts, basis=finding.basis)

    return {
        rule: RuleOutcome(
            title=catalogue.threat_by_id[rule].title,
            fired=[looked(rule, subject) for subject in outcomes.fired],
            undetermined=[looked(rule, subject) for subject in outcomes.undetermined],
            cleared=[looked(rule, subject) for subject in outcomes.clear],
        )
        for rule, outcomes in evaluation.outcomes.items()
    }


def _read(finding: Finding, names: Mapping[str, str]) -> dict[str, Any]:
    """The facts that a finding rests on, those of the single things behind it included."""
    facts = dict(finding.values)
    for evidence in finding.because:
        name = names.get(evidence.ref, evidence.ref)
        facts |= {f"{fact} ({name})": value for fact, value in evidence.values.items()}
    return facts


def _gap(topic: Topic, outcomes: Mapping[str, RuleOutcome]) -> Proposal:
    if all(looked.basis == "unknown" for outcome in outcomes.values() for looked in outcome.fired):
        return _unknown(topic, outcomes)
    state = {"yn": State.no, "addr": State.not_in_place, "ready": State.not_met}[topic.answer_type]
    if state is State.no and _clear_subjects(outcomes.values()):
        state = State.partial
    because = [
        f"{outcome.title} ({rule}): {_names(outcome.fired)}, {_share(outcome.fired, outcome.looked_at)}."
        for rule, outcome in outcomes.items()
        if outcome.fired
    ]
    shown = [fact for rule, outcome in outcomes.items() for fact in _facts(rule, outcome.fired)]
    return Proposal(topic.id, state, tuple(because), tuple(shown))


def _unknown(topic: Topic, outcomes: Mapping[str, RuleOutcome]) -> Proposal:
    because: list[str] = []
    shown: list[ShownFact] = []
    for rule, outcome in outcomes.items():
        open_ = (*outcome.fired, *outcome.undetermined)
        if open_:
            missing = sorted({fact for looked in open_ for fact in looked.missing})
            needed = f" Needed: {', '.join(missing)}." if missing else ""
            because.append(f"{outcome.title} ({rule}): not known for {_names(open_)}.{needed}")
            shown.extend(fact for fact in _facts(rule, open_) if not fact.known)
    return Proposal(topic.id, State.unknown, tuple(because), tuple(shown))


def _safe(topic: Topic, outcomes: Mapping[str, RuleOutcome]) -> Proposal:
    state = {"yn": State.yes, "addr": State.implemented, "ready": State.met}[topic.answer_type]
    because = [
        f"{outcome.title} ({rule}): not the case for any of {len(_subjects(outcome.cleared))}."
        for rule, outcome in outcomes.items()
    ]
    shown = [fact for rule, outcome in outcomes.items() for fact in _facts(rule, outcome.cleared)]
    return Proposal(topic.id, state, tuple(because), tuple(shown))


def _clear_subjects(outcomes: Iterable[RuleOutcome]) -> set[str]:
    """Subjects that some rule cleared, and no rule fired on or left open."""
    cleared: set[str] = set()
    other: set[str] = set()
    for outcome in outcomes:
        cleared |= _subjects(outcome.cleared)
        other |= _subjects((*outcome.fired, *outcome.undetermined))
    return cleared - other


def _share(some: Iterable[Looked], all_of_them: Iterable[Looked]) -> str:
    return f"{len(_subjects(some))} of {len(_subjects(all_of_them))}"


def _subjects(looked: Iterable[Looked]) -> set[str]:
    return {one.subject for one in looked}


def _names(looked: Iterable[Looked]) -> str:
    by_subject = {one.subject: one.name for one in looked}
    names = [by_subject[subject] for subject in sorted(by_subject, key=lambda subject: (by_subject[subject], subject))]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _facts(rule: str, looked: Iterable[Looked]) -> list[ShownFact]:
    shown: list[ShownFact] = []
    for one in sorted(looked, key=lambda one: (one.name, one.subject)):
        for fact in sorted(one.facts):
            shown.append(ShownFact(rule, one.subject, one.name, fact, known=True, value=one.facts[fact]))
        for fact in sorted(set(one.missing) - set(one.facts)):
            shown.append(ShownFact(rule, one.subject, one.name, fact, known=False))
    return shown


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
