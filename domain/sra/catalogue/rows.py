"""Rows of the catalogue about the law, what is proposed, and the questions. What each file may say, field by field.

Rows are frozen and strict: an unknown field, a wrong type or a word outside the list is a fault of the edition, found
when it is loaded and not when a practice is in front of the screen. TOML has no null: an optional field is left out.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from domain.sra.levels import Level

Text = Annotated[str, StringConstraints(min_length=1, pattern=r"(?s)^\S(.*\S)?$")]
"""Never empty, never with blanks at the ends."""
Texts = Annotated[tuple[Text, ...], Field(strict=False)]


def _level(value: object) -> object:
    return Level.of(value) if isinstance(value, str) else value


LevelWord = Annotated[Level, BeforeValidator(_level)]
"""Written as a code (``M``) or as a word (``moderate``)."""

LevelRow = Annotated[tuple[LevelWord, LevelWord, LevelWord, LevelWord, LevelWord], Field(strict=False)]


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


# --- the edition -----------------------------------------------------------------------------------------------------


class Source(Row):
    key: Text
    title: Text
    where: Text
    read_on: date
    used_for: Text


class Edition(Row):
    id: Text
    as_of: date
    ruleset: Text
    ruleset_title: Text
    notice: Text
    source: Annotated[tuple[Source, ...], Field(strict=False, min_length=1)]


# --- the law in force, and what is proposed --------------------------------------------------------------------------

Safeguard = Literal[
    "general",
    "administrative",
    "physical",
    "technical",
    "organizational",
    "documentation",
    "definition",
    "breach_notification",
    "privacy",
]
RequirementType = Literal["general", "standard", "required", "addressable", "definition", "scope", "paragraph"]
"""``paragraph``: a part of another row, or the heading above rows, that something cites; not counted as anything."""


class Requirement(Row):
    """One citable paragraph in force. ``key`` is the citation, with the term where one paragraph defines several."""

    key: Text
    citation: Text
    safeguard: Safeguard
    standard: Text
    specification: Text | None = None
    type: RequirementType
    parent: Text | None = None
    same_standard_as: Text | None = None
    """Set on a paragraph that is a further limb of another row's standard, so that standards are counted once."""
    appendix_a: Text | None = None
    """How Appendix A to Subpart C cites the standard."""
    summary: Text
    """In our own words; the regulation is quoted nowhere."""
    dental: Literal["applies", "usually_not_applicable", "not_applicable"] | None = None
    dental_note: Text | None = None
    caveat: Text | None = None
    status: Literal["in_force"]
    source: Text
    verified: Text

    @property
    def title(self) -> str:
        return self.specification or self.standard

    @property
    def is_standard(self) -> bool:
        return self.type == "standard" and self.in_security_rule

    @property
    def is_specification(self) -> bool:
        return self.type in ("required", "addressable") and self.in_security_rule

    @property
    def in_security_rule(self) -> bool:
        """In 164.306 to 164.316: the part whose standards and specifications are counted."""
        return self.citation[:7] in ("164.306", "164.308", "164.310", "164.312", "164.314", "164.316")


Standing = Literal["proposed", "withdrawn", "final_pending", "in_force"]


@dataclass(frozen=True)
class RuleStanding:
    """What the rule is on a day. The days are known only once a final rule has been published."""

    status: Standing
    label: str
    effective_on: date | None = None
    compliance_on: date | None = None


class ProposedRule(Row):
    """The rule as a whole. Its clock starts only when a final rule is published: an edit of ``status`` and its date."""

    key: Text
    label: Literal["proposed, not law"]
    """What it is called while it is a proposal."""
    status: Literal["proposed", "withdrawn", "final"]
    final_published_on: date | None = None
    title: Text
    federal_register: Text
    federal_register_document: Text
    rin: Text
    docket: Text
    announced_on: date
    published_on: date
    comments_closed_on: date
    effective_after_days: int
    compliance_after_effective_days: int
    compliance_after_publication_days: int
    status_checked_on: date
    status_note: Text
    source: Text
    as_of: date

    def effective_on(self, final_rule_published_on: date) -> date:
        return final_rule_published_on + timedelta(days=self.effective_after_days)

    def compliance_on(self, final_rule_published_on: date) -> date:
        return final_rule_published_on + timedelta(days=self.compliance_after_publication_days)

    def standing(self, on: date) -> RuleStanding:
        """Proposed until a final rule is published, pending until its compliance date, then in force."""
        if self.status == "withdrawn":
            return RuleStanding("withdrawn", "withdrawn, not law")
        if self.final_published_on is None or on < self.final_published_on:
            return RuleStanding("proposed", self.label)
        effective, compliance = self.effective_on(self.final_published_on), self.compliance_on(self.final_published_on)
        if on < compliance:
            return RuleStanding("final_pending", f"final, to be complied with from {compliance}", effective, compliance)
        return RuleStanding("in_force", f"in force since {effective}", effective, compliance)


class ProposedChange(Row):
    """One proposed change, under a key of our own: the proposal reuses today's paragraph numbers for other things."""

    key: Text
    citation: Text | None = None
    """A paragraph of the *proposal*. Never look it up among the requirements in force."""
    title: Text
    proposal: Text
    parameter: Text | None = None
    value: int | None = None
    unit: Text | None = None
    exceptions: Text | None = None
    today: Texts = ()
    """The nearest paragraphs in force."""
    today_note: Text | None = None
    bears_on: Literal["practice", "text", "others"] = "practice"
    """What a practice can be ready for, how the rule is built and when it comes, or duties of somebody else."""
    status: Literal["proposed"]
    verification: Literal["proposed_text", "preamble", "fact_sheet", "memory"]
    from_memory: Annotated[tuple[Literal["citation", "proposal", "value", "elements"], ...], Field(strict=False)]
    """What of it is not verified in the Federal Register, and not to be shown to a customer before it is."""
    source: Text
    as_of: date


# --- the guide -------------------------------------------------------------------------------------------------------

AnswerType = Literal["yn", "addr", "na", "ready"]


class Section(Row):
    key: Text
    title: Text
    safeguard: Literal[
        "administrative",
        "physical",
        "technical",
        "organizational",
        "documentation",
        "breach",
        "privacy",
        "imaging",
        "readiness",
    ]
    intro: Text


class Topic(Row):
    id: Text
    section: Text
    depth: Literal["core", "extended", "readiness"]
    answer_type: AnswerType
    primary_type: Literal["standard", "required", "addressable", "related"]
    question: Text
    why: Text
    help: Text
    """How to find the answer, and what counts as one."""
    citations: Annotated[Texts, Field(min_length=1)]
    proposed: Texts = ()
    evidence: Text
    prefill: Text
    gap_when: Text
    threat_rules: Texts
    shown_by: Texts
    """Those of ``threat_rules`` that show a gap in this very answer when they fire."""
    settled_by_facts: bool
    """Together ``shown_by`` reads all that the question asks, so that all clear speaks for the safe answer."""

    @property
    def scored(self) -> bool:
        return self.answer_type != "ready"
