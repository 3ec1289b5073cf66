"""The meaning of single rules where words alone leave room: limits, joins, dates, versions."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.domain.sra.rules.worlds import NOON, TODAY, asset, evaluation, finding, missing, outcome, things


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def of_asset(rule: str, kind: str, facts: dict[str, Any], **parts: Any) -> str:
    return outcome(rule, "asset:a1", assets=(asset(kind, **facts),), **parts)


# --- limits: more than the limit, never the limit itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kind", "fact", "at_the_limit", "beyond"),
    [
        ("CAP-02", "capture_workstation", "auto_logoff_minutes", 15, 16),
        ("CAP-09", "capture_workstation", "oldest_missing_critical_patch_days", 30, 31),
        ("NET-03", "network_device", "oldest_missing_critical_patch_days", 30, 31),
        ("PMS-06", "imaging_server", "access_reviewed_on", ago(365), ago(366)),
    ],
)
def test_a_limit_is_kept_up_to_and_including_the_limit(rule: str, kind: str, fact: str, at_the_limit: Any, beyond: Any) -> None:
    supported = {"manufacturer_supported_until": "2030-01-01"}
    assert of_asset(rule, kind, {fact: at_the_limit, **supported}) == "clear"
    assert of_asset(rule, kind, {fact: beyond, **supported}) == "fires"


@pytest.mark.parametrize("minutes", [0, -1])
def test_a_lock_after_no_time_at_all_never_locks(minutes: int) -> None:
    assert of_asset("CAP-02", "capture_workstation", {"auto_logoff_minutes": minutes}) == "fires"


def test_the_limits_are_the_practices_own() -> None:
    facts = {"auto_logoff_minutes": 10}
    assert of_asset("CAP-02", "capture_workstation", facts, settings={"auto_logoff_max": 5}) == "fires"
    assert of_asset("CAP-02", "capture_workstation", facts, settings={"auto_logoff_max": "five"}) == "clear"


def test_hours_are_counted_to_the_second() -> None:
    def aged(seconds: int) -> str:
        success = (NOON - timedelta(hours=24, seconds=seconds)).isoformat()
        return outcome("BKP-05", "backup:backup1", backups=things("backup", {"last_success_at": success}))

    assert aged(0) == "clear"
    assert aged(1) == "fires"


def test_today_is_the_day_in_utc() -> None:
    late_in_tokyo = datetime(2026, 11, 23, 1, tzinfo=UTC).astimezone(datetime.fromisoformat("2026-01-01T00:00+09:00").tzinfo)
    parts: dict[str, Any] = {"practice": things("practice", {"last_pentest_on": "2025-11-23"})[0]}
    assert outcome("NET-06", "practice:practice1", as_of=late_in_tokyo, **parts) == "clear"
    assert outcome("NET-06", "practice:practice1", as_of=late_in_tokyo + timedelta(days=1), **parts) == "fires"


def test_retention_is_counted_in_calendar_years() -> None:
    def kept(oldest: str, as_of: datetime = NOON) -> str:
        facts = {"retention_policy": {"max_years": 10}, "oldest_image_on": oldest}
        return of_asset("STO-09", "file_server", facts, as_of=as_of)

    assert kept("2013-11-22") == "clear"
    assert kept("2013-11-21") == "fires"
    leap_day = datetime(2028, 2, 29, tzinfo=UTC)
    assert (kept("2015-02-28", leap_day), kept("2015-02-27", leap_day)) == ("clear", "fires")


def test_a_schedule_without_years_decides_nothing() -> None:
    facts = {"retention_policy": {"schedule": "state"}, "oldest_image_on": "2001-01-01"}
    assert missing("STO-09", "asset:a1", assets=(asset("file_server", **facts),)) == ("asset.retention_policy",)


@pytest.mark.parametrize(("days", "expected"), [(90, "fires"), (91, "clear"), (-5, "fires")])
def test_a_lease_that_ends_within_90_days_needs_a_plan_for_wiping(days: int, expected: str) -> None:
    leased = {"ownership": "leased", "lease_end_on": (TODAY + timedelta(days=days)).isoformat()}
    assert of_asset("MED-03", "printer", leased) == expected


# --- operating systems ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_key", "ended", "soon"),
    [
        ("windows:7-sp1", "fires", "clear"),
        ("windows:11-24h2-w", "fires", "clear"),
        ("windows:11-24h2-e", "clear", "clear"),
        ("windows-server:2016", "clear", "fires"),
        ("windows:10-21h2-e-lts", "clear", "fires"),
        ("windows:10-21h2-iot-lts", "clear", "clear"),
        ("macos:13", "fires", "clear"),
        ("macos:26", "clear", "clear"),
    ],
)
def test_support_is_judged_by_edition_and_build(os_key: str, ended: str, soon: str) -> None:
    assert of_asset("CAP-03", "capture_workstation", {"os_key": os_key}) == ended
    assert of_asset("CAP-04", "capture_workstation", {"os_key": os_key}) == soon


def test_support_ends_on_its_last_day() -> None:
    facts = {"os_key": "windows-server:2016"}
    last_day = datetime(2027, 1, 12, tzinfo=UTC)
    assert of_asset("CAP-03", "imaging_server", facts, as_of=last_day - timedelta(days=1)) == "clear"
    assert of_asset("CAP-03", "imaging_server", facts, as_of=last_day) == "fires"


def test_where_all_possible_rows_agree_the_answer_counts() -> None:
    """Windows 10 Pro without a build: every row has ended."""
    facts = {"os_name": "Windows 10", "os_edition": "Pro", "stores_ephi": True}
    assert of_asset("CAP-03", "capture_workstation", facts) == "fires"
    found = finding("GOV-08", "asset:a1", assets=(asset("capture_workstation", **facts),))
    assert "asset.os" not in found.facts


def test_where_possible_rows_differ_nothing_is_decided_and_the_system_is_asked_for() -> None:
    workstation = asset("capture_workstation", os_name="Windows 11", os_build="26100", stores_ephi=True)
    assert missing("CAP-03", "asset:a1", assets=(workstation,)) == ("asset.os",)
    assert outcome("CAP-04", "asset:a1", assets=(workstation,)) == "clear"
    assert "asset.os" in finding("GOV-08", "asset:a1", assets=(workstation,)).facts


def test_possible_rows_found_by_an_import_are_taken_as_they_are() -> None:
    facts = {"os_candidates": ["windows:11-24h2-w", "windows:11-23h2-w"]}
    assert of_asset("CAP-03", "capture_workstation", facts) == "fires"


def test_what_has_no_row_goes_by_its_makers_date() -> None:
    assert of_asset("CAP-03", "nas", {"os_name": "Storage OS 7", "manufacturer_supported_until": "2026-11-22"}) == "fires"
    assert of_asset("CAP-03", "nas", {"manufacturer_supported_until": "2030-01-01"}) == "clear"
    assert of_asset("CAP-03", "nas", {"os_key": "windows:7-sp1", "manufacturer_supported_until": "2030-01-01"}) == "fires"
    assert of_asset("CAP-03", "nas", {}) == "undetermined"


@pytest.mark.parametrize(
    ("facts", "ended", "extended"),
    [
        ({"esu_enrolled": True, "esu_program": "commercial"}, "clear", "fires"),
        ({"esu_enrolled": True, "esu_program": "consumer"}, "fires", "clear"),
        ({"esu_enrolled": True}, "fires", "clear"),
        ({"esu_program": "commercial"}, "fires", "clear"),
    ],
)
def test_only_a_proven_commercial_programme_extends_support(facts: dict[str, Any], ended: str, extended: str) -> None:
    facts = {"os_key": "windows:10-22h2"} | facts
    assert of_asset("CAP-03", "capture_workstation", facts) == ended
    assert of_asset("CAP-05", "capture_workstation", facts) == extended


def test_extended_updates_that_are_no_longer_sold_extend_nothing() -> None:
    facts = {"os_key": "windows-server:2012-r2", "esu_enrolled": True, "esu_program": "commercial"}
    assert of_asset("CAP-03", "file_server", facts) == "fires"


def test_a_driver_names_its_newest_system_by_lifecycle_key() -> None:
    assert of_asset("SEN-03", "intraoral_sensor", {"driver_max_os": "windows:7-sp1"}) == "fires"
    assert of_asset("SEN-03", "intraoral_sensor", {"driver_max_os": "windows:11-25h2-w"}) == "clear"
    assert of_asset("SEN-03", "intraoral_sensor", {"driver_max_os": "Windows 10"}) == "undetermined"


# --- known issues --------------------------------------------------------------------------------------------------------


def installed(name: str, version: str | None, **facts: Any) -> dict[str, Any]:
    return {"software": [{"name": name, "version": version}], **facts}


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("CDR DICOM", "5", "fires"),
        ("Schick cdr dicom", "5.0", "fires"),
        ("CDR DICOM", "4.5", "fires"),
        ("CDR DICOM", "5.1", "clear"),
        ("CDR DICOM", None, "fires"),
        ("CDR DICOM", "newest", "fires"),
        ("DEXIS Imaging Suite", "10", "fires"),
        ("DEXIS Imaging Suite", "11", "clear"),
        ("MicroDicom", "2023.3", "clear"),
        ("CDR DICOMIZER", "5", "clear"),
    ],
)
def test_built_in_credentials_are_matched_by_product_and_range(name: str, version: str | None, expected: str) -> None:
    assert of_asset("DCM-05", "imaging_server", installed(name, version)) == expected
    assert of_asset("DCM-05", "imaging_server", installed(name, version, vendor_fix_confirmed=True)) == "clear"


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("MicroDicom", "2023.3", "fires"),
        ("MicroDicom DICOM viewer", "v2025.2", "fires"),
        ("MicroDicom", "2025.3", "clear"),
        ("MicroDicom", "2026.1", "clear"),
        ("MicroDicom", None, "undetermined"),
        ("OFFIS DCMTK", "3.6.5", "undetermined"),
        ("Other viewer", "1.0", "clear"),
    ],
)
def test_a_flaw_is_open_below_the_version_that_mends_it(name: str, version: str | None, expected: str) -> None:
    assert of_asset("DCM-08", "reading_workstation", installed(name, version)) == expected


def test_a_finding_names_the_published_issue() -> None:
    found = finding("DCM-08", "asset:a1", assets=(asset("reading_workstation", **installed("MicroDicom", "2025.1")),))
    assert [evidence.ref for evidence in found.because] == ["known_issue:CVE-2025-5943"]


# --- joins ---------------------------------------------------------------------------------------------------------------


def test_an_import_is_judged_by_the_flows_that_end_at_the_asset() -> None:
    discs = {"direction": "inbound", "method": "cd", "destination": "a1"}
    for flow, expected in (
        (discs, "fires"),
        (discs | {"destination": "a2"}, "clear"),
        (discs | {"active": False}, "clear"),
        (discs | {"direction": "outbound"}, "clear"),
    ):
        assert of_asset("DCM-07", "reading_workstation", {}, flows=things("flow", flow)) == expected


def test_a_standing_way_in_is_found_at_each_target() -> None:
    access = {"targets": ["a1"], "mode": "unattended", "always_on": True}
    for change, expected in (
        ({"enabled": True}, "fires"),
        ({"enabled": False}, "clear"),
        ({}, "undetermined"),
        ({"enabled": True, "always_on": False}, "clear"),
    ):
        accesses = things("remote_access", access | change)
        assert of_asset("RMT-01", "imaging_server", {}, remote_accesses=accesses) == expected


def test_an_account_of_a_leaver_is_found_at_its_system() -> None:
    def left(**account: Any) -> str:
        people = things("user", {"status": "left", "accounts": [{"system": "a1"} | account]})
        return of_asset("PMS-04", "pms_server", {}, workforce=people)

    assert (left(enabled=True), left(enabled=False), left()) == ("fires", "clear", "undetermined")


@pytest.mark.parametrize(
    ("said", "job", "expected", "basis"),
    [
        (None, {"covers": ["a1"]}, "clear", None),
        ("unknown", {"covers": ["a1"]}, "clear", None),
        (None, {"covers": []}, "fires", "fact"),
        ("unknown", {"covers": []}, "fires", "unknown"),
        ("covered", {"covers": []}, "fires", "fact"),
        (None, {"covers": None}, "fires", "unknown"),
    ],
)
def test_a_backup_job_covers_what_it_lists(said: str | None, job: dict[str, Any], expected: str, basis: str | None) -> None:
    """``backup: unknown`` is an answer: nobody can say. An empty field is none: no job lists the asset."""
    parts: dict[str, Any] = {
        "assets": (asset("imaging_server", stores_ephi=True, backup=said),),
        "backups": things("backup", job),
    }
    assert outcome("BKP-01", "asset:a1", **parts) == expected
    if basis is not None:
        assert finding("BKP-01", "asset:a1", **parts).basis == basis


def test_a_move_needs_a_verified_copy_by_one_of_the_jobs_that_cover_the_asset() -> None:
    def moved(*jobs: dict[str, Any]) -> str:
        return of_asset("MED-05", "nas", {"move_planned_on": "2026-12-01"}, backups=things("backup", *jobs))

    verified, plain = {"covers": ["a1"], "verified_before_move": True}, {"covers": ["a1"], "verified_before_move": False}
    assert moved() == moved(plain) == moved(verified | {"covers": []}) == "fires"
    assert moved(plain, verified) == "clear"


# --- vendors -------------------------------------------------------------------------------------------------------------

STORES = {"id": "e", "vendor": "v", "maintains_phi": True}


def of_vendor(rule: str, *, vendor: dict[str, Any] | None = None, baa: dict[str, Any] | None = None, **parts: Any) -> str:
    return outcome(
        rule,
        "vendor:v",
        vendors=things("vendor", {"id": "v"} | (vendor or {})),
        engagements=things("engagement", STORES),
        baas=things("baa", {"id": "b", "vendor": "v"} | baa) if baa is not None else (),
        **parts,
    )


SIGNED = {"status": "executed", "signed_on": "2024-01-01"}


def test_an_agreement_that_has_ended_is_another_finding_than_none_at_all() -> None:
    ended = SIGNED | {"end_on": ago(1)}
    flow = things("flow", {"vendor": "v"})
    assert (of_vendor("VEN-01"), of_vendor("VEN-01", baa=ended)) == ("fires", "clear")
    assert of_vendor("VEN-02", baa=ended, flows=flow) == "fires"
    assert of_vendor("VEN-02", baa=ended) == "clear"
    assert of_vendor("VEN-02", baa=SIGNED | {"end_on": TODAY.isoformat()}, flows=flow) == "clear"
    assert of_vendor("VEN-02", baa=SIGNED, flows=flow) == "clear"
    assert of_vendor("VEN-02", flows=flow) == "clear"


def test_a_terminated_agreement_without_a_date_is_not_open_ended() -> None:
    terminated = SIGNED | {"status": "terminated"}
    assert of_vendor("VEN-02", baa=terminated, flows=things("flow", {"vendor": "v"})) == "undetermined"


@pytest.mark.parametrize("status", ["draft", "sent"])
def test_an_agreement_that_is_not_signed_is_none(status: str) -> None:
    assert of_vendor("VEN-01", baa={"status": status}) == "fires"


def test_an_agreement_that_nobody_can_find_is_not_shown() -> None:
    parts: dict[str, Any] = {
        "vendors": things("vendor", {"id": "v", "baa_on_file": "unknown"}),
        "engagements": things("engagement", STORES),
    }
    found = finding("VEN-01", "vendor:v", **parts)
    assert (found.basis, found.facts) == ("unknown", ("vendor.baa_executed",))
    assert outcome("RMT-10", "vendor:v", **parts) == "clear"


def test_clauses_are_those_of_the_agreement_in_force() -> None:
    lacking = SIGNED | {"missing_required_clauses": ["return_destroy"]}
    assert of_vendor("VEN-03", baa=lacking) == "fires"
    assert of_vendor("VEN-03", baa=lacking | {"end_on": ago(1)}) == "clear"
    assert of_vendor("VEN-03", baa=SIGNED) == "undetermined"
    assert of_vendor("VEN-03", baa=lacking, vendor={"status": "ended"}) == "not looked at"


@pytest.mark.parametrize(
    ("baa", "expected"),
    [
        ({"signed_on": "2013-01-24"}, "fires"),
        ({"signed_on": "2013-01-25"}, "clear"),
        ({"signed_on": "2013-01-24", "amended_on": "2014-08-20"}, "clear"),
    ],
)
def test_an_agreement_older_than_the_omnibus_rule_needs_an_amendment(baa: dict[str, Any], expected: str) -> None:
    assert of_vendor("VEN-04", baa=SIGNED | baa) == expected


def test_return_of_data_is_asked_for_where_there_was_an_agreement_or_should_have_been() -> None:
    ended = {"status": "ended"}
    terminated = SIGNED | {"status": "terminated", "end_on": ago(300)}
    assert of_vendor("VEN-06", vendor=ended, baa=terminated) == "fires"
    assert of_vendor("VEN-06", vendor=ended, baa=terminated | {"return_destroy_attested_on": ago(200)}) == "clear"
    assert of_vendor("VEN-06", vendor=ended) == "fires"
    courier = things("engagement", {"vendor": "v", "transient_only": True})
    vendors = things("vendor", {"id": "v", "status": "ended"})
    assert outcome("VEN-06", "vendor:v", vendors=vendors, engagements=courier) == "clear"


def test_no_vendor_means_no_agreement_to_miss_except_where_a_vendor_must_be_hosting() -> None:
    access = things("remote_access", {"enabled": True, "can_view_ephi": True})
    assert outcome("RMT-03", "remote_access:remote_access1", remote_accesses=access) == "clear"
    assert outcome("RMT-08", "remote_access:remote_access1", remote_accesses=access) == "clear"
    assert outcome("REF-07", "flow:flow1", flows=things("flow", {"method": "portal"})) == "clear"
    assert of_asset("PAT-04", "patient_portal", {"mfa": "required"}) == "clear"
    hosted = (asset("cloud_archive", hosted_by_vendor=True, stores_ephi=True),)
    found = finding("STO-01", "asset:a1", assets=hosted)
    assert (found.basis, found.facts) == ("absent", ("asset.vendor",))


def test_a_vendor_that_is_named_but_not_on_record_has_shown_nothing() -> None:
    access = things("remote_access", {"enabled": True, "can_view_ephi": True, "vendor": "nobody"})
    found = finding("RMT-03", "remote_access:remote_access1", remote_accesses=access)
    assert (found.basis, found.facts) == ("unknown", ("vendor.baa_active",))


def test_images_to_a_service_need_a_role_decision() -> None:
    flow = {"direction": "outbound", "recipient_type": "aligner", "vendor": "v"}

    def sent(flow: dict[str, Any], **engagement: Any) -> str:
        return outcome(
            "STO-08",
            "flow:flow1",
            flows=things("flow", flow),
            vendors=things("vendor", {"id": "v"}),
            engagements=things("engagement", {"vendor": "v", "service": "aligner"} | engagement),
        )

    assert sent(flow) == "fires"
    assert sent(flow, role_decision={"role": "treatment_provider", "decided_on": "2026-01-01"}) == "clear"
    assert sent(flow | {"recipient_type": "specialist"}) == "clear"
    assert sent(flow | {"direction": "internal"}) == "clear"
    assert sent({"direction": "outbound", "recipient_type": "lab"}) == "fires"


# --- the practice --------------------------------------------------------------------------------------------------------


def of_practice(rule: str, **parts: Any) -> str:
    return outcome(rule, "practice:p", **parts)


def test_what_was_added_after_the_analysis_asks_for_a_new_one_unless_there_was_none() -> None:
    new = {"added_on": "2026-06-01"}
    assert of_asset("SEN-06", "printer", new, approved_on=date(2026, 5, 31)) == "fires"
    assert of_asset("SEN-06", "printer", new, approved_on=date(2026, 6, 1)) == "clear"
    assert of_asset("SEN-06", "printer", new) == "clear"
    assert of_practice("GOV-01") == "fires"


RISK = {"level": "H", "status": "open", "rule": "CAP-03"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "fires"),
        ({"level": "M"}, "clear"),
        ({"status": "closed"}, "clear"),
        ({"status": "accepted"}, "clear"),
        ({"acceptance": {"signed_by_role": "owner"}}, "clear"),
        ({"rule": "GOV-02"}, "clear"),
        ({"task": {"due_on": TODAY.isoformat()}}, "clear"),
        ({"task": {"due_on": ago(1)}}, "fires"),
        ({"task": {"owner": "MSP"}}, "undetermined"),
    ],
)
def test_a_high_risk_needs_a_task_that_is_not_overdue(change: dict[str, Any], expected: str) -> None:
    assert of_practice("GOV-02", prior_risks=things("risk", RISK | change)) == expected


@pytest.mark.parametrize(
    ("answer", "addressable", "required"),
    [
        ({"spec_type": "addressable", "state": "not_in_place"}, "fires", "clear"),
        ({"spec_type": "addressable", "state": "not_in_place", "rationale": "r"}, "clear", "clear"),
        ({"spec_type": "addressable", "state": "unknown"}, "fires", "clear"),
        ({"spec_type": "addressable", "state": "implemented"}, "clear", "clear"),
        ({"spec_type": "required", "state": "no"}, "clear", "fires"),
        ({"spec_type": "required", "state": "partial"}, "clear", "clear"),
        ({"spec_type": "required", "state": "unknown"}, "clear", "undetermined"),
    ],
)
def test_answers_are_read_as_they_stand(answer: dict[str, Any], addressable: str, required: str) -> None:
    answers = things("answer", answer)
    assert (of_practice("GOV-03", answers=answers), of_practice("GOV-04", answers=answers)) == (addressable, required)


@pytest.mark.parametrize(
    ("incident", "expected"),
    [
        ({"discovered_on": ago(30)}, "clear"),
        ({"discovered_on": ago(31)}, "fires"),
        ({"discovered_on": ago(45), "closed_on": ago(1)}, "clear"),
        ({"discovered_on": ago(46), "closed_on": ago(1)}, "fires"),
        ({"discovered_on": ago(90), "closed_on": ago(1), "breach_decision": "no"}, "clear"),
        ({}, "fires"),
    ],
)
def test_an_incident_needs_an_outcome_and_a_decision_in_time(incident: dict[str, Any], expected: str) -> None:
    assert of_practice("GOV-09", incidents=things("incident", incident)) == expected


def test_only_people_at_work_need_training() -> None:
    assert of_practice("GOV-06", workforce=things("user", {"status": "left"})) == "clear"
    assert of_practice("GOV-06", workforce=things("user", {"status": "active"})) == "fires"
    assert of_practice("GOV-06", workforce=things("user", {"status": "active", "trained_on": ago(365)})) == "clear"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, "clear"),
        ({"review_due_on": TODAY.isoformat()}, "clear"),
        ({"review_due_on": ago(1)}, "fires"),
        ({"deleted_on": ago(10), "retain_until": ago(10)}, "clear"),
        ({"deleted_on": ago(10), "retain_until": ago(9)}, "fires"),
        ({"deleted_on": ago(10)}, "undetermined"),
    ],
)
def test_documents_are_reviewed_and_kept(document: dict[str, Any], expected: str) -> None:
    assert of_practice("GOV-10", documents=things("document", document)) == expected


def test_a_group_of_practices_is_one_subject() -> None:
    outcomes = evaluation().outcomes
    assert outcomes["GOV-05"].fired == ("practice:p",)
    assert outcomes["BKP-06"].undetermined == ("practice:p",)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        evaluation(as_of=datetime(2026, 11, 22))  # noqa: DTZ001 - the point of the test


# --- what a safeguard that is shown does ---------------------------------------------------------------------------------


def test_encryption_that_is_shown_clears() -> None:
    carried = {"offsite_method": "carried", "encrypted": True}
    assert outcome("BKP-04", "backup:backup1", backups=things("backup", carried)) == "clear"
    mail = {"method": "email", "recipient_type": "patient"}
    assert outcome("PAT-01", "flow:flow1", flows=things("flow", mail | {"encrypted": True})) == "clear"
    assert outcome("PAT-01", "flow:flow1", flows=things("flow", mail | {"encrypted": False})) == "fires"
    warned = mail | {"encrypted": False, "consent": {"warned_on": "2026-09-03"}}
    assert outcome("PAT-01", "flow:flow1", flows=things("flow", warned)) == "clear"


def test_a_network_part_that_is_shown_to_be_isolated_clears_unless_the_internet_is_crossed() -> None:
    plain = {"method": "dicom", "encrypted": False, "crosses_internet": False}
    for change, expected in (
        ({"segment_trust": "isolated"}, "clear"),
        ({"segment_trust": "shared"}, "fires"),
        ({}, "fires"),
        ({"segment_trust": "isolated", "crosses_internet": True}, "fires"),
        ({"segment_trust": "isolated", "crosses_internet": None}, "undetermined"),
    ):
        assert outcome("DCM-02", "flow:flow1", flows=things("flow", plain | change)) == expected


def test_typing_names_by_hand_is_a_risk_only_without_a_worklist() -> None:
    assert of_asset("DCM-12", "pms_server", {"worklist_enabled": False, "manual_patient_entry": True}) == "fires"
    assert of_asset("DCM-12", "pms_server", {"worklist_enabled": True, "manual_patient_entry": True}) == "clear"
    assert of_asset("DCM-12", "pms_server", {"worklist_enabled": False}) == "clear"


@pytest.mark.parametrize(
    ("change", "expected", "facts"),
    [
        ({}, "clear", ()),
        ({"rmm_mfa": None}, "fires", ("asset.rmm_mfa",)),
        ({"rmm_script_approval": None}, "fires", ("asset.rmm_script_approval",)),
        ({"rmm_mfa": False}, "fires", ()),
        ({"rmm_script_approval": False}, "fires", ()),
        ({"standing_admins": 4}, "fires", ()),
        ({"standing_admins": None}, "undetermined", ()),
    ],
)
def test_the_management_tool_needs_all_of_its_controls(change: dict[str, Any], expected: str, facts: tuple[str, ...]) -> None:
    tool = asset("msp_tool", **({"rmm_mfa": True, "rmm_script_approval": True, "standing_admins": 3} | change))
    assert outcome("RMT-07", "asset:a1", assets=(tool,)) == expected
    if expected == "fires":
        assert finding("RMT-07", "asset:a1", assets=(tool,)).facts == facts


def test_a_portal_needs_both_a_second_factor_and_an_agreement() -> None:
    portal = {"mfa": "required", "vendor": "v"}

    def of_portal(facts: dict[str, Any], **vendor: Any) -> str:
        return of_asset("PAT-04", "patient_portal", facts, vendors=things("vendor", {"id": "v"} | vendor))

    assert of_portal(portal) == of_portal(portal, baa_on_file="unknown") == "fires"
    assert of_asset("PAT-04", "patient_portal", {"vendor": None}) == "fires"
    signed = things("baa", SIGNED | {"vendor": "v"})
    assert of_asset("PAT-04", "patient_portal", portal, vendors=things("vendor", {"id": "v"}), baas=signed) == "clear"
