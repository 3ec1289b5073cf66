"""What a loaded edition holds, and the ways to look things up in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from domain.sra.catalogue.facts import Fact, KnownIssue, OsLifecycle, Threat
from domain.sra.catalogue.papers import BaaWords, Clause, Element, Scales, State, VendorCategory
from domain.sra.catalogue.rows import (
    Edition,
    ProposedChange,
    ProposedRule,
    Requirement,
    Section,
    Topic,
)

R = TypeVar("R")


@dataclass(frozen=True)
class Catalogue:
    """One edition, in the order of its files. The dictionaries are built when first used and cannot be changed."""

    edition: Edition
    requirements: tuple[Requirement, ...]
    proposed_rule: ProposedRule
    proposed_changes: tuple[ProposedChange, ...]
    sections: tuple[Section, ...]
    topics: tuple[Topic, ...]
    threats: tuple[Threat, ...]
    facts: tuple[Fact, ...]
    known_issues: tuple[KnownIssue, ...]
    os_lifecycles: tuple[OsLifecycle, ...]
    baa: BaaWords
    clauses: tuple[Clause, ...]
    vendor_categories: tuple[VendorCategory, ...]
    states: tuple[State, ...]
    elements: tuple[Element, ...]
    scales: Scales
    digest: str
    """SHA-256 over the content of the edition, in hexadecimal."""

    # --- the law

    def requirement(self, citation: str) -> Requirement | None:
        """The row for a citation as it is printed: a key, a plain citation (the first of several terms that one
        paragraph defines), or the form that Appendix A uses for a standard."""
        return self._requirement_by_any_name.get(citation)

    @cached_property
    def requirement_by_key(self) -> Mapping[str, Requirement]:
        return _keyed(self.requirements, lambda row: row.key)

    @cached_property
    def _requirement_by_any_name(self) -> Mapping[str, Requirement]:
        named: dict[str, Requirement] = dict(self.requirement_by_key)
        for row in self.requirements:
            named.setdefault(row.citation, row)
        for row in self.requirements:
            if row.appendix_a is not None:
                named.setdefault(row.appendix_a, row)
        return MappingProxyType(named)

    @cached_property
    def standards(self) -> tuple[Requirement, ...]:
        """The standards of the Security Rule, each once, though one of them has two paragraphs."""
        return tuple(row for row in self.requirements if row.is_standard and row.same_standard_as is None)

    @cached_property
    def specifications(self) -> tuple[Requirement, ...]:
        """The implementation specifications of the Security Rule, required and addressable."""
        return tuple(row for row in self.requirements if row.is_specification)

    def specifications_of(self, standard: Requirement) -> tuple[Requirement, ...]:
        return tuple(row for row in self.specifications if row.parent == standard.key)

    @cached_property
    def proposed_change_by_key(self) -> Mapping[str, ProposedChange]:
        return _keyed(self.proposed_changes, lambda row: row.key)

    # --- the guide

    @cached_property
    def section_by_key(self) -> Mapping[str, Section]:
        return _keyed(self.sections, lambda row: row.key)

    @cached_property
    def topic_by_id(self) -> Mapping[str, Topic]:
        return _keyed(self.topics, lambda row: row.id)

    def topics_in(self, section: Section) -> tuple[Topic, ...]:
        return tuple(topic for topic in self.topics if topic.section == section.key)

    @cached_property
    def element_by_key(self) -> Mapping[str, Element]:
        return _keyed(self.elements, lambda row: row.key)

    # --- rules and facts

    @cached_property
    def threat_by_id(self) -> Mapping[str, Threat]:
        return _keyed(self.threats, lambda row: row.id)

    @cached_property
    def fact_by_key(self) -> Mapping[str, Fact]:
        """Keyed as the rules name it: ``asset.encryption_at_rest``."""
        return _keyed(self.facts, lambda row: row.key)

    @cached_property
    def os_lifecycle_by_key(self) -> Mapping[str, OsLifecycle]:
        """Keyed by ``product:release_cycle``: ``windows:11-24h2-w``."""
        return _keyed(self.os_lifecycles, lambda row: row.key)

    # --- papers

    @cached_property
    def clause_by_key(self) -> Mapping[str, Clause]:
        return _keyed(self.clauses, lambda row: row.key)

    @cached_property
    def vendor_category_by_key(self) -> Mapping[str, VendorCategory]:
        return _keyed(self.vendor_categories, lambda row: row.key)

    @cached_property
    def vendor_category_by_service(self) -> Mapping[str, VendorCategory]:
        return MappingProxyType({service: row for row in self.vendor_categories for service in row.services})

    @cached_property
    def state_by_code(self) -> Mapping[str, State]:
        return _keyed(self.states, lambda row: row.code)


def _keyed(rows: Iterable[R], key: Callable[[R], str]) -> Mapping[str, R]:
    return MappingProxyType({key(row): row for row in rows})
