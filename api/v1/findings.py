"""Risks: found by a rule, by an answer, or written by hand; decided upon by people."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Integer, bindparam, case
from sqlmodel import col

from api.citations import (
    CitationOut,
    ProposedCitationOut,
    bound_for_citations,
    citations_in,
    cited,
    proposed,
    proposed_citations_in,
)
from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.pages import Listing, Page, PagedAndSorted, Window, constant, filters_of
from domain.access import Permission
from domain.inventory.groups import in_group
from domain.remediation.tasks import Task, TaskPriority, TaskStatus
from domain.remediation.treating import tasks_of
from domain.remediation.works import work_of
from domain.sra import deciding, manual_findings
from domain.sra.catalogue import Threat
from domain.sra.decisions import AcceptanceState, AcceptanceStep, DecisionFields, DecisionKind
from domain.sra.explaining import FactSource, Happened, history_of, rule_of, sources_of
from domain.sra.findings import Basis, Finding, FindingOrigin, FindingStatus, Treatment
from domain.sra.levels import Level
from domain.sra.manual_findings import ManualFindingFields, ManualFindingTexts
from domain.sra.suggestions import AdjustmentKind

router = door_router("findings")
Reader = Annotated[Inside, may(Permission.findings_read)]
Writer = Annotated[Inside, may(Permission.findings_write)]
ThisFinding = Annotated[Finding, this(Finding)]


class SuggestionOut(BaseModel):
    """An adjustment of the likelihood that the facts suggest. It counts when a person applies it."""

    kind: AdjustmentKind
    steps: int
    reason: str


class FindingOut(BaseModel):
    id: UUID
    organization_id: UUID
    assessment_id: UUID | None
    number: int = Field(description="Counts within the organization: what a report and a ticket call it.")
    origin: FindingOrigin
    rule_id: str | None
    topic_id: str | None
    subject_type: str
    subject_id: UUID | None
    subject_name: str
    title: str
    threat: str
    vulnerability: str
    citations: list[CitationOut]
    proposed_citations: list[ProposedCitationOut] = Field(description="Proposed, not law: shown apart, and never counted.")
    remediation: str
    cause: str = Field(description="What findings have in common that one piece of work can mend.")
    likelihood: Level
    impact: Level
    level: Level = Field(description="Looked up in table I-2 of NIST SP 800-30 Rev. 1.")
    level_code: str = Field(description="VL, L, M, H or VH.")
    level_word: str = Field(description="As the standard prints it: Very Low to Very High.")
    reason: str
    basis: Basis
    missing_facts: list[str]
    suggestions: list[SuggestionOut]
    current_measures: str | None
    due_on: date | None = Field(description="By when it is to be treated, by the policy in `settings.sla`; null unless open.")
    residual_level: Level | None = Field(description="What is left of it, as the practice saw it when it verified the work.")
    status: FindingStatus
    treatment: Treatment | None
    opened_at: datetime
    resolved_at: datetime | None
    reopened_at: datetime | None
    created_at: datetime
    updated_at: datetime


class BecauseOut(BaseModel):
    """Something else that the rule looked at, with what it found there."""

    ref: str
    name: str
    values: dict[str, Any]


class FactsOut(BaseModel):
    values: dict[str, Any] = Field(description="The facts of the subject that the rule read.")
    because: list[BecauseOut]


class FactSourceOut(BaseModel):
    """Who said a fact that the rule read or missed."""

    fact: str
    known: bool
    value: Any
    source: str | None = Field(description="A person, the survey or an RMM; null where nobody did, or it is worked out.")
    observed_at: datetime | None
    confirmed_by: UUID | None


class RuleOut(BaseModel):
    """The rule that found it."""

    id: str
    title: str
    when: str = Field(description="The condition (CEL), as it is evaluated.")
    wording: str
    reads: list[str]
    likelihood: Level
    impact: Level
    reason: str
    source: str

    @staticmethod
    def of(threat: Threat) -> "RuleOut":
        return RuleOut(
            **{name: getattr(threat, name) for name in RuleOut.model_fields if name != "reads"}, reads=list(threat.reads)
        )


class HappenedOut(BaseModel):
    at: datetime
    kind: str
    changes: dict[str, Any]
    actor: dict[str, Any]


class RatingOut(BaseModel):
    likelihood: Level
    impact: Level
    level: Level


class AdjustedOut(BaseModel):
    likelihood: Level
    impact: Level
    reason: str
    by: UUID
    at: datetime
    base: RatingOut = Field(description="What it was before anybody adjusted it.")
    applied: list[AdjustmentKind]


class AcceptanceOut(BaseModel):
    state: AcceptanceState
    level: Level = Field(description="The level that it was asked for.")
    reason: str
    expires_on: date
    requested_by: UUID
    requested_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    approval_reason: str | None


class DecisionOut(BaseModel):
    """One decision, and what the finding was after it."""

    kind: DecisionKind
    step: AcceptanceStep | None
    reason: str | None
    expires_on: date | None
    current_measures: str | None
    applied: list[AdjustmentKind]
    by: UUID | None
    at: datetime
    status: FindingStatus
    treatment: Treatment | None
    likelihood: Level
    impact: Level
    level: Level


class TreatingTaskOut(BaseModel):
    id: UUID
    title: str
    status: TaskStatus
    priority: TaskPriority
    assignee_id: UUID | None
    owner: str | None
    due_on: date | None
    residual_level: Level | None


class WorkOut(BaseModel):
    key: str
    title: str


class FindingDetailOut(FindingOut):
    work: WorkOut = Field(description="The piece of work that mends it, together with others.")
    rule: RuleOut | None
    facts: FactsOut
    sources: list[FactSourceOut]
    tasks: list[TreatingTaskOut]
    adjusted: AdjustedOut | None
    acceptance: AcceptanceOut | None
    decisions: list[DecisionOut] = Field(description="Every decision, the first one first.")
    history: list[HappenedOut] = Field(description="What happened to it, the first thing first.")

    @staticmethod
    def of(finding: Finding, tasks: list[Task], sources: list[FactSource], history: list[Happened]) -> "FindingDetailOut":
        decision = finding.decision
        acceptance: dict[str, Any] | None = decision.get("acceptance")
        unsaid = {"approved_by": None, "approved_at": None, "approval_reason": None}
        adjusted: dict[str, Any] | None = decision.get("adjusted")
        unmarked: dict[str, Any] = {
            "step": None,
            "reason": None,
            "expires_on": None,
            "current_measures": None,
            "by": None,
            "applied": [],
        }
        rule, work = rule_of(finding), work_of(finding)
        written = finding.model_dump(include=set(FindingOut.model_fields) - {"citations", "proposed_citations"})
        return FindingDetailOut.model_validate(
            {
                **written,
                "citations": cited(finding.citations),
                "proposed_citations": proposed(finding.proposed_citations),
                "level_code": finding.level.code,
                "level_word": finding.level.word,
                "facts": {"values": {}, "because": [], **finding.facts},
                "tasks": [task.model_dump(include=set(TreatingTaskOut.model_fields)) for task in tasks],
                "work": {"key": work.key, "title": work.title},
                "rule": RuleOut.of(rule) if rule else None,
                "sources": [asdict(each) for each in sources],
                "history": [asdict(each) for each in history],
                "adjusted": {"applied": [], **adjusted} if adjusted else None,
                "acceptance": {**unsaid, **acceptance, "state": deciding.acceptance_state(finding)} if acceptance else None,
                "decisions": [{**unmarked, **each} for each in decision.get("history", [])],
            }
        )


def _by_level(**words: str) -> Any:
    level: Any = col(Finding.level_rank)
    return case(*((level == constant(str(Level(name).rank)), constant(f"'{word}'")) for name, word in words.items()))


FINDINGS = Listing(
    FindingOut,
    Finding,
    sorts={"level": col(Finding.level_rank), "opened_at": col(Finding.opened_at), "number": col(Finding.number)},
    columns={
        "citations": citations_in(col(Finding.citations)),
        "proposed_citations": proposed_citations_in(col(Finding.proposed_citations)),
        "level_code": _by_level(**{each.value: each.code for each in Level}),
        "level_word": _by_level(**{each.value: each.word for each in Level}),
    },
    filters={
        **filters_of(
            Finding, "organization_id", "level", "status", "origin", "rule_id", "subject_id", "basis", "cause", "assessment_id"
        ),
        "group_id": in_group(Finding.organization_id),
        "min_rank": col(Finding.level_rank) >= bindparam("min_rank", type_=Integer()),
    },
)


async def _wanted(
    level: Level | None = None,
    min_level: Annotated[Level | None, Query(description="This level or worse.")] = None,
    status: FindingStatus | None = None,
    origin: FindingOrigin | None = None,
    rule_id: str | None = None,
    subject_id: UUID | None = None,
    basis: Basis | None = None,
    cause: str | None = None,
    assessment_id: UUID | None = None,
) -> dict[str, Any]:
    return {
        "level": level,
        "min_rank": min_level.rank if min_level else None,
        "status": status,
        "origin": origin,
        "rule_id": rule_id,
        "subject_id": subject_id,
        "basis": basis,
        "cause": cause,
        "assessment_id": assessment_id,
    }


Wanted = Annotated[dict[str, Any], Depends(_wanted)]


async def _page(by: Inside, window: Window, wanted: dict[str, Any], **among: UUID | None) -> Response:
    worst_first = Window(window.limit, window.after, window.sort or "-level")
    return await FINDINGS.page(by, worst_first, bound=bound_for_citations(), **among, **wanted)


@router.get("/findings", response_model=Page[FindingOut])
async def list_all_findings(
    by: Reader, window: PagedAndSorted, wanted: Wanted, organization_id: UUID | None = None, group_id: UUID | None = None
) -> Response:
    """The risks of all organizations that the caller may see, the worst first. Sorts: level, opened_at, number."""
    return await _page(by, window, wanted, organization_id=organization_id, group_id=group_id)


@router.get("/organizations/{organization_id}/findings", response_model=Page[FindingOut])
async def list_findings(by: Reader, organization: ThisOrganization, window: PagedAndSorted, wanted: Wanted) -> Response:
    """The risks of one organization, the worst first."""
    return await _page(by, window, wanted, organization_id=organization.id)


@router.post("/organizations/{organization_id}/findings", status_code=201, response_model=FindingDetailOut)
async def write_finding(by: Writer, organization: ThisOrganization, fields: ManualFindingFields) -> FindingDetailOut:
    """Write down a risk that no rule sees. Its level is looked up."""
    return await shown(by, by.tag(await manual_findings.write_down(by.session, organization, fields)))


@router.get("/findings/{finding_id}", response_model=FindingDetailOut)
async def read_finding(by: Reader, finding: ThisFinding) -> FindingDetailOut:
    """A risk explained: the rule, the facts that it read and missed and who said them, the tasks that treat it, every
    decision on it, and what happened to it."""
    return await shown(by, finding)


@router.patch("/findings/{finding_id}", response_model=FindingDetailOut, openapi_extra=patch_of(ManualFindingTexts))
async def reword_finding(by: Writer, finding: ThisFinding, changes: Changes) -> FindingDetailOut:
    """Change the texts of a finding written by hand. 409 for any other: its texts are the catalogue's."""
    return await shown(by, await manual_findings.reword(by.session, finding, merged(ManualFindingTexts, finding, changes)))


@router.post("/findings/{finding_id}/decision", status_code=201, response_model=FindingDetailOut)
async def decide_on_finding(by: Writer, finding: ThisFinding, fields: DecisionFields) -> FindingDetailOut:
    """Confirm, adjust or reject a risk, or say how it is treated.

    `accept` takes two members: the first gives `reason` and `expires_on`, and the risk stays open; another one, who may
    approve analyses, sends `accept` as well, and it is accepted until that day. Any other decision withdraws the request.
    """
    return await shown(by, by.tag(await deciding.decide(by.session, finding, fields, by=by.principal)))


async def shown(by: Inside, finding: Finding) -> FindingDetailOut:
    session = by.session
    tasks, sources = await tasks_of(session, finding), await sources_of(session, finding)
    return FindingDetailOut.of(finding, tasks, sources, await history_of(session, finding))
