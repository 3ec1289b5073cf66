"""Documents over HTTP: kept by their content, given back as they came, never an image, not deleted before their day."""

import base64
import gzip
import hashlib
import io
import itertools
import zipfile
import zlib
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from pypdf import PdfWriter

from api.downloads import attachment
from domain.access import Role
from domain.clock import today
from domain.database import tenant_session
from domain.sra.documents import Document, kept_until
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.nouns import faults
from tests.makers import Caller, House, expect

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
DICOM = bytes(128) + b"DICM" + bytes(64)


def office_file(*names: str, mimetype: bytes | None = None) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        if mimetype is not None:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "<x/>")
    return written.getvalue()


DOCX = office_file("[Content_Types].xml", "word/document.xml")
XLSX = office_file("[Content_Types].xml", "docProps/app.xml", "xl/workbook.xml")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DICOM_FILE = bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00" + bytes(64)


def pdf_with(attached: bytes) -> bytes:
    return PDF + b"2 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode>>\nstream\r\n" + zlib.compress(attached) + b"\nendstream"


def letter_with(name: str, content: bytes) -> bytes:
    """A Word document with something embedded in it."""
    written = io.BytesIO(DOCX)
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return written.getvalue()


ODT = office_file("content.xml", mimetype=b"application/vnd.oasis.opendocument.text")


