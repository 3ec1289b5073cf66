"""Evidence: what shows that an answer is true, or that work was done. A stored document, or words that say where it can be
seen.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.errors import Fault, Invalid
from domain.sra.documents import Document
from domain.tenancy import Fields, TenantSession


class EvidenceFields(Fields):
    document_id: UUID | None = Field(default=None, description="Among this organization's documents.")
    reference: str | None = Field(default=None, max_length=500)


def as_kept(evidence: Sequence[EvidenceFields]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json", exclude_none=True) for each in evidence]


async def refuse_absent_evidence(session: TenantSession, organization_id: UUID, evidence: Sequence[EvidenceFields]) -> None:
    """Evidence that is not there, or is another organization's, shows nothing."""
    named = {place: each.document_id for place, each in enumerate(evidence) if each.document_id is not None}
    if not named:
        return
    there = select(Document.id).where(
        col(Document.id).in_(set(named.values())),
        col(Document.organization_id) == organization_id,
        col(Document.archived_at).is_(None),
    )
    found = set((await session.execute(there)).scalars())
    faults = [
        Fault(f"/evidence/{place}/document_id", "unknown_reference", "There is no such document here.")
        for place, document_id in named.items()
        if document_id not in found
    ]
    if faults:
        raise Invalid(faults)
