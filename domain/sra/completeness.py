"""Completeness: OCR's nine elements of a risk analysis, each with what is still missing and where to mend it.

Nothing is missing only when everything was asked, evaluated after the last change, and every risk of some weight has a plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import union_all
from sqlmodel import col, func, select

from domain.inventory.backups import Backup
from domain.inventory.devices import Device
from domain.inventory.flows import Flow
from domain.inventory.import_runs import ImportRun
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.partners import Partner
from domain.inventory.policies import Policy
from domain.inventory.remote_accesses import RemoteAccess
from domain.inventory.systems import System
from domain.inventory.workforce import Workforce
from domain.remediation.access_requests import AccessRequest
from domain.remediation.incidents import Incident
from domain.remediation.untreated import untreated
from domain.sra.assessments import Answer, Assessment, AssessmentKind, Continuity
from domain.sra.catalogue import catalogue
from domain.sra.documents import Document, DocumentKind
from domain.sra.findings import Finding
from domain.sra.levels import Level
from domain.tenancy import OrganizationOwned, TenantSession
from domain.vendors.baas import Baa
from domain.vendors.engagements import Engagement
from domain.vendors.vendors import Vendor

READ_BY_THE_RULES: tuple[type[OrganizationOwned], ...] = (
    Device, System, Flow, Engagement, Baa, Partner, RemoteAccess, Backup, Policy, Workforce, Incident, AccessRequest,
)  # fmt: skip
PLANNED_FROM = Level.moderate
"""Open risks from this level up need a task or a decision before the analysis can be sealed."""
NAMED = 20


@dataclass(frozen=True)
class Missing:
    """One thing to do before the analysis is whole. ``link`` is the path that mends it."""

    code: str
    detail: str
    link: str


@dataclass(frozen=True)
class ElementState:
    number: int
    key: str
    title: str
    must_show: str
    missing: tuple[Missing, ...]


async def completeness(session: TenantSession, assessment: Assessment, organization: Organization) -> tuple[ElementState, ...]:
    """The nine elements in order. Signatures and the seal are the last act and are not counted here: see unsigned."""
    evaluated = await _evaluated(session, assessment, organization)
    found: dict[str, Sequence[Missing]] = {
        "scope": await _scope(session, assessment, organization),
        "data_collection": await _data_collection(session, organization),
        "threats_vulnerabilities": evaluated,
        "current_measures": await _answered(session, assessment),
        "likelihood": evaluated,
        "impact": evaluated,
        "risk_level": [*evaluated, *await _planned(session, organization)],
    }
    elements = catalogue(assessment.edition).elements
    unknown = found.keys() - {element.key for element in elements}
    assert not unknown, f"the catalogue has no element {unknown}"
    return tuple(
        ElementState(each.number, each.key, each.title, each.must_show, tuple(found.get(each.key, ()))) for each in elements
    )


def unsigned(assessment: Assessment) -> tuple[Missing, ...]:
    """The signatures that are not given yet, in the order in which they are given."""
    given = {each["role"] for each in assessment.signatures}
    link = f"/v1/assessments/{assessment.id}/approval"
    return tuple(
        Missing(f"{code}_signature", f"The {who} has not signed.", link)
        for role, code, who in (
            ("preparer", "preparer", "preparer"),
            ("approver", "security_official", "practice's security official"),
        )
        if role not in given
    )


async def _scope(session: TenantSession, assessment: Assessment, organization: Organization) -> list[Missing]:
    missing: list[Missing] = []
    if not (assessment.scope or "").strip():
        detail = "Say what is in scope and what is left out, with why."
        missing.append(Missing("no_scope", detail, f"/v1/assessments/{assessment.id}"))
    if not await _count(session, Location, organization):
        missing.append(Missing("no_location", "Name at least one location.", _below(organization, "locations")))
    return missing


async def _data_collection(session: TenantSession, organization: Organization) -> list[Missing]:
    missing: list[Missing] = []
    if not await _count(session, Device, organization) + await _count(session, System, organization):
        missing.append(Missing("no_inventory", "Import or enter the devices and systems.", _below(organization, "imports")))
    if not await _count(session, Flow, organization):
        detail = "Record how images and other ePHI move: at least one flow."
        missing.append(Missing("no_flow", detail, _below(organization, "flows")))
    return missing


async def _evaluated(session: TenantSession, assessment: Assessment, organization: Organization) -> list[Missing]:
    link = f"/v1/assessments/{assessment.id}/evaluation"
    if assessment.evaluated_at is None:
        return [Missing("not_evaluated", "The rules have not been evaluated.", link)]
    changed = await _last_change(session, assessment, organization)
    if changed is not None and changed > assessment.evaluated_at:
        return [Missing("evaluation_outdated", "Something has changed since the rules were last evaluated.", link)]
    return []


async def _answered(session: TenantSession, assessment: Assessment) -> list[Missing]:
    book = catalogue(assessment.edition)
    statement = (
        select(Answer.topic_id)
        .where(col(Answer.assessment_id) == assessment.id, col(Answer.state).is_(None))
        .order_by(col(Answer.position))
    )
    open_topics = [each for each in (await session.execute(statement)).scalars() if book.topic_by_id[each].scored]
    missing = [
        Missing("topic_unanswered", f"{topic_id} is not answered.", f"/v1/assessments/{assessment.id}/answers/{topic_id}")
        for topic_id in open_topics[:NAMED]
    ]
    if len(open_topics) > NAMED:
        more = f"{len(open_topics) - NAMED} more topics are not answered."
        missing.append(Missing("topics_unanswered", more, f"/v1/assessments/{assessment.id}/topics?answered=false"))
    return [*missing, *await _unconfirmed(session, assessment)]


async def _unconfirmed(session: TenantSession, assessment: Assessment) -> list[Missing]:
    """What was carried over from the year before counts once a person has confirmed or changed it; in a delta it stands."""
    if assessment.kind == AssessmentKind.delta:
        return []
    carried: Any = select(func.count()).where(
        col(Answer.tenant_id) == session.tenant_id,
        col(Answer.assessment_id) == assessment.id,
        col(Answer.continuity) == Continuity.carried,
        col(Answer.state).is_not(None),
    )
    count: int = (await session.execute(carried)).scalar_one()
    if not count:
        return []
    detail = f"{count} answers were carried over from the last analysis and are not confirmed."
    return [Missing("answers_unconfirmed", detail, f"/v1/assessments/{assessment.id}/confirmation")]


async def _planned(session: TenantSession, organization: Organization) -> list[Missing]:
    without = await untreated(session, organization, at_least=PLANNED_FROM)
    missing = [Missing("risk_without_plan", _without_plan(each), f"/v1/findings/{each.id}") for each in without[:NAMED]]
    if len(without) > NAMED:
        more = f"{len(without) - NAMED} more risks have no task or decision."
        missing.append(Missing("risks_without_plan", more, _below(organization, "findings")))
    return missing


async def _count(session: TenantSession, kind: type[OrganizationOwned], organization: Organization) -> int:
    statement = select(func.count()).select_from(kind).where(col(kind.organization_id) == organization.id)
    return (await session.execute(statement)).scalar_one()


async def _last_change(session: TenantSession, assessment: Assessment, organization: Organization) -> datetime | None:
    """When anything that the rules read was last written, in one statement."""
    moments: list[Any] = [
        select(func.max(kind.updated_at)).where(col(kind.organization_id) == organization.id) for kind in READ_BY_THE_RULES
    ]
    moments.append(
        select(func.max(Document.updated_at)).where(
            col(Document.organization_id) == organization.id, col(Document.kind) != DocumentKind.report
        )
    )
    for link in (Engagement, Baa):
        here = select(col(link.vendor_id)).where(col(link.organization_id) == organization.id)
        moments.append(select(func.max(Vendor.updated_at)).where(col(Vendor.id).in_(here)))
    moments.append(select(Organization.updated_at).where(col(Organization.id) == organization.id))
    moments.append(select(func.max(Answer.answered_at)).where(col(Answer.assessment_id) == assessment.id))
    moments.append(
        select(func.max(ImportRun.created_at)).where(
            col(ImportRun.organization_id) == organization.id, col(ImportRun.dry_run).is_(False)
        )
    )
    found: list[datetime | None] = list((await session.execute(union_all(*moments))).scalars())
    return max((each for each in found if each is not None), default=None)


def _below(organization: Organization, nouns: str) -> str:
    return f"/v1/organizations/{organization.id}/{nouns}"


def _without_plan(finding: Finding) -> str:
    return f"Risk {finding.number} ({finding.level.word}) has no task or decision."
