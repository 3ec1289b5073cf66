"""Why a finding is there: the rule as it was evaluated, who said each fact that it read, and what became of it since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from domain.events import Event
from domain.inventory.devices import Device
from domain.inventory.systems import System
from domain.json_forms import as_json
from domain.sra.catalogue import Threat, catalogue
from domain.sra.findings import Finding
from domain.tenancy import TenantSession

PROVEN = {"device": Device, "system": System}
"""Nouns whose facts carry their provenance."""


@dataclass(frozen=True)
class FactSource:
    """Who said a fact. ``source`` None: the fact is not known, or was worked out from others."""

    fact: str
    known: bool
    value: Any
    source: str | None
    observed_at: str | None
    confirmed_by: str | None


@dataclass(frozen=True)
class Happened:
    """One event about a finding."""

    at: datetime
    kind: str
    changes: Mapping[str, Any]
    actor: Mapping[str, Any]


def rule_of(finding: Finding) -> Threat | None:
    """The rule that found it, as the catalogue has it; None for gaps in answers and for what was written by hand."""
    return catalogue().threat_by_id.get(finding.rule_id) if finding.rule_id else None


async def sources_of(session: TenantSession, finding: Finding) -> list[FactSource]:
    """Every fact of its subject that the rule read or missed, with who said it."""
    values: Mapping[str, Any] = finding.facts.get("values") or {}
    marks = await _marks(session, finding)
    names = [*values, *(name for name in finding.missing_facts if name not in values)]
    return [_source(name, values, marks) for name in names]


async def history_of(session: TenantSession, finding: Finding) -> list[Happened]:
    """What became of it, in order: opened, changed, decided, resolved, reopened. What this very transaction has done is
    told as well, though its events are written only when it ends."""
    statement = select(Event).where(col(Event.subject_id) == finding.id).order_by(col(Event.sequence))
    written = [Happened(each.at, each.kind, each.changes, each.actor) for each in (await session.execute(statement)).scalars()]
    pending: list[dict[str, Any]] = json.loads(json.dumps(session.events, default=as_json))
    return written + [
        Happened(datetime.fromisoformat(each["at"]), each["kind"], each["changes"], each["actor"])
        for each in pending
        if each["subject_id"] == str(finding.id)
    ]


async def _marks(session: TenantSession, finding: Finding) -> Mapping[str, Mapping[str, Any]]:
    kind = PROVEN.get(finding.subject_type)
    if kind is None or finding.subject_id is None:
        return {}
    statement = select(kind).where(col(kind.id) == finding.subject_id)
    row = (await session.execute(statement)).scalar_one_or_none()
    return row.provenance if row is not None else {}


def _source(name: str, values: Mapping[str, Any], marks: Mapping[str, Mapping[str, Any]]) -> FactSource:
    fact = name.partition(".")[2] or name
    mark = marks.get(fact) or marks.get(f"{fact}_id") or marks.get(f"{fact}_at") or {}
    return FactSource(
        fact=name,
        known=name in values,
        value=values.get(name),
        source=mark.get("source"),
        observed_at=mark.get("observed_at"),
        confirmed_by=mark.get("confirmed_by"),
    )
