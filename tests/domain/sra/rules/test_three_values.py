"""What an unknown value does to a rule: a hazard is not decided, a safeguard that is not shown is not there."""

from typing import Any

import pytest

from tests.domain.sra.rules.worlds import asset, finding, missing, outcome, things

UNKNOWN: list[Any] = [None, "", "  ", "unknown", "Unknown"]


def of_workstation(rule: str, **facts: Any) -> str:
    return outcome(rule, "asset:a1", assets=(asset("capture_workstation", **facts),))


def of_flow(rule: str, **facts: Any) -> str:
    return outcome(rule, "flow:flow1", flows=things("flow", facts))


def of_access(rule: str, **facts: Any) -> str:
    return outcome(rule, "remote_access:remote_access1", remote_accesses=things("remote_access", facts))


def of_backup(rule: str, **facts: Any) -> str:
    return outcome(rule, "backup:backup1", backups=things("backup", facts))


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_missing_null_empty_and_the_word_unknown_are_one_state(unknown: Any) -> None:
    assert of_workstation("CAP-01", login_mode=unknown) == of_workstation("CAP-01") == "undetermined"
    assert of_workstation("CAP-12", audit_logging=unknown) == of_workstation("CAP-12") == "fires"


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("CAP-14", {}),
        ("CAP-11", {}),
        ("CAP-13", {}),
        ("CAP-09", {}),
        ("NET-04", {}),
        ("CAP-10", {"privacy_filter": False}),
        ("RMT-06", {"open_ports": [3389]}),
    ],
)
def test_a_hazard_that_is_not_known_is_not_decided(rule: str, facts: dict[str, Any]) -> None:
    assert of_workstation(rule, **facts) == "undetermined"


def test_a_false_part_decides_although_another_is_unknown() -> None:
    assert of_workstation("CAP-14", stores_ephi=False) == "clear"
    assert of_workstation("RMT-06", internet_exposed=False) == "clear"
    assert of_flow("DCM-02", method="https") == "clear"


def test_a_true_part_decides_although_another_is_unknown() -> None:
    assert of_workstation("CAP-08", endpoint_protection="none") == "fires"
    assert outcome("NET-03", "asset:a1", assets=(asset("firewall", oldest_missing_critical_patch_days=31),)) == "fires"


def test_a_part_that_is_true_and_another_unknown_leaves_it_open() -> None:
    assert of_workstation("CAP-08", endpoint_protection="on") == "undetermined"
    assert outcome("NET-03", "asset:a1", assets=(asset("firewall", oldest_missing_critical_patch_days=30),)) == "undetermined"


def test_a_safeguard_that_is_not_shown_is_not_there() -> None:
    assert of_access("RMT-02", enabled=True) == "fires"
    assert of_access("RMT-05", enabled=True) == "fires"
    assert of_backup("BKP-02") == "fires"
    assert of_backup("BKP-04", offsite_method="carried") == "fires"
    assert of_backup("BKP-08") == "fires"
    assert of_workstation("CAP-10", screen_visible_to_public=True) == "fires"
    assert of_flow("DCM-02", method="dicom") == "fires"
    assert of_flow("REF-01", direction="outbound", method="usb") == "fires"


@pytest.mark.parametrize(
    ("look", "rule"),
    [(of_backup, "BKP-03"), (of_backup, "BKP-05")],
)
def test_no_record_means_never_done(look: Any, rule: str) -> None:
    assert look(rule) == "fires"


def test_an_encryption_that_is_not_known_is_no_claim_of_encryption() -> None:
    """PMS-02 doubts a claim, so it needs one; the rules on missing encryption fire meanwhile."""
    server = asset("imaging_server", stores_ephi=True)
    assert outcome("PMS-02", "asset:a1", assets=(server,)) == "undetermined"
    assert outcome("DCM-09", "asset:a1", assets=(server,)) == "fires"
    assert outcome("STO-07", "asset:a1", assets=(server,)) == "clear"


@pytest.mark.parametrize(
    ("rule", "kind", "facts"),
    [
        ("MED-02", "capture_workstation", {}),
        ("SEN-05", "intraoral_scanner", {"stores_ephi": True}),
        ("STO-01", "cloud_archive", {"stores_ephi": True}),
        ("DCM-06", "dicom_server", {}),
        ("DCM-12", "capture_workstation", {"worklist_enabled": False}),
        ("MED-05", "nas", {}),
        ("MED-03", "printer", {}),
        ("SEN-03", "intraoral_sensor", {}),
        ("CAP-05", "capture_workstation", {"os_key": "windows:10-22h2"}),
        ("DCM-05", "imaging_server", {}),
    ],
)
def test_what_nobody_records_when_it_did_not_happen_did_not_happen(rule: str, kind: str, facts: dict[str, Any]) -> None:
    assert outcome(rule, "asset:a1", assets=(asset(kind, **facts),)) == "clear"


@pytest.mark.parametrize("kind", ["laptop", "tablet", "handheld_xray", "removable_media"])
def test_what_is_made_to_be_carried_is_portable_unless_said_otherwise(kind: str) -> None:
    assert outcome("SEN-05", "asset:a1", assets=(asset(kind, stores_ephi=True),)) == "fires"
    assert outcome("SEN-05", "asset:a1", assets=(asset(kind, stores_ephi=True, portable=False),)) == "clear"


