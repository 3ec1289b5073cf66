"""The catalogue: the law, the questions, the facts and the threat rules, as versioned data.

``catalogue()`` gives the current edition, checked as a whole when it is first asked for. An assessment keeps the id of
the edition it was opened on, so a released edition is never changed: ``digest()`` would differ, and a test says so.
"""

from domain.sra.catalogue.contents import Catalogue
from domain.sra.catalogue.facts import Fact, KnownIssue, OsLifecycle, Threat
from domain.sra.catalogue.loader import (
    CURRENT,
    CatalogueError,
    UnknownEdition,
    catalogue,
    digest,
    editions,
    load,
)
from domain.sra.catalogue.papers import BaaReason, BaaWords, Clause, Element, Scales, State, VendorCategory
from domain.sra.catalogue.rows import (
    Edition,
    ProposedChange,
    ProposedRule,
    Requirement,
    Section,
    Topic,
)

__all__ = [
    "CURRENT",
    "BaaReason",
    "BaaWords",
    "Catalogue",
    "CatalogueError",
    "Clause",
    "Edition",
    "Element",
    "Fact",
    "KnownIssue",
    "OsLifecycle",
    "ProposedChange",
    "ProposedRule",
    "Requirement",
    "Scales",
    "Section",
    "State",
    "Threat",
    "Topic",
    "UnknownEdition",
    "VendorCategory",
    "catalogue",
    "digest",
    "editions",
    "load",
]
