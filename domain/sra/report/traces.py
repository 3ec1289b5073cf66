"""From each number back to where it came from: the facts that a rule read, who said them and when, and who decided what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.sra.answers import Standing, standing
from domain.sra.assessments import Answer
from domain.sra.catalogue import Catalogue
from domain.sra.findings import Finding
from domain.sra.report import rows
from domain.sra.report.words import phrase
from domain.sra.world_rows import Surroundings

SUPPORT = {Standing.evidenced: "evidenced", Standing.asserted: "asserted, without evidence"}
PERSON = "person"


@dataclass(frozen=True)
class Traces:
    """What is needed to say where things come from."""

    around: Surroundings
    people: Mapping[UUID, str]
    said: Mapping[str, tuple[str, ...]]
    """Rule or topic, and what people answered to the questions about it."""

    def source(self, row_id: str, fact: str) -> str | None:
        """Who or what said a fact of a row, when, and who confirmed it; None for what follows from other facts."""
        mark: Mapping[str, Any] | None = self.around.provenance.get(row_id, {}).get(fact)
        if mark is None:
            return None
        by, source, day = mark.get("confirmed_by"), str(mark.get("source") or "not recorded"), mark.get("observed_at")
        name = self.name(by) if by else None
        told = f"said by {name}" if source == PERSON and name else source
        confirmed = f"confirmed by {name}" if source != PERSON and name else ""
        return ", ".join(part for part in (told, str(day)[:10] if day else "", confirmed) if part)

    def facts(self, finding: Finding) -> tuple[rows.FactLine, ...]:
        """The facts that the rule read, of the subject itself or of each thing because of which it fired."""
        own: Mapping[str, Any] = finding.facts.get("values") or {}
        because: list[dict[str, Any]] = finding.facts.get("because") or []
        looked: list[tuple[str, str | None, Mapping[str, Any]]] = [(str(finding.subject_id), None, own)]
        looked += [(each["ref"].partition(":")[2], each["name"], each["values"]) for each in because]
        return tuple(
            rows.FactLine(
                name=phrase(name.partition(".")[2]) or name,
                value=printed(value),
                source=self.source(row_id, name.partition(".")[2]),
                of=of,
            )
            for row_id, of, values in looked
            for name, value in sorted(values.items())
        )

    def answers(self, finding: Finding) -> tuple[str, ...]:
        return self.said.get(finding.rule_id or finding.topic_id or "", ())

    def decisions(self, finding: Finding) -> tuple[rows.Decision, ...]:
        history: list[dict[str, Any]] = finding.decision.get("history") or []
        return tuple(
            rows.Decision(
                at=each["at"],
                by=self.name(each["by"]) if each.get("by") else "Bitewing, on its date",
                kind=" ".join(part for part in (each["kind"], each.get("step")) if part),
                reason=each.get("reason"),
            )
            for each in history
        )

    def adjustments(self, finding: Finding) -> tuple[str, ...]:
        """The rating that a person set, from what, and why."""
        adjusted: Mapping[str, Any] | None = finding.decision.get("adjusted")
        if not adjusted:
            return ()
        base = adjusted["base"]
        rated = f"likelihood {phrase(base['likelihood'])}, impact {phrase(base['impact'])}, level {phrase(base['level'])}"
        return (f"{adjusted['reason']} (from {rated}; {self.name(adjusted['by'])}, {adjusted['at'][:10]})",)

    def suggestions(self, finding: Finding) -> tuple[str, ...]:
        """Adjustments that the facts suggest and nobody has applied: they are in no level."""
        adjusted: Mapping[str, Any] = finding.decision.get("adjusted") or {}
        applied = adjusted.get("applied", ())
        return tuple(
            f"likelihood {each['steps']:+d}: {each['reason']}" for each in finding.suggestions if each["kind"] not in applied
        )

    def name(self, member_id: str) -> str:
        return self.people.get(UUID(member_id), "a former member")


def answers_by_rule(book: Catalogue, answers: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    """What was answered, under the topic itself and under each rule that looks at the same risk."""
    found: dict[str, list[str]] = {}
    for answer in answers:
        topic = book.topic_by_id[answer.topic_id]
        if answer.state is None or not topic.scored:
            continue
        support = SUPPORT.get(standing(topic, answer))
        line = f"{topic.id}: {phrase(answer.state)}{f', {support}' if support else ''}"
        for key in (topic.id, *topic.threat_rules):
            found.setdefault(key, []).append(line)
    return {key: tuple(lines) for key, lines in found.items()}


def printed(value: Any) -> str:
    """A fact's value in words. An empty list says that there is none, which is not the same as an unknown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(printed(each) for each in value) or "none"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
    if isinstance(value, dict):
        members: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  JSON
        return ", ".join(f"{phrase(name)} {printed(each)}" for name, each in members.items())
    return str(value)