def test_an_empty_list_is_known_and_null_means_nobody_asked() -> None:
    agreement = {"id": "b", "vendor": "v", "status": "executed", "signed_on": "2024-01-01"}
    parts: dict[str, Any] = {"baas": things("baa", agreement)}
    assert outcome("RMT-10", "vendor:v", vendors=things("vendor", {"id": "v"}), **parts) == "fires"
    assert outcome("RMT-10", "vendor:v", vendors=things("vendor", {"id": "v", "subcontractors": []}), **parts) == "clear"
    assert of_workstation("NET-04", services=[]) == "clear"


@pytest.mark.parametrize("wrong", ["yes", 1, [], {"on": True}])
def test_a_value_of_the_wrong_type_is_not_known(wrong: Any) -> None:
    assert of_workstation("CAP-06", users_local_admin=wrong) == "undetermined"
    assert of_access("RMT-02", enabled=True, mfa=wrong) == "fires"


@pytest.mark.parametrize("wrong", [True, "15", [15], 10**30, float("nan"), float("inf")])
def test_a_number_that_is_none_is_not_known(wrong: Any) -> None:
    found = finding("CAP-02", "asset:a1", assets=(asset("capture_workstation", auto_logoff_minutes=wrong),))
    assert (found.basis, found.facts) == ("absent", ("asset.auto_logoff_minutes",))


@pytest.mark.parametrize("wrong", ["22.11.2026", "2026-13-45", 20261122, "soon", True])
def test_a_date_that_cannot_be_read_is_not_known(wrong: Any) -> None:
    assert of_backup("BKP-03", last_restore_test_on=wrong) == "fires"


# --- what is said about a finding, and about what is missing -----------------------------------------------------------


def test_a_finding_rests_on_facts_if_recorded_values_show_it_whatever_else_is_missing() -> None:
    seen_long_ago = asset("psp_scanner", owner=None, location="main", last_inventoried_on="2025-06-30")
    found = finding("SEN-04", "asset:a1", assets=(seen_long_ago,))
    assert (found.basis, found.facts) == ("fact", ())


def test_a_finding_rests_on_an_absence_when_a_record_that_must_exist_does_not() -> None:
    found = finding("SEN-04", "asset:a1", assets=(asset("psp_scanner", last_inventoried_on="2026-11-01"),))
    assert (found.basis, found.facts) == ("absent", ("asset.location", "asset.owner"))


def test_a_finding_rests_on_an_unknown_when_a_state_is_simply_not_known() -> None:
    found = finding("RMT-02", "remote_access:remote_access1", remote_accesses=things("remote_access", {"enabled": True}))
    assert (found.basis, found.facts) == ("unknown", ("remote_access.mfa",))


def test_two_silences_that_are_needed_together_are_both_named() -> None:
    assert finding("BKP-02", "backup:backup1", backups=things("backup", {})).facts == (
        "backup.immutable",
        "backup.offline_copy",
    )
    assert finding("BKP-02", "backup:backup1", backups=things("backup", {"immutable": False})).facts == ("backup.offline_copy",)


def test_missing_names_the_facts_that_could_decide_and_no_others() -> None:
    """The encryption of a laptop does not matter as long as nobody knows whether it holds ePHI."""
    assert missing("CAP-07", "asset:a1", assets=(asset("laptop"),)) == ("asset.stores_ephi",)
    assert missing("RMT-06", "asset:a1", assets=(asset("firewall"),)) == ("asset.internet_exposed", "asset.open_ports")
    assert missing("RMT-06", "asset:a1", assets=(asset("firewall", internet_exposed=True),)) == ("asset.open_ports",)


# --- what is looked at ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["retired", "disposed"])
def test_only_assets_in_use_are_looked_at_unless_the_rule_is_about_the_others(status: str) -> None:
    assert of_workstation("CAP-12", status=status) == "not looked at"
    assert of_workstation("DCM-13", status="retired", stores_ephi=True) == "fires"
    assert of_workstation("MED-01", status="disposed", stores_ephi=True) == "fires"
    assert of_workstation("DCM-13", stores_ephi=True) == of_workstation("MED-01", stores_ephi=True) == "not looked at"


def test_a_stopped_flow_is_looked_at_only_for_access_that_stayed_open() -> None:
    assert of_flow("REF-04", direction="outbound", audit_logged=False, active=False) == "not looked at"
    assert of_flow("REF-09", active=False, access_active=True, last_used_on="2024-01-01") == "fires"
    assert of_flow("REF-09", active=False, last_used_on="2024-01-01") == "clear"
    assert of_flow("REF-09", last_used_on="2024-01-01") == "fires"


def test_a_way_in_that_is_switched_off_is_not_looked_at_and_one_that_may_be_on_is_not_decided() -> None:
    assert of_access("RMT-04", enabled=False, account_type="shared") == "not looked at"
    assert of_access("RMT-04", enabled=True, account_type="shared") == "fires"
    assert of_access("RMT-04", account_type="shared") == "undetermined"
    assert of_access("RMT-04", account_type="named") == "clear"
    unsure = things("remote_access", {"account_type": "shared"})
    assert missing("RMT-04", "remote_access:remote_access1", remote_accesses=unsure) == ("remote_access.enabled",)


def test_a_stopped_backup_job_neither_counts_nor_is_looked_at() -> None:
    stopped = {"status": "stopped", "covers": ["a1"], "encrypted": False}
    server = asset("imaging_server", stores_ephi=True)
    assert outcome("BKP-08", "backup:backup1", backups=things("backup", stopped)) == "not looked at"
    assert outcome("BKP-01", "asset:a1", assets=(server,), backups=things("backup", stopped)) == "fires"
