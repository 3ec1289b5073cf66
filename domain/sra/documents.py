"""Documents: evidence, signed agreements and sealed reports, kept by their SHA-256. Never images, never DICOM."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.tenancy import Archivable, Fields, OrganizationOwned, one_of, organization_table


class DocumentKind(StrEnum):
    evidence = "evidence"
    policy = "policy"
    baa = "baa"
    report = "report"
    other = "other"


class DocumentFields(Fields):
    title: str = Field(min_length=1, max_length=300)
    kind: DocumentKind = one_of(DocumentKind, default=DocumentKind.evidence)
    review_due_on: date | None = None
    in_effect_until: date | None = None
    ref: str | None = Field(default=None, max_length=200)


class Document(DocumentFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "document"

    filename: str | None = Field(default=None, max_length=255)
    media_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    storage_key: str | None = None
    retain_until: date | None = None
    deleted_on: date | None = None
