"""What is another than in the version before: answers, things and risks, line by line, and why that version became stale.

Things are held against the sealed data set of the version before, so the comparison is with what was signed and not with
what somebody remembers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from domain.inventory.map import MapEdge, MapNode, NetworkMap
from domain.sra.assessments import Answer, Continuity
from domain.sra.catalogue import Catalogue
from domain.sra.changes import ChangedAnswer, Changes
from domain.sra.findings import Finding
from domain.sra.report import rows
from domain.sra.report.dataset import ReportData
from domain.sra.report.traces import printed
from domain.sra.report.words import NOT_KNOWN, NOT_RECORDED, phrase, reference
from domain.sra.staleness import Staleness

OF_AN_ASSET: Mapping[str, str] = {
    "name": "Name", "kind": "Kind", "location": "Location", "segment": "Segment", "owner": "Owner",
    "os_name": "Operating system", "os_support": "Support", "stores_ephi": "Holds ePHI",
}  # fmt: skip
OF_A_VENDOR: Mapping[str, str] = {
    "services": "Services", "role": "Role", "decision": "Agreement", "baa_state": "State of the agreement",
    "baa_signed_on": "Signed on", "baa_ends_on": "Ends on", "compliant": "Compliant", "note": "Note",
}  # fmt: skip
OF_A_FLOW: Mapping[str, str] = {
    "method": "Method", "direction": "Direction", "encrypted": "Encrypted", "logged": "Logged",
    "crosses_internet": "Crosses the internet", "purpose": "Purpose",
}  # fmt: skip
OF_THE_DAY = frozenset({"Last patch on"})
"""Facts that are others at every look, which says nothing."""


def continuity(changes: Changes, answers: Iterable[Answer], book: Catalogue) -> rows.Continuity | None:
    """How many answers to the law in force are carried, confirmed, changed, or still to give; None for a first analysis."""
    if changes.since is None:
        return None
    asked = [each for each in answers if book.topic_by_id[each.topic_id].scored]
    given = [each.continuity for each in asked if each.state is not None]
    return rows.Continuity(
        carried=given.count(Continuity.carried),
        confirmed=given.count(Continuity.confirmed),
        changed=given.count(Continuity.changed),
        anew=given.count(None),
        unanswered=len(asked) - len(given),
    )


def fired(causes: Iterable[Staleness]) -> tuple[rows.Trigger, ...]:
    """Why the version before became stale, in words, and what each cause touches."""
    return tuple(
        rows.Trigger(
            at=each.created_at,
            what=each.reason,
            why=_sentence(dict.fromkeys(str(why) for why in each.topics.values())),
            affects=(*each.topics, *dict.fromkeys(f"rule {one['rule']}" for one in each.risks)),
        )
        for each in causes
    )


def _sentence(parts: Iterable[str]) -> str:
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}." if said else NOT_RECORDED


def answer_changes(
    changes: Changes, answers: Iterable[Answer], book: Catalogue, people: Mapping[UUID, str]
) -> Iterator[rows.Change]:
    """Answers that say something else, or were reopened and wait; what is not law is told of elsewhere."""
    by_topic = {each.topic_id: each for each in answers}
    for each in changes.answers:
        topic = book.topic_by_id[each.topic_id]
        if not topic.scored:
            continue
        answer = by_topic[each.topic_id]
        waits = each.now is None
        yield rows.Change(
            kind="answer_reopened" if waits and each.reopened_because else "answer_changed",
            what=f"{each.topic_id}: {topic.question}",
            detail=_turned(each),
            at=None if waits else answer.answered_at,
            by=None if waits or answer.answered_by is None else people.get(answer.answered_by, "an API key"),
        )


def _turned(each: ChangedAnswer) -> str:
    turned = f"{phrase(each.was) or 'Not answered'} → {phrase(each.now) or 'not answered again yet'}."
    return " ".join((turned, *each.reopened_because))


def risk_changes(changes: Changes) -> Iterator[rows.Change]:
    """Risks found, reopened and resolved; one that came and went in between is said to have done both."""
    kinds: Sequence[tuple[str, Sequence[Finding]]] = (
        ("risk_found", changes.found), ("risk_reopened", changes.reopened), ("risk_resolved", changes.resolved)
    )  # fmt: skip
    for kind, found in kinds:
        for each in found:
            yield rows.Change(
                kind=kind,
                what=f"{reference(each.number)} {each.title}",
                detail=f"{f'Answer to {each.topic_id}' if each.topic_id else each.subject_name}: {each.level.word}.",
                at=_moment(kind, each),
            )


def _moment(kind: str, finding: Finding) -> datetime | None:
    return {
        "risk_found": finding.opened_at,
        "risk_reopened": finding.reopened_at,
        "risk_resolved": finding.resolved_at,
    }[kind]


@dataclass(frozen=True)
class Inventory:
    """The things that one version of the analysis was made over."""

    locations: Sequence[rows.Location]
    devices: Sequence[rows.Asset]
    systems: Sequence[rows.Asset]
    vendors: Sequence[rows.Vendor]
    network_map: NetworkMap

    @staticmethod
    def of(data: ReportData) -> "Inventory":
        return Inventory(data.practice.locations, data.devices, data.systems, data.vendors, data.network_map)


@dataclass(frozen=True)
class _Thing:
    name: str
    kind: str
    said: Mapping[str, str]
    """What is recorded of it, in words."""


def inventory_changes(before: Inventory, after: Inventory) -> Iterator[rows.Change]:
    """Things that came, things that went, and what is recorded otherwise of those that stayed."""
    old, new = _things(before), _things(after)
    for key, thing in new.items():
        if key not in old:
            yield rows.Change(kind="added", what=f"{thing.kind} {thing.name}")
        elif differences := _differences(old[key].said, thing.said):
            yield rows.Change(kind="recorded_otherwise", what=f"{thing.kind} {thing.name}", detail="; ".join(differences) + ".")
    for key, thing in old.items():
        if key not in new:
            yield rows.Change(kind="removed", what=f"{thing.kind} {thing.name}")


def _things(of: Inventory) -> dict[str, _Thing]:
    """By what stays the same when a thing is renamed, where there is such a key."""
    nodes = {node.id: node for node in of.network_map.nodes}
    return {
        **{f"location:{each.name}": _Thing(each.name, "Location", {}) for each in of.locations},
        **{f"asset:{each.id}": _asset(each, "Device") for each in of.devices},
        **{f"asset:{each.id}": _asset(each, "System") for each in of.systems},
        **{f"flow:{each.id}": _flow(each, nodes) for each in of.network_map.edges},
        **{f"vendor:{each.name}": _Thing(each.name, "Vendor", _words(each, OF_A_VENDOR)) for each in of.vendors},
    }


def _asset(one: rows.Asset, kind: str) -> _Thing:
    facts = {fact.name: fact.value or NOT_KNOWN for fact in one.facts if fact.name not in OF_THE_DAY}
    return _Thing(one.name, kind, {**facts, **_words(one, OF_AN_ASSET)})


def _flow(one: MapEdge, nodes: Mapping[str, MapNode]) -> _Thing:
    ends = f"{nodes[one.source].name} to {nodes[one.destination].name}"
    return _Thing(one.label or ends, "Flow", {"Way": ends, **_words(one, OF_A_FLOW)})


def _words(one: BaseModel, labels: Mapping[str, str]) -> dict[str, str]:
    values = {label: getattr(one, field) for field, label in labels.items()}
    return {label: _word(value) for label, value in values.items()}


def _word(value: Any) -> str:
    """Not knowing and not being recorded are both said as not known: neither is good."""
    if value is None or value == ():
        return NOT_KNOWN
    if isinstance(value, str):
        return phrase(value) or value
    return printed(list(value)) if isinstance(value, tuple) else printed(value)  # pyright: ignore[reportUnknownArgumentType]  of texts


def _differences(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    labels = [*now, *(label for label in was if label not in now)]
    said = [(label, was.get(label, NOT_KNOWN), now.get(label, NOT_KNOWN)) for label in labels]
    return [f"{label}: {old} → {new}" for label, old, new in said if old != new]
