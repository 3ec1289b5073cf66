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
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.counts[outcome] += 1
        self.rows.append(
            {
                "id": new_id(),
                "position": len(self.rows) + 1,
                "row": row,
                "pointer": pointer,
                "outcome": outcome,
                "code": code,
                "detail": detail,
                "subject_type": subject.noun if subject else None,
                "subject_id": subject.id if subject else None,
                "label": label[:LONGEST_LABEL] if label else None,
                "warnings": list(warnings),
                "raw": dict(raw or {}),
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
            status=ImportStatus.completed,
            counts=dict(report.counts),
            conflicts=report.conflicts,
            unmatched=report.unmatched,
            answers=report.answers,
            files=report.files,
        )
    )
    belonging = {"organization_id": organization.id, "import_run_id": run.id}
    await insert_rows(session, ImportRow, ({**row, **belonging} for row in report.rows))
    report.id, report.created_at = run.id, run.created_at
    changes = {"source": run.source, "status": run.status, "dry_run": False, "counts": run.counts}
    emit(session, "import.completed", run, changes)
