"""Reads one edition of the catalogue and refuses it as a whole when anything in it does not hold.

All faults are reported at once, so that an editor of the data mends them in one go. The digest is taken over the
content, not over the bytes: a comment or a line ending may change, a word may not.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from domain.sra.catalogue.checks import faults_between_rows
from domain.sra.catalogue.contents import Catalogue
from domain.sra.catalogue.facts import Fact, KnownIssue, OsLifecycle, Threat
from domain.sra.catalogue.papers import BaaWords, Clause, Element, Scales, State, VendorCategory
from domain.sra.catalogue.rows import (
    Edition,
    ProposedChange,
    ProposedRule,
    Requirement,
    Row,
    Section,
    Topic,
)

CURRENT = "2026.1"
"""The edition on which new assessments are opened."""

_HERE = Path(__file__).parent

R = TypeVar("R", bound=Row)


class CatalogueError(Exception):
    """An edition does not hold. ``faults`` says all that is wrong with it, each with its file and row."""

    def __init__(self, edition: str, faults: Sequence[str]) -> None:
        listed = "\n".join(f"- {fault}" for fault in faults)
        super().__init__(f"Edition {edition} of the catalogue does not hold, faults: {len(faults)}\n{listed}")
        self.faults = tuple(faults)


class UnknownEdition(LookupError):
    """No edition of that name is in the package."""


def editions() -> tuple[str, ...]:
    """The editions in the package, by name."""
    return tuple(sorted(folder.name for folder in _HERE.iterdir() if (folder / "edition.toml").is_file()))


@cache
def catalogue(edition: str = CURRENT) -> Catalogue:
    """One edition, read and checked once per process. Raises UnknownEdition, or CatalogueError with all its faults."""
    if edition not in editions():
        raise UnknownEdition(f"There is no edition {edition!r} of the catalogue. There are: {', '.join(editions())}.")
    return load(_HERE / edition)


def digest(edition: str = CURRENT) -> str:
    """SHA-256 over the content of an edition, in hexadecimal: what a sealed analysis was made with."""
    return catalogue(edition).digest


def load(folder: Path) -> Catalogue:
    """Reads and checks the edition in a folder. The folder's name is the edition's id."""
    files = _Files(folder)
    edition = files.single("edition.toml", Edition)
    proposed_rule = files.single("proposed.toml", ProposedRule, under="rule", beside=("change",))
    scales = files.single("scales.toml", Scales)
    requirements = files.rows("requirements.toml", "requirement", Requirement)
    proposed_changes = files.rows("proposed.toml", "change", ProposedChange, beside=("rule",))
    sections = files.rows("sections.toml", "section", Section)
    topics = files.rows("topics.toml", "topic", Topic)
    threats = files.rows("threats.toml", "threat", Threat)
    facts = files.rows("facts.toml", "fact", Fact)
    known_issues = files.rows("known_issues.toml", "issue", KnownIssue)
    os_lifecycles = files.rows("os_lifecycles.toml", "lifecycle", OsLifecycle)
    baa = files.single("baa_reasons.toml", BaaWords)
    clauses = files.rows("clauses.toml", "clause", Clause)
    vendor_categories = files.rows("vendor_categories.toml", "category", VendorCategory)
    states = files.rows("states.toml", "state", State)
    elements = files.rows("elements.toml", "element", Element)
    files.nothing_else()
    if edition is None or proposed_rule is None or scales is None or baa is None:
        raise CatalogueError(folder.name, files.faults)
    read = Catalogue(
        edition=edition,
        requirements=requirements,
        proposed_rule=proposed_rule,
        proposed_changes=proposed_changes,
        sections=sections,
        topics=topics,
        threats=threats,
        facts=facts,
        known_issues=known_issues,
        os_lifecycles=os_lifecycles,
        baa=baa,
        clauses=clauses,
        vendor_categories=vendor_categories,
        states=states,
        elements=elements,
        scales=scales,
        digest=files.digest(),
    )
    faults = [*files.faults, *faults_between_rows(read, folder.name)]
    if faults:
        raise CatalogueError(folder.name, faults)
    return read


class _Files:
    """The files of one edition while they are being read, and the faults found on the way."""

    def __init__(self, folder: Path) -> None:
        self.faults: list[str] = []
        self._content: dict[str, Mapping[str, Any]] = {}
        self._known: set[str] = set()
        for path in sorted(folder.glob("*.toml")):
            try:
                self._content[path.name] = tomllib.loads(path.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                self.faults.append(f"{path.name}: no valid TOML: {error}")
                self._known.add(path.name)

    def single(self, file: str, row: type[R], *, under: str | None = None, beside: tuple[str, ...] = ()) -> R | None:
        """The one row that a file (or one table of it) is."""
        content = self._of(file, {under, *beside} if under else None)
        if under and content is not None:
            content = content.get(under)
        return None if content is None else self._row(file, under or "file", row, content)

    def rows(self, file: str, name: str, row: type[R], *, beside: tuple[str, ...] = ()) -> tuple[R, ...]:
        """The rows of a table array; those with faults are left out and reported."""
        content = self._of(file, {name, *beside})
        given = content.get(name) if content is not None else None
        if not isinstance(given, list) or not given:
            if content is not None:
                self.faults.append(f"{file}: no [[{name}]]")
            return ()
        read = (self._row(file, _label(name, number, one), row, one) for number, one in enumerate(cast(list[Any], given), 1))
        return tuple(one for one in read if one is not None)

    def nothing_else(self) -> None:
        for file in sorted(set(self._content) - self._known):
            self.faults.append(f"{file}: no part of an edition")

    def digest(self) -> str:
        canonical = json.dumps(self._content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_as_text)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _of(self, file: str, keys: set[str] | None) -> Mapping[str, Any] | None:
        if file not in self._content:
            if file not in self._known:
                self._known.add(file)
                self.faults.append(f"{file}: missing")
            return None
        if file not in self._known and keys is not None:
            self.faults.extend(f"{file}: unknown table {key!r}" for key in self._content[file] if key not in keys)
        self._known.add(file)
        return self._content[file]

    def _row(self, file: str, label: str, row: type[R], given: object) -> R | None:
        try:
            return row.model_validate(given)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_context=False):
                field = ".".join(str(part) for part in fault["loc"]) or "row"
                self.faults.append(f"{file}: {label}: {field}: {fault['msg']}")
            return None


def _label(name: str, number: int, given: object) -> str:
    named: Mapping[str, object] = cast(dict[str, object], given) if isinstance(given, dict) else {}
    of = f"{named['of']}." if "of" in named else ""
    for key in ("id", "key", "code", "name", "level"):
        if key in named:
            return f"{name} {of}{named[key]}"
    return f"{name} number {number}"


def _as_text(value: Any) -> str:
    return value.isoformat()
