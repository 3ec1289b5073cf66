"""What makes an analysis stale: the changes that 45 CFR 164.306(e) and 164.316(b)(2)(iii) mean, found between two footprints.

Each cause names the topics and risks that it touches, and why. Two sorts of topics are touched: those that ask about such a
change itself, by the table below, and those that a rule shows whose outcome about the changed thing is now another. What is
not touched stays as it was answered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from domain.inventory.kinds import SystemKind
from domain.inventory.map import words as spelled
from domain.sra.catalogue import Catalogue
from domain.sra.footprint import Footprint


class Trigger(StrEnum):
    modality = "modality"
    equipment = "equipment"
    software = "software"
    flow = "flow"
    vendor = "vendor"
    location = "location"
    os_unsupported = "os_unsupported"
    incident = "incident"
    touched_by_incident = "touched_by_incident"
    ownership = "ownership"


MODALITIES = frozenset(
    {"intraoral_sensor", "psp_scanner", "panoramic_unit", "cbct_unit", "intraoral_scanner", "intraoral_camera", "handheld_xray"}
)
STORES = frozenset({"imaging_server", "dicom_server", "pms_server", "file_server", "nas", "backup_target"})
"""Devices whose coming changes where images rest. One workstation more does not."""

ASKED_BY_THE_CHANGE: Mapping[Trigger, Mapping[str, str]] = {
    Trigger.modality: {
        "SMP-01": "the analysis does not cover it",
        "SMP-02": "it came after the analysis",
        "EVA-02": "a change of systems calls for a fresh evaluation",
        "SMP-03": "the asset list has grown",
        "IMG-01": "the list of imaging machines has grown",
    },
    Trigger.equipment: {
        "SMP-01": "the analysis does not cover it",
        "SMP-02": "it came after the analysis",
        "EVA-02": "a change of systems calls for a fresh evaluation",
        "SMP-03": "the asset list has grown",
    },
    Trigger.software: {
        "SMP-01": "the analysis does not cover it",
        "SMP-02": "it came after the analysis",
        "EVA-02": "a change of systems calls for a fresh evaluation",
        "SMP-03": "the list of programs and services has grown",
        "IMG-13": "it has not been matched against published flaws",
    },
    Trigger.flow: {
        "SMP-01": "the analysis does not cover this way of sending",
        "SMP-02": "the way of sending images is another than at the analysis",
        "EVA-02": "a change of systems calls for a fresh evaluation",
        "SMP-04": "the written path of ePHI is another now",
    },
    Trigger.vendor: {
        "SMP-01": "the analysis does not cover what it does",
        "SMP-02": "it came after the analysis",
        "BAC-01": "the list of outside parties has grown",
        "BAC-02": "it has to be seen whether it needs an agreement, and has one",
    },
    Trigger.location: {
        "SMP-01": "the analysis does not cover it",
        "SMP-02": "it came after the analysis",
        "EVA-02": "a move or merger calls for a fresh evaluation",
        "SMP-03": "its assets belong on the list",
        "FAC-02": "it needs a plan against entry and theft of its own",
        "FAC-03": "who may enter has to be decided there too",
    },
    Trigger.os_unsupported: {"IMG-02": "it no longer gets security updates"},
    Trigger.incident: {
        "EVA-02": "an incident calls for a fresh evaluation",
        "INC-02": "it has to be recorded to its end",
        "INC-03": "it needs a breach decision",
    },
    Trigger.touched_by_incident: {},
    Trigger.ownership: {
        "EVA-02": "a change of ownership calls for a fresh evaluation",
        "ASR-01": "the security official has to be named by the new owner",
        "BAC-02": "the agreements name another party",
    },
}


ABOUT_THE_ANALYSIS = frozenset({"changed_since_analysis", "analysis_current", "risk_treatment"})
"""Causes of rules that speak of the analysis and not of the thing: the table above says what they would."""


@dataclass(frozen=True)
class Touched:
    """A risk that stands otherwise than at the seal: the rule fires on the thing now, or cannot be decided for it."""

    rule: str
    subject: str
    outcome: str


@dataclass(frozen=True)
class Cause:
    """``key`` is the same each time the same change is seen. ``topics`` maps each touched topic to why."""

    key: str
    trigger: Trigger
    subject: str
    name: str
    reason: str
    topics: Mapping[str, str]
    risks: tuple[Touched, ...]


def causes_between(before: Footprint, after: Footprint, catalogue: Catalogue) -> list[Cause]:
    """Every change since the seal that makes the analysis stale, in the order of their keys."""
    return sorted((_cause(found, before, after, catalogue) for found in _changes(before, after)), key=lambda cause: cause.key)


@dataclass(frozen=True)
class _Change:
    key: str
    trigger: Trigger
    subject: str
    name: str
    reason: str


def _changes(before: Footprint, after: Footprint) -> Iterator[_Change]:
    old, new = before["things"], after["things"]
    for ref, thing in new.items():
        if ref not in old:
            yield from _appeared(ref, thing)
        else:
            yield from _altered(ref, old[ref], thing)
            yield from _out_of_support(ref, thing, since=before["on"], today=after["on"])
    for identifier, name in after["locations"].items():
        if identifier not in before["locations"]:
            yield _Change(
                f"location:{identifier}", Trigger.location, f"location:{identifier}", name, f"The location {name} is new."
            )
    yield from _happened(before, after)
    if after["owner"] != before["owner"]:
        reason = f"The practice belongs to {after['owner']}; it was {before['owner']}."
        yield _Change(f"ownership:{after['owner']}", Trigger.ownership, "practice", after["owner"], reason)


def _happened(before: Footprint, after: Footprint) -> Iterator[_Change]:
    """A new incident, and each thing that one is now known to have touched: what stood open there is to be looked at again."""
    touched_before: Mapping[str, Any] = before.get("touched") or {}
    for identifier, day in after["incidents"].items():
        if identifier not in before["incidents"]:
            reason = f"An incident was discovered on {day}."
            yield _Change(f"incident:{identifier}", Trigger.incident, f"incident:{identifier}", f"Incident of {day}", reason)
        for ref in after["touched"].get(identifier, ()):
            if ref in after["things"] and ref not in touched_before.get(identifier, ()):
                name = after["things"][ref]["name"]
                reason = f"The incident of {day} touched {name}."
                yield _Change(f"incident:{identifier}:{ref}", Trigger.touched_by_incident, ref, name, reason)


def _appeared(ref: str, thing: Mapping[str, Any]) -> Iterator[_Change]:
    kind, name = thing["kind"], thing["name"]
    words = spelled(kind)
    if ref.startswith("flow:"):
        yield _Change(ref, Trigger.flow, ref, name, f"Images move by a new way: {name}.")
    elif ref.startswith("vendor:"):
        yield _Change(ref, Trigger.vendor, ref, name, f"The vendor {name} is new here.")
    elif kind in MODALITIES:
        yield _Change(f"modality:{ref}", Trigger.modality, ref, name, f"A new imaging machine, {name} ({words}), is in use.")
    elif kind in STORES:
        yield _Change(
            f"equipment:{ref}", Trigger.equipment, ref, name, f"{name} ({words}) is new, and a place where images rest."
        )
    elif kind in set(SystemKind):
        yield _Change(f"software:{ref}", Trigger.software, ref, name, f"A new system, {name} ({words}), is in use.")


def _altered(ref: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Change]:
    name = new["name"]
    if "identity" in new and new["identity"] != old.get("identity"):
        was: Mapping[str, Any] = old.get("identity") or {}
        changed = sorted(each for each, value in new["identity"].items() if value != was.get(each))
        now = ", ".join(
            f"{each.replace('_', ' ')}: {new['identity'][each]}" for each in changed if each in ("method", "encrypted")
        )
        told = f" ({now})" if now else ""
        became = ",".join(f"{each}={new['identity'][each]}" for each in changed)
        key = f"flow_changed:{ref}:{became}"
        yield _Change(
            key,
            Trigger.flow,
            ref,
            name,
            f"The way {name} is another than it was: {', '.join(changed).replace('_', ' ')}{told}.",
        )
    for product in sorted(set(new.get("software", ())) - set(old.get("software", ()))):
        yield _Change(f"software:{ref}:{product}", Trigger.software, ref, name, f"{product} is new on {name}.")


def _out_of_support(ref: str, thing: Mapping[str, Any], *, since: str, today: str) -> Iterator[_Change]:
    """Its last day of support lies between the seal and today; one that was past at the seal was analysed as such."""
    ends = thing.get("support_ends_on")
    if ends and date.fromisoformat(since) < date.fromisoformat(ends) <= date.fromisoformat(today):
        name = thing["name"]
        reason = f"The operating system of {name} has left security support on {ends}."
        yield _Change(f"os_unsupported:{ref}:{ends}", Trigger.os_unsupported, ref, name, reason)


def _cause(change: _Change, before: Footprint, after: Footprint, catalogue: Catalogue) -> Cause:
    # What an incident touched is looked at again even where it stood so at the seal: it has come to pass.
    was: Mapping[str, Any] = {} if change.trigger is Trigger.touched_by_incident else before["outcomes"]
    risks = tuple(
        each
        for each in _touched(change.subject, was, after["outcomes"])
        if each.rule in catalogue.threat_by_id and catalogue.threat_by_id[each.rule].cause not in ABOUT_THE_ANALYSIS
    )
    topics = dict(ASKED_BY_THE_CHANGE[change.trigger])
    for risk in risks:
        threat = catalogue.threat_by_id[risk.rule]
        for topic in catalogue.topics:
            if topic.scored and risk.rule in topic.shown_by:
                word = "is a risk there now" if risk.outcome == "fires" else "cannot be decided for it"
                topics.setdefault(topic.id, f"{threat.title} ({risk.rule}) {word}")
    ordered = {topic.id: topics[topic.id] for topic in catalogue.topics if topic.id in topics}
    return Cause(change.key, change.trigger, change.subject, change.name, change.reason, ordered, risks)


def _touched(subject: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Touched]:
    """Rules that speak of the thing otherwise than at the seal, and not to its good."""
    for rule in sorted(after):
        was: Mapping[str, Any] = before.get(rule) or {}
        for outcome, word in (("fired", "fires"), ("undetermined", "undetermined")):
            if subject in after[rule][outcome] and subject not in was.get(outcome, ()):
                yield Touched(rule, subject, word)
