"""Imports: one run of an RMM export or a survey against an organization, and what became of each row.

A large one is done by the worker; until it is finished, what was sent is kept beside it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field

from domain.tenancy import (
    OrganizationOwned,
    TenantOwned,
    belongs_to,
    belongs_to_tenants,
    instant,
    json_list,
    json_object,
    json_or_unknown,
    listed_by,
    one_of,
    organization_table,
    tenant_table,
)


class ImportStatus(StrEnum):
    queued = "queued"
    running = "running"
    completed = "completed"
    failed = "failed"


class RowOutcome(StrEnum):
    created = "created"
    updated = "updated"
    unchanged = "unchanged"
    rejected = "rejected"
    skipped = "skipped"
    duplicate = "duplicate"


class ImportRun(OrganizationOwned, table=True):
    __tablename__ = "import_run"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(
        belongs_to_tenants("fleet_import"),
        listed_by("import_run", "organization_id"),
        listed_by("import_run", "fleet_import_id"),
        Index("ix_import_run_unfinished", "tenant_id", "id", postgresql_where=text("status in ('queued', 'running')")),
    )
    noun: ClassVar[str] = "import"

    source: str
    fleet_import_id: UUID | None = None
    """The import for the whole tenant that this is the organization's part of."""
    made_by: UUID | None = None
    """The member who sent it."""
    as_of: datetime = instant()
    dry_run: bool = False
    status: ImportStatus = one_of(ImportStatus)
    counts: dict[str, int] = json_object()
    conflicts: list[dict[str, Any]] = json_list()
    """Facts on which two sources disagree: subject, fact, both values and the one used."""
    unmatched: list[str] = json_list()
    """Devices that the RMM knows and no survey has classified."""
    answers: list[dict[str, Any]] = json_list()
    """What a survey says to topics of the analysis; an analysis opened later takes it over, marked as the survey's."""
    files: list[dict[str, Any]] = json_list()
    """Name, size and SHA-256 of what was sent, for the data-collection log of the analysis."""
    options: dict[str, Any] = json_object()
    """How a large import is to be read, until the worker has read it."""
    rows_done: int = 0
    """How far the worker has come. It counts up in the transaction that writes those rows, so no row is taken twice."""
    rows_total: int | None = None
    """Devices that the export tells of; null until it has been read."""
    error: dict[str, Any] | None = json_or_unknown()
    """Why an import failed: code, sentence and place."""
    finished_at: datetime | None = instant(default=None)


class ImportRow(OrganizationOwned, table=True):
    __tablename__ = "import_row"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = organization_table(belongs_to("import_run"), listed_by("import_row", "import_run_id", "position"))
    noun: ClassVar[str] = "import_row"

    import_run_id: UUID
    position: int
    """Order in the report."""
    row: int | None = None
    """Record number in the file (CSV: the header is 1; JSON: the first member is 1)."""
    pointer: str | None = None
    """Where in a survey, as a JSON pointer."""
    outcome: RowOutcome = one_of(RowOutcome)
    code: str | None = None
    detail: str | None = None
    subject_type: str | None = None
    subject_id: UUID | None = None
    label: str | None = Field(default=None, max_length=300)
    warnings: list[str] = json_list()
    conflicts: list[dict[str, Any]] = json_list()
    """Facts of this row on which two sources disagree."""
    raw: dict[str, Any] = json_object()
    """The row as it came."""


class ImportFile(TenantOwned, table=True):
    """A document of an import that the worker has still to read. Forgotten as soon as that is done."""

    __tablename__ = "import_file"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table(listed_by("import_file", "import_id"))
    noun: ClassVar[str] = "import_file"

    import_id: UUID
    part: str = Field(max_length=255)
    name: str = Field(max_length=255)
    content: bytes = Field(sa_type=LargeBinary)
