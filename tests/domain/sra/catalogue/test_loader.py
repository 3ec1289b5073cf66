"""An edition is taken whole or not at all, and says everything that is wrong with it at once."""

import shutil
import time
from pathlib import Path

import pytest

from domain.sra import catalogue as package
from domain.sra.catalogue import CURRENT, CatalogueError, UnknownEdition, catalogue, digest, editions, load

RELEASED = Path(package.__file__).parent / CURRENT


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    """A copy of the current edition, to be spoiled."""
    return shutil.copytree(RELEASED, tmp_path / CURRENT)


def change(edition: Path, file: str, old: str, new: str) -> None:
    text = (edition / file).read_text("utf-8")
    assert old in text
    (edition / file).write_text(text.replace(old, new, 1), "utf-8")


def faults(edition: Path) -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as caught:
        load(edition)
    return caught.value.faults


SPOILED = [
    pytest.param(
        "topics.toml",
        'citations = ["164.308(a)(2)"]',
        'citations = ["164.308(a)(22)"]',
        "topics.toml: topic ASR-01: citation 164.308(a)(22) has no row",
        id="a citation without a row",
    ),
    pytest.param(
        "threats.toml",
        'citations = ["164.308(a)(1)(ii)(B)", "164.308(a)(5)(ii)(B)", "164.306(b)(2)"]',
        'citations = ["164.308(a)(1)(ii)(Z)"]',
        "threats.toml: threat SEN-01: citation 164.308(a)(1)(ii)(Z) has no row",
        id="a threat that cites nothing",
    ),
    pytest.param(
        "clauses.toml",
        '"164.504(e)(2)(i)"',
        '"164.504(e)(9)"',
        "clauses.toml: clause permitted_uses: citation 164.504(e)(9) has no row",
        id="a clause that cites nothing",
    ),
    pytest.param(
        "topics.toml",
        'threat_rules = ["NET-07"]',
        'threat_rules = ["NET-99", "NET-07"]',
        "topics.toml: topic SMP-04: threat rule NET-99 has no row",
        id="a rule that does not exist",
    ),
    pytest.param(
        "threats.toml",
        '"asset.patch_control"]',
        '"asset.patch_controls"]',
        "threats.toml: threat SEN-01: fact asset.patch_controls has no row",
        id="a fact that nobody asks for",
    ),
    pytest.param(
        "clauses.toml",
        'key = "no_other_use"',
        'key = "permitted_uses"',
        "clauses.toml: permitted_uses is there 2 times",
        id="a name used twice",
    ),
    pytest.param(
        "topics.toml",
        'citations = ["164.312(a)(2)(iii)"]',
        'citations = ["164.312(a)(2)(iii)", "164.312(a)(2)(i)"]',
        "topics.toml: topic ACC-03: an addressable question cites 164.312(a)(2)(i), which is required",
        id="an addressable question about a required specification",
    ),
    pytest.param(
        "topics.toml",
        'primary_type = "required"',
        'primary_type = "standard"',
        "topics.toml: topic SMP-01: primary_type standard is not the type of 164.308(a)(1)(ii)(A)",
        id="a wrong primary type",
    ),
    pytest.param(
        "topics.toml",
        'proposed = ["mfa"]',
        'proposed = ["mfas"]',
        "topics.toml: topic RDY-03: proposed change mfas has no row",
        id="a proposed change that does not exist",
    ),
    pytest.param(
        "scales.toml",
        'very_high = ["VL", "L", "M", "H", "VH"]',
        'very_high = ["L", "M", "H", "VH", "VH"]',
        "scales.toml: table I-2: row very_high is not the one that levels are looked up in",
        id="G-5 printed in place of I-2",
    ),
    pytest.param(
        "proposed.toml",
        "compliance_after_publication_days = 240",
        "compliance_after_publication_days = 180",
        "proposed.toml: rule: the days to effect and to compliance do not add up",
        id="a clock that does not add up",
    ),
    pytest.param(
        "proposed.toml",
        'key = "mfa"',
        'key = "164.312(d)"',
        "proposed.toml: change 164.312(d): a proposed change is never keyed by a citation in force",
        id="a proposed change under today's number",
    ),
    pytest.param(
        "proposed.toml",
        'status = "proposed"\nverification',
        'status = "in_force"\nverification',
        "proposed.toml: change no_addressable: status: Input should be 'proposed'",
        id="a proposal dressed as law",
    ),
    pytest.param(
        "states.toml",
        'code = "AK"',
        'code = "AK"\nadult_years = 7',
        "states.toml: state AK: a period that was not verified is not given",
        id="a period that nobody read",
    ),
    pytest.param(
        "requirements.toml",
        'type = "addressable"',
        'type = "optional"',
        "requirements.toml: requirement 164.308(a)(3)(ii)(A): type: Input should be 'general'",
        id="a word outside the list",
    ),
    pytest.param(
        "clauses.toml",
        "conditional = false",
        'conditional = "no"',
        "clauses.toml: clause permitted_uses: conditional: Input should be a valid boolean",
        id="a wrong type",
    ),
    pytest.param(
        "sections.toml",
        'key = "SMP"',
        'key = "SMP"\ncolour = "red"',
        "sections.toml: section SMP: colour: Extra inputs are not permitted",
        id="an unknown field",
    ),
    pytest.param(
        "sections.toml",
        "[[section]]",
        "[[sections]]",
        "sections.toml: unknown table 'sections'",
        id="an unknown table",
    ),
    pytest.param(
        "edition.toml",
        'id = "2026.1"',
        'id = "2026.2"',
        "edition.toml: id is 2026.2, but the folder is 2026.1",
        id="a copy that kept its name",
    ),
    pytest.param(
        "elements.toml",
        "number = 9",
        "number = 8",
        "elements.toml: the elements are numbered 1 to 9, in order",
        id="eight elements",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "fault"), SPOILED)
