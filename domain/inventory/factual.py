"""The things of an organization that carry facts, by their noun; confirming a fact, and reading how it came about."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel import Field, col, select

from domain.clock import now, rfc3339
from domain.errors import Fault, Invalid, NotFound
from domain.events import Event, emit
from domain.inventory.backups import Backup
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.systems import System
from domain.known import is_known, is_mapping
from domain.tenancy import Fields, TenantSession
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement

Thing = Device | System | Partner | Flow | Backup | RemoteAccess | Engagement | Baa | Organization
FACTUAL: Mapping[str, type[Thing]] = {
    kind.noun: kind for kind in (Device, System, Partner, Flow, Backup, RemoteAccess, Engagement, Baa, Organization)
}


class FactConfirmationFields(Fields):
    subject_type: str = Field(description=f"One of: {', '.join(FACTUAL)}.")
    subject_id: UUID
    facts: list[str] = Field(min_length=1, max_length=200, description="What you have checked.")


async def subject_of(session: TenantSession, noun: str, id: UUID) -> Thing:
    """The thing, locked."""
    if noun not in FACTUAL:
        raise Invalid.one("/subject_type", "not_allowed", f"Only these carry facts: {', '.join(FACTUAL)}.")
    return await session.fetch(FACTUAL[noun], id, lock=True)


async def confirm(session: TenantSession, organization_id: UUID, fields: FactConfirmationFields) -> Thing:
    """Note that a person has checked these facts. Who said them stays; a confirmation ends with the value."""
    try:
        row = await subject_of(session, fields.subject_type, fields.subject_id)
    except NotFound:
        row = None
    if row is None or whose(row) != organization_id:
        raise Invalid.one("/subject_id", "unknown_reference", f"There is no such {fields.subject_type} here.")
    faults = [
        Fault(f"/facts/{place}", "unknown", "Nothing is known here that could be confirmed.")
        for place, name in enumerate(fields.facts)
        if not is_known(_value(row, name))
    ]
    if faults:
        raise Invalid(faults)
    member = str(session.actor.member_id) if session.actor.member_id else None
    moment = rfc3339(now())
    provenance = dict(row.provenance)
    for name in fields.facts:
        mark = provenance.get(name) or {"source": "person", "observed_at": None}
        provenance[name] = {**mark, "confirmed_by": member, "confirmed_at": moment}
    row.provenance = provenance
    await session.flush()
    emit(session, "fact.confirmed", row, {"facts": sorted(set(fields.facts))})
    return row


def whose(row: Thing) -> UUID:
    """The organization that a thing belongs to, or is."""
    return row.id if isinstance(row, Organization) else row.organization_id


def _value(row: Thing, name: str) -> Any:
    if name in row.facts:
        return row.facts[name]
    return getattr(row, name) if name in type(row).model_fields and name not in ("facts", "provenance") else None


async def history(
    session: TenantSession, organization_id: UUID, subject_id: UUID | None, *, fact: str | None, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """How the facts of a thing came about, the latest first: read from the chain of events, so it cannot be rewritten.

    ``limit`` counts events; the number that comes with the changes is where the next page begins.
    """
    statement = select(Event).where(
        col(Event.organization_id) == organization_id,
        col(Event.kind).like("%.created") | col(Event.kind).like("%.updated"),
    )
    if subject_id is not None:
        statement = statement.where(col(Event.subject_id) == subject_id)
    if before is not None:
        statement = statement.where(col(Event.sequence) < before)
    events = list((await session.execute(statement.order_by(col(Event.sequence).desc()).limit(limit + 1))).scalars())
    shown = events[:limit]
    changes = [change for event in shown for change in _changes(event) if fact in (None, change["fact"])]
    return changes, shown[-1].sequence if len(events) > limit else None


def _changes(event: Event) -> list[dict[str, Any]]:
    first = event.kind.endswith(".created")
    told: list[tuple[str, Any, Any]] = []
    for name, change in event.changes.items():
        old, new = (None, change) if first else (change.get("from"), change.get("to"))
        if name == "facts":
            one, other = _facts(old), _facts(new)
            told += [
                (each, one.get(each), other.get(each)) for each in sorted({*one, *other}) if one.get(each) != other.get(each)
            ]
        else:
            told.append((name, old, new))
    shared = {
        "at": event.at,
        "sequence": event.sequence,
        "source": event.context.get("source", "person" if event.actor.get("kind") != "system" else "system"),
        "actor": event.actor,
    }
    return [{"fact": name, "before": old, "after": new, **shared} for name, old, new in told]


def _facts(value: Any) -> dict[str, Any]:
    return {str(name): said for name, said in value.items()} if is_mapping(value) else {}
