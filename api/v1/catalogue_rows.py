"""The catalogue as callers see it: each row with its status, its source and the day of which it speaks.

What is only proposed never stands in the fields of the law: a proposal has a ``proposed_citation``, because it reuses
today's paragraph numbers for other things, and what of it nobody has verified is withheld.
"""

from dataclasses import asdict
from datetime import date
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.inventory.fact_columns import FACTS_OF, columns_of, vocabulary
from domain.inventory.facts import json_schema
from domain.sra.catalogue import Fact, ProposedChange, Requirement, catalogue
from domain.sra.levels import Level, risk_level
from domain.tables import TABLES
from domain.tenancy import TenantOwned
from domain.vendors.market import market

Status = Literal["in_force", "proposed"]


class CatalogueRow(BaseModel):
    model_config = ConfigDict(frozen=True)

    status: Status = Field(description="`proposed` is not law, and never decides anything about the law in force.")
    source: str
    as_of: date
    edition: str


class RequirementOut(CatalogueRow):
    """A paragraph in force, or a proposed change of the rule."""

    key: str
    label: str | None = Field(description="To be shown beside every proposal; null for the law in force.")
    title: str
    summary: str | None = Field(description="In our own words; the text of the regulation governs.")
    citation: str | None = Field(description="45 CFR; null for a proposal.")
    proposed_citation: str | None = Field(description="A paragraph of the proposal. It is no paragraph of the law in force.")
    type: str | None
    safeguard: str | None
    standard: str | None
    specification: str | None
    parent: str | None
    appendix_a: str | None
    dental: str | None
    dental_note: str | None
    caveat: str | None
    parameter: str | None
    value: int | None
    unit: str | None
    exceptions: str | None
    today: list[str] = Field(description="The paragraphs in force that are nearest to a proposal.")
    today_note: str | None
    withheld: list[str] = Field(description="What of a proposal is not verified in a source, and is therefore not shown.")
    verified: str


class TopicOut(CatalogueRow):
    """A question of the guide."""

    id: str
    group: str
    group_title: str
    safeguard: str
    depth: str
    answer_type: str
    requirement_type: str
    question: str
    why: str
    help: str
    citations: list[str]
    proposed_changes: list[str] = Field(description="Keys of `GET /v1/catalogue/requirements?status=proposed`.")
    evidence: str
    gap_when: str
    threat_rules: list[str]


class ThreatOut(CatalogueRow):
    """A rule: what it looks at, when it shows a risk, how grave that is before anybody has judged it, and what helps."""

    id: str
    group: str
    title: str
    subject: str
    kinds: list[str] = Field(description="Kinds of device or system that it looks at; empty: all.")
    condition: str = Field(description="In CEL, over facts of `GET /v1/catalogue/facts`.")
    reads: list[str]
    threat: str
    vulnerability: str
    cause: str
    affects: str = Field(description="C, I and A: confidentiality, integrity, availability.")
    citations: list[str]
    proposed_citations: list[str]
    remediation: str
    likelihood: Level
    impact: Level
    level: Level
    reason: str


class FactOut(CatalogueRow):
    """One thing that can be known: the question that asks for it, and the schema of its answer."""

    key: str
    of: str
    name: str
    kinds: list[str] = Field(description="Kinds of device or system that have it; empty: all.")
    question: str
    unit: str | None
    computed: bool = Field(description="Worked out by the program and never asked.")
    absent: str = Field(description="What a rule reads when nothing is recorded.")
    default: int | None = Field(description="Of a threshold that a practice has not set.")
    fields: dict[str, str] = Field(description="Resources that keep it in a field of its own; elsewhere it is in `facts`.")
    json_schema: dict[str, Any] | None = Field(alias="schema", description="JSON Schema 2020-12; null where nothing is asked.")


class OsLifecycleOut(CatalogueRow):
    """How long one release of an operating system or database is supported."""

    key: str
    product: str
    release_cycle: str
    label: str
    build: str | None
    release_date: date
    end_of_active_support: date | None
    end_of_security_support: date | None = Field(description="Null: no end announced, which counts as in support.")
    end_of_paid_extended_security: date | None
    long_term_servicing: bool
    link: str | None


@cache
def requirements() -> tuple[RequirementOut, ...]:
    """The law in force in the order of its paragraphs, then what is proposed."""
    book = catalogue()
    return (*map(_in_force, book.requirements), *map(_proposed, book.proposed_changes))


def _in_force(row: Requirement) -> RequirementOut:
    return RequirementOut(
        **_given(row, "key", "title", "summary", "status", "source", "verified"),
        **_given(row, *_OF_LAW),
        **_nothing_in(*_OF_PROPOSALS),
        today=[],
        withheld=[],
        as_of=catalogue().edition.as_of,
        edition=catalogue().edition.id,
    )


def _proposed(row: ProposedChange) -> RequirementOut:
    withheld = set(row.from_memory)
    return RequirementOut(
        **_given(row, "key", "title", "exceptions", "today_note", "status", "source", "as_of"),
        **_nothing_in(*_OF_LAW),
        **(_nothing_in(*_FIGURE) if "value" in withheld else _given(row, *_FIGURE)),
        label=catalogue().proposed_rule.label,
        summary=None if withheld & {"proposal", "elements"} else row.proposal,
        proposed_citation=None if "citation" in withheld else row.citation,
        today=list(row.today),
        withheld=list(row.from_memory),
        verified=row.verification.replace("_", " "),
        edition=catalogue().edition.id,
    )


