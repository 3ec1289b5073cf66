"""Agreements, kinds of vendors, State retention, lifecycles and scales."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from domain.sra.catalogue import catalogue
from domain.sra.levels import Level, risk_level

BOOK = catalogue()
SAMPLES = Path(__file__).parents[3] / "samples"


def test_an_agreement_needs_13_clauses_and_one_of_them_only_sometimes() -> None:
    assert [clause.key for clause in BOOK.clauses] == [
        "permitted_uses",
        "no_other_use",
        "safeguards_subpart_c",
        "report_misuse",
        "report_security_incident",
        "subcontractor_flowdown",
        "access",
        "amendment",
        "accounting",
        "delegated_obligations",
        "hhs_books",
        "return_destroy",
        "termination",
    ]
    assert [clause.key for clause in BOOK.clauses if clause.conditional] == ["delegated_obligations"]


def test_25_kinds_of_vendors_have_a_suggested_role_and_a_reason() -> None:
    assert len(BOOK.vendor_categories) == 25
    assert Counter(category.default_role for category in BOOK.vendor_categories) == {
        "business_associate": 19,
        "none": 2,
        "undetermined": 2,
        "treatment_provider": 1,
        "conduit": 1,
    }
    assert BOOK.vendor_category_by_service["aligner"].role_decision_required
    assert BOOK.vendor_category_by_service["courier"].default_role == "conduit"


def test_services_that_need_a_role_decision_are_the_same_in_both_files() -> None:
    deciding = {
        service for category in BOOK.vendor_categories if category.key in ("ai_reading", "lab") for service in category.services
    }
    assert set(BOOK.baa.services_needing_a_role_decision) == deciding


def test_states_keep_their_verification_label() -> None:
    assert len(BOOK.states) == 51
    assert Counter(state.verification for state in BOOK.states) == {
        "verified_text": 18,
        "verified_official_page": 4,
        "secondary": 8,
        "not_verified": 21,
    }


@pytest.mark.parametrize(
    ("code", "years"),
    [("FL", 4), ("TX", 5), ("NC", 10), ("AL", None), ("GA", None), ("WY", None)],
)
def test_a_period_is_given_only_where_it_was_read_at_its_source(code: str, years: int | None) -> None:
    """Alabama names no number, Georgia was seen in secondary sources only, Wyoming was not found."""
    assert BOOK.state_by_code[code].verified_years == years


def test_131_lifecycles_are_keyed_by_product_and_release() -> None:
    assert Counter(row.product for row in BOOK.os_lifecycles) == {
        "windows": 47,
        "windows-server": 20,
        "windows-embedded": 6,
        "mssqlserver": 36,
        "macos": 22,
    }
    home = BOOK.os_lifecycle_by_key["windows:11-24h2-w"]
    enterprise = BOOK.os_lifecycle_by_key["windows:11-24h2-e"]
    assert (home.end_of_security_support, enterprise.end_of_security_support) == (date(2026, 10, 13), date(2027, 10, 12))
    assert home.build == enterprise.build


def test_118_rules_have_the_level_of_the_look_up() -> None:
    assert len(BOOK.threats) == 118
    printed = {
        finding["rule"]: finding["level"]
        for practice in ("lakeview-dental", "harbor-group", "cedar-kids")
        for finding in json.loads((SAMPLES / practice / "expected.json").read_text("utf-8"))["findings"]
    }
    assert len(printed) == 118
    for rule, level in printed.items():
        threat = BOOK.threat_by_id[rule]
        assert risk_level(likelihood=threat.likelihood, impact=threat.impact).code == level, rule


def test_the_scales_print_five_levels_with_bins_for_sorting() -> None:
    assert [(row.code, row.bin_value) for row in BOOK.scales.level] == [
        ("VL", 0),
        ("L", 2),
        ("M", 5),
        ("H", 8),
        ("VH", 10),
    ]
    assert BOOK.scales.risk_level.row(Level.very_high)[0] is Level.very_low
    assert BOOK.scales.overall_likelihood.row(Level.very_high)[0] is Level.low


def test_suggested_adjustments_are_single_steps_with_a_reason() -> None:
    assert {row.key: row.steps for row in BOOK.scales.adjustment} == {
        "internet_exposed": 1,
        "known_exploited": 1,
        "incident_last_12m": 1,
        "compensating_control": -1,
    }
