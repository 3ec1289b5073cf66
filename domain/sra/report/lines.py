"""What the report says, line by line: rows of ours as rows of the report, without another look at the database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from domain.people.tenants import Tenant
from domain.remediation.tasks import Task
from domain.sra.answers import Standing, is_gap, standing
from domain.sra.assessments import Answer, Assessment
from domain.sra.catalogue import Catalogue, Requirement, Topic
from domain.sra.documents import Document
from domain.sra.findings import Finding, FindingStatus, Treatment
from domain.sra.levels import Level
from domain.sra.readiness import Parameter, Profile
from domain.sra.report import rows
from domain.sra.report.brand import Brand, Logo
from domain.sra.report.dataset import Method
from domain.sra.report.traces import Traces
from domain.sra.world import World
from domain.sra.world_rows import Surroundings
from domain.vendors.roster import Party, roster

STATEMENTS: Mapping[str, str] = {
    "preparer": "I prepared this risk analysis. To my knowledge it is accurate and thorough, and it shows what is not known.",
    "approver": "As the practice's security official I have reviewed this risk analysis and approve it.",
}


def brand(tenant: Tenant) -> Brand:
    """The tenant's name, colour and logo, as they were checked when they were set; one that cannot be printed is left out."""
    colour, logo = tenant.brand.get("colour"), tenant.brand.get("logo")
    valid = isinstance(colour, str) and len(colour) == 7 and colour.startswith("#")
    return Brand(
        name=tenant.brand.get("name") or tenant.name,
        colour=colour if valid else None,
        logo=Logo(base64=logo["base64"], description=logo["description"]) if logo else None,
    )


def signatures(assessment: Assessment, people: Mapping[UUID, str]) -> tuple[rows.Signature, ...]:
    given: Mapping[str, Mapping[str, Any]] = {each["role"]: each for each in assessment.signatures}
    return tuple(
        _signature(role, given[role], people) if role in given else rows.Signature(role=role, statement=STATEMENTS[role])
        for role in ("preparer", "approver")
    )


def _signature(role: Literal["preparer", "approver"], given: Mapping[str, Any], people: Mapping[UUID, str]) -> rows.Signature:
    member_id = given["principal"]["member_id"]
    return rows.Signature(
        role=role,
        name=given["name"],
        title=given["title"],
        signed_at=given["signed_at"],
        statement=given["statement"],
        account=f"{people.get(UUID(member_id), 'a former member')} (member {member_id})",
        signed_sha256=given["signed_sha256"],
    )


def scope(assessment: Assessment, around: Surroundings) -> rows.Scope:
    counted: dict[str, list[Any]] = {}
    for asset in around.world.assets:
        counted.setdefault(asset.kind, []).append(asset.facts.get("stores_ephi"))
    included = tuple(
        rows.CountedKind(kind=kind, count=len(held), with_ephi=held.count(True), ephi_unknown=held.count(None))
        for kind, held in sorted(counted.items())
    )
    unclassified = tuple(
        rows.Exclusion(what=f"Device {each.name}", reason="Known to the RMM; nobody has said yet what it is used for.")
        for each in around.unclassified
    )
    return rows.Scope(statement=assessment.scope, included=included, exclusions=unclassified)


def vendors(around: Surroundings) -> tuple[rows.Vendor, ...]:
    world = around.world
    services: dict[str, list[str]] = {}
    for engagement in world.engagements:
        services.setdefault(f"vendor:{engagement.facts.get('vendor')}", []).append(str(engagement.facts.get("service")))
    return tuple(_vendor(each, around, world, services.get(each.party, [])) for each in roster(world))


def _vendor(party: Party, around: Surroundings, world: World, services: Sequence[str]) -> rows.Vendor:
    identifier = party.party.partition(":")[2]
    signed = sorted(
        (baa.facts for baa in world.baas if str(baa.facts.get("vendor")) == identifier),
        key=lambda facts: str(facts.get("signed_on") or ""),
    )
    latest: Mapping[str, Any] = signed[-1] if signed else {}
    clauses = latest.get("missing_required_clauses")
    return rows.Vendor(
        name=around.names.get(party.party, party.party),
        services=tuple(services),
        role=party.decision.role,
        decision=party.decision.decision,
        reason=party.decision.reason,
        citations=party.decision.citations,
        baa_state=party.baa_state,
        baa_signed_on=latest.get("signed_on"),
        baa_ends_on=latest.get("end_on"),
        compliant=party.compliant,
        missing_clauses=tuple(clauses) if clauses is not None else None,
        note="Engagement has ended." if party.vendor_ended else None,
    )


