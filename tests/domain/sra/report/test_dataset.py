"""The data set: one canonical form, a seal that cannot lie, and levels that only the table can give."""

import datetime
import hashlib
import json
import re
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.sra.levels import Level
from domain.sra.report.brand import Brand, Logo
from domain.sra.report.dataset import Method, ReportData, SealBroken, canonical_json, sha256
from domain.sra.report.rows import Seal
from tests.domain.sra.report.sample import NOW, empty, lakeview, sealed

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def test_canonical_json_has_sorted_keys_utf8_no_spaces_and_utc_times() -> None:
    text = canonical_json(lakeview()).decode()
    told = json.loads(text)
    assert text == json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert list(told) == sorted(told)
    assert told["edition"]["as_of"] == "2026-11-22T12:00:00Z"
    assert told["findings"][0]["level"] == "moderate"
    assert not re.search(r":-?\d+\.\d", text)


def test_a_time_in_another_zone_is_the_same_time() -> None:
    east = datetime.timezone(datetime.timedelta(hours=-5))
    here = lakeview().model_dump() | {"edition": {**lakeview().edition.model_dump(), "as_of": NOW.astimezone(east)}}
    assert canonical_json(ReportData.model_validate(here)) == canonical_json(lakeview())


def test_the_json_can_be_read_back_and_hashes_the_same_even_as_a_plain_object() -> None:
    written = canonical_json(lakeview())
    assert canonical_json(ReportData.model_validate_json(written)) == written
    shuffled = dict(reversed(list(json.loads(written).items())))
    assert sha256(shuffled) == sha256(lakeview()) == hashlib.sha256(written).hexdigest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner, max_size=4),
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=127)).filter(lambda name: name != "seal"), JSON))
@settings(max_examples=200, deadline=None)
def test_another_implementation_of_rfc_8785_writes_the_same_bytes(document: dict[str, Any]) -> None:
    assert canonical_json(document) == rfc8785.dumps(document)


def test_another_implementation_of_rfc_8785_gives_a_report_the_same_hash() -> None:
    final = sealed(lakeview())
    assert final.seal is not None
    plain = json.loads(canonical_json(final))
    assert hashlib.sha256(rfc8785.dumps(plain)).hexdigest() == final.seal.sha256


def test_a_float_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match=r"data\.a\.b is a float"):
        canonical_json({"a": {"b": [1.5]}})


def test_a_seal_stands_outside_what_it_hashes() -> None:
    final = sealed(lakeview())
    assert final.seal is not None
    assert b'"seal"' not in canonical_json(final)
    assert final.seal.sha256 == hashlib.sha256(canonical_json(final)).hexdigest()
    final.check_seal()


def test_changed_data_breaks_the_seal() -> None:
    final = sealed(lakeview())
    changed = final.model_copy(update={"title": "Something else"})
    with pytest.raises(SealBroken):
        changed.check_seal()


def test_a_draft_cannot_carry_a_seal() -> None:
    with pytest.raises(ValidationError, match="a draft cannot carry a seal"):
        ReportData.model_validate({**dict(lakeview()), "seal": Seal(sha256="0" * 64, sealed_at=NOW)})


def test_sealed_status_without_a_seal_is_still_a_draft() -> None:
    edition = lakeview().edition.model_copy(update={"status": "sealed"})
    assert lakeview().model_copy(update={"edition": edition}).draft


def test_a_level_that_the_table_does_not_give_is_refused() -> None:
    first = lakeview().findings[0]
    wrong = first.model_copy(update={"likelihood": Level.very_high, "impact": Level.very_low, "level": Level.low})
    with pytest.raises(ValidationError, match=r"level Low is not what Table I-2 gives.*: Very Low"):
        ReportData.model_validate({**dict(lakeview()), "findings": (wrong,), "plan": ()})


def test_another_table_is_refused() -> None:
    turned = tuple(zip(*Method(name="x", scale_version="1").level_table, strict=True))
    with pytest.raises(ValidationError, match="is not Table I-2"):
        Method.model_validate({"name": "x", "scale_version": "1", "level_table": turned})


def test_a_task_for_an_unknown_finding_is_refused() -> None:
    with pytest.raises(ValidationError, match="task T-1 treats a finding that is not in this analysis"):
        ReportData.model_validate({**dict(lakeview()), "findings": ()})


def test_two_findings_with_one_number_are_refused() -> None:
    first = lakeview().findings[0]
    with pytest.raises(ValidationError, match="two findings share a number"):
        ReportData.model_validate({**dict(lakeview()), "findings": (first, first), "plan": ()})


def test_an_accepted_risk_still_stands() -> None:
    stands = {one.status: one.stands for one in lakeview().findings}
    assert stands == {"open": True, "accepted": True, "resolved": False, "rejected": False}


def test_an_empty_analysis_is_a_data_set_too() -> None:
    assert sha256(empty()) == sha256(empty())
    assert sha256(empty()) != sha256(lakeview())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not base64!", "not valid base64"),
        ("PHN2Zz48L3N2Zz4=", "neither a PNG nor a JPEG"),
        ("iVBORw0KGgoAAAANSUhEUgAAw1AAAMNQCAYAAAA=", "measures 50000 x 50000 pixels"),
        ("/9j/4AAQ", "neither a PNG nor a JPEG"),
    ],
)
def test_a_logo_that_is_no_small_picture_is_refused(content: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Logo(base64=content, description="Logo")


def test_a_png_logo_and_a_colour_are_taken() -> None:
    brand = Brand(name="MSP", colour="#1f5f5b", logo=Logo(base64=PNG, description="Logo"))
    assert brand.logo is not None
    assert brand.logo.content.startswith(b"\x89PNG")
    with pytest.raises(ValidationError):
        Brand(name="MSP", colour="red; }")
