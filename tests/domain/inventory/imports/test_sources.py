"""What single sources say in their own way, and what none of them may be upset by."""

import json
from typing import Any

import pytest

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.drafts import REJECTED, SKIPPED
from domain.inventory.imports.normal_form import WARNINGS, ImportedDevice, ParsedImport, UnreadableImport
from domain.inventory.imports.source import SOURCES, JsonSource
from tests.domain.inventory.imports.samples import DEVICE_LISTS, FORMATS, load_json, read, records_of


def test_every_json_source_has_a_sample_here() -> None:
    assert set(DEVICE_LISTS) == {name for name, source in SOURCES.items() if isinstance(source, JsonSource)}


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def ninja(device: dict[str, Any] | None = None, *, volumes: Any = None, antivirus: Any = None) -> ImportedDevice:
    parts = {"devices": encoded([{"id": 1, "systemName": "PC1", **(device or {})}])}
    if volumes is not None:
        parts["volumes"] = encoded({"results": [{"deviceId": 1, **volume} for volume in volumes]})
    if antivirus is not None:
        parts["antivirus"] = encoded({"results": [{"deviceId": 1, **product} for product in antivirus]})
    (only,) = read("ninjaone", parts).rows
    return only


def volume(protection: str, conversion: str = "FULLY_ENCRYPTED", kind: str = "Fixed") -> dict[str, Any]:
    return {"deviceType": kind, "bitLockerStatus": {"protectionStatus": protection, "conversionStatus": conversion}}


OPEN, SHUT, UNSURE = volume("UNPROTECTED", "FULLY_DECRYPTED"), volume("PROTECTED"), volume("UNKNOWN", "UNKNOWN")


@pytest.mark.parametrize(
    ("volumes", "encryption"),
    [
        ([SHUT], "on"),
        ([SHUT, SHUT], "on"),
        ([SHUT, OPEN], "off"),
        ([UNSURE, OPEN], "off"),
        ([SHUT, UNSURE], "unknown"),
        ([volume("PENDING", "ENCRYPTION_IN_PROGRESS")], "off"),
        ([volume("UNPROTECTED", "FULLY_ENCRYPTED")], "off"),  # suspended
        ([volume("UNKNOWN", "FULLY_DECRYPTED")], "off"),
        ([SHUT, volume("UNPROTECTED", "FULLY_DECRYPTED", "Removable")], "on"),
        ([volume("UNPROTECTED", "FULLY_DECRYPTED", "Removable")], "unknown"),
        ([{"deviceType": "Fixed"}], "unknown"),
        ([{"deviceType": "Fixed", "bitLockerStatus": "PROTECTED"}], "unknown"),
        ([], "unknown"),
        (None, "unknown"),
    ],
)
def test_ninjaone_judges_the_fixed_volumes_together(volumes: Any, encryption: str) -> None:
    assert ninja(volumes=volumes).encryption == encryption


def product(state: Any, definitions: Any = "Up-to-Date") -> dict[str, Any]:
    return {"productState": state, "definitionStatus": definitions}


@pytest.mark.parametrize(
    ("products", "state", "definitions"),
    [
        ([product("ON")], "on", "current"),
        ([product("ON", "Out-of-Date")], "on", "outdated"),
        ([product("OFF"), product("ON", "Out-of-Date")], "on", "outdated"),
        ([product("ON", None)], "on", "unknown"),
        ([product("OFF")], "off", "unknown"),
        ([product("OFF"), product("SNOOZED")], "off", "unknown"),
        ([product("EXPIRED", "Out-of-Date")], "off", "expired"),
        ([product("OFF"), product("UNKNOWN")], "unknown", "unknown"),
        ([product(None)], "unknown", "unknown"),
        ([product(["ON"])], "unknown", "unknown"),
        ([], "unknown", "unknown"),
    ],
)
def test_ninjaone_judges_the_antivirus_products_together(products: Any, state: str, definitions: str) -> None:
    device = ninja(antivirus=products)
    assert (device.av, device.av_definitions) == (state, definitions)


