"""Documents: sent as ``multipart/form-data``, given back as they came and never shown as a page."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Form, Response, UploadFile
from pydantic import BaseModel
from sqlmodel import col

from api.door import Changes, Inside, ThisOrganization, door_router, may, merged, patch_of, this
from api.downloads import attachment, sent_in_pieces
from api.pages import Listing, Page, PagedAndSorted, filters_of, part_of
from domain.access import Permission
from domain.events import emit
from domain.sra import documents
from domain.sra.document_types import MEDIA_TYPES
from domain.sra.documents import Document, DocumentFields, DocumentKind

router = door_router("documents")
Reader = Annotated[Inside, may(Permission.documents_read)]
Writer = Annotated[Inside, may(Permission.documents_write)]
ContentReader = Annotated[Inside, may(Permission.documents_read, recorded=True)]
ThisDocument = Annotated[Document, this(Document)]


class DocumentUpload(DocumentFields):
    file: UploadFile


class DocumentOut(BaseModel):
    id: UUID
    organization_id: UUID
    title: str
    kind: DocumentKind
    review_due_on: date | None
    in_effect_until: date | None
    retain_until: date | None
    """From this day on it may be deleted: six years, 45 CFR 164.316(b)(2)(i)."""
    filename: str | None
    media_type: str | None
    """By its content, not by its name."""
    size: int | None
    sha256: str | None
    """Of the content; null for a document that is only noted and kept elsewhere."""
    ref: str | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


DOCUMENTS = Listing(
    DocumentOut,
    Document,
    sorts={"title": col(Document.title), "kind": col(Document.kind), "created_at": col(Document.created_at)},
    filters={
        **filters_of(Document, "organization_id", "kind", "sha256", "ref"),
        "q": part_of("q", Document.title, Document.filename),
    },
    where=col(Document.archived_at).is_(None),
)


@router.get("/organizations/{organization_id}/documents", response_model=Page[DocumentOut])
async def list_documents(
    by: Reader,
    organization: ThisOrganization,
    window: PagedAndSorted,
    kind: DocumentKind | None = None,
    sha256: str | None = None,
    ref: str | None = None,
    q: str | None = None,
) -> Response:
    """``q`` finds a part of the title or file name."""
    return await DOCUMENTS.page(by, window, organization_id=organization.id, kind=kind, sha256=sha256, ref=ref, q=q)


@router.post("/organizations/{organization_id}/documents", status_code=201, response_model=DocumentOut)
async def keep_document(
    by: Writer,
    organization: ThisOrganization,
    upload: Annotated[DocumentUpload, Form(media_type="multipart/form-data")],
) -> Document:
    """PDF, office file or text. Images are refused (415), DICOM above all: they are patient data."""
    fields = DocumentFields.model_validate(upload.model_dump(exclude={"file"}))
    document = await documents.keep(
        by.session,
        by.runtime.files,
        organization,
        fields,
        filename=upload.file.filename,
        file=upload.file.file,
        most_bytes=by.runtime.settings.upload_limit,
    )
    return by.tag(document)


@router.get("/documents/{document_id}", response_model=DocumentOut)
async def read_document(by: Reader, document: ThisDocument) -> Document:
    return document


@router.patch("/documents/{document_id}", response_model=DocumentOut, openapi_extra=patch_of(DocumentFields))
async def relabel_document(by: Writer, document: ThisDocument, changes: Changes) -> Document:
    return await documents.relabel(by.session, document, merged(DocumentFields, document, changes))


@router.delete("/documents/{document_id}", status_code=204)
async def discard_document(by: Writer, document: ThisDocument) -> None:
    """409 before ``retain_until``: the law asks that it be kept."""
    await documents.discard(by.session, document)


@router.get(
    "/documents/{document_id}/content",
    response_class=Response,
    responses={
        200: {
            "description": "The file as it came.",
            "content": {
                media_type.split(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES.values()
            },
        }
    },
)
async def read_document_content(by: ContentReader, document: ThisDocument) -> Response:
    """To be saved, not to be shown: a browser neither opens nor guesses it (every answer says ``nosniff``).
    The audit trail keeps that you read it."""
    file = await documents.content_of(by.runtime.files, document)
    emit(by.session, "document.read", document, {"sha256": document.sha256})
    headers = {
        "content-disposition": attachment(document.filename or f"document-{document.id}"),
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return sent_in_pieces(file, media_type=document.media_type, size=document.size, headers=headers)
