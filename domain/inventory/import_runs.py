"""Imports: one run of an RMM export or a survey against an organization, and what became of each row."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlmodel import Field

from domain.tenancy import (
    OrganizationOwned,
    belongs_to,
    instant,
    json_list,
    json_object,
    listed_by,
    one_of,
    organization_table,
)


class ImportStatus(StrEnum):
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
    __table_args__ = organization_table(listed_by("import_run", "organization_id"))
    noun: ClassVar[str] = "import"

    source: str
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
    raw: dict[str, Any] = json_object()
    """The row as it came."""