@pytest.mark.parametrize(
    ("device", "hostname"),
    [
        ({"systemName": None, "system": {"name": "PC2"}}, "PC2"),
        ({"systemName": "", "netbiosName": "PC3"}, "PC3"),
        ({"systemName": None, "dnsName": "pc4.example.test", "displayName": "Front desk"}, "pc4"),
        ({"systemName": None, "dnsName": "192.168.1.5", "displayName": "Switch"}, "Switch"),
        ({"systemName": None, "dnsName": "fe80::1", "displayName": "Switch"}, "Switch"),
        ({"systemName": {"odd": 1}, "dnsName": ["odd"], "displayName": 47}, "47"),
    ],
)
def test_ninjaone_names_a_host_by_the_first_name_it_has(device: dict[str, Any], hostname: str) -> None:
    assert ninja(device).hostname == hostname


def test_ninjaone_tells_the_last_patch_and_never_for_how_long_one_has_been_missing() -> None:
    missing = {"deviceId": 1, "name": "2026-09 Cumulative Update", "severity": "CRITICAL", "status": "APPROVED"}
    installs = [
        ("INSTALLED", "2026-10-14T08:00:00Z"),
        ("INSTALLED", "2026-09-09T08:00:00Z"),
        ("FAILED", "2026-11-20T08:00:00Z"),
    ]
    parts = {
        "devices": encoded([{"id": 1, "systemName": "PC1"}]),
        "os-patches": encoded({"results": [{**missing, "timestamp": "2026-11-21T08:00:00Z"}]}),
    }
    (listed,) = read("ninjaone", parts).rows
    assert listed.as_json() == ninja().as_json(), "a critical patch seen missing yesterday may have been missing for months"
    assert listed.raw["os-patches"] == [{**missing, "timestamp": "2026-11-21T08:00:00Z"}], "people can read it beside the row"
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    odd = {"results": [{**missing, "name": "a\x00b"}, {**missing, "name": deep}, 5]}
    (cleaned,) = read("ninjaone", {**parts, "os-patches": encoded(odd)}).rows
    assert cleaned.raw["os-patches"] == [{**missing, "name": "ab"}]

    done = [{"deviceId": 1, "status": status, "installedAt": moment} for status, moment in installs]
    (patched,) = read("ninjaone", {**parts, "os-patch-installs": encoded({"results": done})}).rows
    assert patched.as_json() == {**ninja().as_json(), "last_patch_on": "2026-10-14"}


@pytest.mark.parametrize(
    ("part", "row"),
    [
        ("volumes", {"name": "C:", "driveLetter": "C:", "deviceType": "Fixed", "fileSystem": "NTFS"}),
        ("antivirus", {"productName": "Defender", "productState": "ON", "definitionStatus": "UP_TO_DATE"}),
        ("os-patches", {"kbNumber": "KB1", "severity": "CRITICAL", "status": "APPROVED"}),
        ("os-patch-installs", {"kbNumber": "KB1", "status": "INSTALLED", "installedAt": 1795000000.0}),
    ],
)
def test_ninjaone_says_which_part_was_sent_where_the_devices_should_be(part: str, row: dict[str, Any]) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read("ninjaone", encoded({"results": [{"deviceId": 1, **row}]}))
    assert refusal.value.specific_code == "not_the_devices"
    assert f"the part {part} of a NinjaOne export" in refusal.value.detail


def test_ninjaone_devices_awaiting_approval_are_skipped_and_decommissioned_ones_retired() -> None:
    devices = [{"id": n, "systemName": f"PC{n}", "approvalStatus": s} for n, s in enumerate(("PENDING", "STAGED"))]
    parsed = read("ninjaone", encoded(devices))
    assert [(row.reason, row.detail) for row in parsed.skipped] == [("not_approved", SKIPPED["not_approved"])] * 2
    assert ninja({"approvalStatus": "DECOMMISSIONED"}).status == "retired"


