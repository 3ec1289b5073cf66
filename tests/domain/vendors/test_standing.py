"""Where the agreement with a vendor stands on a day: dates decide, and what nobody has seen is not there."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.vendors.decision import decide_engagement
from domain.vendors.standing import Agreements, agreements, standing

TODAY = date(2026, 11, 22)
SIGNED: dict[str, Any] = {"status": "executed", "signed_on": "2024-01-01"}


def of(*baas: dict[str, Any], on_file: object = None) -> Agreements:
    return agreements([(f"b{number}", facts) for number, facts in enumerate(baas)], on_file=on_file, as_of=TODAY)


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("baa", "state", "executed", "active"),
    [
        (SIGNED, "executed", True, True),
        (SIGNED | {"status": "amended"}, "executed", True, True),
        (SIGNED | {"end_on": in_days(61)}, "executed", True, True),
        (SIGNED | {"end_on": in_days(60)}, "expiring", True, True),
        (SIGNED | {"end_on": in_days(0)}, "expiring", True, True),
        (SIGNED | {"end_on": in_days(-1)}, "expired", True, False),
        (SIGNED | {"status": "expired"}, "expired", True, False),
        (SIGNED | {"status": "terminated"}, "terminated", True, False),
        (SIGNED | {"status": "closed"}, "terminated", True, False),
        ({"status": "draft"}, "draft", False, False),
        ({"status": "sent", "signed_on": "2024-01-01"}, "draft", False, False),
        ({"status": "executed", "signed_on": in_days(1)}, "draft", False, False),
        ({"status": "executed"}, "unknown", None, None),
        ({}, "draft", False, False),
    ],
)
def test_one_agreement(baa: dict[str, Any], state: str, executed: bool | None, active: bool | None) -> None:
    found = of(baa)
    assert (found.state, found.executed, found.active) == (state, executed, active)


@pytest.mark.parametrize(
    ("on_file", "state", "executed"),
    [(None, "none", False), ("no", "none", False), ("unknown", "unknown", None), ("yes", "unknown", None)],
)
def test_no_agreement_on_record(on_file: object, state: str, executed: bool | None) -> None:
    found = of(on_file=on_file)
    assert (found.state, found.executed, found.active, found.had_agreement) == (state, executed, executed, False)


def test_a_recorded_agreement_settles_a_belief() -> None:
    assert of(SIGNED, on_file="unknown").state == "executed"
    assert of(SIGNED | {"end_on": in_days(-1)}, on_file="unknown").active is False


def test_a_newer_agreement_replaces_an_expired_one() -> None:
    old = SIGNED | {"signed_on": "2020-01-01", "end_on": "2023-12-31"}
    assert of(old, SIGNED).state == of(SIGNED, old).state == "executed"


def test_of_two_in_force_the_one_signed_last_is_read() -> None:
    newer = SIGNED | {"signed_on": "2025-01-01"}
    found = of(newer, SIGNED)
    assert found.in_force is not None
    assert found.in_force[1] == newer


@pytest.mark.parametrize(
    ("baas", "ends", "end_on"),
    [
        ((), False, None),
        ((SIGNED,), False, None),
        (({"status": "draft", "end_on": "2020-01-01"},), False, None),
        ((SIGNED | {"end_on": "2026-01-01"}, SIGNED | {"end_on": "2025-01-01"}), True, date(2026, 1, 1)),
        ((SIGNED | {"end_on": "2026-01-01"}, SIGNED), False, None),
        ((SIGNED | {"status": "terminated"},), True, None),
    ],
)
def test_agreements_end_when_none_of_them_is_open_ended(
    baas: tuple[dict[str, Any], ...], ends: bool, end_on: date | None
) -> None:
    found = of(*baas)
    assert (found.ends, found.end_on) == (ends, end_on)


def test_return_of_data_is_attested_by_any_agreement_and_not_in_advance() -> None:
    assert of(SIGNED, SIGNED | {"return_destroy_attested_on": "2026-01-01"}).return_attested is True
    assert of(SIGNED | {"return_destroy_attested_on": in_days(1)}).return_attested is False


STORES = {"maintains_phi": True}
CARRIES = {"transient_only": True}


@pytest.mark.parametrize(
    ("engagement", "baa", "ended", "state", "compliant"),
    [
        (STORES, SIGNED, False, "executed", True),
        (STORES, SIGNED | {"end_on": in_days(1)}, False, "expiring", True),
        (STORES, {"status": "draft"}, False, "draft", False),
        (STORES, {"status": "executed"}, False, "unknown", False),
        (STORES, SIGNED | {"status": "terminated"}, True, "terminated", None),
        (CARRIES, SIGNED, False, None, None),
        ({}, SIGNED, False, None, None),
    ],
)
def test_compliance_is_judged_only_where_an_agreement_is_required(
    engagement: dict[str, Any], baa: dict[str, Any], ended: bool, state: str | None, compliant: bool | None
) -> None:
    found = standing(decide_engagement(engagement, as_of=TODAY), of(baa), vendor_ended=ended)
    assert (found.baa_state, found.compliant) == (state, compliant)
