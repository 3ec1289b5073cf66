"""A machine as a person recorded it and as management software measured it: which is which, and who is right."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.inventory.imports.normal_form import ImportedDevice
from domain.inventory.reconcile import Conflict, Recorded, measured_facts, reconcile


def device(hostname: str = "OP1", **facts: Any) -> ImportedDevice:
    unknown: dict[str, Any] = {
        "row": 1,
        "source_id": None,
        "os_name": None,
        "os_edition": None,
        "os_build": None,
        "os_key": None,
        "os_candidates": (),
        "last_seen": None,
        "encryption": "unknown",
        "av": "unknown",
        "av_definitions": "unknown",
        "serial": None,
        "site": None,
        "status": "active",
        "warnings": (),
        "raw": {},
    }
    return ImportedDevice(hostname=hostname, **(unknown | facts))


def recorded(id: str = "a", hostname: str | None = "op1", site: str | None = None, **facts: Any) -> Recorded:
    return Recorded(id, hostname, site, facts)


# --- who is who -----------------------------------------------------------------------------------------------------------


def test_machines_are_joined_by_host_name_in_any_case() -> None:
    joined = reconcile([recorded(hostname=" Op1 ")], [device("OP1", serial="S")])
    assert joined.facts["a"] == {"serial": "S"}
    assert joined.unmatched == ()


def test_the_site_does_not_matter_as_long_as_names_are_unique() -> None:
    assert reconcile([recorded(site="North")], [device(site="South")]).unmatched == ()


def test_the_site_decides_between_equal_names() -> None:
    assets = [recorded("n", site="North"), recorded("s", site="South")]
    joined = reconcile(assets, [device(site="south", serial="S"), device(site="NORTH", serial="N")])
    assert {id: matched.serial for id, matched in joined.matched.items()} == {"n": "N", "s": "S"}


@pytest.mark.parametrize(
    ("assets", "devices"),
    [
        ([recorded()], [device(serial="1"), device(serial="2")]),
        ([recorded("a", site="North"), recorded("b", site="North")], [device(site="North")]),
        ([recorded("a"), recorded("b")], [device()]),
    ],
)
def test_what_cannot_be_told_apart_is_not_joined(assets: list[Recorded], devices: list[ImportedDevice]) -> None:
    joined = reconcile(assets, devices)
    assert joined.matched == {}
    assert list(joined.unmatched) == devices


def test_an_asset_without_a_host_name_and_a_device_without_an_asset_stay_apart() -> None:
    joined = reconcile([recorded(hostname=None, owner="MSP")], [device("")])
    assert joined.facts == {"a": {"owner": "MSP"}}
    assert len(joined.unmatched) == 1


# --- who is right ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("av", "definitions", "expected"),
    [
        ("on", "current", "on"),
        ("on", "unknown", "on"),
        ("on", "outdated", "expired"),
        ("on", "expired", "expired"),
        ("off", "unknown", "none"),
        ("off", "outdated", "none"),
        ("unknown", "unknown", None),
    ],
)
def test_protection_counts_only_with_licence_and_current_definitions(av: str, definitions: str, expected: str | None) -> None:
    assert measured_facts(device(av=av, av_definitions=definitions)).get("endpoint_protection") == expected


def test_a_measurement_says_only_what_it_knows() -> None:
    seen = datetime(2026, 11, 22, tzinfo=UTC)
    assert measured_facts(device(encryption="on", last_seen=seen)) == {"encryption_at_rest": "volume", "last_seen": seen}


def test_measured_on_or_off_wins_and_the_disagreement_is_listed() -> None:
    joined = reconcile([recorded(encryption_at_rest="volume")], [device(encryption="off")])
    assert joined.facts["a"]["encryption_at_rest"] == "none"
    assert joined.conflicts == (Conflict("a", "encryption_at_rest", recorded="volume", measured="none", used="none"),)


@pytest.mark.parametrize("said", [None, "", "unknown"])
def test_a_measurement_fills_a_gap_without_a_conflict(said: str | None) -> None:
    joined = reconcile([recorded(encryption_at_rest=said)], [device(encryption="off")])
    assert joined.facts["a"]["encryption_at_rest"] == "none"
    assert joined.conflicts == ()


def test_a_measured_unknown_leaves_what_was_recorded() -> None:
    joined = reconcile([recorded(encryption_at_rest="volume", endpoint_protection="on")], [device()])
    assert joined.facts["a"] == {"encryption_at_rest": "volume", "endpoint_protection": "on"}


def test_two_kinds_of_encryption_are_no_disagreement() -> None:
    joined = reconcile([recorded(encryption_at_rest="database")], [device(encryption="on")])
    assert joined.facts["a"]["encryption_at_rest"] == "database"
    assert joined.conflicts == ()


def test_the_operating_system_is_taken_as_a_whole() -> None:
    written_down = recorded(os_name="Windows 7", os_build="7601", os_edition="Pro", os_key="windows:7-sp1")
    measured = device(os_name="Windows 11", os_candidates=("windows:11-25h2-w", "windows:11-25h2-e"))
    assert reconcile([written_down], [measured]).facts["a"] == {
        "os_name": "Windows 11",
        "os_candidates": ["windows:11-25h2-w", "windows:11-25h2-e"],
    }
    assert reconcile([written_down], [device()]).facts["a"]["os_build"] == "7601"
