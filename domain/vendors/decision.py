"""Is a business associate agreement required? Decided from the facts of an engagement, with reason and citation.

45 CFR 160.103 asks what the other side does with PHI for the practice, not what it is called. So a sensor maker's driver
that never sends anything needs no agreement, and needs one the day remote support is switched on. What is not known is
never "not required". The reasons are data: ``baa_reasons.toml`` of the catalogue, in the order in which they are tried.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Literal

from domain.known import as_date, flag, is_mapping, known
from domain.sra.catalogue import BaaWords, catalogue

Outcome = Literal["required", "needs_facts", "not_required"]

_WAYS = ("attended", "unattended")
_STRONGEST_FIRST: Mapping[str, int] = {"required": 0, "needs_facts": 1, "not_required": 2}

MSP_ENGAGEMENT: Mapping[str, Any] = MappingProxyType(
    {
        "service": "msp",
        "creates_phi": False,
        "receives_phi": False,
        "maintains_phi": False,
        "transmits_phi": False,
        "remote_access": "unattended",
        "can_view_ephi": True,
    }
)
"""What a managed service provider does for each client: it is the practice's business associate like any other."""


@dataclass(frozen=True, slots=True)
class Decision:
    """``role`` is a word of 160.103 as we use it, or "undetermined". ``missing`` names the facts that would decide."""

    decision: Outcome
    role: str
    code: str
    reason: str
    citation: str
    citations: tuple[str, ...]
    missing: tuple[str, ...] = ()
    engagement: str | None = None

    @property
    def known_role(self) -> str | None:
        return None if self.role == "undetermined" else self.role


def decide_vendor(
    engagements: Iterable[tuple[str, Mapping[str, Any]]], *, as_of: date, words: BaaWords | None = None
) -> Decision:
    """The strongest decision over a vendor's engagements, given as (id, facts): required, needs_facts, not_required.

    Only live engagements count; of a vendor whose engagements have all ended, those count, because what it holds may
    still have to come back. A vendor of whom nobody says what it does needs facts.
    """
    words = words or catalogue().baa
    given = list(engagements)
    live = [(id, facts) for id, facts in given if not _has_ended(facts, as_of)]
    decisions = [decide_engagement(facts, as_of=as_of, id=id, words=words) for id, facts in live or given]
    if not decisions:
        return _because(words, "facts_missing", missing=("service",))
    order = {row.code: place for place, row in enumerate(words.reason)}
    return min(
        decisions,
        key=lambda d: (_STRONGEST_FIRST[d.decision], order[d.code], d.engagement or ""),
    )


def with_recorded_access(
    engagements: Iterable[tuple[str, Mapping[str, Any]]], ways_in: Iterable[Mapping[str, Any]], *, as_of: date
) -> list[tuple[str, Mapping[str, Any]]]:
    """A vendor's engagements as they are with the remote accesses on record for it: what is said of the engagement does not
    hold against a way in that is open. Where one of them speaks of remote access, the record is about that one.
    """
    given = list(engagements)
    open_ways = [way for way in ways_in if flag(way, "enabled") is True]
    live = [facts for _, facts in given if not _has_ended(facts, as_of)]
    if not open_ways or any(known(facts, "remote_access") in _WAYS for facts in live):
        return given
    seen: dict[str, Any] = {"can_view_ephi": True} if any(flag(way, "can_view_ephi") is True for way in open_ways) else {}
    seen["remote_access"] = "unattended" if any(known(way, "mode") == "unattended" for way in open_ways) else "attended"
    return [(id, facts if _has_ended(facts, as_of) else {**facts, **seen}) for id, facts in given]