def test_a_spoiled_edition_is_refused_with_its_file_and_row(edition: Path, file: str, old: str, new: str, fault: str) -> None:
    change(edition, file, old, new)
    found = faults(edition)
    assert any(one.startswith(fault) for one in found), found


def test_an_unspoiled_copy_is_the_same_edition(edition: Path) -> None:
    assert load(edition).digest == digest()


def test_all_faults_are_listed_in_one_error(edition: Path) -> None:
    change(edition, "clauses.toml", '"164.504(e)(2)(i)"', '"164.504(e)(9)"')
    change(edition, "states.toml", 'code = "AL"', 'code = "Alabama"')
    (edition / "elements.toml").unlink()
    (edition / "notes.toml").write_text("a = 1\n")
    with pytest.raises(CatalogueError) as caught:
        load(edition)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "states.toml",
        "elements.toml",
        "notes.toml",
        "clauses.toml",
        "elements.toml",
    ]
    assert all(fault in str(caught.value) for fault in caught.value.faults)


def test_files_that_are_no_toml_are_faults_and_no_crash(edition: Path) -> None:
    files = [path.name for path in sorted(edition.glob("*.toml"))]
    for file in files:
        (edition / file).write_text("this is = not [toml")
    assert [fault.split(":")[1] for fault in faults(edition)] == [" no valid TOML"] * len(files)


def test_files_that_are_missing_are_faults_and_no_crash(edition: Path) -> None:
    files = {path.name for path in edition.glob("*.toml")}
    for file in files:
        (edition / file).unlink()
    assert set(faults(edition)) == {f"{file}: missing" for file in files}


def test_the_digest_is_of_the_content_and_not_of_the_bytes(edition: Path) -> None:
    before = load(edition).digest
    change(edition, "clauses.toml", "[[clause]]", "# a comment\r\n[[clause]]")
    assert load(edition).digest == before
    change(edition, "clauses.toml", "Establish the permitted", "Establish  the permitted")
    assert load(edition).digest != before


def test_an_edition_is_asked_for_by_name_only() -> None:
    assert CURRENT in editions()
    for name in ("1999.1", "../catalogue/2026.1", ""):
        with pytest.raises(UnknownEdition, match=r"There are: .*2026\.1"):
            catalogue(name)


def test_an_edition_is_read_once_and_quickly() -> None:
    assert catalogue() is catalogue()
    began = time.process_time()
    load(RELEASED)
    assert time.process_time() - began < 0.5
