"""What of an export's row is kept: everything but what seems to name a patient, and the quick look misses nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.inventory.patient_data import patient_identifiers
from domain.inventory.raw_rows import REMOVED, may_hold_patients, may_name_a_patient, storable_row

LABELS = st.sampled_from(
    ["SSN", "social security number", "MRN", "Medical Record No.", "patient id", "patientId", "pat. #", "PAT    ID", "Pt nr"]
) | st.sampled_from(["chart number", "DOB", "D.O.B.", "date of birth", "birthDate", "name", "serial", ""])
VALUES = st.one_of(
    st.from_regex(r"\d{3}-?\d\d-?\d{4}", fullmatch=True),
    st.from_regex(r"[A-Z]{0,3}-?\d{3,8}", fullmatch=True),
    st.dates().map(str),
    st.text(max_size=30),
    st.integers(0, 10**9),
)


@given(LABELS, VALUES, st.sampled_from(["{}: {}", "{} {}", "x {}={} y"]))
def test_the_quick_look_misses_nothing_that_the_thorough_one_finds(label: str, value: Any, form: str) -> None:
    rows: tuple[dict[str, Any], ...] = (
        {label: value},
        {"notes": form.format(label, value)},
        {"udf": [{label: {"value": value}}]},
    )
    for row in rows:
        if dict(patient_identifiers(row)):
            assert may_name_a_patient(json.dumps(row, ensure_ascii=False))
            assert may_hold_patients(json.dumps(row).encode())


@pytest.mark.parametrize("text", ["PC1", "LV-OP1-CAP 192.168.1.10 DELL-4417", "2026-11-22T03:11:09Z"])
def test_most_rows_end_at_the_quick_look(text: str) -> None:
    assert not may_name_a_patient(text)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_document_in_another_encoding_is_never_waved_through(encoding: str) -> None:
    assert may_hold_patients("hostname,note\nPC1,MRN 4471234".encode(encoding))


def test_only_the_place_itself_is_blanked() -> None:
    row: dict[str, Any] = {"id": 1, "a/b": [{"MRN": 4471234}, "fine"], "serialNumber": "321-54-9876", "note": "SSN 321549876"}
    kept, removed = storable_row(row)
    assert removed
    assert kept == {"id": 1, "a/b": [{"MRN": REMOVED}, "fine"], "serialNumber": "321-54-9876", "note": REMOVED}
    assert row["note"] == "SSN 321549876", "the row itself is left alone"
