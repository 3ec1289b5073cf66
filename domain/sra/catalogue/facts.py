"""Rows of the catalogue about facts, the threat rules that read them, and the dates and flaws that rules look up."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from domain.sra.catalogue.rows import LevelWord, Row, Text, Texts

Subject = Literal["asset", "flow", "vendor", "remote_access", "backup", "practice"]
Expression = Annotated[str, StringConstraints(pattern=r"\S")]
"""CEL, over several lines where it is long."""
Reads = Annotated[Texts, Field(min_length=1)]


class AlsoOn(Row):
    """The same rule on another kind of subject."""

    subject: Subject
    when: Expression
    reads: Reads


class Threat(Row):
    """When ``when`` (CEL) is true of a subject, there is this risk. ``wording`` is the text it was made from."""

    id: Text
    title: Text
    group: Text
    subject: Subject
    kinds: Texts = ()
    """Kinds of asset it looks at; empty: all."""
    when: Expression
    reads: Reads
    """Every fact in ``when``, as ``asset.encryption_at_rest``."""
    wording: Text
    statuses: Texts = ()
    """States of an asset it looks at; empty: active ones only."""
    includes_inactive: bool = False
    """Looks at stopped flows, ended vendors and disabled access too."""
    each: Text | None = None
    """Read for every such thing that belongs to the subject; one is enough to fire."""
    also: Annotated[tuple[AlsoOn, ...], Field(strict=False)] = ()
    threat: Text
    vulnerability: Text
    cause: Text
    """Findings of one cause can be shown as one."""
    grouped_by: Text | None = None
    """The fact that names what the common cause belongs to."""
    cia: Annotated[str, StringConstraints(pattern=r"^C?I?A?$", min_length=1)]
    citations: Annotated[Texts, Field(min_length=1)]
    proposed_citations: Texts
    """Paragraphs of the proposal, for the readiness section only; never looked up among the requirements in force."""
    remediation: Text
    likelihood: LevelWord
    impact: LevelWord
    reason: Text
    source: Text


class Fact(Row):
    """One thing that can be known about something: it draws the form, checks the input and feeds the rules."""

    name: Text
    of: Text
    type: Literal["boolean", "integer", "string", "date", "datetime", "list", "object"]
    values: Texts = ()
    kinds: Texts = ()
    """Kinds of asset that have it; empty: all."""
    items: Literal["integer", "string"] | None = None
    shape: Text | None = None
    """Whose facts are inside the object, or inside each member of the list."""
    question: Text
    unit: Text | None = None
    computed: bool = False
    """Worked out by the program, never asked."""
    absent: Text = "unknown"
    """What a rule reads when nothing is recorded: ``unknown``, ``none``, ``true``, ``false`` or one of the values."""
    absent_true_for: Texts = ()
    absent_same_as: Text | None = None
    gap: Literal["absent", "unknown"] | None = None
    """What the silence is called: something that must be on record is not, or a state is simply not known."""
    default: int | None = None
    """Of a setting that a practice has not set."""

    @property
    def key(self) -> str:
        """As a rule names it: ``asset.encryption_at_rest``."""
        return f"{self.of}.{self.name}"


class Affected(Row):
    op: Literal["<", "<=", "=="]
    version: Text


class KnownIssue(Row):
    """A published problem of a product. No ``affected``: the versions are not known, and any of them matches."""

    id: Text
    product: Text
    rule_class: Literal["credentials", "flaw", "other"]
    title: Text
    affected: Affected | None = None
    fixed_in: Text | None = None
    known_exploited: bool = False
    """Listed by its source as used in attacks; only then is it said."""
    cve: Texts
    source: Text


class OsLifecycle(Row):
    """The support dates of one release of an operating system or database."""

    key: Text
    product: Text
    release_cycle: Text
    label: Text
    build: Text | None = None
    release_date: date
    end_of_active_support: date | None = None
    end_of_security_support: date | None = None
    """Absent: no end announced, which counts as in support."""
    end_of_paid_extended_security: date | None = None
    long_term_servicing: bool
    link: Text | None = None
