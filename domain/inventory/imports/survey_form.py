"""The form of the technician's survey: which sections it has, what identifies an entry, and what refers to what.

The survey says more than the inventory has columns for; whatever is no column stays a fact of the entry, as it was
written. Null, "" and "unknown" are one state, unknown; an empty list is an answer: asked, none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from domain.inventory.imports.normal_form import Json, Remark
from domain.inventory.kinds import DeviceKind, PartnerKind, SystemKind

SCHEMA = "imaging-survey/1"
Shape: TypeAlias = Literal["text", "day", "moment", "flag", "whole", "texts", "object", "list"]
Value: TypeAlias = str | bool | int | date | datetime | tuple[str, ...] | dict[str, Json] | list[Json] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing the survey tells of. ``columns`` has every column of its section, None where it is not known;
    ``facts`` has the rest as written; ``raw`` the whole entry."""

    section: str
    id: str
    pointer: str
    columns: Mapping[str, Value]
    facts: Mapping[str, Json]
    raw: Mapping[str, Json]

    def text(self, name: str) -> str | None:
        value = self.columns.get(name)
        return value if isinstance(value, str) else None

    def day(self, name: str) -> date | None:
        value = self.columns.get(name)
        return value if isinstance(value, date) and not isinstance(value, datetime) else None

    def moment(self, name: str) -> datetime | None:
        value = self.columns.get(name)
        return value if isinstance(value, datetime) else None

    def flag(self, name: str) -> bool | None:
        value = self.columns.get(name)
        return value if isinstance(value, bool) else None

    def whole(self, name: str) -> int | None:
        value = self.columns.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, name: str) -> tuple[str, ...] | None:
        """None: not asked. Empty: asked, none."""
        value = self.columns.get(name)
        return value if isinstance(value, tuple) else None


@dataclass(frozen=True, slots=True)
class End:
    """What stands at one end of a flow: an entry of the survey, the patient, or a place known by name only."""

    kind: Literal["asset", "partner", "vendor", "patient", "other"]
    name: str
    """The id of the entry, or the name as written."""


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey as far as it could be read. ``asked`` names the sections it has, so that an empty one is told from
    one that was left out. ``rejected`` are entries and sections not taken; ``notes`` what was taken otherwise."""

    as_of: date | None
    as_of_time: datetime | None
    practice: Entry | None
    settings: Mapping[str, int]
    sra: Entry | None
    policies: Mapping[str, bool | None]
    import_options: Mapping[str, Json]
    locations: tuple[Entry, ...]
    segments: tuple[Entry, ...]
    systems: tuple[Entry, ...]
    modalities: tuple[Entry, ...]
    backups: tuple[Entry, ...]
    users: tuple[Entry, ...]
    partners: tuple[Entry, ...]
    vendors: tuple[Entry, ...]
    engagements: tuple[Entry, ...]
    baas: tuple[Entry, ...]
    remote_access: tuple[Entry, ...]
    flows: tuple[Entry, ...]
    access_requests: tuple[Entry, ...]
    incidents: tuple[Entry, ...]
    documents: tuple[Entry, ...]
    answers: tuple[Entry, ...]
    risks: tuple[Entry, ...]
    asked: frozenset[str]
    rejected: tuple[Remark, ...]
    notes: tuple[Remark, ...]
    unknown_sections: tuple[str, ...]

    @property
    def assets(self) -> tuple[Entry, ...]:
        """Systems and modalities: their ids are one set, and everything else refers to them alike."""
        return (*self.systems, *self.modalities)

    def entries(self) -> Iterator[Entry]:
        for name in SECTIONS:
            yield from getattr(self, name)

    def end(self, text: str | None) -> End | None:
        """What one end of a flow stands for; None when it is not known."""
        if text is None:
            return None
        spaces: tuple[tuple[Literal["asset", "partner", "vendor"], tuple[Entry, ...]], ...] = (
            ("asset", self.assets),
            ("partner", self.partners),
            ("vendor", self.vendors),
        )
        for kind, entries in spaces:
            if any(entry.id == text for entry in entries):
                return End(kind, text)
        return End("patient" if text.casefold() == "patient" else "other", text)


@dataclass(frozen=True, slots=True)
class Section:
    """``of``: the word by which the vocabulary of facts and references call its entries. ``identity``: the member that
    is the id. ``references``: column to what it refers to. ``outside``: words that are no id but are allowed there."""

    of: str
    columns: Mapping[str, Shape]
    identity: str = "id"
    references: Mapping[str, str] = field(default_factory=dict[str, str])
    outside: frozenset[str] = frozenset()
    kind: str | None = None
    kinds: frozenset[str] = frozenset()


_ASSET_COLUMNS: Mapping[str, Shape] = {
    "name": "text",
    "hostname": "text",
    "kind": "text",
    "location": "text",
    "vendor": "text",
    "owner": "text",
    "status": "text",
    "serial": "text",
    "os_name": "text",
    "os_edition": "text",
    "os_build": "text",
    "encryption_at_rest": "text",
    "hosted_by_vendor": "flag",
}
_DEVICE_KINDS = frozenset(kind.value for kind in DeviceKind) - {DeviceKind.unclassified.value}
_SYSTEM_KINDS = frozenset(kind.value for kind in SystemKind)
ELSEWHERE = frozenset({"vendor", "home"})
"""Locations of what stands at none of the practice's own."""