def test_rows_beside_the_devices_that_are_no_objects_are_reported_with_their_part() -> None:
    parsed = read("ninjaone", {"devices": encoded([{"id": 1, "systemName": "A"}]), "volumes": encoded({"results": [5]})})
    assert [(row.part, row.row, row.reason) for row in parsed.rejected] == [("volumes", 1, "not_an_object")]
    assert len(parsed.rows) == 1


def computer(**fields: Any) -> ImportedDevice:
    (device,) = read("cw-automate", encoded([{"Id": 1, "ComputerName": "PC", **fields}])).rows
    return device


@pytest.mark.parametrize(
    ("scanner", "date", "state", "definitions"),
    [
        ("Windows Defender", "2026-11-08T12:00:00Z", "on", "current"),  # 14 days to the second
        ("Windows Defender", "2026-11-08T11:59:59Z", "on", "outdated"),
        ("Windows Defender", None, "on", "unknown"),
        ("Windows Defender", "soon", "on", "unknown"),
        ("None Detected", "2026-11-21T00:00:00Z", "off", "unknown"),
        ("", "2026-11-21T00:00:00Z", "unknown", "unknown"),
    ],
)
def test_automate_definitions_are_outdated_after_fourteen_days(
    scanner: str, date: str | None, state: str, definitions: str
) -> None:
    device = computer(VirusScanner={"Name": scanner}, AntivirusDefinitionDate=date)
    assert (device.av, device.av_definitions) == (state, definitions)


def test_datto_names_its_special_sites_however_they_are_spelt_and_deleted_devices_are_skipped() -> None:
    sites = ["Managed", "On Demand", "DELETED DEVICES", "Main"]
    devices = [
        {"uid": f"u{n}", "hostname": f"PC{n}", "siteName": site, "deleted": site == "Main"} for n, site in enumerate(sites)
    ]
    parsed = read("datto", encoded({"devices": devices}))
    assert [row.reason for row in parsed.skipped] == ["special_site"] * 3 + ["deleted"]


def test_datto_encryption_is_unknown_until_the_field_is_named() -> None:
    device = {"uid": "u1", "hostname": "PC1", "udf": {"udf7": "C: On"}}
    unnamed = read("datto", encoded({"devices": [device]}))
    named = read("datto", encoded({"devices": [device]}), mapping=ColumnMapping(columns={"UDF 7": "encryption"}))
    assert (unnamed.rows[0].encryption, named.rows[0].encryption) == ("unknown", "on")


def test_snipe_it_archived_assets_are_retired_and_custom_fields_can_be_mapped() -> None:
    asset = {
        "id": 1,
        "name": "PC1",
        "status_label": {"status_type": "archived"},
        "custom_fields": {"Platte &amp; Schl&uuml;ssel": {"value": "On"}},
    }
    parsed = read(
        "snipe-it",
        encoded({"rows": [asset]}),
        mapping=ColumnMapping(columns={"Platte & Schlüssel": "encryption"}),
    )
    assert (parsed.rows[0].status, parsed.rows[0].encryption) == ("retired", "on")


@pytest.mark.parametrize("source", DEVICE_LISTS)
def test_a_bad_record_is_rejected_alone_whatever_the_source(source: str) -> None:
    data = (FORMATS / DEVICE_LISTS[source]).read_bytes()
    document = load_json(data)
    records: list[Any] = records_of(document)
    good: list[dict[str, Any]] = [dict(record) for record in records]
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    strange: dict[str, Any] = {name: [{"un": "expected"}] for name in good[0]}
    records[:] = [5, None, [], "x", {}, strange, {**good[0], "extra": deep}, *good]

    parsed = read(source, encoded(document))

    before = read(source, data)
    assert [device.hostname for device in parsed.rows] == [device.hostname for device in before.rows]
    assert [row.row for row in parsed.rows] == [row.row + 7 for row in before.rows]
    reasons = {row.row: row.reason for row in parsed.rejected}
    assert [reasons[row] for row in (1, 2, 3, 4)] == ["not_an_object"] * 4
    assert [reasons[row] for row in (5, 6)] == ["missing_source_id"] * 2
    assert reasons[7] == "too_deep"
    assert {row.detail for row in parsed.rejected} <= set(REJECTED.values())