def finding(finding: Finding, traces: Traces) -> rows.Finding:
    """A risk of ours. A gap in an answer has that answer as its subject; its question is its title already."""
    return rows.Finding(
        number=finding.number,
        id=str(finding.id),
        rule_id=finding.rule_id,
        topic_id=finding.topic_id,
        title=finding.title,
        subject=f"Answer to {finding.topic_id}" if finding.topic_id else finding.subject_name,
        threat=finding.threat,
        vulnerability=finding.vulnerability,
        citations=tuple(finding.citations),
        measures=finding.current_measures,
        answers=traces.answers(finding),
        likelihood=finding.likelihood,
        likelihood_reason=finding.reason,
        impact=finding.impact,
        impact_reason=finding.reason,
        adjustments=traces.adjustments(finding),
        level=finding.level,
        basis=finding.basis.value,
        facts=traces.facts(finding),
        missing_facts=tuple(finding.missing_facts),
        status=finding.status.value,
        status_reason=finding.decision.get("reason"),
        decisions=traces.decisions(finding),
        recommendation=finding.remediation,
        cause=finding.cause,
        due_on=finding.due_on,
        suggestions=traces.suggestions(finding),
    )


def standards(
    book: Catalogue, answers: Iterable[Answer], people: Mapping[UUID, str], documents: Mapping[str, Document]
) -> tuple[rows.Standard, ...]:
    """The answers under the standard that their first citation belongs to; readiness is elsewhere, it is not law."""
    under: dict[str, tuple[str, list[rows.Answer]]] = {}
    for answer in answers:
        topic = book.topic_by_id[answer.topic_id]
        if topic.scored:
            standard = _standard_of(book, topic)
            title = standard.standard
            under.setdefault(standard.citation, (title, []))[1].append(_answer(topic, answer, people, documents))
    return tuple(
        rows.Standard(citation=citation, title=title, answers=tuple(said)) for citation, (title, said) in sorted(under.items())
    )


def _standard_of(book: Catalogue, topic: Topic) -> Requirement:
    cited = book.requirement(topic.citations[0])
    assert cited is not None, "the loader resolves every citation"
    parent = book.requirement(cited.parent) if cited.parent else None
    return parent or cited


def _answer(topic: Topic, answer: Answer, people: Mapping[UUID, str], documents: Mapping[str, Document]) -> rows.Answer:
    gap = is_gap(topic, answer)
    stands = standing(topic, answer)
    said = [answer.rationale, answer.alternative, answer.note]
    return rows.Answer(
        topic_id=topic.id,
        topic=topic.question,
        requirement=topic.primary_type,
        state=answer.state,
        support="evidenced" if stands is Standing.evidenced else "asserted" if stands is Standing.asserted else "none",
        citations=topic.citations,
        rationale=" ".join(text for text in said if text) or None,
        gap=gap.reason if gap else None,
        evidence=tuple(_evidence(each, documents) for each in answer.evidence),
        answered_by=people.get(answer.answered_by, "an API key") if answer.answered_by else None,
        answered_at=answer.answered_at,
    )


def _evidence(each: Mapping[str, Any], documents: Mapping[str, Document]) -> str:
    document = documents.get(str(each.get("document_id")))
    named = [document.title] if document else []
    return ", ".join([*named, *([each["reference"]] if each.get("reference") else [])])


def task(task: Task, treated: Sequence[UUID], findings: Iterable[Finding], people: Mapping[UUID, str]) -> rows.PlanTask:
    numbers = sorted(each.number for each in findings if each.id in treated)
    return rows.PlanTask(
        ref=task.ref or f"T-{task.id.hex[-6:]}",
        title=task.title,
        findings=tuple(numbers),
        treatment="reduce",
        owner=people.get(task.assignee_id) if task.assignee_id else task.owner,
        due_on=task.due_on,
        status=task.status.value,
        verified_by=people.get(task.verified_by) if task.verified_by else None,
        verified_at=task.verified_at,
        residual_level=Level(task.residual_level) if task.residual_level else None,
    )


WITHOUT_A_TASK = (Treatment.transfer, Treatment.avoid, Treatment.accept)


def is_decided(finding: Finding) -> bool:
    """Whether the finding is treated by a decision rather than by a task."""
    accepted = finding.status == FindingStatus.accepted
    return accepted or (finding.status == FindingStatus.open and finding.treatment in WITHOUT_A_TASK[:2])


