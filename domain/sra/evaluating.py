"""Evaluating an analysis: the rules over the world, the gaps in the answers, and what becomes of the findings.

A finding keeps its identity: found again it is updated, found no more it is resolved, found anew it is reopened. Only a rule
that clears its subject, or a subject that is gone, resolves it: a fact that has become unknown never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from domain.clock import now
from domain.events import emit
from domain.inventory.organizations import Organization
from domain.remediation.due_dates import set_due, sla_of
from domain.remediation.sla import SlaPolicy
from domain.sra import evaluation as rules_said
from domain.sra.answering import refuse_unless_open
from domain.sra.answers import Gap, GapKind, is_gap
from domain.sra.assessments import Answer, Assessment, AssessmentStatus
from domain.sra.catalogue import Catalogue, Topic, catalogue
from domain.sra.contradictions import reopen_contradicted
from domain.sra.evaluation import Evaluation
from domain.sra.findings import Basis, Finding, FindingOrigin, FindingStatus
from domain.sra.levels import Level, risk_level
from domain.sra.proposals import outcomes_of, propose
from domain.sra.reading import answers_of
from domain.sra.suggestions import Circumstances
from domain.sra.world_rows import Surroundings, read_world
from domain.tenancy import TenantSession

GAP_RATING = Level.moderate
"""Likelihood and impact of a gap in an answer to which no rule speaks: our judgement, for a person to adjust."""


@dataclass(frozen=True)
class Found:
    """A finding as one evaluation sees it, before it is known whether it is new."""

    key: str
    values: dict[str, Any]


async def evaluate_assessment(
    session: TenantSession, assessment: Assessment, organization: Organization, *, as_of: datetime
) -> Evaluation:
    """Run every rule for ``as_of`` and settle the findings, proposals and unknowns of an open analysis."""
    from domain.sra.rules import evaluate  # noqa: PLC0415  the engine loads slowly, and most processes never evaluate

    refuse_unless_open(assessment)
    await session.fetch(Organization, organization.id, lock=True)
    book = catalogue(assessment.edition)
    answers = await answers_of(session, assessment)
    around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
    result = evaluate(around.world, book)
    if propose_answers(session, answers, book, result, around):
        # Some rules read the answers, and one that was reopened is no answer any more.
        around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
        result = evaluate(around.world, book)
    gaps = _gaps(answers, book)
    circumstances = Circumstances(around.world, book, around.provenance)
    found = [_from_rule(each, book, around, circumstances) for each in result.findings]
    found += [_from_gap(topic, gap) for topic, gap in gaps if not _shown_by_a_rule(topic, result)]
    await _settle(session, organization, found, result, assessment_id=assessment.id)
    assessment.evaluated_at = now()
    assessment.as_of = as_of
    assessment.undetermined = [_undetermined(each, around) for each in result.undetermined]
    assessment.unknown_facts = [
        {"subject": each.subject, "name": around.names.get(each.subject, each.subject), "facts": list(each.facts)}
        for each in result.unknown_facts
    ]
    await session.flush()
    emit(session, "assessment.evaluated", assessment, {"findings": len(found), "as_of": as_of})
    return result


async def settle_rules(session: TenantSession, organization: Organization, *, reading: frozenset[str], as_of: datetime) -> None:
    """Bring up to date the findings of the rules that read one of these roots (``vendor``, ``baa``), analysis or not.

    So a risk that follows from an agreement opens and closes with it; answers and proposals are left to an evaluation.
    """
    from domain.sra.rules import evaluate, rules_reading  # noqa: PLC0415  as above

    await session.fetch(Organization, organization.id, lock=True)
    open_now = select(Assessment).where(
        col(Assessment.organization_id) == organization.id, col(Assessment.status) == AssessmentStatus.open
    )
    assessment = (await session.execute(open_now)).scalar_one_or_none()
    book = catalogue(assessment.edition) if assessment else catalogue()
    answers = await answers_of(session, assessment) if assessment else []
    around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
    rules = rules_reading(book, reading)
    result = evaluate(around.world, book, only=rules)
    circumstances = Circumstances(around.world, book, around.provenance)
    found = [_from_rule(each, book, around, circumstances) for each in result.findings]
    assessment_id = assessment.id if assessment else None
    await _settle(session, organization, found, result, assessment_id=assessment_id, rules=rules)


def propose_answers(
    session: TenantSession, answers: Sequence[Answer], book: Catalogue, result: Evaluation, around: Surroundings
) -> int:
    """Put beside each answer what the facts suggest. It never counts until a person confirms it; but what a person has
    confirmed is reopened when facts that came later speak against it. Gives how many answers were."""
    outcomes = outcomes_of(result, book, around.names)
    reopened = 0
    for answer in answers:
        proposal = propose(book.topic_by_id[answer.topic_id], outcomes).as_json()
        if answer.proposal != proposal:
            answer.proposal = proposal
        reopened += reopen_contradicted(session, answer, around.changed)
    return reopened


def _gaps(answers: Sequence[Answer], book: Catalogue) -> list[tuple[Topic, Gap]]:
    """The gaps in what people have said. A topic that nobody has answered yet is work to do, not yet a risk."""
    found: list[tuple[Topic, Gap]] = []
    for answer in answers:
        topic = book.topic_by_id[answer.topic_id]
        gap = is_gap(topic, answer)
        if gap is not None and gap.kind is not GapKind.unanswered:
            found.append((topic, gap))
    return found


def _shown_by_a_rule(topic: Topic, result: Evaluation) -> bool:
    """The same risk is not raised twice: a rule that fired for this topic already says it."""
    return any(result.outcomes[rule].fired for rule in topic.threat_rules)


def _from_rule(each: rules_said.Finding, book: Catalogue, around: Surroundings, circumstances: Circumstances) -> Found:
    threat = book.threat_by_id[each.rule]
    kind, _, identifier = each.subject.partition(":")
    values = {
        "origin": FindingOrigin.rule,
        "rule_id": each.rule,
        "subject_type": around.kinds.get(each.subject, kind),
        "subject_id": UUID(identifier),
        "subject_name": around.names.get(each.subject, each.subject)[:300],
        "title": threat.title,
        "threat": threat.threat,
        "vulnerability": threat.vulnerability,
        "citations": list(threat.citations),
        "proposed_citations": list(threat.proposed_citations),
        "remediation": threat.remediation,
        "cause": each.cause,
        "likelihood": each.likelihood,
        "impact": each.impact,
        "level": each.level,
        "reason": threat.reason,
        "basis": Basis(each.basis),
        "facts": {
            "values": dict(each.values),
            "because": [
                {"ref": one.ref, "name": around.names.get(one.ref, one.ref), "values": dict(one.values)} for one in each.because
            ],
        },
        "missing_facts": list(each.facts),
        "suggestions": [one.as_json() for one in circumstances.suggest(each)],
    }
    return Found(f"{each.rule}:{each.subject}", values)


def _from_gap(topic: Topic, gap: Gap) -> Found:
    values: dict[str, Any] = {
        "origin": FindingOrigin.answer,
        "topic_id": topic.id,
        "subject_type": "topic",
        "subject_id": None,
        "subject_name": topic.question[:300],
        "title": f"Gap: {topic.question}"[:300],
        "threat": topic.why,
        "vulnerability": gap.reason,
        "citations": list(topic.citations),
        "proposed_citations": list(topic.proposed),
        "remediation": f"Put it in place and keep the evidence: {topic.evidence}",
        "cause": f"answers:{topic.section}",
        "likelihood": GAP_RATING,
        "impact": GAP_RATING,
        "level": risk_level(likelihood=GAP_RATING, impact=GAP_RATING),
        "reason": "A gap in an answer; rated moderate until a person who knows the practice adjusts it.",
        "basis": Basis.unknown if gap.kind is GapKind.unknown else Basis.answer,
        "facts": {},
        "missing_facts": [],
        "suggestions": [],
    }
    return Found(f"topic:{topic.id}", values)


async def _settle(
    session: TenantSession,
    organization: Organization,
    found: list[Found],
    result: Evaluation,
    *,
    assessment_id: UUID | None,
    rules: frozenset[str] | None = None,
) -> None:
    """Lay what was found over what is known. ``rules``: only these were asked, so only their findings can be gone."""
    policy = await sla_of(session, organization)
    statement = select(Finding).where(
        col(Finding.organization_id) == organization.id, col(Finding.origin) != FindingOrigin.manual
    )
    if rules is not None:
        statement = statement.where(col(Finding.rule_id).in_(sorted(rules)))
    known = {each.key: each for each in (await session.execute(statement)).scalars()}
    for each in found:
        if each.key in known:
            _update(session, known[each.key], each, assessment_id, policy)
    await _open_all(session, organization, [each for each in found if each.key not in known], assessment_id, policy)
    seen = {each.key for each in found}
    for key, finding in known.items():
        if key not in seen and finding.status != FindingStatus.resolved and not _in_doubt(finding, result):
            finding.status = FindingStatus.resolved
            finding.resolved_at = now()
            finding.due_on = None
            emit(session, "finding.resolved", finding, {"level": finding.level, "rule_id": finding.rule_id})
    await session.flush()


async def _open_all(
    session: TenantSession, organization: Organization, found: list[Found], assessment_id: UUID | None, policy: SlaPolicy
) -> None:
    if not found:
        return
    last = select(func.coalesce(func.max(Finding.number), 0)).where(col(Finding.organization_id) == organization.id)
    number: int = (await session.execute(last)).scalar_one()
    fresh = [_open(each, organization, assessment_id, number + place, policy) for place, each in enumerate(found, start=1)]
    session.add_all(fresh)
    await session.flush()
    for finding in fresh:
        emit(session, "finding.opened", finding, {"level": finding.level, "rule_id": finding.rule_id})


def _open(each: Found, organization: Organization, assessment_id: UUID | None, number: int, policy: SlaPolicy) -> Finding:
    moment = now()
    return Finding(
        **each.values,
        organization_id=organization.id,
        assessment_id=assessment_id,
        key=each.key,
        number=number,
        level_rank=each.values["level"].rank,
        opened_at=moment,
        due_on=policy.due_on(each.values["level"], since=moment.date()),
    )


def _update(session: TenantSession, finding: Finding, each: Found, assessment_id: UUID | None, policy: SlaPolicy) -> None:
    """What a person adjusted (likelihood, impact and so the level) stays; what the facts say is brought up to date."""
    adjusted = bool(finding.decision.get("adjusted"))
    kept = {"likelihood", "impact", "level", "reason"} if adjusted else set[str]()
    before = finding.level
    for name, value in each.values.items():
        if name not in kept and getattr(finding, name) != value:
            setattr(finding, name, value)
    if finding.level != before:
        finding.level_rank = finding.level.rank
    if assessment_id is not None and finding.assessment_id != assessment_id:
        finding.assessment_id = assessment_id
    if finding.status == FindingStatus.resolved:
        finding.status = FindingStatus.open
        finding.resolved_at = None
        finding.reopened_at = now()
        finding.residual_likelihood = finding.residual_impact = finding.residual_level = None
        emit(session, "finding.reopened", finding, {"level": finding.level, "rule_id": finding.rule_id})
    elif finding.level != before:
        emit(session, "finding.updated", finding, {"level": {"from": before, "to": finding.level}})
    set_due(finding, policy)


def _in_doubt(finding: Finding, result: Evaluation) -> bool:
    """True while the rule cannot be decided for the finding's subject: unknown is never shown as good."""
    if finding.rule_id is None or finding.rule_id not in result.outcomes:
        return False
    subject = finding.key.removeprefix(f"{finding.rule_id}:")
    return subject in result.outcomes[finding.rule_id].undetermined


def _undetermined(each: rules_said.Undetermined, around: Surroundings) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "missing": list(each.missing),
        "subjects": [{"subject": subject, "name": around.names.get(subject, subject)} for subject in each.subjects],
    }
