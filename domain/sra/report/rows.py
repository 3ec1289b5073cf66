"""The rows of a risk analysis, as frozen models: what one line of each table of the report says, and what it does not know.

Nothing here is a float, every time is UTC, and ``None`` always means that nobody knows or nothing is recorded; which of the
two is said where it is printed.
"""

import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from domain.inventory.map import OsSupport
from domain.sra.levels import Level


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Row(BaseModel):
    """One line. ``LATER`` names the fields that came after reports were sealed: they leave themselves out while they are
    empty, so an old report keeps its hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_empty_later_fields(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name not in self.LATER or value not in (None, [], {}, ())}


class Location(Row):
    name: str
    address: str | None = None


class Practice(Row):
    id: str
    legal_name: str
    locations: tuple[Location, ...] = ()


class Edition(Row):
    """Which version of the analysis this is, and by which law and catalogue it was made."""

    version: Annotated[int, Field(ge=1)]
    status: Literal["draft", "sealed"]
    as_of: Moment
    generated_at: Moment
    period_start: datetime.date | None = None
    period_end: datetime.date | None = None
    ruleset: str
    catalogue_edition: str


class PriorVersion(Row):
    version: Annotated[int, Field(ge=1)]
    sealed_at: Moment | None = None
    sha256: Sha256 | None = None


class Signature(Row):
    """``signed_at`` is None until somebody signs; an unsigned line is printed as such.

    ``account`` is the member whose credential signed, ``signed_sha256`` the hash of what was signed.
    """

    LATER = frozenset({"account", "signed_sha256"})

    role: Literal["preparer", "approver"]
    name: str | None = None
    title: str | None = None
    signed_at: Moment | None = None
    statement: str
    account: str | None = None
    signed_sha256: Sha256 | None = None


class Seal(Row):
    """The SHA-256 of the canonical JSON. It stands outside that JSON, for it cannot hold its own hash."""

    sha256: Sha256
    sealed_at: Moment


class CountedKind(Row):
    """How many of one kind are in scope. ``ephi_unknown``: nobody knows whether they hold ePHI."""

    kind: str
    count: int
    with_ephi: int
    ephi_unknown: int


class Exclusion(Row):
    what: str
    reason: str


class Scope(Row):
    statement: str | None = None
    included: tuple[CountedKind, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()


class Element(Row):
    """One of OCR's nine elements. ``missing`` is empty when it is complete."""

    number: Annotated[int, Field(ge=1, le=9)]
    title: str
    missing: tuple[str, ...] = ()


class CollectionEntry(Row):
    """Who or what gave which information, when, and how much of it."""

    at: Moment
    who: str
    source: str
    what: str
    rows: int | None = None


class FactLine(Row):
    """``value`` None: not known. ``source``: who or what said so, when, and who confirmed it. ``of``: of which thing."""

    LATER = frozenset({"of"})

    name: str
    value: str | None
    source: str | None = None
    of: str | None = None


class Asset(Row):
    """A device or a system with the facts that matter."""

    id: str
    name: str
    kind: str
    location: str | None = None
    segment: str | None = None
    owner: str | None = None
    os_name: str | None = None
    os_support: OsSupport
    os_support_ends_on: datetime.date | None = None
    stores_ephi: bool | None
    facts: tuple[FactLine, ...] = ()
    unknown: tuple[str, ...] = ()


class Vendor(Row):
    """A vendor or partner, whether an agreement is needed, why, and the state of it."""

    name: str
    services: tuple[str, ...] = ()
    role: str | None = None
    decision: Literal["required", "not_required", "needs_facts"]
    reason: str
    citations: tuple[str, ...] = ()
    baa_state: str | None = None
    baa_signed_on: datetime.date | None = None
    baa_ends_on: datetime.date | None = None
    compliant: bool | None = None
    missing_clauses: tuple[str, ...] | None = None
    note: str | None = None


class Decision(Row):
    """What a person decided about a risk: ``kind`` with its step, and why."""

    at: Moment
    by: str
    kind: str
    reason: str | None = None


