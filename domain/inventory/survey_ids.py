"""What the ids of a survey stand for here: the row that each entry is about, found before anything is written, so that
entries may refer to each other in any order.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.inventory.devices import Device
from domain.inventory.systems import System
from domain.tenancy import TenantOwned

ASSETS: tuple[type[TenantOwned], ...] = (Device, System)


@dataclass(frozen=True, slots=True)
class Standing:
    """The row that an entry is about."""

    kind: type[TenantOwned]
    id: UUID
    name: str


@dataclass(slots=True)
class Ids:
    """(word of the vocabulary, id in the survey) -> row. ``missing`` collects references that led nowhere."""

    organization_id: UUID
    found: dict[tuple[str, str], Standing] = field(default_factory=dict[tuple[str, str], Standing])
    missing: list[str] = field(default_factory=list[str])

    def of(self, word: str, id: Any) -> Standing | None:
        """What the entry stands for, or None where nothing is named."""
        if not isinstance(id, str) or not id:
            return None
        standing = self.found.get((word, id))
        if standing is None:
            self.missing.append(f"unknown_reference:{word}:{id[:100]}")
        return standing

    def id_of(self, word: str, id: Any) -> UUID | None:
        standing = self.of(word, id)
        return standing.id if standing else None

    def device(self, id: Any) -> str | None:
        """The id of a device, as it stands among facts."""
        standing = self.of("asset", id)
        return str(standing.id) if standing and standing.kind is Device else None

    def all_of(self, word: str, ids: tuple[str, ...] | None) -> list[str] | None:
        """None: not asked. What is named and not there is left out."""
        return None if ids is None else [str(found) for found in (self.id_of(word, id) for id in ids) if found is not None]

    def reference(self, text: Any) -> Any:
        """``asset:op1`` as ``asset:<our id>``; the practice is this organization. What cannot be resolved stays."""
        if not isinstance(text, str):
            return text
        word, _, id = text.partition(":")
        if word == "practice":
            return f"practice:{self.organization_id}"
        standing = self.found.get((word, id))
        return f"{word}:{standing.id}" if standing else text
