"""Patient data is refused at the door: by what a file is, and by what a text seems to name. False alarms count too."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from domain.inventory.patient_data import IMAGES, SENTENCES, looks_like_patient_identifier, patient_identifiers, sniff
from tests.domain.inventory.imports.samples import SAMPLES, load_json


@pytest.mark.parametrize(
    "text",
    [
        "SSN 219-09-9999",
        "219-09-9999",
        "call about 219-09-9999, urgent",
        "219‑09‑9999",  # non-breaking hyphens, as word processors write them
        "２１９-０９-９９９９",
        "SSN: 219099999",
        "ssn is 219 09 9999",
        "Social Security number: 219-09-9999",
        "social security no. 219099999",
    ],
)
def test_social_security_numbers(text: str) -> None:
    assert looks_like_patient_identifier(text) == "ssn"


@pytest.mark.parametrize(
    "text",
    [
        "MRN 123456",
        "mrn# 00123",
        "MRN: AB-123456",
        "MRN number: 4711",
        "medical record number is 4711",
        "Medical Record No. 4711",
        "patient ID: 10023",
        "Patient # 10023",
        "chart no 4711",
        "pt. id 4711",
        "images of patient number 10023 lost",
    ],
)
def test_record_numbers_behind_their_label(text: str) -> None:
    assert looks_like_patient_identifier(text) == "mrn"


@pytest.mark.parametrize(
    "text",
    [
        "DOB 01/05/1980",
        "DOB: 1/5/80",
        "D.O.B. 1980-01-05",
        "date of birth: 5 January 1980",
        "Date of birth is Jan 5, 1980",
        "birthdate=1980-01-05",
        "birth date 05.01.1980",
    ],
)
def test_dates_behind_the_label_of_a_birth(text: str) -> None:
    assert looks_like_patient_identifier(text) == "date_of_birth"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "LV-OP1-CAP",
        "Serial 123-45-67890",
        "EXC4417P02",
        "part 1219-09-9999",
        "phone 555-010-0199",
        "+1-215-555-0100",
        "000-12-3456",
        "666-12-3456",
        "912-34-5678",
        "219-00-9999",
        "219-09-0000",
        "10.0.26200.4412",
        "192.168.10.219-09",
        "VMware-42 1a 9c 00 11 22 33 44-55 66 77 88 99 aa bb cc",
        "45 CFR 164.308(a)(1)(ii)(A)",
        "backup verified on 01/05/2026",
        "9400 patients, oldest image of 2009-02-02",
        "patient IDs are removed before export",
        "patient ID field stays empty",
        "the MRN is never shown on the worklist",
        "MRN length is checked",
        "patient number of the day: 12",
        "chart room 12",
        "medical records of 2019 were destroyed",
        "date of birth is printed on the film label",
        "DOB format MM/DD/YYYY",
        "dob field added 2026-01-05",
        "signed patient authorization on file",
        "two-identifier check (name and date of birth) since 2024",
        "patient portal 2.4.1001",
        "2026-11-22T12:00:00Z",
        "2019-05-1012",
        "SSN is never asked for",
        "SSN field: 3 digits shown",
    ],
)
def test_what_fills_an_inventory_is_no_alarm(text: str) -> None:
    assert looks_like_patient_identifier(text) is None


def test_every_kind_of_identifier_has_its_sentence() -> None:
    assert set(SENTENCES) == {"ssn", "mrn", "date_of_birth"}


def test_nested_data_is_searched_with_the_names_of_members_as_labels() -> None:
    found = patient_identifiers(
        {
            "note": "see MRN 4711",
            "patient_id": 10023,
            "dateOfBirth": "1980-01-05",
            "list": ["fine", {"a/b~c": "219-09-9999"}],
            "patient_count": 9400,
            "added_on": "2026-01-05",
            "serial": "123456789",
            "active": True,
            "none": None,
        }
    )
    assert list(found) == [
        ("/note", "mrn"),
        ("/patient_id", "mrn"),
        ("/dateOfBirth", "date_of_birth"),
        ("/list/1/a~1b~0c", "ssn"),
    ]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/*.json")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_sample_raises_an_alarm(path: Path) -> None:
    assert list(patient_identifiers(load_json(path.read_bytes()))) == []


def test_depth_and_huge_numbers_do_not_matter() -> None:
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    assert list(patient_identifiers(nested)) == []  # pyright: ignore[reportArgumentType]  lists of lists are JSON
    assert list(patient_identifiers({"patient_id": 10**5000})) == []


def office(*names: str) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return target.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00" * 128 + b"DICM\x02\x00", "dicom"),
        (b"II*\x00" + b"\x00" * 124 + b"DICM", "dicom"),  # a DICOM file may begin like a TIFF
        (b"MZ" + b"\x90" * 126 + b"DICM", "dicom"),  # or like a program
        (b"%PDF-1.7" + b" " * 120 + b"DICM", "dicom"),
        (b"\x08\x00\x05\x00CS\n\x00ISO_IR 100", "dicom"),  # without the preamble
        (b"\x02\x00\x00\x00UL\x04\x00", "dicom"),
        (b"\x89PNG\r\n\x1a\n\x00", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\x00\x00\x00\x0cjP  \r\n", "jpeg2000"),
        (b"GIF89a", "gif"),
        (b"II*\x00", "tiff"),
        (b"MM\x00*", "tiff"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "webp"),
        (b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36", "bmp"),
        (b"\x00\x00\x00\x18ftypheic", "heic"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
        (office("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (office("[Content_Types].xml", "word/document.xml"), "docx"),
        (office("a.txt"), "zip"),
        (b"Hostname,OS\r\n", "text"),
        ("Zahnärzte".encode(), "text"),
        ("Zahnärzte".encode("windows-1252"), "text"),
        ("Hostname".encode("utf-16"), "text"),
        (b"{}", "text"),
        (b"BMW dealership, contact list", "text"),
        (b"MM/DD/YYYY", "text"),
        (b"II. Policies", "text"),
        (b"GIF is a format", "text"),
        (b"DICM", "text"),
        (b"RIFF raff", "text"),
        (b"\x00\x01\x02\x03", "unknown"),
        (b"MZ\x90\x00\x03", "unknown"),
        (b"", "unknown"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_pictures_are_told_from_documents() -> None:
    assert {"dicom", "png", "tiff", "heic"} <= IMAGES
    assert not {"pdf", "docx", "xlsx", "text", "unknown"} & IMAGES
