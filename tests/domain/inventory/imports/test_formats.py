"""Every sample export, read exactly to the form that was written down for it by hand."""

from pathlib import Path

import pytest

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import Json
from tests.domain.inventory.imports.samples import FORMATS, SAMPLES, load, read

EXPECTED = sorted(FORMATS.glob("*.expected.json"))
LISTS = ("devices", "rejected", "skipped", "duplicates")


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.name.removesuffix(".expected.json"))
def test_an_export_is_read_exactly_as_prescribed(path: Path) -> None:
    expected = load(path)
    options = expected.get("options", {})
    columns: dict[str, str | None] = options.get("column_map") or options.get("udf_map") or {}
    parts = {_part(name): (FORMATS / name).read_bytes() for name in expected["files"]}

    parsed = read(
        expected["source"],
        parts,
        timezone=options.get("timezone", "UTC"),
        mapping=ColumnMapping(columns=columns, date_format=options.get("date_format")),
    ).as_json()

    for member in LISTS:
        assert parsed.get(member, []) == expected.get(member, [])
    assert parsed.get("file") == expected.get("file")
    assert parsed.get("rejected_file") == expected.get("rejected_file")


def test_no_sample_is_left_out() -> None:
    tried = {name for path in EXPECTED for name in load(path)["files"]}
    assert tried == {path.name for path in FORMATS.iterdir() if not path.name.endswith(".expected.json")}


@pytest.mark.parametrize("practice", ["lakeview-dental", "cedar-kids"])
def test_a_practice_with_ninjaone(practice: str) -> None:
    folder = SAMPLES / practice
    expected = load(folder / "expected.json")

    parsed = read(
        "ninjaone",
        {part: (folder / f"ninjaone-{part}.json").read_bytes() for part in ("devices", "volumes", "antivirus")},
    ).as_json()

    assert _with_source(parsed) == expected["devices"]
    assert [_summary(parsed)] == expected["inventory"]


def test_a_group_with_datto_and_atera() -> None:
    folder = SAMPLES / "harbor-group"
    expected = load(folder / "expected.json")
    option = load(folder / "imaging-survey.json")["import_options"]["datto_csv"]

    datto = read(
        "datto-csv",
        (folder / "datto-devices.csv").read_bytes(),
        timezone=option["timezone"],
        mapping=ColumnMapping(columns=option["column_map"]),
    ).as_json()
    atera = read("atera", (folder / "atera-agents.json").read_bytes()).as_json()

    assert _with_source(datto) + _with_source(atera) == expected["devices"]
    assert [_summary(datto), _summary(atera)] == expected["inventory"]


def _part(name: str) -> str:
    last = name.rpartition(".")[0].rpartition("-")[2]
    return last if last in ("volumes", "antivirus", "audit", "assets") else "devices"


def _with_source(parsed: dict[str, Json]) -> list[Json]:
    devices = parsed["devices"]
    assert isinstance(devices, list)
    return [{"source": parsed["source"], **device} for device in devices if isinstance(device, dict)]


def _summary(parsed: dict[str, Json]) -> dict[str, Json]:
    devices = parsed["devices"]
    assert isinstance(devices, list)
    kept = {name: parsed[name] for name in ("skipped", "duplicates", "rejected") if name in parsed}
    return {"source": parsed["source"], "devices": len(devices), **kept}
