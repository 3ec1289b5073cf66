"""Adjustments of a likelihood that the facts suggest, each with its reason. None counts until a person applies it.

The rating of a rule already speaks of the facts that the rule reads, so such a fact suggests nothing twice: a rule about an
archive that the internet can reach has its likelihood from that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from domain.known import as_date, as_list
from domain.sra.catalogue import Catalogue, Threat
from domain.sra.evaluation import Finding
from domain.sra.levels import Level
from domain.sra.world import Thing, World


class AdjustmentKind(StrEnum):
    internet_exposed = "internet_exposed"
    known_exploited = "known_exploited"
    incident_last_12m = "incident_last_12m"
    compensating_control = "compensating_control"


@dataclass(frozen=True)
class Suggestion:
    kind: AdjustmentKind
    steps: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "steps": self.steps, "reason": self.reason}


def adjusted(base: Level, applied: Iterable[AdjustmentKind], catalogue: Catalogue) -> Level:
    """The likelihood after some adjustments, each once, held between very low and very high."""
    steps = {each.key: each.steps for each in catalogue.scales.adjustment}
    return base.shifted(sum(steps[kind.value] for kind in set(applied)))


_LOST_OR_STOLEN = frozenset({"physical_security", "facility_plan", "visitor_control", "orphan_archive", "move_backup"})
_NETWORK = frozenset(
    {"end_of_support", "manufacturer_patching", "patching", "known_issue", "legacy_services", "dicom_access", "dicom_transport"}
)
_WAYS_IN = frozenset(
    {"shared_login", "standing_access", "internet_exposure", "leaver_account", "export_rights", "access_review", "web_viewer"}
)
"""Causes of risks that a control makes less likely: an encrypted disk does not help against a shared login."""


class Circumstances:
    """What surrounds the findings of one evaluation."""

    def __init__(self, world: World, catalogue: Catalogue, provenance: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """``provenance`` says for the id of an asset and a fact who said it."""
        self._catalogue = catalogue
        self._provenance = provenance
        self._assets = {each.id: each for each in world.assets}
        self._flows = {each.id: each for each in world.flows}
        self._accesses = {each.id: each for each in world.remote_accesses}
        self._exploited = {each.id: each.title for each in catalogue.known_issues if each.known_exploited}
        self._incidents = _recent(world.incidents, today=world.today)

    def suggest(self, finding: Finding) -> tuple[Suggestion, ...]:
        """The adjustments that fit a finding, in a fixed order."""
        threat = self._catalogue.threat_by_id[finding.rule]
        reasons = {
            AdjustmentKind.internet_exposed: self._exposed(finding, threat),
            AdjustmentKind.known_exploited: self._known_exploited(finding),
            AdjustmentKind.incident_last_12m: self._recent_incident(finding, threat),
            AdjustmentKind.compensating_control: self._control(finding, threat),
        }
        steps = {each.key: each.steps for each in self._catalogue.scales.adjustment}
        return tuple(Suggestion(kind, steps[kind.value], reason) for kind, reason in reasons.items() if reason is not None)

    def _exposed(self, finding: Finding, threat: Threat) -> str | None:
        kind, _, identifier = finding.subject.partition(":")
        if (
            kind == "asset"
            and "asset.internet_exposed" not in threat.reads
            and _is(self._assets, identifier, "internet_exposed")
        ):
            return "It is recorded as reachable from the internet."
        if kind == "flow" and "flow.crosses_internet" not in threat.reads and _is(self._flows, identifier, "crosses_internet"):
            return "The flow crosses the internet."
        access = self._accesses.get(identifier) if kind == "remote_access" else None
        if access is not None and "remote_access.always_on" not in threat.reads and access.facts.get("always_on") is True:
            return "The way in is always on."
        return None

    def _known_exploited(self, finding: Finding) -> str | None:
        """Only where the catalogue marks a flaw so, from a source. A person who knows of one applies it unsuggested."""
        refs = [each.ref.partition(":")[2] for each in finding.because if each.ref.startswith("known_issue:")]
        found = sorted(each for each in refs if each in self._exploited)
        return f"Known to be exploited: {', '.join(found)}." if found else None

    def _recent_incident(self, finding: Finding, threat: Threat) -> str | None:
        """An incident whose devices and systems are known says nothing about the others."""
        if threat.cause == "incident_outcome":
            return None
        asset = finding.subject.removeprefix("asset:")
        for day, assets in self._incidents:
            if asset in assets:
                return f"The incident of {day.isoformat()} touched it. Apply this if the risk had a part in that."
        if any(not assets for _, assets in self._incidents):
            latest = max(day for day, assets in self._incidents if not assets)
            return f"The practice had an incident on {latest.isoformat()}. Apply this if the risk had a part in it."
        return None

    def _control(self, finding: Finding, threat: Threat) -> str | None:
        kind, _, identifier = finding.subject.partition(":")
        if kind == "flow":
            isolated = self._flows[identifier].facts.get("segment_trust") == "isolated" if identifier in self._flows else False
            counts = isolated and threat.cause in _NETWORK and "flow.segment_trust" not in threat.reads
            return "The flow stays on an isolated segment." if counts else None
        if kind != "asset" or identifier not in self._assets:
            return None
        return next((reason for reason in self._controls(identifier, threat)), None)

    def _controls(self, identifier: str, threat: Threat) -> Sequence[str]:
        """Only what somebody other than a survey has confirmed or measured is verified."""
        facts = self._assets[identifier].facts
        known = {
            "encryption_at_rest": facts.get("encryption_at_rest") in ("volume", "database", "device")
            and threat.cause in _LOST_OR_STOLEN,
            "mfa": facts.get("mfa") == "required" and threat.cause in _WAYS_IN,
        }
        sentences = {
            "encryption_at_rest": "Its storage is encrypted.",
            "mfa": "A second factor stands in front of it.",
        }
        marks = self._provenance.get(identifier, {})
        sources = {fact: str(marks[fact].get("source", "survey")) for fact in known if fact in marks}
        return [
            f"{sentences[fact]} Confirmed by: {sources[fact]}."
            for fact, helps in known.items()
            if helps and f"asset.{fact}" not in threat.reads and sources.get(fact, "survey") != "survey"
        ]


def _is(things: Mapping[str, Thing], identifier: str, fact: str) -> bool:
    return identifier in things and things[identifier].facts.get(fact) is True


def _recent(incidents: Iterable[Thing], *, today: date) -> list[tuple[date, frozenset[str]]]:
    """The incidents of the last twelve months with what each is known to have touched, the latest first."""
    found: list[tuple[date, frozenset[str]]] = []
    for each in incidents:
        day = as_date(each.facts.get("discovered_on"))
        if day is not None and today - timedelta(days=365) <= day <= today:
            found.append((day, frozenset(map(str, as_list(each.facts.get("assets")) or []))))
    return sorted(found, key=lambda one: one[0], reverse=True)
