"""The one data set of an analysis, put together from its rows. What it does not find it leaves empty, never out.

The rules are run once more here, for the same moment as the evaluation: what the report says of facts that nobody knows is
read from the facts, and a report whose findings do not match its facts would be worse than none.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlmodel import col, select

from domain.events import Event
from domain.inventory.import_runs import ImportRun
from domain.inventory.locations import Location
from domain.inventory.map_rows import read_map
from domain.inventory.organizations import Organization
from domain.inventory.policies import Policy
from domain.people.members import Member
from domain.people.tenants import Person, own
from domain.remediation.tasks import Task, TaskFinding
from domain.sra.assessments import Assessment
from domain.sra.catalogue import catalogue
from domain.sra.changes import Changes, changes_since
from domain.sra.completeness import completeness, unsigned
from domain.sra.documents import Document, DocumentKind
from domain.sra.findings import Finding, FindingStatus
from domain.sra.readiness import profile
from domain.sra.reading import answers_of
from domain.sra.report import lines, rows, since
from domain.sra.report.assets import report_assets
from domain.sra.report.dataset import ReportData
from domain.sra.report.traces import Traces, answers_by_rule
from domain.sra.staleness import Staleness
from domain.sra.vocabulary import Vocabulary
from domain.sra.world_rows import read_world
from domain.tenancy import TenantSession
from domain.vendors.baas import Baa
from domain.vendors.vendors import Vendor

LAST_ACT = "documentation"
"""The element that only the signatures complete."""
HISTORY = {
    "assessment.opened": "Analysis opened",
    "assessment.updated": "Title, scope or period changed",
    "assessment.evaluated": "Rules evaluated",
}
LONGEST_INTERVAL = 36_500
"""Days. A setting may be any number, and a calendar ends."""
STANDING_TRIGGERS = (
    "New or changed equipment, software or image flows",
    "A new vendor, a new location or a change of ownership",
    "A security incident",
    "An operating system that leaves support",
)


async def assemble(
    session: TenantSession,
    assessment: Assessment,
    organization: Organization,
    *,
    status: Literal["draft", "sealed"],
    at: datetime,
) -> ReportData:
    """The data set as the rows stand now. ``at`` is printed as the time it was made."""
    book = catalogue(assessment.edition)
    as_of = assessment.as_of or at
    answers = await answers_of(session, assessment)
    around = await read_world(session, organization, as_of=as_of, answers=answers, catalogue=book)
    findings = await _findings(session, organization)
    tasks = await _tasks(session, organization)
    people = await _people(session)
    documents = await _documents(session, organization)
    locations = await _locations(session, organization)
    traces = Traces(around, people, answers_by_rule(book, answers))
    devices, systems = report_assets(traces, {str(each.id): each.name for each in locations})
    elements = await completeness(session, assessment, organization)
    network_map = await read_map(session, organization, as_of=as_of.date())
    vendors = lines.vendors(around)
    placed = tuple(rows.Location(name=each.name) for each in locations)
    inventory = since.Inventory(placed, devices, systems, vendors, network_map)
    changes = await changes_since(session, assessment)
    interval = min(Vocabulary(book.facts).settings(organization.settings)["sra_interval_days"], LONGEST_INTERVAL)
    return ReportData(
        title=assessment.title,
        practice=rows.Practice(
            id=str(organization.id),
            legal_name=organization.legal_name or organization.name,
            locations=placed,
        ),
        brand=lines.brand(await own(session)),
        edition=rows.Edition(
            version=assessment.number,
            status=status,
            as_of=as_of,
            generated_at=at,
            period_start=assessment.period_start,
            period_end=assessment.period_end,
            ruleset=book.edition.ruleset_title,
            catalogue_edition=book.edition.id,
        ),
        prior=await _prior(session, assessment),
        signatures=lines.signatures(assessment, people),
        scope=lines.scope(assessment, around),
        elements=tuple(
            rows.Element(
                number=each.number,
                title=each.title,
                missing=tuple(one.detail for one in (*each.missing, *(unsigned(assessment) if each.key == LAST_ACT else ()))),
            )
            for each in elements
        ),
        collection=await _collection(session, organization, people),
        devices=devices,
        systems=systems,
        network_map=network_map,
        vendors=vendors,
        findings=tuple(lines.finding(each, traces) for each in findings),
        standards=lines.standards(book, answers, people, documents),
        plan=(
            *(lines.task(task, numbers, findings, people) for task, numbers in tasks),
            *(lines.treatment(each, people) for each in findings if lines.is_decided(each)),
        ),
        unknown_facts=lines.unknown_facts(assessment, book),
        undecided_rules=lines.undecided_rules(assessment, book),
        review=rows.Review(
            next_review_on=at.date() + timedelta(days=interval),
            interval_days=interval,
            standing=STANDING_TRIGGERS,
            fired=since.fired(_noticed(assessment, changes)),
        ),
        changes=(
            *since.answer_changes(changes, answers, book, people),
            *await _inventory_changes(session, assessment, inventory),
            *since.risk_changes(changes),
        ),
        continuity=since.continuity(changes, answers, book),
        method=lines.method(book),
        laws=lines.laws(book, findings, answers),
        proposed=lines.proposed(book, profile(around, answers, book=book, as_of=as_of)),
        evidence=lines.evidence(documents, answers, await _supported(session, organization)),
        history=await _history(session, assessment, people),
    )


async def _findings(session: TenantSession, organization: Organization) -> list[Finding]:
    statement = (
        select(Finding)
        .where(col(Finding.organization_id) == organization.id, col(Finding.status) != FindingStatus.resolved)
        .order_by(col(Finding.level_rank).desc(), col(Finding.number))
    )
    return list((await session.execute(statement)).scalars())


async def _tasks(session: TenantSession, organization: Organization) -> list[tuple[Task, list[UUID]]]:
    statement = (
        select(Task)
        .where(col(Task.organization_id) == organization.id, col(Task.archived_at).is_(None))
        .order_by(col(Task.due_on).asc().nulls_last(), col(Task.id))
    )
    tasks = list((await session.execute(statement)).scalars())
    links = select(TaskFinding).where(col(TaskFinding.organization_id) == organization.id)
    treated: dict[UUID, list[UUID]] = {}
    for link in (await session.execute(links)).scalars():
        treated.setdefault(link.task_id, []).append(link.finding_id)
    return [(task, treated.get(task.id, [])) for task in tasks]


async def _people(session: TenantSession) -> dict[UUID, str]:
    """The members of this tenant by name, for "answered by"."""
    statement = select(Member.id, Person.name).join(Person, col(Person.id) == col(Member.person_id))
    statement = statement.where(col(Member.tenant_id) == session.tenant_id)
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def _documents(session: TenantSession, organization: Organization) -> dict[str, Document]:
    """All but our own reports, which the worker files while the next analysis may already be signed."""
    statement = select(Document).where(
        col(Document.organization_id) == organization.id, col(Document.kind) != DocumentKind.report
    )
    statement = statement.order_by(col(Document.id))
    return {str(each.id): each for each in (await session.execute(statement)).scalars()}


async def _supported(session: TenantSession, organization: Organization) -> list[tuple[UUID, str]]:
    """Document and what it is the paper of: a policy, an agreement."""
    policies = select(Policy.document_id, Policy.key).where(
        col(Policy.organization_id) == organization.id, col(Policy.archived_at).is_(None)
    )
    agreements = (
        select(Baa.document_id, Vendor.name)
        .join(Vendor, (col(Vendor.tenant_id) == col(Baa.tenant_id)) & (col(Vendor.id) == col(Baa.vendor_id)))
        .where(col(Baa.organization_id) == organization.id, col(Baa.archived_at).is_(None))
    )
    found = [(document, f"policy {key}") for document, key in (await session.execute(policies)).all()]
    found += [(document, f"agreement with {name}") for document, name in (await session.execute(agreements)).all()]
    return [(document, words) for document, words in found if document is not None]


async def _history(session: TenantSession, assessment: Assessment, people: Mapping[UUID, str]) -> tuple[rows.HistoryEntry, ...]:
    """Opening, changes and evaluations from the audit trail; the signatures from the analysis, which has them first."""
    statement = select(Event).where(
        col(Event.tenant_id) == session.tenant_id, col(Event.subject_id) == assessment.id, col(Event.kind).in_(HISTORY)
    )
    events = (await session.execute(statement.order_by(col(Event.sequence)))).scalars()
    entries = [
        rows.HistoryEntry(
            at=each.at,
            version=assessment.number,
            who=people.get(UUID(each.actor["member_id"]), "a former member") if each.actor.get("member_id") else "Bitewing",
            what=HISTORY[each.kind],
        )
        for each in events
    ]
    return (*entries, *lines.signed(assessment))


async def _locations(session: TenantSession, organization: Organization) -> list[Location]:
    statement = select(Location).where(col(Location.organization_id) == organization.id, col(Location.archived_at).is_(None))
    return list((await session.execute(statement.order_by(col(Location.name)))).scalars())


async def _prior(session: TenantSession, assessment: Assessment) -> rows.PriorVersion | None:
    if assessment.previous_id is None:
        return None
    previous = await session.fetch(Assessment, assessment.previous_id)
    return rows.PriorVersion(version=previous.number, sealed_at=previous.sealed_at, sha256=previous.sealed_sha256)


def _noticed(assessment: Assessment, changes: Changes) -> list[Staleness]:
    """Causes up to the evaluation: one that the daily look notes later must not undo a signature that was given before it."""
    until = assessment.evaluated_at
    return [each for each in changes.causes if until is None or each.created_at <= until]


async def _inventory_changes(
    session: TenantSession, assessment: Assessment, inventory: since.Inventory
) -> tuple[rows.Change, ...]:
    if assessment.previous_id is None:
        return ()
    previous = await session.fetch(Assessment, assessment.previous_id)
    before = since.Inventory.of(ReportData.model_validate(previous.dataset))
    return tuple(since.inventory_changes(before, inventory))


async def _collection(
    session: TenantSession, organization: Organization, people: Mapping[UUID, str]
) -> tuple[rows.CollectionEntry, ...]:
    statement = select(ImportRun).where(col(ImportRun.organization_id) == organization.id, col(ImportRun.dry_run).is_(False))
    runs = (await session.execute(statement.order_by(col(ImportRun.id)))).scalars()
    return tuple(
        rows.CollectionEntry(
            at=each.created_at,
            who=people.get(each.made_by, "an API key") if each.made_by else "an API key",
            source=each.source,
            what=", ".join(f"{file['name']} (SHA-256 {file['sha256']})" for file in each.files) or "import",
            rows=sum(each.counts.values()),
        )
        for each in runs
    )
