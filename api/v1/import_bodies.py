"""The body of an import: the tool's own files as a form, or its JSON, and how they are to be read."""

import json
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AwareDatetime, Field, ValidationError
from starlette.datastructures import UploadFile

from api.door import Inside, faults_of
from domain.errors import Fault, Invalid, Malformed, NotFound, UnsupportedMedia
from domain.free_text import keep_patients_out
from domain.inventory.claims import SURVEY
from domain.inventory.column_mappings import SavedMapping
from domain.inventory.importing import Export
from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.source import SOURCES
from domain.inventory.sent_files import SentFile
from domain.tenancy import Fields

KNOWN = (*SOURCES, SURVEY)
MOST_FILES = 10


class MappingFields(Fields):
    """What the caller knows about a table that its headings do not say."""

    columns: dict[str, str | None] = Field(default_factory=dict, description="Heading to field; null leaves a column out.")
    date_format: str | None = Field(default=None, max_length=100, description="Such as MM/DD/YYYY hh:mm AM/PM.")


class ImportFields(Fields):
    """An import in a JSON body. The documents are the tool's own JSON, or the text of its CSV."""

    source: str = Field(description=f"One of: {', '.join(KNOWN)}.")
    dry_run: bool = Field(default=False, description="Report what would happen, and keep nothing.")
    as_of: AwareDatetime | None = Field(default=None, description="When the export was made; absent: now.")
    timezone: str = Field(default="UTC", max_length=100, description="Of times in the export that name no zone.")
    mapping: MappingFields = Field(default_factory=MappingFields)
    mapping_id: UUID | None = Field(default=None, description="A saved column mapping, instead of `mapping`.")
    documents: dict[str, Any] = Field(default_factory=dict, description="By part, such as devices, volumes, antivirus.")
    document: Any = Field(default=None, description="The only document, such as a survey.")


async def _sent(request: Request) -> tuple[ImportFields, list[SentFile]]:
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        return await _from_json(request)
    if content_type == "multipart/form-data":
        return await _from_form(request)
    raise UnsupportedMedia("Send the import as multipart/form-data with its files, or as application/json.")


async def _from_json(request: Request) -> tuple[ImportFields, list[SentFile]]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None
    fields = _checked(body)
    documents = dict(fields.documents)
    if fields.document is not None:
        documents.setdefault("file", fields.document)
    return fields, [SentFile(part, part, _as_bytes(document)) for part, document in documents.items()]


async def _from_form(request: Request) -> tuple[ImportFields, list[SentFile]]:
    said: dict[str, Any] = {}
    files: list[SentFile] = []
    async with request.form(max_files=MOST_FILES, max_fields=20) as form:
        for name, value in form.multi_items():
            if name in said or any(file.part == name for file in files):
                raise Invalid.one(f"/{name}", "repeated", "This part was sent more than once.")
            if isinstance(value, UploadFile):
                files.append(SentFile(name, (value.filename or name)[:255], await value.read()))
            elif name in ImportFields.model_fields and name not in ("documents", "document"):
                said[name] = _parsed(value) if name == "mapping" else value
            else:
                files.append(SentFile(name, name, value.encode("utf-8", "surrogatepass")))
    return _checked(said), files


def _checked(body: Any) -> ImportFields:
    try:
        return ImportFields.model_validate(body)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid.one("/mapping", "not_json", "The mapping is a JSON object.") from None


def _as_bytes(document: Any) -> bytes:
    """What a file of this document would hold. A text is a table; anything else is the tool's JSON."""
    if isinstance(document, str):
        return document.encode("utf-8", "replace")
    try:
        return json.dumps(document, separators=(",", ":")).encode()
    except RecursionError:
        raise Malformed("The document is nested too deeply.") from None


Sent = Annotated[tuple[ImportFields, list[SentFile]], Depends(_sent)]
FORM = {
    "type": "object",
    "required": ["source"],
    "description": "Each file is a part of the import by its name, such as devices or volumes; an only file may have any name.",
    "properties": {
        "source": {"type": "string"},
        "dry_run": {"type": "boolean"},
        "as_of": {"type": "string", "format": "date-time"},
        "timezone": {"type": "string"},
        "mapping_id": {"type": "string", "format": "uuid"},
        "mapping": {"type": "string", "description": "A JSON object, as in the JSON body."},
        "file": {"type": "string", "format": "binary"},
        "devices": {"type": "string", "format": "binary"},
        "volumes": {"type": "string", "format": "binary"},
        "antivirus": {"type": "string", "format": "binary"},
    },
    "additionalProperties": {"type": "string", "format": "binary"},
}


def json_schema() -> dict[str, Any]:
    schema = ImportFields.model_json_schema()
    mapping = schema.pop("$defs")["MappingFields"]
    schema["properties"]["mapping"] = mapping
    return schema


def body_of_import() -> dict[str, Any]:
    """How the body stands in the contract."""
    content = {"application/json": {"schema": json_schema()}, "multipart/form-data": {"schema": FORM}}
    return {"requestBody": {"required": True, "content": content}}


async def export_of(by: Inside, fields: ImportFields, files: Sequence[SentFile], known: Sequence[str]) -> Export:
    """What was sent, ready to be imported. ``known`` are the sources that can be imported here."""
    if fields.source not in known:
        detail = f"There is no such import source; there are: {', '.join(known)}."
        raise Invalid.one("/source", "unknown_source", detail)
    if not files:
        raise Invalid([Fault("/documents", "missing", "The import has no document. Send the export itself, too.")])
    await keep_patients_out(by.session, {file.part: {"name": file.name} for file in files})
    return Export(
        source=fields.source,
        files=files,
        as_of=fields.as_of,
        timezone=fields.timezone,
        mapping=await _mapping(by, fields),
        dry_run=fields.dry_run,
    )


async def _mapping(by: Inside, fields: ImportFields) -> ColumnMapping:
    said = ColumnMapping(fields.mapping.columns, fields.mapping.date_format)
    if fields.mapping_id is None:
        return said
    if said != ColumnMapping():
        raise Invalid.one("/mapping_id", "contradiction", "Name a saved mapping or say one, not both.")
    try:
        saved = await by.session.fetch(SavedMapping, fields.mapping_id)
    except NotFound:
        saved = None
    if saved is None or saved.archived_at is not None:
        raise Invalid.one("/mapping_id", "unknown_reference", "There is no such column mapping here.")
    if saved.source != fields.source:
        raise Invalid.one("/mapping_id", "other_source", f"This mapping is for the source {saved.source}.")
    return saved.mapping()