PRACTICE_COLUMNS: Mapping[str, Shape] = {
    "name": "text",
    "state": "text",
    "specialty": "text",
    "contact_role": "text",
    "contact_email": "text",
    "security_official": "text",
}
SRA_COLUMNS: Mapping[str, Shape] = {"version": "whole", "approved_on": "day", "approver_role": "text"}
SECTIONS: Mapping[str, Section] = {
    "locations": Section("location", {"name": "text", "operatories": "whole", "rmm_site": "text", "state": "text"}),
    "segments": Section(
        "segment",
        {"subnet": "text", "isolated": "flag", "locations": "texts", "note": "text"},
        identity="segment",
        references={"locations": "location"},
    ),
    "systems": Section(
        "asset",
        _ASSET_COLUMNS,
        references={"location": "location", "vendor": "vendor"},
        outside=ELSEWHERE,
        kind="kind",
        kinds=_DEVICE_KINDS | _SYSTEM_KINDS,
    ),
    "modalities": Section(
        "asset",
        {**_ASSET_COLUMNS, "host": "text"},
        references={"location": "location", "vendor": "vendor", "host": "asset"},
        outside=ELSEWHERE,
        kind="kind",
        kinds=_DEVICE_KINDS,
    ),
    "backups": Section(
        "backup",
        {
            "name": "text",
            "target": "text",
            "status": "text",
            "covers": "texts",
            "last_success_at": "moment",
            "last_restore_test_on": "day",
        },
        references={"target": "asset", "covers": "asset"},
    ),
    "users": Section(
        "user",
        {"role": "text", "name": "text", "status": "text", "trained_on": "day", "left_on": "day", "accounts": "list"},
        references={"accounts/system": "asset"},
    ),
    "partners": Section(
        "partner",
        {"type": "text", "name": "text", "email": "text"},
        kind="type",
        kinds=frozenset(kind.value for kind in PartnerKind),
    ),
    "vendors": Section(
        "vendor",
        {
            "name": "text",
            "status": "text",
            "contact_email": "text",
            "subcontractors": "texts",
            "verified_on": "day",
            "ended_on": "day",
        },
    ),
    "engagements": Section(
        "engagement",
        {
            "vendor": "text",
            "service": "text",
            "started_on": "day",
            "ended_on": "day",
            "creates_phi": "flag",
            "receives_phi": "flag",
            "maintains_phi": "flag",
            "transmits_phi": "flag",
            "remote_access": "text",
            "can_view_ephi": "flag",
        },
        references={"vendor": "vendor"},
    ),
    "baas": Section(
        "baa",
        {
            "vendor": "text",
            "status": "text",
            "signed_on": "day",
            "end_on": "day",
            "amended_on": "day",
            "breach_notice_days": "whole",
            "missing_required_clauses": "texts",
            "return_destroy_attested_on": "day",
        },
        references={"vendor": "vendor"},
    ),
    "remote_access": Section(
        "remote_access",
        {"name": "text", "vendor": "text", "targets": "texts", "enabled": "flag"},
        references={"vendor": "vendor", "targets": "asset"},
    ),
    "flows": Section(
        "flow",
        {
            "name": "text",
            "source_asset": "text",
            "destination": "text",
            "direction": "text",
            "method": "text",
            "encrypted": "flag",
            "tls_version": "text",
            "audit_logged": "flag",
            "crosses_internet": "flag",
            "purpose": "text",
            "vendor": "text",
        },
        references={"vendor": "vendor"},
    ),
    "access_requests": Section(
        "access_request", {"open": "flag", "received_on": "day", "format": "text", "extension_notice": "flag"}
    ),
    "incidents": Section("incident", {"discovered_on": "day", "what": "text", "closed_on": "day", "breach_decision": "text"}),
    "documents": Section("document", {"title": "text", "review_due_on": "day", "retain_until": "day", "deleted_on": "day"}),
    "answers": Section("answer", {"spec_type": "text", "state": "text", "rationale": "text"}, identity="topic"),
    "risks": Section(
        "risk",
        {
            "rule": "text",
            "subject": "text",
            "level": "text",
            "status": "text",
            "task": "object",
            "acceptance": "object",
        },
    ),
}
"""Every list of the survey. What has no entry here is reported as an unknown section."""
FLOW_ENDS = ("source_asset", "destination")
"""Columns that name an entry or a place outside: they are checked only against entries that were rejected."""
OTHER_MEMBERS = frozenset({"schema", "as_of", "as_of_time", "practice", "settings", "sra", "policies", "import_options"})
