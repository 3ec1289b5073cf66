"""What happened: one event per verb, at once the audit trail, the webhook payload and ``GET /v1/events``.

The sequence number is given under a lock on the tenant's chain head as the last thing before commit, so a poller that
follows it never steps over an event that was still being written. Each event's hash covers the one before it.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from domain.clock import new_id, now, rfc3339
from domain.jobs import FAN_OUT, enqueue
from domain.json_forms import as_json
from domain.masking import masked
from domain.tenancy import TenantSession, tenant_table


class EventHead(SQLModel, table=True):
    """The end of one tenant's chain: the last sequence number given, and the hash of that event."""

    __tablename__ = "event_head"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),)

    tenant_id: UUID = Field(primary_key=True)
    sequence: int = Field(default=0, sa_type=BigInteger)
    hash: str = ""


class Event(SQLModel, table=True):
    """One thing that happened. Append-only by trigger, partitioned by month of ``at``."""

    __table_args__ = (
        *tenant_table(),
        Index("ix_event_sequence", "tenant_id", "sequence"),
        Index("ix_event_subject", "tenant_id", "subject_id", "sequence"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    tenant_id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)  # pyright: ignore[reportArgumentType]  an instance is accepted
    id: UUID = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger)
    kind: str
    subject_type: str
    subject_id: UUID
    organization_id: UUID | None = None
    changes: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    actor: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    context: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    previous_hash: str
    hash: str


class Subject(Protocol):
    """Anything that something can happen to."""

    id: UUID
    noun: ClassVar[str]


def emit(session: TenantSession, kind: str, subject: Subject, changes: Mapping[str, Any] | None = None) -> None:
    """Note that ``kind`` (such as ``device.created``) happened to ``subject``.

    ``changes`` maps a field to ``{"from": ..., "to": ...}`` or to its new value; what is named like a secret is masked.
    """
    organization_id = subject.id if subject.noun == "organization" else getattr(subject, "organization_id", None)
    session.events.append(
        {
            "id": str(new_id()),
            "at": rfc3339(now()),
            "kind": kind,
            "subject_type": subject.noun,
            "subject_id": str(subject.id),
            "organization_id": str(organization_id) if organization_id else None,
            "changes": masked(changes or {}),
            "actor": session.actor.named(),
            "context": dict(session.context),
        }
    )


class Told(NamedTuple):
    """What happened to one of many things of an organization."""

    subject_id: UUID
    organization_id: UUID
    changes: dict[str, Any]


def emit_all(session: TenantSession, kind: str, noun: str, told: Iterable[Told]) -> None:
    """The same kind of event for many things at once, as ``emit`` would note each."""
    shared = {
        "at": rfc3339(now()),
        "kind": kind,
        "subject_type": noun,
        "actor": session.actor.named(),
        "context": dict(session.context),
    }
    session.events += (
        {
            **shared,
            "id": str(new_id()),
            "subject_id": str(each.subject_id),
            "organization_id": str(each.organization_id),
            "changes": each.changes,
        }
        for each in told
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields whose value changed, each as ``{"from", "to"}``."""
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


async def append_events(session: TenantSession) -> None:
    """Stamp the collected events in one statement; wake the webhooks if anyone listens."""
    if not session.events:
        return
    connection = await session.driver()
    batch = json.dumps(session.events, default=as_json)
    session.events.clear()
    before, last, heard = await connection.fetchrow("SELECT * FROM append_events($1::jsonb)", batch) or (0, 0, False)
    if heard:
        enqueue(session, FAN_OUT, after_sequence=before, up_to_sequence=last)
