"""Readiness for the proposed rule (90 FR 898): each of its parameters, and what the facts and answers say to it today.

A profile of its own: nothing here is read by a rule, a level or a verdict. Not known is never ready, and of what nobody has
verified in the Federal Register the unverified part is withheld.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlmodel import col, select

from domain.inventory.organizations import Organization
from domain.sra.answers import State
from domain.sra.assessments import Answer, Assessment
from domain.sra.catalogue import Catalogue, ProposedChange
from domain.sra.catalogue.rows import RuleStanding
from domain.sra.evaluation import Evaluation, Finding
from domain.sra.reading import answers_of
from domain.sra.world_rows import Surroundings, read_world
from domain.tenancy import TenantSession

Readiness = Literal["ready", "not_ready", "unknown", "not_measured", "not_applicable"]
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One proposed change with what speaks for and against being ready. ``None`` in its figures: none, or withheld."""

    key: str
    title: str
    proposal: str | None
    proposed_citation: str | None
    parameter: str | None
    value: int | None
    unit: str | None
    exceptions: str | None
    today: tuple[str, ...]
    withheld: tuple[str, ...]
    status: str
    source: str
    verified: str
    as_of: date
    state: Readiness
    because: tuple[str, ...]
    topics: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The whole rule as it stands on a day, and every parameter."""

    standing: RuleStanding
    as_of: datetime
    parameters: tuple[Parameter, ...]

    def count(self, state: Readiness) -> int:
        return sum(each.state == state for each in self.parameters)


async def read_readiness(session: TenantSession, organization: Organization, *, book: Catalogue, as_of: datetime) -> Profile:
    """The profile from the facts as they are now and the answers of the newest analysis."""
    newest = select(Assessment).where(col(Assessment.organization_id) == organization.id)
    assessment = (await session.execute(newest.order_by(col(Assessment.number).desc()).limit(1))).scalar_one_or_none()
    answers = await answers_of(session, assessment) if assessment else []
    around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
    return profile(around, answers, book=book, as_of=as_of)


def profile(around: Surroundings, answers: Iterable[Answer], *, book: Catalogue, as_of: datetime) -> Profile:
    from domain.sra.rules import evaluate  # noqa: PLC0415  the engine loads slowly, and most processes never evaluate

    result = evaluate(around.world, book)
    said = {each.topic_id: each for each in answers if each.state is not None}
    standing = book.proposed_rule.standing(as_of.date())
    return Profile(
        standing=standing,
        as_of=as_of,
        parameters=tuple(_parameter(each, said, result, around, book, standing) for each in book.proposed_changes),
    )


def _parameter(
    change: ProposedChange,
    said: Mapping[str, Answer],
    result: Evaluation,
    around: Surroundings,
    book: Catalogue,
    standing: RuleStanding,
) -> Parameter:
    withheld = set(change.from_memory)
    topics = tuple(topic.id for topic in book.topics if change.key in topic.proposed)
    rules = tuple(threat.id for threat in book.threats if any(_within(one, change) for one in threat.proposed_citations))
    state, because = _state(change, [said[topic] for topic in topics if topic in said], rules, result, around, book)
    return Parameter(
        key=change.key,
        title=change.title,
        proposal=None if withheld & {"proposal", "elements"} else change.proposal,
        proposed_citation=None if "citation" in withheld else change.citation,
        parameter=None if "value" in withheld else change.parameter,
        value=None if "value" in withheld else change.value,
        unit=None if "value" in withheld else change.unit,
        exceptions=change.exceptions,
        today=change.today,
        withheld=tuple(change.from_memory),
        status=standing.status,
        source=change.source,
        verified=change.verification.replace("_", " "),
        as_of=change.as_of,
        state=state,
        because=because,
        topics=topics,
        rules=rules,
    )


def _within(citation: str, change: ProposedChange) -> bool:
    """Whether a rule speaks of the change's paragraph or of one below it. One above says too little."""
    return change.citation is not None and (citation == change.citation or citation.startswith(f"{change.citation}("))


def _state(
    change: ProposedChange,
    answers: Sequence[Answer],
    rules: Sequence[str],
    result: Evaluation,
    around: Surroundings,
    book: Catalogue,
) -> tuple[Readiness, tuple[str, ...]]:
    """A recorded fact that shows a gap counts more than an answer; only answers can say "ready"."""
    if change.bears_on == "text":
        return "not_measured", ("This is about the rule itself; there is nothing to be ready with.",)
    if change.bears_on == "others":
        return "not_applicable", (change.exceptions or "This is a duty of somebody else.",)
    fired = [each for each in result.findings if each.rule in rules]
    shown = [each for each in fired if each.basis != "unknown"]
    spoken = tuple(_spoken(each) for each in answers)
    if shown:
        return "not_ready", (*_rules(shown, around, book), *spoken)
    if any(each.state == State.not_met for each in answers):
        return "not_ready", spoken
    open_ = [each for each in fired if each.basis == "unknown"]
    unsure = _rules(open_, around, book)
    unsure += tuple(
        f"{book.threat_by_id[each.rule].title} ({each.rule}) cannot be decided. Needed: {', '.join(each.missing)}."
        for each in result.undetermined
        if each.rule in rules
    )
    if answers and all(each.state == State.met for each in answers) and not unsure:
        return "ready", spoken
    return "unknown", (*unsure, *spoken) or ("No fact and no answer on record says so.",)


def _rules(findings: Iterable[Finding], around: Surroundings, book: Catalogue) -> tuple[str, ...]:
    subjects: dict[str, list[str]] = {}
    for each in findings:
        subjects.setdefault(each.rule, []).append(around.names.get(each.subject, each.subject))
    return tuple(f"{book.threat_by_id[rule].title} ({rule}): {_named(names)}." for rule, names in sorted(subjects.items()))


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(sorted(names)[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _spoken(answer: Answer) -> str:
    reason = (answer.rationale or answer.note or "").rstrip(". ")
    return f"{answer.topic_id} is answered {str(answer.state).replace('_', ' ')}{f': {reason}' if reason else ''}."
