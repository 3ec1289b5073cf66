"""Proves the audit trail: every event's hash is computed anew, over the hash of the one before it.

A change, a gap or a removal breaks the chain at its place and cannot be mended without writing anew everything after it.
Whoever keeps the ``head`` of a verification elsewhere can prove even that.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.tenancy import TenantSession


@dataclass
class AuditLog:
    """The trail itself, as what happens to it stands in it: read, verified, exported."""

    id: UUID
    noun: ClassVar[str] = "audit_log"


LINKS_AT_ONCE = 20_000


class Break(StrEnum):
    """What is wrong with a link of the chain."""

    altered = "altered"
    """The event's content does not give its hash."""
    unlinked = "unlinked"
    """The event does not follow from the one before it."""
    missing = "missing"
    """An event with this number should be here and is not."""
    head = "head"
    """The chain ends otherwise than was noted when its last event was written."""


@dataclass(frozen=True, kw_only=True)
class BrokenLink:
    sequence: int
    event_id: UUID | None
    problem: Break


@dataclass(frozen=True, kw_only=True)
class Verification:
    """``verified`` counts the links that hold, from the beginning of the trail."""

    intact: bool
    verified: int
    head_sequence: int
    head_hash: str
    first_broken: BrokenLink | None


_LINKS = """
    select sequence, id, previous_hash, hash, event_hash(previous_hash, tenant_id, sequence, id, at, kind, subject_type,
        subject_id, organization_id, changes, actor, context) as computed
    from event where tenant_id = $1 and sequence > $2 and sequence <= $3 order by sequence, id limit $4"""
# One statement sees head and events as of one moment, so an event that is just being appended is no stranger.
_STRANGERS = """
    select e.sequence, e.id from event e join event_head h on h.tenant_id = e.tenant_id
    where e.tenant_id = $1 and (e.sequence > h.sequence or e.sequence < 1) order by e.sequence limit 1"""


async def verify_chain(session: TenantSession) -> Verification:
    """Walk the tenant's whole chain and name the first link that does not hold."""
    connection = await session.driver()
    head = await connection.fetchrow("select sequence, hash from event_head where tenant_id = $1", session.tenant_id)
    last, head_hash = (head["sequence"], head["hash"]) if head else (0, "")
    link, reached = "", 0
    broken: BrokenLink | None = None
    while broken is None and reached < last:
        rows = await connection.fetch(_LINKS, session.tenant_id, reached, last, LINKS_AT_ONCE)
        if not rows:
            broken = BrokenLink(sequence=reached + 1, event_id=None, problem=Break.missing)
        for row in rows:
            broken = _examine(row, expected=reached + 1, link=link)
            if broken is not None:
                break
            link, reached = row["hash"], row["sequence"]
    if broken is None and link != head_hash:
        broken = BrokenLink(sequence=last, event_id=None, problem=Break.head)
    if broken is None and (stranger := await connection.fetchrow(_STRANGERS, session.tenant_id)):
        broken = BrokenLink(sequence=stranger["sequence"], event_id=stranger["id"], problem=Break.unlinked)
    return Verification(intact=broken is None, verified=reached, head_sequence=last, head_hash=head_hash, first_broken=broken)


def _examine(row: Any, *, expected: int, link: str) -> BrokenLink | None:
    if row["sequence"] > expected:
        return BrokenLink(sequence=expected, event_id=None, problem=Break.missing)
    if row["hash"] != row["computed"]:
        return BrokenLink(sequence=row["sequence"], event_id=row["id"], problem=Break.altered)
    if row["sequence"] < expected or row["previous_hash"] != link:
        return BrokenLink(sequence=row["sequence"], event_id=row["id"], problem=Break.unlinked)
    return None