def _nothing_in(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names)


_OF_LAW = (
    "citation", "type", "safeguard", "standard", "specification", "parent", "appendix_a", "dental", "dental_note", "caveat",
)  # fmt: skip
_OF_PROPOSALS = ("label", "proposed_citation", "parameter", "value", "unit", "exceptions", "today_note")
_FIGURE = ("parameter", "value", "unit")


@cache
def topics() -> tuple[TopicOut, ...]:
    book = catalogue()
    return tuple(
        TopicOut(
            **_given(row, "id", "depth", "answer_type", "question", "why", "help", "evidence", "gap_when"),
            group=row.section,
            group_title=book.section_by_key[row.section].title,
            safeguard=book.section_by_key[row.section].safeguard,
            requirement_type=row.primary_type,
            citations=list(row.citations),
            proposed_changes=list(row.proposed),
            threat_rules=list(row.threat_rules),
            status="in_force" if row.scored else "proposed",
            **_from("topics"),
        )
        for row in book.topics
    )


@cache
def threats() -> tuple[ThreatOut, ...]:
    book = catalogue()
    return tuple(
        ThreatOut(
            **_given(row, "id", "group", "title", "subject", "threat", "vulnerability", "cause", "remediation"),
            **_given(row, "likelihood", "impact", "reason", "source"),
            kinds=list(row.kinds),
            condition=row.when,
            reads=list(row.reads),
            affects=row.cia,
            citations=list(row.citations),
            proposed_citations=list(row.proposed_citations),
            level=risk_level(likelihood=row.likelihood, impact=row.impact),
            status="in_force",
            as_of=book.edition.as_of,
            edition=book.edition.id,
        )
        for row in book.threats
    )


@cache
def facts() -> tuple[FactOut, ...]:
    return tuple(_fact(row) for row in catalogue().facts)


def _fact(row: Fact) -> FactOut:
    properties: Any = json_schema(row.of, row.kinds[0] if row.kinds else None, vocabulary())["properties"]
    return FactOut(
        **_given(row, "key", "of", "name", "question", "unit", "computed", "absent", "default"),
        kinds=list(row.kinds),
        fields={noun: columns[row.name] for noun, columns in _columns().get(row.of, {}).items() if row.name in columns},
        schema=properties.get(row.name),
        status="in_force",
        source="Our own vocabulary: what the rules and the questions ask for.",
        as_of=catalogue().edition.as_of,
        edition=catalogue().edition.id,
    )


@cache
def _columns() -> dict[str, dict[str, dict[str, str]]]:
    """Whose facts -> noun -> fact -> the column that keeps it."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for table in TABLES:
        if issubclass(table, TenantOwned) and table.noun in FACTS_OF:
            found.setdefault(FACTS_OF[table.noun], {})[table.noun] = columns_of(table)
    return found


@cache
def os_lifecycles() -> tuple[OsLifecycleOut, ...]:
    return tuple(
        OsLifecycleOut(**row.model_dump(), status="in_force", **_from("endoflife")) for row in catalogue().os_lifecycles
    )


class VendorCategoryOut(CatalogueRow):
    """A kind of outside party, with the role that is suggested until the facts decide."""

    key: str
    title: str
    default_role: str
    role_decision_required: bool = Field(description="A person has to decide the role and record why.")
    why: str
    citations: list[str]
    services: list[str] = Field(description="Words for the `service` of an engagement that fall into this category.")
    certainty: str = Field(description="definition, guidance, judgement or memory: what the suggestion rests on.")


class ImagingVendorOut(BaseModel):
    """A company, with its products and the category to file it under. Facts, each with where they can be read."""

    model_config = ConfigDict(frozen=True)

    name: str
    products: list[str]
    category: str | None = Field(description="Null: software that is downloaded, with no service behind it.")
    basis: Literal["advisory", "maker"] = Field(description="Named so in a public advisory, or by its maker.")
    source: str
    as_of: date


@cache
def vendor_categories() -> tuple[VendorCategoryOut, ...]:
    return tuple(
        VendorCategoryOut(
            **row.model_dump(),
            status="in_force",
            source="Suggestions of this catalogue, resting on 45 CFR 160.103 and guidance as said in `certainty`.",
            as_of=catalogue().edition.as_of,
            edition=catalogue().edition.id,
        )
        for row in catalogue().vendor_categories
    )


@cache
def imaging_vendors() -> tuple[ImagingVendorOut, ...]:
    """By name."""
    return tuple(ImagingVendorOut.model_validate({**asdict(each), "as_of": market().as_of}) for each in market().vendors)


def _given(row: BaseModel | Fact, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _from(key: str) -> dict[str, Any]:
    """Title and day of a source of the edition."""
    source = next(source for source in catalogue().edition.source if source.key == key)
    return {"source": source.title, "as_of": source.read_on, "edition": catalogue().edition.id}
