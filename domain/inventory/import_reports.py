"""The report of an import: what became of each row, and the figures over all of them; written down with the import itself,
or only told when nothing was to be kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.bulk import insert_rows
from domain.clock import new_id, now
from domain.events import Subject, emit
from domain.inventory.import_runs import ImportRow, ImportRun, ImportStatus, RowOutcome
from domain.inventory.organizations import Organization
from domain.tenancy import TenantSession

LONGEST_LABEL = 300


@dataclass(slots=True)
class Report:
    """Everything that there is to say of one import. Rows are plain mappings, in the order in which they were told."""

    source: str
    as_of: datetime
    files: list[dict[str, Any]]
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    told: int = 0
    """How many rows were told, also those that are written down and no longer held here."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RowOutcome, 0))
    conflicts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    unmatched: list[str] = field(default_factory=list[str])
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    id: UUID | None = None
    """Of the import that was kept; None after a dry run."""
    created_at: datetime = field(default_factory=now)

    def tell(
        self,
        outcome: RowOutcome,
        *,
        row: int | None = None,
        pointer: str | None = None,
        code: str | None = None,
        detail: str | None = None,
        subject: Subject | None = None,
        label: str | None = None,
        warnings: Sequence[str] = (),
        conflicts: Sequence[Mapping[str, Any]] = (),
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.told += 1
        self.counts[outcome] += 1
        self.conflicts += map(dict, conflicts)
        self.rows.append(
            {
                "id": new_id(),
                "position": self.told,
                "row": row,
                "pointer": pointer,
                "outcome": outcome,
                "code": code,
                "detail": detail,
                "subject_type": subject.noun if subject else None,
                "subject_id": subject.id if subject else None,
                "label": label[:LONGEST_LABEL] if label else None,
                "warnings": list(warnings),
                "conflicts": list(conflicts),
                "raw": raw or {},
            }
        )


async def keep_report(session: TenantSession, organization: Organization, report: Report) -> None:
    """Write the import with all its rows, and say that it was carried out."""
    run = await session.save(
        ImportRun(
            organization_id=organization.id,
            source=report.source,
            made_by=session.actor.member_id,
            as_of=report.as_of,
            status=ImportStatus.running,
            files=report.files,
        )
    )
    await keep_rows(session, run, report)
    await complete(session, run, report)
    report.id, report.created_at = run.id, run.created_at


async def keep_rows(session: TenantSession, run: ImportRun, report: Report) -> None:
    """Write the rows that the report holds."""
    await insert_rows(session, ImportRow, report.rows, organization_id=run.organization_id, import_run_id=run.id)


async def complete(session: TenantSession, run: ImportRun, report: Report) -> None:
    """Note what came of an import, and say that it was carried out."""
    run.status = ImportStatus.completed
    run.counts = dict(report.counts)
    run.conflicts = report.conflicts
    run.unmatched = report.unmatched = sorted(set(report.unmatched))
    run.answers = report.answers
    run.finished_at = now()
    await session.flush()
    changes = {"source": run.source, "status": run.status, "dry_run": False, "counts": run.counts}
    emit(session, "import.completed", run, changes)
