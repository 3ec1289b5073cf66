"""The technician's survey: all of a good one is taken, and of a bad one everything that is good."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.inventory.imports.normal_form import UnreadableImport
from domain.inventory.imports.survey import read_survey
from domain.inventory.imports.survey_form import SECTIONS, End, Survey
from tests.domain.inventory.imports.samples import SAMPLES, load

PRACTICES = ("lakeview-dental", "harbor-group", "cedar-kids")
LOCATION = {"id": "main", "name": "Main"}
VENDOR = {"id": "v-1", "name": "Vendor"}


def survey(**sections: Any) -> Survey:
    return read_survey(json.dumps({"schema": "imaging-survey/1", **sections}).encode())


def asset(**members: Any) -> dict[str, Any]:
    return {"id": "op1", "kind": "capture_workstation", "location": "main", **members}


def rejections(read: Survey) -> list[tuple[str, str]]:
    return [(remark.pointer, remark.code) for remark in read.rejected]


def notes(read: Survey) -> list[tuple[str, str]]:
    return [(remark.pointer, remark.code) for remark in read.notes]


@pytest.mark.parametrize("practice", PRACTICES)
def test_nothing_of_a_good_survey_is_lost(practice: str) -> None:
    path = SAMPLES / practice / "imaging-survey.json"
    said = load(path)

    read = read_survey(path.read_bytes())

    assert (read.rejected, read.unknown_sections) == ((), ())
    for name, section in SECTIONS.items():
        entries = getattr(read, name)
        assert [entry.id for entry in entries] == [entry[section.identity] for entry in said[name]]
        for entry, written in zip(entries, said[name], strict=True):
            assert entry.raw == written
            assert {*entry.columns, *entry.facts, section.identity} >= set(written)
            assert entry.facts.items() <= written.items()
    assert read.asked == set(SECTIONS)
    assert read.settings == said["settings"]
    assert read.policies == said["policies"]
    assert read.practice and read.practice.id == said["practice"]["id"]
    assert read.sra and read.sra.day("approved_on") == date.fromisoformat(said["sra"]["approved_on"])
    assert (read.as_of, read.as_of_time) == (date(2026, 11, 22), datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert {code for _, code in notes(read)} <= {"unplaced_end"}


def test_columns_have_their_types() -> None:
    read = read_survey((SAMPLES / "lakeview-dental" / "imaging-survey.json").read_bytes())
    op1 = next(entry for entry in read.systems if entry.id == "op1")
    assert (op1.text("hostname"), op1.text("kind"), op1.text("location")) == ("LV-OP1-CAP", "capture_workstation", "lv-main")
    assert op1.facts["auto_logoff_minutes"] is None
    assert op1.facts["added_on"] == "2017-09-04"
    backup = read.backups[0]
    assert backup.texts("covers") == ("img01", "pms01")
    assert backup.moment("last_success_at") == datetime(2026, 11, 22, 3, 10, tzinfo=UTC)
    assert read.engagements[0].flag("can_view_ephi") is True
    assert read.baas[0].whole("breach_notice_days") == 5
    assert read.baas[0].day("end_on") == date(2027, 2, 28)


def test_ends_of_flows() -> None:
    read = read_survey((SAMPLES / "lakeview-dental" / "imaging-survey.json").read_bytes())
    assert read.end("img01") == End("asset", "img01")
    assert read.end("pano-1") == End("asset", "pano-1")
    assert read.end("p-ortho") == End("partner", "p-ortho")
    assert read.end("v-aligner") == End("vendor", "v-aligner")
    assert read.end("patient") == End("patient", "patient")
    assert read.end("practice web site") == End("other", "practice web site")
    assert read.end(None) is None
    places = [pointer for pointer, code in notes(read) if code == "unplaced_end"]
    assert places == ["/flows/10/destination"]


@pytest.mark.parametrize("unknown", [None, "", "unknown", "Unknown "])
def test_unknown_has_many_spellings_and_none_of_them_is_an_answer(unknown: Any) -> None:
    read = survey(vendors=[{**VENDOR, "subcontractors": unknown, "verified_on": unknown, "known_violation": unknown}])
    (vendor,) = read.vendors
    assert (vendor.texts("subcontractors"), vendor.day("verified_on")) == (None, None)
    assert vendor.facts["known_violation"] == unknown
    assert (read.rejected, read.notes) == ((), ())


def test_asked_and_none_is_told_from_not_asked() -> None:
    read = survey(vendors=[{**VENDOR, "subcontractors": []}], flows=[])
    assert read.vendors[0].texts("subcontractors") == ()
    assert "flows" in read.asked
    assert read.flows == ()
    assert "backups" not in survey(backups=None).asked


def test_bad_entries_are_rejected_alone_with_their_place() -> None:
    read = survey(
        locations=[LOCATION],
        systems=[
            asset(),
            5,
            {"kind": "laptop"},
            {"id": 7, "kind": "laptop"},
            {"id": "\u200b", "kind": "laptop"},
            {"id": "x" * 201, "kind": "laptop"},
            asset(id="a1", kind="toaster"),
            asset(id="a2", kind=None),
            asset(id="a3", kind=["laptop"]),
            asset(id="a4", hostname={"name": "PC"}),
            asset(id="a5", hostname="x" * 256),
            asset(id="a6", location="moon"),
            asset(id="a7", vendor="v-none"),
            asset(hostname="again"),
            asset(id="good"),
        ],
    )
    assert [entry.id for entry in read.systems] == ["op1", "good"]
    assert rejections(read) == [
        ("/systems/1", "not_an_object"),
        ("/systems/2", "missing_id"),
        ("/systems/3/id", "wrong_type"),
        ("/systems/4/id", "bad_id"),
        ("/systems/5/id", "bad_id"),
        ("/systems/6/kind", "unknown_kind"),
        ("/systems/7/kind", "unknown_kind"),
        ("/systems/8/kind", "wrong_type"),
        ("/systems/9/hostname", "wrong_type"),
        ("/systems/10/hostname", "too_long"),
        ("/systems/13/id", "duplicate_id"),
        ("/systems/12/vendor", "unknown_reference"),
        ("/systems/11/location", "unknown_reference"),
    ]
    assert all(remark.detail.endswith(".") for remark in read.rejected)


def test_systems_and_modalities_share_their_ids_but_other_sections_do_not() -> None:
    read = survey(
        locations=[{"id": "one", "name": "One"}],
        vendors=[{"id": "one", "name": "One"}],
        systems=[{"id": "one", "kind": "laptop"}],
        modalities=[{"id": "one", "kind": "cbct_unit"}],
    )
    assert rejections(read) == [("/modalities/0/id", "duplicate_id")]


def test_a_cloud_service_is_no_modality() -> None:
    read = survey(modalities=[{"id": "m1", "kind": "cloud_archive"}, {"id": "m2", "kind": "cbct_unit"}])
    assert rejections(read) == [("/modalities/0/kind", "unknown_kind")]


@pytest.mark.parametrize(
    ("section", "entry", "pointer"),
    [
        ("segments", {"segment": "flat", "locations": ["main", "moon"]}, "/segments/0/locations/1"),
        ("modalities", {"id": "m", "kind": "cbct_unit", "host": "nobody"}, "/modalities/0/host"),
        ("backups", {"id": "b", "target": "nas", "covers": []}, "/backups/0/target"),
        ("backups", {"id": "b", "covers": ["op1", "nas"]}, "/backups/0/covers/1"),
        ("users", {"id": "u", "accounts": [{"system": "pms", "enabled": True}]}, "/users/0/accounts/0/system"),
        ("engagements", {"id": "e", "vendor": "v-9"}, "/engagements/0/vendor"),
        ("baas", {"id": "b", "vendor": "v-9"}, "/baas/0/vendor"),
        ("remote_access", {"id": "r", "vendor": "v-1", "targets": ["pacs"]}, "/remote_access/0/targets/0"),
        ("flows", {"id": "f", "vendor": "v-9"}, "/flows/0/vendor"),
    ],
)
def test_references_to_what_is_not_there(section: str, entry: dict[str, Any], pointer: str) -> None:
    read = survey(**{"locations": [LOCATION], "systems": [asset()], "vendors": [VENDOR], section: [entry]})
    assert rejections(read) == [(pointer, "unknown_reference")]
    assert getattr(read, section) == ()


def test_no_reference_is_no_fault_and_a_vendor_may_be_the_place() -> None:
    read = survey(
        systems=[{"id": "cloud", "kind": "cloud_archive", "location": "vendor", "vendor": None}],
        remote_access=[{"id": "vpn", "vendor": None, "targets": ["cloud"]}],
    )
    assert read.rejected == ()


def test_what_refers_to_a_rejected_entry_is_rejected_too_and_says_why() -> None:
    read = survey(
        locations=[{"id": "main", "name": ["odd"]}],
        systems=[asset(), {"id": "free", "kind": "laptop"}],
        backups=[{"id": "b", "target": "op1"}],
        flows=[
            {"id": "f1", "source_asset": "op1", "destination": "patient"},
            {"id": "f2", "source_asset": "free", "destination": "lecture hall"},
        ],
    )
    assert set(rejections(read)) == {
        ("/locations/0/name", "wrong_type"),
        ("/systems/0/location", "unknown_reference"),
        ("/backups/0/target", "unknown_reference"),
        ("/flows/0/source_asset", "unknown_reference"),
    }
    assert all("was itself rejected" in remark.detail for remark in read.rejected[1:])
    assert [flow.id for flow in read.flows] == ["f2"]


def test_a_long_chain_of_references_is_followed_in_one_walk() -> None:
    chain = [{"id": f"m{n}", "kind": "cbct_unit", "host": f"m{n + 1}"} for n in range(20_000)]
    read = survey(modalities=chain)
    assert (len(read.modalities), len(read.rejected)) == (0, 20_000)


def test_two_that_refer_to_each_other_are_fine() -> None:
    read = survey(modalities=[{"id": "a", "kind": "cbct_unit", "host": "b"}, {"id": "b", "kind": "cbct_unit", "host": "a"}])
    assert (len(read.modalities), read.rejected) == (2, ())


def test_values_of_another_shape_count_as_unknown_with_a_note() -> None:
    read = survey(
        vendors=[VENDOR],
        baas=[{"id": "b", "vendor": "v-1", "signed_on": "2026-02-30", "end_on": 5, "breach_notice_days": "ten"}],
        incidents=[{"id": "i", "discovered_on": "yesterday", "what": ["x"]}],
        backups=[{"id": "k", "last_success_at": "soon", "covers": []}],
        access_requests=[{"id": "a", "open": "yes", "received_on": "2026-10-12T08:00:00Z"}],
    )
    assert read.rejected == ()
    assert notes(read) == [
        ("/backups/0/last_success_at", "bad_date"),
        ("/baas/0/signed_on", "bad_date"),
        ("/baas/0/end_on", "bad_date"),
        ("/baas/0/breach_notice_days", "wrong_type"),
        ("/access_requests/0/open", "wrong_type"),
        ("/incidents/0/discovered_on", "bad_date"),
        ("/incidents/0/what", "wrong_type"),
    ]
    assert read.baas[0].columns["breach_notice_days"] is None
    assert read.access_requests[0].day("received_on") == date(2026, 10, 12)


def test_sections_of_the_wrong_form_cost_only_themselves() -> None:
    read = survey(
        systems={"id": "op1"},
        practice="Lakeview",
        settings=[15],
        policies=None,
        locations=[LOCATION],
        photos=[],
        as_of="soon",
        **{"strange\u202e": 1},
    )
    assert set(rejections(read)) == {
        ("/systems", "not_a_list"),
        ("/practice", "not_an_object"),
        ("/settings", "not_an_object"),
    }
    assert [entry.id for entry in read.locations] == ["main"]
    assert read.unknown_sections == ("photos", "strange")
    assert (read.as_of, notes(read)) == (None, [("/as_of", "bad_date")])
    assert (read.practice, dict(read.settings), dict(read.policies)) == (None, {}, {})


def test_settings_and_policies_one_by_one() -> None:
    read = survey(
        settings={"auto_logoff_max": 10, "log_review_days": "31", "a/b": True, "backup_max_age_h": None},
        policies={"visitor_control": None, "verify_requester": False, "film_destruction": "partly"},
    )
    assert dict(read.settings) == {"auto_logoff_max": 10}
    assert dict(read.policies) == {"visitor_control": None, "verify_requester": False}
    assert rejections(read) == [
        ("/settings/log_review_days", "wrong_type"),
        ("/settings/a~1b", "wrong_type"),
        ("/policies/film_destruction", "wrong_type"),
    ]


def test_a_deep_entry_is_rejected_alone() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    read = survey(systems=[{"id": "d", "kind": "laptop", "x": deep}, {"id": "e", "kind": "laptop"}])
    assert rejections(read) == [("/systems/0", "too_deep")]
    assert [entry.id for entry in read.systems] == ["e"]


def test_what_a_database_cannot_store_is_taken_out() -> None:
    (entry,) = survey(systems=[{"id": "a\x00b", "kind": "laptop", "note": "x\ud800", "hostname": "P\u202eC"}]).systems
    assert (entry.id, entry.text("hostname"), entry.facts["note"]) == ("ab", "PC", "x?")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"hello", "not_json"),
        (b"[]", "unknown_schema"),
        (b"{}", "unknown_schema"),
        (b'{"schema": "imaging-survey/2"}', "unknown_schema"),
        (b'{"schema": ["imaging-survey/1"]}', "unknown_schema"),
        (b'{"a":' * 100_000, "too_deep"),
    ],
)
def test_what_is_no_survey_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read_survey(data)
    assert refusal.value.specific_code == code


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["op1", "main"])
NAMES = st.sampled_from(sorted({"id", *(name for section in SECTIONS.values() for name in section.columns)}))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=10
)
ENTRY = st.dictionaries(NAMES, JSON, max_size=6)
FEW = settings(max_examples=30, deadline=None)


@FEW
@given(st.dictionaries(st.sampled_from([*SECTIONS, "practice", "settings", "sra", "policies"]), st.lists(ENTRY) | JSON))
def test_arbitrary_surveys_raise_nothing_and_account_for_every_entry(sections: dict[str, Any]) -> None:
    read = survey(**sections)
    for name in SECTIONS:
        written = sections.get(name)
        if isinstance(written, list):
            told = {entry.pointer for entry in getattr(read, name)}
            told |= {"/".join(remark.pointer.split("/")[:3]) for remark in read.rejected}
            assert {f"/{name}/{number}" for number in range(len(written))} <= told  # pyright: ignore[reportUnknownArgumentType]  any list
    json.dumps([dict(entry.raw) for entry in read.entries()], allow_nan=False)


@FEW
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImport):
        read_survey(data)


@FEW
@given(practice=st.sampled_from(PRACTICES), data=st.data())
def test_a_good_survey_with_one_value_exchanged_still_reads(practice: str, data: st.DataObject) -> None:
    document = load(SAMPLES / practice / "imaging-survey.json")
    name = data.draw(st.sampled_from(sorted(SECTIONS)))
    entry = data.draw(st.sampled_from(document[name]))
    entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(JSON)
    read_survey(json.dumps(document).encode())
