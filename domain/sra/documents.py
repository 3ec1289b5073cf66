"""Documents: evidence, signed agreements and sealed reports, kept by their SHA-256. Never images, never DICOM.

The file is written before its row is committed. A roll-back therefore leaves at most a file that nothing names, never a
row without its file.
"""

import os
import unicodedata
from datetime import date
from enum import StrEnum
from typing import IO, ClassVar

import anyio
import anyio.to_thread
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.clock import today
from domain.coverage import may_store
from domain.errors import Conflict, Invalid, NotFound, TooLarge
from domain.inventory.organizations import Organization
from domain.records import archive, change, create
from domain.sra.document_types import media_type_of
from domain.storage import Files
from domain.tenancy import Archivable, Fields, OrganizationOwned, TenantSession, one_of, organization_table

YEARS_KEPT = 6
"""45 CFR 164.316(b)(2)(i): from its creation or from when it last was in effect, whichever is later."""

_AT_ONCE = anyio.CapacityLimiter(2)
"""Documents that are looked through at the same time; others wait, and requests of other kinds do not."""


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


async def keep(
    session: TenantSession,
    files: Files,
    organization: Organization,
    fields: DocumentFields,
    *,
    filename: str | None,
    file: IO[bytes],
    most_bytes: int,
) -> Document:
    """Take a document in. Refuses what is empty (422), too large (413), or an image or unknown (415)."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise Invalid.one("/file", "empty", "The file is empty.")
    if size > most_bytes:
        raise TooLarge(f"A document may have at most {most_bytes} bytes.")
    media_type = await anyio.to_thread.run_sync(media_type_of, file, limiter=_AT_ONCE)
    name = _plain_name(filename)
    await may_store(session, organization, more_bytes=size)
    stored = await files.put(session.tenant_id, file)
    document = Document(
        **fields.model_dump(),
        organization_id=organization.id,
        filename=name,
        media_type=media_type,
        size=stored.size,
        sha256=stored.sha256,
        storage_key=stored.key,
        retain_until=kept_until(created_on=today(), in_effect_until=fields.in_effect_until),
    )
    return await create(session, document, also_said={"file": name.replace("_", " ")} if name else None)


async def relabel(session: TenantSession, document: Document, fields: DocumentFields) -> Document:
    """Change what is said of a document. Its content never changes: another content is another document."""
    until = kept_until(created_on=document.created_at.date(), in_effect_until=fields.in_effect_until)
    return await change(session, document, {**fields.model_dump(), "retain_until": until})


async def discard(session: TenantSession, document: Document) -> None:
    """Archive a document that need not be kept any longer."""
    if document.retain_until is not None and today() < document.retain_until:
        raise Conflict(
            f"This document must be kept until {document.retain_until.isoformat()} (45 CFR 164.316(b)(2)(i)).",
            code="must_be_kept",
        )
    if document.archived_at is None:
        document.deleted_on = today()
    await archive(session, document)


async def content_of(files: Files, document: Document) -> IO[bytes]:
    """The file, checked against its hash; to be closed."""
    if document.storage_key is None or document.sha256 is None:
        raise NotFound("content of this document")
    return await files.open(document.storage_key, document.sha256)


def kept_until(*, created_on: date, in_effect_until: date | None) -> date:
    """The first day on which a document need not be kept any longer."""
    last = max(created_on, in_effect_until or created_on)
    try:
        return last.replace(year=last.year + YEARS_KEPT)
    except ValueError:  # the 29th of February
        return date(last.year + YEARS_KEPT, 3, 1)


def _plain_name(filename: str | None) -> str | None:
    """The last part of the name without control and direction characters; its end, with the suffix, is kept."""
    last = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return plain[-255:] or None