def decide_engagement(
    facts: Mapping[str, Any], *, as_of: date, id: str | None = None, words: BaaWords | None = None
) -> Decision:
    """What one engagement asks for. ``facts`` are those of an engagement in the vocabulary; missing ones are unknown."""
    words = words or catalogue().baa
    service = known(facts, "service")
    decided = _recorded_role(facts, as_of)
    if decided is not None:
        return _as_decided(words, *decided, engagement=id)
    if service in words.services_needing_a_role_decision:
        return _because(words, "role_decision_missing", missing=("role_decision",), engagement=id)
    transient = flag(facts, "transient_only") is True
    if flag(facts, "maintains_phi") is True and not transient:
        unreadable = flag(facts, "no_view_encrypted") is True
        return _because(words, "stores_ephi_without_the_key" if unreadable else "stores_ephi", engagement=id)
    if transient:
        return _because(words, "conduit", engagement=id)
    if service in words.services_named_in_the_definition:
        return _because(words, "e_prescribing", engagement=id)
    if any(flag(facts, name) is True for name in ("creates_phi", "receives_phi", "transmits_phi")):
        return _because(words, "handles_phi", engagement=id)
    access = known(facts, "remote_access")
    if access in _WAYS and flag(facts, "can_view_ephi") is True:
        return _because(words, "remote_view", engagement=id)
    if flag(facts, "incidental_only") is True:
        return _because(words, "incidental_exposure", engagement=id)
    if flag(facts, "payment_processing_only") is True:
        return _because(words, "payment_processing", engagement=id)
    missing = _missing(facts)
    if missing:
        return _because(words, "facts_missing", missing=missing, engagement=id)
    return _because(words, "no_phi_no_access" if access == "none" else "access_without_view", engagement=id)


def decide_partner(
    kind: str, facts: Mapping[str, Any] = MappingProxyType({}), *, as_of: date, words: BaaWords | None = None
) -> Decision:
    """A party that images go to or come from. A dentist who treats the patient is no business associate; a laboratory
    may be one, which a person decides and records."""
    words = words or catalogue().baa
    if kind in words.treating_partners:
        return _because(words, "treatment_by_another_provider")
    if kind in words.health_plans:
        return _because(words, "health_plan")
    if kind == "patient":
        return _because(words, "the_patient")
    decided = _recorded_role(facts, as_of)
    if decided is not None:
        return _as_decided(words, *decided)
    return _because(words, "role_decision_missing", missing=("role_decision",))


def _has_ended(facts: Mapping[str, Any], as_of: date) -> bool:
    ended = as_date(facts.get("ended_on"))
    return ended is not None and ended < as_of


def _recorded_role(facts: Mapping[str, Any], as_of: date) -> tuple[str, date | None] | None:
    """The role that a person decided, with its day. A decision of a later day than ``as_of`` was not yet made then."""
    record = facts.get("role_decision")
    if not is_mapping(record):
        return None
    role, decided_on = known(record, "role"), as_date(record.get("decided_on"))
    if role is None or role == "undetermined" or (decided_on is not None and decided_on > as_of):
        return None
    return str(role), decided_on


def _as_decided(words: BaaWords, role: str, decided_on: date | None, *, engagement: str | None = None) -> Decision:
    codes = {"business_associate": "decided_business_associate", "treatment_provider": "decided_treatment_provider"}
    day = decided_on.isoformat() if decided_on else "an unrecorded day"
    code = codes.get(role, "decided_other_role")
    return _because(words, code, engagement=engagement, role=role, decided_on=day)


def _missing(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of the six facts are unknown. Whether a session shows ePHI does not matter where there is no session."""
    asked = [name for name in ("creates_phi", "receives_phi", "maintains_phi", "transmits_phi") if flag(facts, name) is None]
    access = known(facts, "remote_access")
    if access not in ("none", "attended", "unattended"):
        asked.append("remote_access")
    if access != "none" and flag(facts, "can_view_ephi") is None:
        asked.append("can_view_ephi")
    return tuple(asked)


def _because(
    words: BaaWords, code: str, *, missing: tuple[str, ...] = (), engagement: str | None = None, **filled: str
) -> Decision:
    row = next(row for row in words.reason if row.code == code)
    filled["missing"] = ", ".join(missing)
    return Decision(
        decision=row.decision,
        role=row.role.format_map(filled),
        code=code,
        reason=row.sentence.format_map(filled),
        citation=row.citation,
        citations=row.citations,
        missing=missing,
        engagement=engagement,
    )
