"""What each entry of a survey says, in the columns and facts of our rows, with our ids in the place of the survey's.

Whether it is believed is decided elsewhere (``survey_merge``); this is translation only, the same for this survey and for
the last one, with which it is compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.inventory.backups import Backup, BackupFields
from domain.inventory.devices import Device, DeviceFields
from domain.inventory.flows import Flow, FlowCore
from domain.inventory.imports.survey_form import Entry, Survey, Value
from domain.inventory.kinds import EndKind, SystemKind
from domain.inventory.locations import Location, LocationFields
from domain.inventory.partners import Partner, PartnerFields
from domain.inventory.remote_accesses import RemoteAccess, RemoteAccessFields
from domain.inventory.segments import Segment, SegmentFields
from domain.inventory.survey_ids import Ids
from domain.inventory.systems import System, SystemFields
from domain.inventory.workforce import Workforce, WorkforceFields
from domain.known import as_date, as_instant, is_known
from domain.remediation.access_requests import AccessRequest, AccessRequestFields
from domain.remediation.incidents import Incident, IncidentFields
from domain.sra.documents import Document, DocumentFields
from domain.tenancy import Fields, TenantOwned
from domain.vendors.baa_states import BaaStatus
from domain.vendors.baas import Baa, BaaFields
from domain.vendors.engagements import Engagement, EngagementFields

HOSTED = frozenset(kind.value for kind in SystemKind)


@dataclass(slots=True)
class Said:
    """One row as the survey has it. ``unchecked`` are columns beside those of ``fields``, already in their types."""

    kind: type[TenantOwned]
    fields: type[Fields]
    columns: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    unchecked: dict[str, Any] = field(default_factory=dict[str, Any])
    names_itself: bool = True
    """False: the name was made up here, and is no reason to rename anything."""


def table_of(entry: Entry) -> type[TenantOwned]:
    """Which table an asset belongs in. A copy at a vendor's is a service, a copy in the office a thing with a plug."""
    kind = entry.text("kind")
    if kind == SystemKind.backup_target:
        hosted = entry.flag("hosted_by_vendor") is True or entry.text("location") == "vendor"
        return System if hosted else Device
    return System if kind in HOSTED else Device


def said_of(entry: Entry, survey: Survey, ids: Ids) -> Said:
    """The entry as a row; ``ids.missing`` grows by the references that lead nowhere."""
    return _SAID[entry.section](entry, survey, ids)


def _location(entry: Entry, _: Survey, ids: Ids) -> Said:
    columns = {"name": entry.text("name") or entry.id, **_values(entry, "operatories", "state", "rmm_site")}
    return Said(Location, LocationFields, columns)


def _segment(entry: Entry, _: Survey, ids: Ids) -> Said:
    """A segment that spans several locations stands at none."""
    locations = entry.texts("locations") or ()
    at = ids.id_of("location", locations[0]) if len(locations) == 1 else None
    columns = {"name": entry.id, "location_id": at, **_values(entry, "subnet", "isolated", "note")}
    return Said(Segment, SegmentFields, columns)


def _asset(entry: Entry, _: Survey, ids: Ids) -> Said:
    facts = {**entry.facts, "host": ids.device(entry.text("host")), "sensor_attached": _sensor(entry, ids)}
    location = entry.text("location")
    place = ids.found.get(("location", location or ""))
    facts["location"] = None if place else location
    record = facts.get("sanitization_record")
    if isinstance(record, dict) and ("vendor", record.get("performed_by")) in ids.found:
        facts["sanitization_record"] = {**record, "performed_by": ids.found["vendor", str(record["performed_by"])].name}
    columns = {
        "name": entry.text("name") or entry.text("hostname") or entry.id,
        "location_id": place.id if place else None,
        **_values(entry, "kind", "status", "owner", "encryption_at_rest"),
    }
    names_itself = entry.text("name") is not None
    vendor_id, hosted = ids.id_of("vendor", entry.text("vendor")), entry.flag("hosted_by_vendor")
    machine = _values(entry, "hostname", "serial", "os_name", "os_edition", "os_build")
    if table_of(entry) is System:
        columns |= {"vendor_id": vendor_id, "hosted_by_vendor": hosted}
        return Said(System, SystemFields, columns, {**facts, **machine}, names_itself=names_itself)
    facts |= {"vendor": str(vendor_id) if vendor_id else None, "hosted_by_vendor": hosted}
    seen_at = as_instant(facts.pop("last_seen", None))
    return Said(Device, DeviceFields, {**columns, **machine, "last_seen_at": seen_at}, facts, names_itself=names_itself)


def _sensor(entry: Entry, ids: Ids) -> str | None:
    sensor = entry.facts.get("sensor_attached")
    return ids.device(sensor) if is_known(sensor) else None


def _backup(entry: Entry, _: Survey, ids: Ids) -> Said:
    target = ids.of("asset", entry.text("target"))
    columns = {
        "name": entry.text("name") or entry.id,
        "target_device_id": target.id if target and target.kind is Device else None,
        "target_system_id": target.id if target and target.kind is System else None,
        "covers": ids.all_of("asset", entry.texts("covers")),
        "active": entry.text("status") in (None, "active"),
        **_values(entry, "last_success_at", "last_restore_test_on"),
    }
    return Said(Backup, BackupFields, columns, dict(entry.facts))


def _person(entry: Entry, _: Survey, ids: Ids) -> Said:
    accounts = entry.columns.get("accounts")
    kept: list[dict[str, Any]] | None = None
    if isinstance(accounts, list):
        named = [(account, ids.id_of("asset", account.get("system"))) for account in accounts if isinstance(account, dict)]
        kept = [{"asset_id": id, "enabled": _flag(account.get("enabled"))} for account, id in named if id is not None]
    columns = {
        "role": entry.text("role") or entry.id,
        "accounts": kept,
        **_values(entry, "name", "status", "trained_on", "left_on"),
    }
    return Said(Workforce, WorkforceFields, columns)