@pytest.mark.parametrize("source", DEVICE_LISTS)
def test_another_sources_file_is_refused_by_name(source: str) -> None:
    for other, file in DEVICE_LISTS.items():
        if other != source:
            with pytest.raises(UnreadableImport) as refusal:
                read(source, (FORMATS / file).read_bytes())
            assert refusal.value.specific_code == "not_this_source"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" \r\n\t", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"not json", "not_json"),
        (b"[1,", "not_json"),
        (b"\xff\xfe\xff", "wrong_encoding"),
        (b'["\xe4"]', "wrong_encoding"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"5", "not_this_source"),
        (b'"devices"', "not_this_source"),
        (b'{"items": []}', "not_this_source"),
        (b"null", "not_this_source"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_a_code_and_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read("ninjaone", data)
    assert refusal.value.specific_code == code
    assert refusal.value.detail.endswith(".")
    assert refusal.value.faults[0].pointer == "/devices"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_may_come_in_each_of_its_encodings(codec: str) -> None:
    text = json.dumps([{"id": 1, "systemName": "Zähler"}], ensure_ascii=False)
    assert read("ninjaone", text.encode(codec)).rows[0].hostname == "Zähler"


def test_numbers_that_are_none_spoil_one_field_and_not_the_file() -> None:
    text = f'[{{"id": 1, "systemName": "PC1", "lastContact": 1e999, "n": NaN, "m": {"9" * 5000}}}]'
    (device,) = read("ninjaone", text.encode()).rows
    assert (device.hostname, device.last_seen) == ("PC1", None)
    assert device.raw == {"id": 1, "systemName": "PC1", "lastContact": None, "n": None, "m": None}


def test_what_a_database_cannot_store_is_taken_out_of_the_raw_record() -> None:
    (device,) = read("ninjaone", b'[{"id": 1, "systemName": "P\\u0000C", "x\\ud800": ["\\udfff", 1]}]').rows
    assert (device.hostname, device.warnings) == ("PC", ("control_chars",))
    assert device.raw == {"id": 1, "systemName": "PC", "x?": ["?", 1]}


def test_an_unknown_source_names_those_there_are() -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read("sccm", b"[]")
    assert refusal.value.specific_code == "unknown_source"
    assert "ninjaone" in refusal.value.detail


def test_parts_go_by_name_but_a_single_file_needs_none() -> None:
    one = encoded({"items": [{"AgentID": 1, "AgentName": "PC1"}]})
    assert read("atera", {"upload": one}).rows[0].hostname == "PC1"
    for parts, code in (
        ({"devices": one, "photos": one}, "unknown_part"),
        ({"volumes": b"[]"}, "missing_part"),
        ({}, "missing_part"),
    ):
        with pytest.raises(UnreadableImport) as refusal:
            read("ninjaone", parts)
        assert refusal.value.specific_code == code


def test_an_export_of_one_page_of_several_says_so() -> None:
    page: dict[str, Any] = {"items": [{"AgentID": 1, "AgentName": "PC1"}], "totalItems": 60}
    (remark,) = read("atera", encoded(page)).remarks
    assert (remark.code, "1 of 60" in remark.detail) == ("incomplete_export", True)
    assert read("atera", encoded({**page, "totalItems": 1})).remarks == ()


def test_an_empty_list_is_a_practice_without_devices() -> None:
    assert read("ninjaone", b"[]") == ParsedImport("ninjaone", rows=())


def test_every_code_has_its_sentence() -> None:
    parsed = [read("csv", path.read_bytes()) for path in FORMATS.glob("generic*.csv")]
    codes = {code for one in parsed for device in one.rows for code in device.warnings}
    assert codes and codes <= set(WARNINGS)


def test_the_same_file_read_twice_is_the_same() -> None:
    data = (FORMATS / "ninjaone-devices.json").read_bytes()
    assert read("ninjaone", data) == read("ninjaone", data)
