"""Rows as the rules see them: each row's facts, with those that stand in columns put back among the others under the
names of the vocabulary, and ids as texts. What nobody knows is left out.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from typing import Any, cast
from uuid import UUID

from domain.inventory.backups import Backup
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.systems import System
from domain.inventory.workforce import Workforce
from domain.remediation.access_requests import AccessRequest
from domain.remediation.incidents import Incident
from domain.sra.assessments import Answer
from domain.sra.catalogue import Catalogue
from domain.sra.documents import Document
from domain.sra.world import Thing
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor


def practice_thing(organization: Organization) -> Thing:
    facts = _facts(
        organization,
        name=organization.name,
        state=organization.state,
        specialty=organization.specialty,
        contact_role=organization.contact_role,
        contact_email=organization.contact_email,
        security_official=organization.security_official,
    )
    return Thing(str(organization.id), "practice", facts)


def device_thing(device: Device) -> Thing:
    facts = _facts(
        device,
        name=device.name,
        hostname=device.hostname,
        serial=device.serial,
        owner=device.owner,
        location=device.location_id,
        status=device.status,
        os_name=device.os_name,
        os_edition=device.os_edition,
        os_build=device.os_build,
        os_key=device.os_key,
        os_candidates=device.os_candidates or None,
        encryption_at_rest=device.encryption_at_rest,
        last_seen=device.last_seen_at,
    )
    return Thing(str(device.id), device.kind.value, facts)


def system_thing(system: System) -> Thing:
    facts = _facts(
        system,
        name=system.name,
        owner=system.owner,
        location=system.location_id,
        status=system.status,
        vendor=system.vendor_id,
        hosted_by_vendor=system.hosted_by_vendor,
        encryption_at_rest=system.encryption_at_rest,
    )
    if system.product and "software" not in facts:
        facts["software"] = [known({"name": system.product, "version": system.product_version})]
    return Thing(str(system.id), system.kind.value, facts)


def flow_thing(flow: Flow, *, today: date) -> Thing:
    facts = _facts(
        flow,
        name=flow.name,
        method=flow.method,
        direction=flow.direction,
        encrypted=flow.encrypted,
        tls_version=flow.tls_version,
        audit_logged=flow.audit_logged,
        crosses_internet=flow.crosses_internet,
        purpose=flow.purpose,
        vendor=flow.vendor_id,
        source_asset=_end(flow, "source"),
        destination=_end(flow, "destination"),
    )
    if flow.active_since is not None:
        facts.setdefault("added_on", flow.active_since)
    if flow.active_until is not None and flow.active_until < today:
        facts["active"] = False
    return Thing(str(flow.id), "flow", facts)


def _end(flow: Flow, end: str) -> str | None:
    """What the rules call an end: the id of a thing, or the word for what has none."""
    for kind in ("device", "system", "partner", "vendor"):
        identifier: UUID | None = getattr(flow, f"{end}_{kind}_id")
        if identifier is not None:
            return str(identifier)
    kind = getattr(flow, f"{end}_kind")
    return getattr(flow, f"{end}_name") or (kind.value if kind is not None else None)


def vendor_thing(vendor: Vendor, engagements: Iterable[Engagement]) -> Thing:
    """A tenant's vendor as this organization meets it: what is true here only stands with the engagements."""
    facts = _facts(
        vendor,
        name=vendor.name,
        status=vendor.status,
        contact_email=vendor.contact_email,
        subcontractors=vendor.subcontractors,
        verified_on=vendor.verified_on,
    )
    for engagement in engagements:
        if engagement.vendor_id == vendor.id:
            facts.update(known(engagement.vendor_facts))
    return Thing(str(vendor.id), "vendor", facts)


def engagement_thing(engagement: Engagement) -> Thing:
    names = (
        "service", "started_on", "ended_on", "creates_phi", "receives_phi", "maintains_phi", "transmits_phi",
        "remote_access", "can_view_ephi",
    )  # fmt: skip
    said = {name: getattr(engagement, name) for name in names}
    return Thing(str(engagement.id), "engagement", _facts(engagement, vendor=engagement.vendor_id, **said))


def baa_thing(baa: Baa) -> Thing:
    facts = _facts(
        baa,
        vendor=baa.vendor_id,
        status=baa.status,
        signed_on=baa.signed_on,
        end_on=baa.terminated_on or baa.end_on,
        amended_on=baa.amended_on,
        breach_notice_days=baa.breach_notice_days,
        missing_required_clauses=baa.missing_required_clauses,
        return_destroy_attested_on=baa.return_destroy_attested_on,
    )
    return Thing(str(baa.id), "baa", facts)


def access_thing(access: RemoteAccess) -> Thing:
    facts = _facts(access, name=access.name, vendor=access.vendor_id, targets=access.targets, enabled=access.enabled)
    return Thing(str(access.id), "remote_access", facts)


def backup_thing(backup: Backup) -> Thing:
    facts = _facts(
        backup,
        name=backup.name,
        target=backup.target_device_id or backup.target_system_id,
        status="active" if backup.active else "ended",
        covers=backup.covers,
        last_success_at=backup.last_success_at,
        last_restore_test_on=backup.last_restore_test_on,
    )
    return Thing(str(backup.id), "backup", facts)


def person_thing(person: Workforce) -> Thing:
    accounts = None
    if person.accounts is not None:
        accounts = [{"system": each.get("asset_id"), "enabled": each.get("enabled")} for each in person.accounts]
    facts = {
        "role": person.role,
        "status": person.status.value,
        "left_on": person.left_on,
        "trained_on": person.trained_on,
        "accounts": accounts,
    }
    return Thing(str(person.id), "user", known(facts))


def partner_thing(partner: Partner) -> Thing:
    facts = _facts(partner, name=partner.name, type=partner.kind, email=partner.email)
    return Thing(str(partner.id), partner.kind.value, facts)


def incident_thing(incident: Incident) -> Thing:
    names = ("what", "discovered_on", "closed_on", "breach_decision")
    facts = {name: getattr(incident, name) for name in names}
    return Thing(str(incident.id), "incident", known({**facts, "assets": list(incident.asset_ids)}))


def access_request_thing(request: AccessRequest) -> Thing:
    names = ("received_on", "format", "extension_notice")
    facts = known({name: getattr(request, name) for name in names})
    return Thing(str(request.id), "access_request", {**facts, "open": request.closed_on is None})


def document_thing(document: Document) -> Thing:
    names = ("title", "review_due_on", "retain_until", "deleted_on")
    return Thing(str(document.id), "document", known({name: getattr(document, name) for name in names}))


def answer_thing(answer: Answer, catalogue: Catalogue) -> Thing:
    topic = catalogue.topic_by_id[answer.topic_id]
    facts = {
        "topic": answer.topic_id,
        "spec_type": topic.primary_type,
        "state": answer.state,
        "rationale": answer.rationale,
    }
    return Thing(answer.topic_id, "answer", known(facts))


def _facts(row: Any, **columns: Any) -> dict[str, Any]:
    """The facts of a row with those of its columns over them; what nobody knows is left out."""
    return {**known(row.facts), **known(columns)}


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    return value
