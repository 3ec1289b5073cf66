"""Importing what a management tool knows of the machines of an organization, at once: one export, one transaction, a few
statements.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

from domain.clock import now
from domain.inventory.import_intake import Intake, in_batches
from domain.inventory.import_reports import Report, keep_report
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import ParsedImport, UnreadableImport
from domain.inventory.imports.parsing import parse
from domain.inventory.operating_systems import OperatingSystems
from domain.inventory.organizations import Organization
from domain.inventory.raw_rows import may_hold_patients
from domain.inventory.sent_files import SentFile, refuse_what_is_no_export
from domain.sra.catalogue import catalogue
from domain.tenancy import TenantSession

MOST_ROWS = 50_000
AT_ONCE = 2_000
"""Rows in one batch."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was sent, and how it is to be read. ``as_of`` is when it was made; None: it says so itself, or just now."""

    source: str
    files: Sequence[SentFile]
    as_of: datetime | None = None
    timezone: str = "UTC"
    mapping: ColumnMapping = field(default_factory=ColumnMapping)
    dry_run: bool = False


async def import_export(session: TenantSession, organization: Organization, export: Export) -> Report:
    """Bring the inventory up to what the export says. Raises UnreadableImport when nothing of it can be read."""
    refuse_what_is_no_export(export.files)
    as_of = export.as_of or now()
    parsed = await asyncio.to_thread(read_export, export, as_of)
    report = Report(export.source, as_of, described(export, parsed))
    intake = intake_of(organization.id, export, parsed, report)
    for batch in in_batches(parsed.rows, len(parsed.rows)):
        await intake.take(session, batch)
    await intake.close(session, parsed)
    report.unmatched = sorted(set(report.unmatched))
    if not export.dry_run:
        await keep_report(session, organization, report)
    return report


def intake_of(organization_id: UUID, export: Export, parsed: ParsedImport, report: Report) -> Intake:
    """An import that is about to begin."""
    return Intake(
        organization_id,
        report,
        ids=frozenset(row.source_id for row in parsed.rows if row.source_id),
        doubtful=any(may_hold_patients(file.content) for file in export.files),
        dry_run=export.dry_run,
    )


def read_export(export: Export, as_of: datetime) -> ParsedImport:
    """All that the export says. Raises UnreadableImport."""
    parsed = parse(
        export.source,
        {file.part: file.content for file in export.files},
        as_of=as_of,
        operating_systems=_operating_systems(),
        timezone=export.timezone,
        mapping=export.mapping,
    )
    if parsed.unreadable is not None:
        raise UnreadableImport(parsed.unreadable.code, parsed.unreadable.detail, pointer=parsed.unreadable.pointer)
    if len(parsed.rows) > MOST_ROWS:
        raise UnreadableImport("too_many_rows", f"One import may hold at most {MOST_ROWS} devices.", pointer="/devices")
    return parsed


@cache
def _operating_systems() -> OperatingSystems:
    return OperatingSystems(catalogue().os_lifecycles)


def described(export: Export, parsed: ParsedImport) -> list[dict[str, object]]:
    """What was sent, for the data-collection log of the analysis."""
    table = {} if parsed.table is None else parsed.table.as_json()
    return [{**file.described(), **table} for file in export.files]
