"""From recorded facts to the values that rules calculate with, and back to what is printed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.sra.catalogue import catalogue
from domain.sra.vocabulary import Vocabulary

VOCABULARY = Vocabulary(catalogue().facts)


def read(of: str, **facts: Any) -> dict[str, Any]:
    return VOCABULARY.read(of, facts)


DAY = date(2026, 11, 22).toordinal()


@pytest.mark.parametrize(
    "recorded",
    ["2026-11-22", " 2026-11-22 ", date(2026, 11, 22), datetime(2026, 11, 22, 23, 59, tzinfo=UTC), "2026-11-22T08:00:00Z"],
)
def test_a_day_may_come_as_a_text_a_day_or_an_instant(recorded: Any) -> None:
    assert read("practice", last_pentest_on=recorded)["last_pentest_on"] == DAY


@pytest.mark.parametrize("recorded", ["2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22T12:00:00"])
def test_an_instant_without_a_zone_is_utc(recorded: str) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    values = read("backup", last_success_at=recorded)
    assert values["last_success_at"] == noon.timestamp()
    assert VOCABULARY.printed("backup.last_success_at", values["last_success_at"]) == "2026-11-22T12:00:00Z"


def test_usual_states_are_filled_in_and_can_be_overruled() -> None:
    assert read("flow") == {"active": True, "access_active": True, "deidentified": False}
    assert read("flow", active=False)["access_active"] is False
    assert read("flow", active=False, access_active=True)["access_active"] is True
    assert read("vendor")["status"] == "active"


def test_inner_facts_are_read_by_their_own_names() -> None:
    values = read("risk", task={"due_on": "2026-11-22", "owner": "unknown"})
    assert values["task"] == {"due_on": DAY}
    assert VOCABULARY.printed("risk.task", values["task"]) == {"due_on": "2026-11-22"}
    software = read("asset", software=[{"name": "Viewer", "version": None}, "not an object"])["software"]
    assert software == [{"name": "Viewer"}]
    assert VOCABULARY.printed("asset.software", software) == [{"name": "Viewer"}]


@pytest.mark.parametrize(
    ("recorded", "there"),
    [({"certificate": "c.pdf"}, True), ({"other": "words"}, True), ("cert-1", True), ({}, False), ({"on": None}, False)],
)
def test_a_record_is_a_record_when_anything_in_it_is_known(recorded: Any, there: bool) -> None:
    assert ("sanitization_record" in read("asset", sanitization_record=recorded)) is there


def test_ports_may_be_written_as_texts() -> None:
    assert read("asset", open_ports=["104", 443, "http", None, 10**20])["open_ports"] == [104, 443]


def test_a_word_of_a_closed_list_is_not_yes_or_no() -> None:
    assert "mfa" not in read("asset", mfa=False)
    assert read("flow", authorization=True)["authorization"] == "True"


def test_what_is_worked_out_cannot_be_recorded_and_strangers_are_left_out() -> None:
    assert "hipaa_role" not in read("vendor", hipaa_role="none", name="x")
    assert "nonsense" not in read("vendor", nonsense=1)


def test_half_a_surrogate_pair_does_no_harm() -> None:
    assert read("practice", security_official="\ud800")["security_official"] == "?"


def test_silence_has_a_name_only_where_it_is_a_gap() -> None:
    assert VOCABULARY.gap("asset.owner") == "absent"
    assert VOCABULARY.gap("asset.encryption_at_rest") == "unknown"
    assert VOCABULARY.gap("incident.closed_on") is None
    assert VOCABULARY.gap("asset.no_such_fact") is None
