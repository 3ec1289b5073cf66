"""Rows of the catalogue about agreements, State law, and the form and scales of the analysis."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from domain.sra.catalogue.rows import LevelRow, LevelWord, Row, Text, Texts
from domain.sra.levels import Level


class Clause(Row):
    """What a business associate agreement has to say."""

    key: Text
    title: Text
    must: Text
    citations: Annotated[Texts, Field(min_length=1)]
    conditional: bool
    condition: Text | None = None
    source: Text
    verified: Text


Role = Literal["business_associate", "treatment_provider", "health_plan", "conduit", "none", "undetermined"]


class BaaReason(Row):
    """Why an agreement is required or not. The first reason that fits an engagement decides, in file order."""

    code: Text
    decision: Literal["required", "not_required", "needs_facts"]
    role: Role | Literal["{role}"]
    """``{role}``: the role that was recorded."""
    sentence: Text
    """``{...}`` is filled from the facts."""
    citation: Text
    """As it is printed; some reasons rest on guidance or on another statute."""
    citations: Texts


class BaaWords(Row):
    """Words of an engagement or partner that the reasons look for, and the reasons themselves."""

    services_needing_a_role_decision: Texts
    services_named_in_the_definition: Texts
    treating_partners: Texts
    health_plans: Texts
    reason: Annotated[tuple[BaaReason, ...], Field(strict=False, min_length=1)]


class VendorCategory(Row):
    """A kind of outside party with a suggested role. The facts of an engagement decide, not the category."""

    key: Text
    title: Text
    default_role: Role
    role_decision_required: bool
    why: Text
    citations: Annotated[Texts, Field(min_length=1)]
    services: Annotated[Texts, Field(min_length=1)]
    """Words for the service of an engagement that fall into this category."""
    certainty: Literal["definition", "guidance", "judgement", "memory"]


class State(Row):
    """How long one State (or DC) has dental records kept. Not HIPAA."""

    code: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    name: Text
    adult_years: Annotated[int, Field(ge=1, le=30)] | None = None
    runs_from: Text | None = None
    minor_rule: Text | None = None
    citation: Text | None = None
    source: Text | None = None
    verification: Literal["verified_text", "verified_official_page", "secondary", "not_verified"]
    note: Text | None = None

    @property
    def verified_years(self) -> int | None:
        """The period, where the rule's text or the board's page was read. None: not known, so nothing is purged."""
        return self.adult_years if self.verification in ("verified_text", "verified_official_page") else None


class Element(Row):
    """One of the nine elements of a risk analysis after OCR's guidance."""

    number: Annotated[int, Field(ge=1, le=9)]
    key: Text
    title: Text
    must_show: Text
    citations: Annotated[Texts, Field(min_length=1)]
    filled_by: Text
    source: Text
    verified: Text


class LookUp(Row):
    """A table as the standard prints it: one row per level, its cells for very low to very high."""

    table: Text
    rows: Text
    columns: Text
    very_high: LevelRow
    high: LevelRow
    moderate: LevelRow
    low: LevelRow
    very_low: LevelRow

    def row(self, level: Level) -> tuple[Level, ...]:
        by_level: dict[Level, tuple[Level, ...]] = {
            Level.very_high: self.very_high,
            Level.high: self.high,
            Level.moderate: self.moderate,
            Level.low: self.low,
            Level.very_low: self.very_low,
        }
        return by_level[level]


class ScaleLevel(Row):
    level: LevelWord
    code: Text
    bin_low: int
    bin_high: int
    bin_value: int
    """For sorting only: SP 800-30 never multiplies."""
    likelihood_adversarial: Text
    likelihood_non_adversarial: Text
    impact: Text
    likelihood_calibration: Text
    impact_calibration: Text


class Adjustment(Row):
    """A suggested step up or down. It counts only when a person applies it."""

    key: Text
    steps: Literal[-1, 1]
    reason: Text


class Scales(Row):
    method: Text
    source: Text
    as_of: date
    calibration: Text
    calibration_citations: Texts
    aggregation: Text
    risk_level: LookUp
    overall_likelihood: LookUp
    level: Annotated[tuple[ScaleLevel, ...], Field(strict=False)]
    adjustment: Annotated[tuple[Adjustment, ...], Field(strict=False)]