def _partner(entry: Entry, _: Survey, ids: Ids) -> Said:
    columns = {"name": entry.text("name") or entry.id, "kind": entry.text("type"), **_values(entry, "email")}
    return Said(Partner, PartnerFields, columns, dict(entry.facts))


def _engagement(entry: Entry, _: Survey, ids: Ids) -> Said:
    columns = {"vendor_id": ids.id_of("vendor", entry.text("vendor")), **_all(entry, besides=("vendor",))}
    return Said(Engagement, EngagementFields, columns, dict(entry.facts))


def _baa(entry: Entry, _: Survey, ids: Ids) -> Said:
    """A survey's word for the status is kept where it is one; ``expiring`` is an agreement in force."""
    columns = {"vendor_id": ids.id_of("vendor", entry.text("vendor")), **_all(entry, besides=("vendor", "status"))}
    attested = columns.pop("return_destroy_attested_on")
    word = entry.text("status") or ("executed" if entry.day("signed_on") else "draft")
    status = BaaStatus(word) if word in set(BaaStatus) else BaaStatus.executed if word == "expiring" else BaaStatus.draft
    ended = entry.day("end_on") if status in (BaaStatus.terminated, BaaStatus.closed) else None
    unchecked = {"status": status, "return_destroy_attested_on": attested, "terminated_on": ended}
    return Said(Baa, BaaFields, columns, dict(entry.facts), unchecked)


def _remote_access(entry: Entry, _: Survey, ids: Ids) -> Said:
    vendor = ids.of("vendor", entry.text("vendor"))
    tool = entry.facts.get("tool")
    parts = [tool if isinstance(tool, str) and is_known(tool) else None, vendor.name if vendor else None]
    columns = {
        "name": entry.text("name") or ", ".join(part for part in parts if part)[:255] or entry.id,
        "vendor_id": vendor.id if vendor else None,
        "targets": ids.all_of("asset", entry.texts("targets")),
        **_values(entry, "enabled"),
    }
    return Said(RemoteAccess, RemoteAccessFields, columns, dict(entry.facts))


def _flow(entry: Entry, survey: Survey, ids: Ids) -> Said:
    facts = dict(entry.facts)
    columns = {
        "name": entry.text("name") or entry.id,
        "vendor_id": ids.id_of("vendor", entry.text("vendor")),
        "active_since": as_date(facts.pop("added_on", None)),
        **_values(entry, "direction", "method", "encrypted", "tls_version", "audit_logged", "crosses_internet", "purpose"),
    }
    ends = {
        **_end("source", entry.text("source_asset"), survey, ids),
        **_end("destination", entry.text("destination"), survey, ids),
    }
    return Said(Flow, FlowCore, columns, facts, ends)


def _end(side: str, text: str | None, survey: Survey, ids: Ids) -> dict[str, Any]:
    """The columns of one end of a flow: one of them holds what stands there."""
    columns: dict[str, Any] = {f"{side}_{kind}_id": None for kind in ("device", "system", "partner", "vendor")}
    columns |= {f"{side}_kind": None, f"{side}_name": None}
    end = survey.end(text)
    if end is None:
        return columns
    if end.kind in ("patient", "other"):
        columns[f"{side}_kind"] = EndKind(end.kind)
        columns[f"{side}_name"] = end.name[:255] if end.kind == "other" else None
        return columns
    standing = ids.of(end.kind, end.name)
    if standing is not None:
        columns[f"{side}_kind"] = EndKind(standing.kind.noun)
        columns[f"{side}_{standing.kind.noun}_id"] = standing.id
    return columns


def _access_request(entry: Entry, survey: Survey, ids: Ids) -> Said:
    """A request that is closed without a day was closed by the day of the survey at the latest."""
    closed_on = as_date(entry.facts.get("closed_on"))
    if entry.flag("open") is False and closed_on is None:
        closed_on = max(filter(None, (surveyed_on(survey), entry.day("received_on"))), default=None)
    columns = {**_values(entry, "received_on", "format", "extension_notice"), "closed_on": closed_on}
    return Said(AccessRequest, AccessRequestFields, columns)


def surveyed_on(survey: Survey) -> Any:
    """The day on which somebody looked."""
    return as_date(survey.practice.facts.get("surveyed_on") if survey.practice else None) or survey.as_of


def _incident(entry: Entry, _: Survey, ids: Ids) -> Said:
    return Said(Incident, IncidentFields, _all(entry))


def _document(entry: Entry, _: Survey, ids: Ids) -> Said:
    columns = {"title": entry.text("title") or entry.id, **_values(entry, "review_due_on")}
    return Said(Document, DocumentFields, columns, unchecked=_values(entry, "retain_until", "deleted_on"))


def _values(entry: Entry, *names: str) -> dict[str, Any]:
    return {name: _plain(entry.columns.get(name)) for name in names}


def _all(entry: Entry, *, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: _plain(value) for name, value in entry.columns.items() if name not in besides}


def _plain(value: Value) -> Any:
    return [*value] if isinstance(value, tuple) else value


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_SAID: Mapping[str, Callable[[Entry, Survey, Ids], Said]] = {
    "locations": _location,
    "segments": _segment,
    "systems": _asset,
    "modalities": _asset,
    "backups": _backup,
    "users": _person,
    "partners": _partner,
    "engagements": _engagement,
    "baas": _baa,
    "remote_access": _remote_access,
    "flows": _flow,
    "access_requests": _access_request,
    "incidents": _incident,
    "documents": _document,
}
