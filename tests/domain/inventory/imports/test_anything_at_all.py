"""No bytes, no JSON and no table, however broken, raise anything but a refusal, and nothing unstorable comes out."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.inventory.imports.columns import FIELDS, ColumnMapping
from domain.inventory.imports.normal_form import ImportedDevice, ParsedImport, UnreadableImport
from domain.inventory.imports.source import SOURCES
from tests.domain.inventory.imports.samples import AS_OF, DEVICE_LISTS, FORMATS, load_json, read, records_of

SOURCE_NAMES = st.sampled_from(sorted(SOURCES))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
MEMBERS = sorted(
    {
        name
        for file in FORMATS.glob("*.json")
        for name in re.findall(r'"(\w+)":', file.read_text("utf-8"))
        if not file.name.endswith(".expected.json")
    }
)
"""Every member name of every sample, at any depth."""
FEW = settings(max_examples=40, deadline=None)  # each example is a whole import
MANY = settings(max_examples=100, deadline=None)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=12), max_size=5)
CELLS = st.text(st.characters(codec="utf-8") | st.sampled_from('",;\t|\r\n=+-@\x00\u202e '), max_size=30)


def read_or_refuse(source: str, parts: bytes | dict[str, bytes]) -> ParsedImport | None:
    try:
        parsed = read(source, parts, mapping=ColumnMapping(columns={"UDF 7": "encryption"}))
    except UnreadableImport as refusal:
        assert refusal.specific_code.isidentifier()
        assert refusal.detail.endswith(".")
        return None
    for device in parsed.rows:
        assert_sound(device)
    return parsed


def assert_sound(device: ImportedDevice) -> None:
    """What every device must be, wherever it came from: within bounds and fit for the database."""
    assert 0 < len(device.hostname) <= 255
    assert device.encryption in ("on", "off", "unknown")
    assert device.av in ("on", "off", "unknown")
    assert device.av_definitions in ("current", "outdated", "expired", "unknown")
    assert device.last_seen is None or (device.last_seen.year >= 2000 and device.last_seen.microsecond == 0)
    assert list(device.warnings) == sorted(set(device.warnings))
    stored = json.dumps([device.as_json(), dict(device.raw)], ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in stored
    stored.encode()


@MANY
@given(source=SOURCE_NAMES, data=st.binary(max_size=400))
def test_arbitrary_bytes(source: str, data: bytes) -> None:
    read_or_refuse(source, data)


@FEW
@given(source=SOURCE_NAMES, document=JSON, codec=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_arbitrary_json(source: str, document: Any, codec: str) -> None:
    read_or_refuse(source, json.dumps(document).encode(codec))


@FEW
@given(source=SOURCE_NAMES, records=RECORDS, wrapper=st.sampled_from([None, "devices", "data", "assets", "items", "rows"]))
def test_arbitrary_records_of_familiar_members(source: str, records: list[Any], wrapper: str | None) -> None:
    read_or_refuse(source, json.dumps({wrapper: records} if wrapper else records).encode())


@pytest.mark.parametrize(
    ("source", "part"), [("ninjaone", "volumes"), ("ninjaone", "antivirus"), ("datto", "audit"), ("n-central", "assets")]
)
@FEW
@given(document=JSON)
def test_arbitrary_json_beside_good_devices(source: str, part: str, document: Any) -> None:
    devices = (FORMATS / f"{source}-devices.json").read_bytes()
    read_or_refuse(source, {"devices": devices, part: json.dumps(document).encode()})


@FEW
@given(source=st.sampled_from(sorted(DEVICE_LISTS)), data=st.data())
def test_a_good_file_with_one_value_exchanged_loses_no_record(source: str, data: st.DataObject) -> None:
    document = load_json((FORMATS / DEVICE_LISTS[source]).read_bytes())
    records = records_of(document)
    victim = data.draw(st.integers(0, len(records) - 1))
    member = data.draw(st.sampled_from(sorted(records[victim])))
    records[victim][member] = data.draw(JSON)
    parsed = read_or_refuse(source, json.dumps(document).encode())
    assert parsed is not None
    told = {row.row for row in (*parsed.rows, *parsed.rejected, *parsed.skipped, *parsed.duplicates)}
    assert told == set(range(1, len(records) + 1))


@FEW
@given(rows=st.lists(st.lists(CELLS, max_size=6), max_size=6), data=st.data(), delimiter=st.sampled_from(",;\t|"))
def test_arbitrary_tables(rows: list[list[str]], data: st.DataObject, delimiter: str) -> None:
    headings = data.draw(st.lists(st.sampled_from([*FIELDS, "Hostname", "Notes"]), min_size=1, max_size=6))
    text = "\r\n".join(delimiter.join(row) for row in [headings, *rows])
    read_or_refuse(data.draw(st.sampled_from(["csv", "datto-csv"])), text.encode())


@FEW
@given(
    zone=st.text(max_size=20),
    columns=st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.none(), max_size=3),
    stated=st.text(max_size=20) | st.none(),
)
def test_arbitrary_options(zone: str, columns: dict[str, str | None], stated: str | None) -> None:
    table = b"Hostname,Last seen\nPC1,22.11.2026\n"
    try:
        parsed = read("csv", table, timezone=zone, mapping=ColumnMapping(columns=columns, date_format=stated))
    except UnreadableImport:
        return
    assert all(device.last_seen is None or device.last_seen <= AS_OF for device in parsed.rows)
