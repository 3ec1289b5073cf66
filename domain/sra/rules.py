"""Evaluates the threat rules over a world: which risks are shown, which are ruled out, and which cannot be decided.

Three outcomes, never two: a missing fact makes a safeguard "not shown" (the rule fires, and says on whose silence it
rests) and a hazard "not decided" (listed, never a pass). The result depends on the world, the catalogue and ``as_of``
alone: the same three give the same result, in the same order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cel

from domain.inventory.operating_systems import OperatingSystems
from domain.sra.bench import Bench, Row, Subject
from domain.sra.catalogue import BaaWords, Catalogue, KnownIssue, OsLifecycle, Threat
from domain.sra.cel import ROOTS, Calendar, Condition, Variables
from domain.sra.derive import Facts
from domain.sra.evaluation import Basis, Evaluation, Evidence, Finding, Outcomes, Undetermined, UnknownFacts
from domain.sra.known_issues import version_before, version_matches
from domain.sra.levels import Level, risk_level
from domain.sra.vocabulary import Vocabulary
from domain.sra.world import World


def evaluate(world: World, catalogue: Catalogue, *, only: frozenset[str] | None = None) -> Evaluation:
    """Evaluates every rule of the catalogue, or ``only`` some, over the world as of its moment. No I/O, no clock, no order
    of input."""
    book = _book(catalogue)
    reading = _Reading(world, book)
    findings: list[Finding] = []
    undecided: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    outcomes: dict[str, Outcomes] = {}
    for rule in (rule for rule in book.rules if only is None or rule.id in only):
        verdicts = sorted(reading.verdicts(rule), key=lambda verdict: verdict.ref)
        findings += [verdict.finding for verdict in verdicts if verdict.finding is not None]
        for verdict in verdicts:
            if verdict.missing:
                undecided.setdefault((rule.id, verdict.missing), []).append(verdict.ref)
        outcomes[rule.id] = Outcomes(
            fired=tuple(v.ref for v in verdicts if v.finding is not None),
            clear=tuple(v.ref for v in verdicts if v.finding is None and not v.missing),
            undetermined=tuple(v.ref for v in verdicts if v.missing),
        )
    return Evaluation(
        findings=tuple(findings),
        undetermined=tuple(Undetermined(rule, missing, tuple(refs)) for (rule, missing), refs in sorted(undecided.items())),
        unknown_facts=tuple(
            UnknownFacts(finding.subject, tuple(fact.partition(".")[2] for fact in finding.facts))
            for finding in findings
            if finding.cause == "unknown_facts"
        ),
        outcomes=outcomes,
    )


def rules_reading(catalogue: Catalogue, roots: frozenset[str]) -> frozenset[str]:
    """The rules that read a fact of one of these roots, such as ``baa``."""
    return frozenset(
        rule.id
        for rule in _book(catalogue).rules
        if any(fact.partition(".")[0] in roots for _, condition in rule.conditions for fact in condition.facts)
    )


# --- rules, compiled -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    conditions: tuple[tuple[str, Condition], ...]
    """Type of subject -> its condition."""
    row: Threat
    level: Level


@dataclass(frozen=True, slots=True)
class _Book:
    """The rules of one catalogue, compiled once."""

    rules: tuple[_Rule, ...]
    vocabulary: Vocabulary
    lifecycles: Mapping[str, OsLifecycle]
    systems: OperatingSystems
    issues: tuple[KnownIssue, ...]
    baa: BaaWords


_BOOKS: dict[str, _Book] = {}
"""By the digest of the catalogue: a process sees a handful of editions."""


def _book(catalogue: Catalogue) -> _Book:
    book = _BOOKS.get(catalogue.digest)
    if book is None:
        vocabulary = Vocabulary(catalogue.facts)
        book = _BOOKS[catalogue.digest] = _Book(
            rules=tuple(_compiled(row, vocabulary) for row in sorted(catalogue.threats, key=lambda row: row.id)),
            vocabulary=vocabulary,
            lifecycles={row.key: row for row in catalogue.os_lifecycles},
            systems=OperatingSystems(catalogue.os_lifecycles),
            issues=catalogue.known_issues,
            baa=catalogue.baa,
        )
    return book


def _compiled(row: Threat, vocabulary: Vocabulary) -> _Rule:
    expressions = [(row.subject, row.when), *((also.subject, also.when) for also in row.also)]
    return _Rule(
        id=row.id,
        conditions=tuple((subject, Condition(when, gap=vocabulary.gap)) for subject, when in expressions),
        row=row,
        level=risk_level(likelihood=row.likelihood, impact=row.impact),
    )


# --- one evaluation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One rule on one subject: a finding, or what is missing, or neither (clear)."""

    ref: str
    finding: Finding | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Looked:
    """One condition on one set of variables."""

    ref: str
    outcome: bool | None
    silent: tuple[str, ...]
    missing: tuple[str, ...]
    values: Mapping[str, Any]


_NOTHING: Variables = {root: {} for root in ROOTS}