def treatment(finding: Finding, people: Mapping[UUID, str]) -> rows.PlanTask:
    """A treatment that is a decision: transfer, avoid, or the acceptance that two people signed for."""
    asked: Mapping[str, Any] = finding.decision.get("acceptance") or {}
    signer = asked.get("approved_by")
    acceptance = None
    if finding.status == FindingStatus.accepted and signer:
        acceptance = rows.Acceptance(
            signer=people.get(UUID(signer), "a former member"),
            at=datetime.fromisoformat(asked["approved_at"]),
            reason=asked["reason"],
            expires_on=date.fromisoformat(asked["expires_on"]),
        )
    return rows.PlanTask(
        ref=f"D-{finding.number}",
        title=finding.title,
        findings=(finding.number,),
        treatment=finding.treatment.value if finding.treatment else None,
        status=finding.status.value,
        acceptance=acceptance,
    )


def unknown_facts(assessment: Assessment, book: Catalogue) -> tuple[rows.UnknownFact, ...]:
    questions = {key: fact.question for key, fact in book.fact_by_key.items()}
    return tuple(
        rows.UnknownFact(subject=each["name"], fact=fact, question=questions.get(f"asset.{fact}"))
        for each in assessment.unknown_facts
        for fact in each["facts"]
    )


def undecided_rules(assessment: Assessment, book: Catalogue) -> tuple[rows.UndecidedRule, ...]:
    return tuple(
        rows.UndecidedRule(
            rule_id=each["rule"],
            title=book.threat_by_id[each["rule"]].title,
            missing=tuple(each["missing"]),
            subjects=tuple(one["name"] for one in each["subjects"]),
        )
        for each in assessment.undetermined
    )


def method(book: Catalogue) -> Method:
    steps = tuple(
        rows.ScaleStep(level=Level.of(each.level), likelihood=each.likelihood_calibration, impact=each.impact_calibration)
        for each in book.scales.level
    )
    return Method(
        name=book.scales.method, scale_version="NIST SP 800-30 Rev. 1", statement=book.scales.calibration, scale=steps
    )


def laws(book: Catalogue, findings: Iterable[Finding], answers: Iterable[Answer]) -> tuple[rows.CitedLaw, ...]:
    """Every paragraph that the report prints, with its title; only law in force."""
    cited = {citation for each in findings for citation in each.citations}
    cited |= {citation for each in answers for citation in book.topic_by_id[each.topic_id].citations}
    found = ((citation, book.requirement(citation)) for citation in sorted(cited))
    return tuple(rows.CitedLaw(citation=citation, title=row.title, kind=row.type) for citation, row in found if row is not None)


def proposed(book: Catalogue, found: Profile) -> rows.Proposed:
    rule = book.proposed_rule
    label = found.standing.label
    return rows.Proposed(
        title=rule.title,
        notice=f"{label[:1].upper()}{label[1:]}. {rule.federal_register}. {rule.status_note}",
        rows=tuple(
            rows.ProposedRow(
                id=each.key,
                requirement=_proposal(each),
                citation=f"{_paragraph(each)}; {each.source}; as of {each.as_of}",
                state=each.state,
                explanation="\n".join(each.because),
            )
            for each in found.parameters
        ),
    )


def _proposal(each: Parameter) -> str:
    figure = f" ({(each.parameter or '').replace('_', ' ')}: {each.value} {each.unit})" if each.value is not None else ""
    withheld = "Part of it is withheld until it is verified" if each.withheld else None
    return " ".join(f"{said.rstrip('. ')}." for said in (f"{each.title}{figure}", each.proposal, withheld) if said)


def _paragraph(each: Parameter) -> str:
    return f"Proposed {each.proposed_citation}" if each.proposed_citation else "Paragraph not verified"


def evidence(
    documents: Mapping[str, Document], answers: Iterable[Answer], papers: Iterable[tuple[UUID, str]]
) -> tuple[rows.Evidence, ...]:
    """Every document with its hash, and what it is evidence of."""
    supports: dict[str, list[str]] = {}
    for answer in answers:
        for each in answer.evidence:
            supports.setdefault(str(each.get("document_id")), []).append(answer.topic_id)
    for document_id, words in papers:
        supports.setdefault(str(document_id), []).append(words)
    return tuple(
        rows.Evidence(
            name=each.title,
            sha256=each.sha256,
            size=each.size,
            added_on=each.created_at.date(),
            supports=tuple(dict.fromkeys(supports.get(identifier, []))),
        )
        for identifier, each in documents.items()
    )


def signed(assessment: Assessment) -> tuple[rows.HistoryEntry, ...]:
    return tuple(
        rows.HistoryEntry(
            at=datetime.fromisoformat(each["signed_at"]),
            version=assessment.number,
            who=each["name"],
            what="Signed as preparer" if each["role"] == "preparer" else "Approved as the practice's security official",
        )
        for each in assessment.signatures
    )