class Finding(Row):
    """One risk. ``level`` is the table look-up of likelihood and impact; another level is refused.

    ``facts`` are those that the rule read, ``answers`` what people said to the questions about the same risk, ``cause`` what
    it has in common with other risks. ``due_on`` is the date that the practice's policy sets; ``suggestions`` are adjustments
    that nobody has applied, so none of them is in the level.
    """

    LATER = frozenset({"topic_id", "facts", "answers", "decisions", "cause", "due_on", "suggestions"})

    number: int
    id: str
    rule_id: str | None = None
    title: str
    subject: str
    threat: str
    vulnerability: str
    citations: tuple[str, ...] = ()
    measures: str | None = None
    likelihood: Level
    likelihood_reason: str
    impact: Level
    impact_reason: str
    adjustments: tuple[str, ...] = ()
    level: Level
    basis: Literal["fact", "absent", "unknown", "answer", "judgement"]
    missing_facts: tuple[str, ...] = ()
    status: Literal["open", "accepted", "resolved", "rejected"] = "open"
    status_reason: str | None = None
    recommendation: str | None = None
    topic_id: str | None = None
    facts: tuple[FactLine, ...] = ()
    answers: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    cause: str | None = None
    due_on: datetime.date | None = None
    suggestions: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """An accepted risk is still a risk."""
        return self.status in {"open", "accepted"}


class Answer(Row):
    """What is said about one topic. ``state`` None: not answered. ``gap`` None: no gap."""

    topic_id: str
    topic: str
    requirement: str
    state: str | None
    support: Literal["evidenced", "asserted", "none"]
    citations: tuple[str, ...] = ()
    rationale: str | None = None
    gap: str | None = None
    evidence: tuple[str, ...] = ()
    answered_by: str | None = None
    answered_at: Moment | None = None


class Standard(Row):
    """The answers under one standard of the Security Rule."""

    citation: str
    title: str
    answers: tuple[Answer, ...] = ()


class Acceptance(Row):
    signer: str
    title: str | None = None
    at: Moment
    reason: str
    expires_on: datetime.date | None = None


class PlanTask(Row):
    """``findings`` are the numbers of the findings it treats."""

    ref: str
    title: str
    findings: tuple[int, ...] = ()
    treatment: str | None = None
    owner: str | None = None
    due_on: datetime.date | None = None
    status: str
    verified_by: str | None = None
    verified_at: Moment | None = None
    residual_level: Level | None = None
    acceptance: Acceptance | None = None


class UnknownFact(Row):
    subject: str
    fact: str
    question: str | None = None


class UndecidedRule(Row):
    rule_id: str
    title: str
    missing: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


class Trigger(Row):
    at: Moment
    what: str
    why: str
    affects: tuple[str, ...] = ()


class Review(Row):
    LATER = frozenset({"interval_days"})

    next_review_on: datetime.date | None = None
    interval_months: int | None = None
    """Of reports that were sealed before the interval was counted in days."""
    interval_days: int | None = None
    standing: tuple[str, ...] = ()
    fired: tuple[Trigger, ...] = ()


class Change(Row):
    kind: str
    what: str
    detail: str | None = None
    at: Moment | None = None
    by: str | None = None


class Continuity(Row):
    """How many answers stand how to those of the version before. ``anew``: without a look at what was said then."""

    carried: int
    confirmed: int
    changed: int
    anew: int
    unanswered: int


class ScaleStep(Row):
    level: Level
    likelihood: str
    impact: str


class CitedLaw(Row):
    citation: str
    title: str
    kind: str | None = None


class ProposedRow(Row):
    id: str
    requirement: str
    citation: str
    state: Literal["ready", "partly", "not_ready", "unknown", "not_measured", "not_applicable"]
    explanation: str | None = None


class Proposed(Row):
    """Readiness for a rule that is not law. ``notice`` says what it is, where it was published and how it stands."""

    title: str
    notice: str
    rows: tuple[ProposedRow, ...] = ()


class Evidence(Row):
    name: str
    sha256: Sha256 | None = None
    size: int | None = None
    added_on: datetime.date | None = None
    supports: tuple[str, ...] = ()


class HistoryEntry(Row):
    at: Moment
    version: int | None = None
    who: str | None = None
    what: str