class _Reading:
    """The world laid out for the rules of one book, with the variables of each subject handed to CEL once."""

    def __init__(self, world: World, book: _Book) -> None:
        self._book = book
        facts = Facts(
            world,
            vocabulary=book.vocabulary,
            lifecycles=book.lifecycles,
            systems=book.systems,
            baa=book.baa,
        )
        self._bench = Bench(facts, book.issues)
        calendar = Calendar(today=world.today, now=world.as_of.timestamp())
        self._today = world.today.toordinal()
        self._functions = {
            **calendar.functions(),
            "version_before": version_before,
            "version_matches": version_matches,
        }
        self._contexts: dict[str, cel.Context] = {}
        self._tried: dict[str, tuple[str, ...]] = {}

    def verdicts(self, rule: _Rule) -> Iterator[_Verdict]:
        for type, condition in rule.conditions:
            for subject in self._bench.subjects(type):
                if _concerns(rule.row, subject):
                    yield self._verdict(rule, condition, subject)

    def _verdict(self, rule: _Rule, condition: Condition, subject: Subject) -> _Verdict:
        looked = list(self._look(rule, condition, subject))
        fired = [look for look in looked if look.outcome]
        missing = {name for look in looked if look.outcome is None for name in look.missing}
        if fired and subject.in_use is None and not rule.row.includes_inactive:
            return _Verdict(subject.ref, missing=(_SWITCHED_ON[subject.type],))
        if not fired:
            return _Verdict(subject.ref, missing=tuple(sorted(missing)))
        shown = [look for look in fired if not look.silent]
        silent = () if shown else tuple(sorted({name for look in fired for name in look.silent}))
        single = len(looked) == 1 and looked[0].ref == subject.ref
        finding = Finding(
            rule=rule.id,
            subject=subject.ref,
            likelihood=rule.row.likelihood,
            impact=rule.row.impact,
            level=rule.level,
            basis=self._basis(silent),
            facts=silent,
            values=fired[0].values if single else {},
            because=() if single else tuple(Evidence(look.ref, look.values) for look in fired),
            cause=rule.row.cause,
            group=f"{rule.row.cause}:{_group(rule.row, subject)}",
        )
        return _Verdict(subject.ref, finding=finding)

    def _look(self, rule: _Rule, condition: Condition, subject: Subject) -> Iterator[_Looked]:
        context = self._context(subject)
        if rule.row.each is None:
            yield self._looked(condition, subject.ref, {**self._bench.shared, **subject.variables}, context)
            return
        for row in self._bench.rows(subject, rule.row.each):
            for root, facts in row.variables.items():
                context.add_variable(root, facts)
            yield self._looked(condition, row.ref, _joined(self._bench.shared, subject, row), context)

    def _looked(self, condition: Condition, ref: str, variables: Variables, context: cel.Context) -> _Looked:
        outcome = condition.outcome(context)
        return _Looked(
            ref=ref,
            outcome=outcome,
            silent=condition.resting_on(context) if outcome else (),
            missing=condition.undecided_for(variables, self._fresh, self._tried) if outcome is None else (),
            values=self._values(condition, variables) if outcome else {},
        )

    def _basis(self, silent: tuple[str, ...]) -> Basis:
        """One unknown value among the silent facts makes the whole finding rest on an unknown."""
        if not silent:
            return "fact"
        return "absent" if all(self._book.vocabulary.gap(name) == "absent" for name in silent) else "unknown"

    def _values(self, condition: Condition, variables: Variables) -> Mapping[str, Any]:
        known = ((name, *name.split(".")) for name in condition.facts)
        return {
            name: self._book.vocabulary.printed(name, variables[root][fact])
            for name, root, fact in known
            if fact in variables.get(root, {})
        }

    def _context(self, subject: Subject) -> cel.Context:
        """Kept per subject: handing over the facts costs a hundred times more than evaluating an expression on them."""
        context = self._contexts.get(subject.ref)
        if context is None:
            context = self._contexts[subject.ref] = self._fresh({**self._bench.shared, **subject.variables})
        return context

    def _fresh(self, variables: Variables) -> cel.Context:
        return cel.Context({**_NOTHING, **variables, "today": self._today}, self._functions)


_SWITCHED_ON = {"remote_access": "remote_access.enabled"}
"""The fact that says whether a thing is in use, where nothing goes without saying."""


def _concerns(row: Threat, subject: Subject) -> bool:
    """Only what is in use is looked at, unless the rule asks about other states."""
    if subject.type == "asset":
        return subject.status in (row.statuses or ("active",)) and (not row.kinds or subject.kind in row.kinds)
    return row.includes_inactive or subject.in_use is not False


def _group(row: Threat, subject: Subject) -> str:
    """What the common cause belongs to: the subject, or what one of its facts names (such as its vendor)."""
    if row.grouped_by is None:
        return subject.ref
    root, name = row.grouped_by.split(".")
    named = subject.variables[root].get(name)
    return f"{name}:{named}" if named else subject.ref


def _joined(shared: Variables, subject: Subject, row: Row) -> Variables:
    return {**shared, **subject.variables, **row.variables}
