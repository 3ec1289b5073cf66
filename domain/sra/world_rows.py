"""The world of an organization, read from its rows in a handful of statements: one per table, whatever the size.

How a row becomes a thing with facts stands in ``things.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlmodel import col, func, select

from domain.inventory.backups import Backup
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.kinds import DeviceKind
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.policies import Policy
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.systems import System
from domain.inventory.workforce import Workforce
from domain.remediation.access_requests import AccessRequest
from domain.remediation.incidents import Incident
from domain.remediation.tasks import Task, TaskFinding
from domain.sra.assessments import Answer, Assessment, AssessmentStatus
from domain.sra.catalogue import Catalogue
from domain.sra.documents import Document
from domain.sra.findings import Finding, FindingStatus
from domain.sra.things import (
    access_request_thing,
    access_thing,
    answer_thing,
    baa_thing,
    backup_thing,
    device_thing,
    document_thing,
    engagement_thing,
    flow_thing,
    incident_thing,
    known,
    partner_thing,
    person_thing,
    practice_thing,
    system_thing,
    vendor_thing,
)
from domain.sra.world import Thing, World
from domain.tenancy import OrganizationOwned, TenantSession
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor

Owned = TypeVar("Owned", bound=OrganizationOwned)


@dataclass(frozen=True)
class Surroundings:
    """A world, and the rows that it was read from, by the ids that the world uses."""

    world: World
    names: Mapping[str, str]
    """Subject references such as ``asset:<id>`` and the names that people know them by."""
    kinds: Mapping[str, str]
    """Subject references and the noun of the row behind each: device, system, flow, vendor ..."""
    provenance: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """The id of a row, and for each of its facts who said it, when, and who confirmed it."""
    support_ends: Mapping[str, date]
    """Asset id and the day on which its operating system leaves security support, where one day is known."""
    changed: Mapping[str, datetime]
    """Subject references and when the row behind each was last written."""
    unclassified: tuple[Device, ...]
    """Devices that an RMM knows and nobody has classified: listed, not evaluated."""


async def read_world(
    session: TenantSession,
    organization: Organization,
    *,
    as_of: datetime,
    answers: Sequence[Answer],
    catalogue: Catalogue,
) -> Surroundings:
    """Everything that the rules read about ``organization`` at ``as_of``, with the answers of an analysis."""
    devices = await _rows(session, Device, organization)
    systems = await _rows(session, System, organization)
    flows = await _rows(session, Flow, organization)
    engagements = await _rows(session, Engagement, organization)
    baas = await _rows(session, Baa, organization)
    partners = await _rows(session, Partner, organization)
    accesses = await _rows(session, RemoteAccess, organization)
    backups = await _rows(session, Backup, organization)
    policies = await _rows(session, Policy, organization)
    linked = {each.vendor_id for each in (*engagements, *baas, *accesses, *systems, *flows) if each.vendor_id is not None}
    linked |= {each for flow in flows for each in (flow.source_vendor_id, flow.destination_vendor_id) if each is not None}
    vendors = list((await session.execute(select(Vendor).where(col(Vendor.id).in_(linked)))).scalars())
    approved_on, prior_risks = await _analysis_in_force(session, organization)
    classified = [device for device in devices if device.kind != DeviceKind.unclassified]
    world = World(
        as_of=as_of,
        practice=practice_thing(organization),
        settings=organization.settings,
        policies=known({policy.key: policy.in_place for policy in policies}),
        approved_on=approved_on,
        prior_risks=prior_risks,
        assets=tuple(device_thing(each) for each in classified) + tuple(system_thing(each) for each in systems),
        flows=tuple(flow_thing(each, today=as_of.date()) for each in flows),
        vendors=tuple(vendor_thing(each, engagements) for each in vendors),
        engagements=tuple(engagement_thing(each) for each in engagements),
        baas=tuple(baa_thing(each) for each in baas),
        partners=tuple(partner_thing(each) for each in partners),
        remote_accesses=tuple(access_thing(each) for each in accesses),
        backups=tuple(backup_thing(each) for each in backups),
        workforce=tuple(person_thing(each) for each in await _rows(session, Workforce, organization)),
        incidents=tuple(incident_thing(each) for each in await _rows(session, Incident, organization)),
        access_requests=tuple(access_request_thing(each) for each in await _rows(session, AccessRequest, organization)),
        documents=tuple(document_thing(each) for each in await _rows(session, Document, organization)),
        answers=tuple(answer_thing(each, catalogue) for each in answers if each.state is not None),
    )
    named: list[tuple[str, str, OrganizationOwned | Vendor | Organization, str]] = [
        *(("asset", "device", each, each.name) for each in classified),
        *(("asset", "system", each, each.name) for each in systems),
        *(("flow", "flow", each, each.name) for each in flows),
        *(("vendor", "vendor", each, each.name) for each in vendors),
        *(("remote_access", "remote_access", each, each.name) for each in accesses),
        *(("backup", "backup", each, each.name) for each in backups),
        *(("partner", "partner", each, each.name) for each in partners),
        ("practice", "organization", organization, organization.name),
    ]
    return Surroundings(
        world=world,
        names={f"{of}:{row.id}": name for of, _, row, name in named},
        kinds={f"{of}:{row.id}": noun for of, noun, row, _ in named},
        provenance={
            str(row.id): row.provenance
            for row in (
                *classified,
                *systems,
                *flows,
                *vendors,
                *engagements,
                *baas,
                *partners,
                *accesses,
                *backups,
                organization,
            )
        },
        support_ends={str(each.id): each.os_supported_until for each in classified if each.os_supported_until is not None},
        changed={f"{of}:{row.id}": row.updated_at for of, _, row, _ in named},
        unclassified=tuple(device for device in devices if device.kind == DeviceKind.unclassified),
    )


async def _rows(session: TenantSession, kind: type[Owned], organization: Organization) -> list[Owned]:
    statement = select(kind).where(col(kind.organization_id) == organization.id)
    if "archived_at" in kind.model_fields:
        archived_at: Any = vars(kind)["archived_at"]
        statement = statement.where(archived_at.is_(None))
    return list((await session.execute(statement.order_by(col(kind.id)))).scalars())


async def _analysis_in_force(session: TenantSession, organization: Organization) -> tuple[date | None, tuple[Thing, ...]]:
    """When the last analysis was approved, and the risks it left: ours if we have one, else the one before us."""
    statement = (
        select(Assessment.sealed_at)
        .where(
            col(Assessment.organization_id) == organization.id,
            col(Assessment.tenant_id) == session.tenant_id,
            col(Assessment.status) != AssessmentStatus.open,
        )
        .order_by(col(Assessment.number).desc())
        .limit(1)
    )
    sealed_at = (await session.execute(statement)).scalar_one_or_none()
    if sealed_at is not None:
        return sealed_at.date(), await _open_risks(session, organization, found_before=sealed_at)
    prior = organization.prior_analysis or {}
    approved_on = prior.get("approved_on")
    risks = tuple(
        Thing(str(each.get("id", number)), "risk", {name: value for name, value in each.items() if name != "id"})
        for number, each in enumerate(prior.get("risks") or [])
    )
    return date.fromisoformat(approved_on) if approved_on else None, risks


async def _open_risks(session: TenantSession, organization: Organization, *, found_before: datetime) -> tuple[Thing, ...]:
    """The risks of the sealed analysis that are still open, each with the earliest due date of the tasks that treat it."""
    due = (
        select(TaskFinding.finding_id, func.min(Task.due_on).label("due_on"))
        .join(Task, (col(Task.tenant_id) == col(TaskFinding.tenant_id)) & (col(Task.id) == col(TaskFinding.task_id)))
        .where(col(TaskFinding.organization_id) == organization.id, col(Task.archived_at).is_(None))
        .group_by(col(TaskFinding.finding_id))
        .subquery()
    )
    statement = (
        select(Finding, due.c.finding_id, due.c.due_on)
        .outerjoin(due, due.c.finding_id == col(Finding.id))
        .where(
            col(Finding.organization_id) == organization.id,
            col(Finding.status) == FindingStatus.open,
            col(Finding.opened_at) <= found_before,
        )
    )
    found: list[Thing] = []
    for row in (await session.execute(statement)).all():
        finding: Finding = row[0]
        task = {"task": known({"due_on": row[2], "status": "open"})} if row[1] is not None else {}
        subject = finding.key.partition(":")[2]
        facts = {"rule": finding.rule_id, "subject": subject, "level": finding.level.code, "status": "open", **task}
        found.append(Thing(str(finding.id), "risk", known(facts)))
    return tuple(found)
