"""The one data set of a risk analysis: every format of the report is made from it, and it alone is sealed.

Its canonical JSON is both the JSON export and what the seal hashes, so anybody can check a report with ``sha256sum``.
The form is RFC 8785 (JSON Canonicalization Scheme): UTF-8, no white space, members sorted, the shortest escapes. Of numbers
only whole ones below 2^53 occur, so no rule for floats is needed; times are texts in UTC with Z.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast

from pydantic import model_validator

from domain.inventory.map import NetworkMap
from domain.sra.levels import RISK_LEVEL, Level
from domain.sra.report.brand import Brand
from domain.sra.report.rows import (
    Asset,
    Change,
    CitedLaw,
    CollectionEntry,
    Continuity,
    Edition,
    Element,
    Evidence,
    Finding,
    HistoryEntry,
    Moment,
    PlanTask,
    Practice,
    PriorVersion,
    Proposed,
    Review,
    Row,
    ScaleStep,
    Scope,
    Seal,
    Signature,
    Standard,
    UndecidedRule,
    UnknownFact,
    Vendor,
)

FORMAT = "bitewing.risk-analysis/1"
LARGEST_NUMBER = 2**53 - 1


class SealBroken(ValueError):
    """The hash of the seal is not the hash of the data: such a report is never printed."""


def _printed_table() -> tuple[tuple[Level, ...], ...]:
    return tuple(RISK_LEVEL[likelihood] for likelihood in Level)


class Method(Row):
    """How the levels were found. ``level_table`` is Table I-2: rows likelihood, columns impact, both rising."""

    name: str
    scale_version: str
    statement: str | None = None
    scale: tuple[ScaleStep, ...] = ()
    level_table: tuple[tuple[Level, ...], ...] = _printed_table()

    @model_validator(mode="after")
    def _is_the_published_table(self) -> Self:
        if self.level_table != _printed_table():
            raise ValueError("level_table is not Table I-2 of NIST SP 800-30 Rev. 1")
        return self


class ReportData(Row):
    """Everything a report prints. A part that does not exist yet is empty, and printed as "none recorded".

    Later versions of this model may only add fields that leave themselves out while they are empty (``Row.LATER``);
    anything else is a new ``format``, because the hash of an old report must not change.
    """

    LATER = frozenset({"continuity"})

    format: Literal["bitewing.risk-analysis/1"] = FORMAT
    title: str = "Security Risk Analysis"
    practice: Practice
    brand: Brand
    edition: Edition
    prior: PriorVersion | None = None
    signatures: tuple[Signature, ...] = ()
    scope: Scope = Scope()
    elements: tuple[Element, ...] = ()
    collection: tuple[CollectionEntry, ...] = ()
    devices: tuple[Asset, ...] = ()
    systems: tuple[Asset, ...] = ()
    network_map: NetworkMap
    vendors: tuple[Vendor, ...] = ()
    findings: tuple[Finding, ...] = ()
    standards: tuple[Standard, ...] = ()
    plan: tuple[PlanTask, ...] = ()
    unknown_facts: tuple[UnknownFact, ...] = ()
    undecided_rules: tuple[UndecidedRule, ...] = ()
    review: Review = Review()
    changes: tuple[Change, ...] = ()
    continuity: Continuity | None = None
    method: Method
    laws: tuple[CitedLaw, ...] = ()
    proposed: Proposed | None = None
    evidence: tuple[Evidence, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    seal: Seal | None = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.seal is not None and self.edition.status != "sealed":
            raise ValueError("a draft cannot carry a seal")
        numbers = {finding.number for finding in self.findings}
        if len(numbers) != len(self.findings):
            raise ValueError("two findings share a number")
        for finding in self.findings:
            found = self.method.level_table[finding.likelihood.rank][finding.impact.rank]
            if finding.level is not found:
                raise ValueError(
                    f"finding {finding.number}: level {finding.level.word} is not what Table I-2 gives for likelihood "
                    f"{finding.likelihood.word} and impact {finding.impact.word}: {found.word}"
                )
        for task in self.plan:
            if not numbers.issuperset(task.findings):
                raise ValueError(f"task {task.ref} treats a finding that is not in this analysis")
        return self

    @property
    def draft(self) -> bool:
        """True until a seal is on it: a report without a seal is never shown as final."""
        return self.seal is None

    def sealed(self, *, at: Moment) -> "ReportData":
        """This data with its seal; ``edition.status`` must already say so, because it is part of what is hashed."""
        return ReportData.model_validate({**dict(self), "seal": Seal(sha256=sha256(self), sealed_at=at)})

    def check_seal(self) -> None:
        """SealBroken when the data is not what was sealed."""
        if self.seal is not None and self.seal.sha256 != sha256(self):
            raise SealBroken("the SHA-256 of this data set is not the one in its seal")


def canonical_json(data: ReportData | Mapping[str, Any]) -> bytes:
    """The JSON export, and what a seal hashes; also of a stored data set that is still a plain JSON object.

    The seal itself is left out. ValueError for a float, which has no canonical form.
    """
    plain: dict[str, Any] = data.model_dump(mode="json") if isinstance(data, ReportData) else dict(data)
    plain.pop("seal", None)
    _refuse_what_has_no_one_form(plain, "data")
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(data: ReportData | Mapping[str, Any]) -> str:
    """The SHA-256 of the canonical JSON, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(data)).hexdigest()


def _refuse_what_has_no_one_form(value: object, where: str) -> None:
    """Floats and huge numbers, which programs write in different ways; names beyond ASCII, which they sort differently."""
    if isinstance(value, float):
        raise ValueError(f"{where} is a float")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError(f"{where} is a number beyond 2^53 - 1")
    if isinstance(value, Mapping):
        for key, inner in cast(Mapping[str, object], value).items():
            if not key.isascii():
                raise ValueError(f"{where} has a member whose name is not ASCII")
            _refuse_what_has_no_one_form(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for inner in cast(Sequence[object], value):
            _refuse_what_has_no_one_form(inner, where)