async def test_a_document_lives(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made = expect(
        await send(msp, practice, PDF, title=" Risk policy ", kind="policy", ref="p-1", review_due_on="2027-01-31"), 201
    )
    assert (made["title"], made["kind"], made["review_due_on"]) == ("Risk policy", "policy", "2027-01-31")
    assert (made["filename"], made["size"], made["media_type"]) == ("policy.pdf", len(PDF), "application/pdf")
    assert made["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert made["retain_until"] == kept_until(created_on=today(), in_effect_until=None).isoformat()

    read = await msp.get(f"/documents/{made['id']}")
    assert expect(read, 200) == made
    assert await msp.all(f"/organizations/{practice}/documents") == [made]
    assert (await msp.get(f"/documents/{made['id']}/content")).content == PDF

    tag = {"If-Match": read.headers["etag"]}
    changed = expect(await msp.patch(f"/documents/{made['id']}", {"title": "Policy", "review_due_on": None}, headers=tag), 200)
    assert (changed["title"], changed["review_due_on"], changed["sha256"]) == ("Policy", None, made["sha256"])
    assert (await msp.patch(f"/documents/{made['id']}", {"title": "X"}, headers=tag)).status_code == 412
    unsaid = await msp.patch(f"/documents/{made['id']}", {"sha256": "0" * 64, "title": None})
    assert faults(unsaid) == {("/sha256", "unknown")}, "the content never changes"


async def test_its_type_is_by_content_and_never_by_name(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    office = "application/vnd.openxmlformats-officedocument"
    for content, media_type in (
        (PDF, "application/pdf"),
        (DOCX, f"{office}.wordprocessingml.document"),
        (XLSX, f"{office}.spreadsheetml.sheet"),
        (ODT, "application/vnd.oasis.opendocument.text"),
        (OLE + bytes(64), "application/x-ole-storage"),
        (b"<html><script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain; charset=utf-8"),
    ):
        made = expect(await send(msp, practice, content, filename="x.png", content_type="image/png"), 201)
        assert made["media_type"] == media_type
        answer = await msp.get(f"/documents/{made['id']}/content")
        assert (answer.content, answer.headers["content-type"]) == (content, media_type)


def encrypted_pdf(password: str) -> bytes:
    """A page, and an image attached that nobody sees from outside."""
    writer, file = PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    writer.add_attachment("scan.dcm", DICOM_FILE)
    writer.encrypt(password, "of the owner", algorithm="AES-256")
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (DICOM, "dicom-refused"),
        (b"II*\x00" + bytes(124) + b"DICM" + bytes(64), "dicom-refused"),
        (b"%PDF-1.7\n" + bytes(119) + b"DICM" + bytes(64), "dicom-refused"),
        (PDF + DICOM_FILE, "dicom-refused"),
        (pdf_with(DICOM_FILE), "dicom-refused"),
        (letter_with("word/embeddings/x.bin", DICOM_FILE), "dicom-refused"),
        (letter_with("word/embeddings/x.xlsx", office_file("[Content_Types].xml", "xl/x.xml") + DICOM_FILE), "dicom-refused"),
        (letter_with("word/embeddings/a.docx", letter_with("word/b.bin", b"\xd0\xcf" + DICOM_FILE)), "dicom-refused"),
        (pdf_with(DICOM_FILE.hex().encode()), "dicom-refused"),
        (pdf_with(base64.a85encode(zlib.compress(DICOM_FILE + bytes(range(256))))), "dicom-refused"),
        (pdf_with(letter_with("word/b.bin", DICOM_FILE)), "archive-refused"),
        (encrypted_pdf("secret"), "encrypted-refused"),
        (encrypted_pdf(""), "encrypted-refused"),
        (letter_with("word/a.pdf", encrypted_pdf("").replace(b"/Encrypt ", b"/E#6ecrypt ")), "encrypted-refused"),
        (letter_with("word/b.gz", gzip.compress(DICOM_FILE, mtime=0)), "archive-refused"),
        (letter_with("word/b.bin", b"\0" + letter_with("a.dcm", DICOM_FILE)), "dicom-refused"),
        (letter_with("word/b.bin", OLE + "EncryptedPackage".encode("utf-16-le")), "archive-refused"),
        (letter_with("word/a.pdf", b"%PDF-1.7\n" + b"stream\n" * 1_000_000), "archive-refused"),
        (letter_with("word/bomb.xml", bytes(300 * 1024 * 1024)), "archive-refused"),
        (gzip.compress(b"notes", mtime=0), "archive-refused"),
        (PNG, "image-refused"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "image-refused"),
        (b"II*\x00" + bytes(64), "image-refused"),
        (office_file("scan/IM0001.dcm"), "archive-refused"),
        (office_file("word/document.xml"), "archive-refused"),
        (b"PK\x03\x04" + bytes(64), "unsupported-media-type"),
        (b"\x7fELF" + bytes(64), "unsupported-media-type"),
    ],
    ids=itertools.count(),
)
async def test_images_and_what_could_hide_them_are_refused(house: House, content: bytes, code: str) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    refused = await send(msp, practice, content, filename="report.pdf", content_type="application/pdf")
    assert refused.status_code == 415
    assert refused.json()["type"].endswith(f"/{code}")
    assert await msp.all(f"/organizations/{practice}/documents") == []
    if code == "dicom-refused":
        assert "DICOM images are patient data; Bitewing keeps none" in refused.json()["detail"]


async def test_what_is_missing_or_wrong_is_named(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    path = f"/organizations/{practice}/documents"
    assert faults(await send(msp, practice, b"")) == {("/file", "empty")}
    assert faults(await msp.request("POST", path, data={"title": "X"})) == {("/file", "missing")}
    assert faults(await msp.request("POST", path, files={"file": ("a.pdf", PDF)})) == {("/title", "missing")}
    assert faults(await send(msp, practice, PDF, kind="novel")) == {("/kind", "enum")}
    assert faults(await send(msp, practice, PDF, colour="red")) == {("/colour", "unknown")}
    assert faults(await send(msp, practice, PDF, review_due_on="soon")) == {("/review_due_on", "date_from_datetime_parsing")}
    assert faults(await send(msp, practice, PDF, in_effect_until="9999-01-01")) == {("/in_effect_until", "out_of_range")}
    assert faults(await send(msp, practice, PDF, title="DOB 03/14/1961")) == {("/title", "looks_like_patient_identifier")}
    named = await send(msp, practice, PDF, filename="MRN_0448812.pdf")
    assert faults(named) == {("/file", "looks_like_patient_identifier")}
    broken = await msp.request("POST", path, content=b"--x\r\nnonsense", headers={"content-type": "multipart/form-data"})
    assert broken.status_code == 400


async def test_too_large_is_said_before_it_is_read(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    refused = await send(msp, practice, PDF + bytes(house.runtime.settings.upload_limit))
    assert refused.status_code == 413


async def test_its_content_is_saved_and_never_shown(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    made = expect(await send(msp, practice, PDF, filename="..\\C:/été 2026;\u202e\u200bx.pdf"), 201)
    assert made["filename"] == "été 2026;x.pdf", "the last part of a path, without control and direction characters"
    headers = (await msp.get(f"/documents/{made['id']}/content")).headers
    assert headers["content-disposition"] == (
        "attachment; filename=\"ete 2026;x.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9%202026%3Bx.pdf"
    )
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers["cache-control"] == "no-store"


def test_a_name_never_ends_its_own_quotes() -> None:
    assert attachment('a"b\\c%d\r\n.pdf') == "attachment; filename=\"a_b_c_d__.pdf\"; filename*=UTF-8''a%22b%5Cc%25d%0D%0A.pdf"
    assert attachment("\u65e5\u672c") == "attachment; filename=\"document\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"


async def test_a_form_sent_twice_under_one_key_is_kept_once(house: House) -> None:
    """A client draws a new boundary for each try; only what stands between the boundaries counts."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    first = await send(msp, practice, PDF, key="k-1")
    second = await send(msp, practice, PDF, key="k-1")
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert expect(second, 201) == expect(first, 201)
    assert second.headers["idempotent-replayed"] == "true"
    assert len(await msp.all(f"/organizations/{practice}/documents")) == 1
    other = await send(msp, practice, PDF + b"%", key="k-1")
    assert other.status_code == 409
    assert other.json()["type"].endswith("/idempotency-key-reused")


async def test_it_is_kept_six_years_from_when_it_was_last_in_effect(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    later = today().replace(year=today().year + 1, month=6, day=30)
    made = expect(await send(msp, practice, PDF, in_effect_until=later.isoformat()), 201)
    assert made["retain_until"] == date(later.year + 6, 6, 30).isoformat()
    refused = await msp.delete(f"/documents/{made['id']}")
    assert refused.status_code == 409
    assert made["retain_until"] in refused.json()["detail"]
    ended = expect(await msp.patch(f"/documents/{made['id']}", {"in_effect_until": "2001-01-01"}), 200)
    assert ended["retain_until"] == kept_until(created_on=today(), in_effect_until=None).isoformat(), "never before its own"
    assert (await msp.delete(f"/documents/{made['id']}")).status_code == 409

    await as_if_created(house, msp, made["id"], datetime(2019, 3, 1, tzinfo=UTC))
    old = expect(await msp.patch(f"/documents/{made['id']}", {"in_effect_until": None}), 200)
    assert old["retain_until"] == "2025-03-01"
    assert (await msp.delete(f"/documents/{made['id']}")).status_code == 204
    assert await msp.all(f"/organizations/{practice}/documents") == []
    assert (await msp.get_json(f"/documents/{made['id']}"))["archived_at"] is not None
    assert (await msp.get(f"/documents/{made['id']}/content")).content == PDF, "archived, not destroyed"


@pytest.mark.parametrize(
    ("created", "in_effect_until", "until"),
    [
        (date(2020, 1, 15), None, date(2026, 1, 15)),
        (date(2020, 1, 15), date(2019, 1, 1), date(2026, 1, 15)),
        (date(2020, 1, 15), date(2024, 12, 31), date(2030, 12, 31)),
        (date(2024, 2, 29), None, date(2030, 3, 1)),
    ],
)
def test_the_day_until_which_it_is_kept(created: date, in_effect_until: date | None, until: date) -> None:
    assert kept_until(created_on=created, in_effect_until=in_effect_until) == until


async def test_what_is_refused_after_the_file_was_written_leaves_no_row(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    expect(await send(msp, practice, PDF, ref="same"), 201)
    assert (await send(msp, practice, PDF + b"%", ref="same")).status_code == 409
    assert len(await msp.all(f"/organizations/{practice}/documents")) == 1


async def test_a_document_that_is_only_noted_has_no_content(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
        noted = await session.save(Document(title="In the binder", organization_id=UUID(practice)))
    assert (await msp.get_json(f"/documents/{noted.id}"))["sha256"] is None
    assert (await msp.get(f"/documents/{noted.id}/content")).status_code == 404


async def test_documents_are_behind_both_walls(house: House) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    own, other = await house.organization(msp), await house.organization(msp)
    made = expect(await send(msp, own, PDF), 201)
    expect(await send(msp, other, PDF), 201)
    neighbour = await house.member(msp, Role.practice_admin, organizations=[other])
    auditor = await house.member(msp, Role.auditor)
    for outsider in (stranger, neighbour):
        for path in (f"/documents/{made['id']}", f"/documents/{made['id']}/content", f"/organizations/{own}/documents"):
            assert (await outsider.get(path)).status_code == 404
        assert (await outsider.patch(f"/documents/{made['id']}", {})).status_code == 404
        assert (await outsider.delete(f"/documents/{made['id']}")).status_code == 404
        assert (await send(outsider, own, PDF)).status_code == 404
    assert len(await neighbour.all(f"/organizations/{other}/documents")) == 1
    assert (await auditor.get(f"/documents/{made['id']}/content")).content == PDF
    assert (await send(auditor, own, PDF)).status_code == 403


async def test_documents_are_filtered(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    await send(msp, practice, PDF, title="Contract", kind="baa")
    await send(msp, practice, b"Visitors sign in.", title="Visitors", kind="policy", filename="visitors.txt")

    async def titles(**filters: str) -> list[str]:
        found = await msp.get_json(f"/organizations/{practice}/documents", params=filters)
        return [each["title"] for each in found["data"]]

    assert await titles() == ["Contract", "Visitors"]
    assert await titles(kind="baa") == ["Contract"]
    assert await titles(q="VISITORS.TXT") == ["Visitors"]
    assert await titles(sha256=hashlib.sha256(PDF).hexdigest()) == ["Contract"]


async def send(
    caller: Caller,
    practice: str,
    content: bytes,
    *,
    filename: str = "policy.pdf",
    content_type: str = "application/octet-stream",
    key: str | None = None,
    **fields: Any,
) -> httpx.Response:
    return await caller.request(
        "POST",
        f"/organizations/{practice}/documents",
        data={"title": "A document", **fields},
        files={"file": (filename, content, content_type)},
        headers={"Idempotency-Key": key} if key else {},
    )


async def as_if_created(house: House, caller: Caller, document_id: str, moment: datetime) -> None:
    """Years cannot be waited for."""
    async with tenant_session(house.runtime.database, Wall(caller.tenant_id), actor=SYSTEM) as session:
        document = await session.fetch(Document, UUID(document_id))
        document.created_at = moment
