"""Facts against the vocabulary: the check and the form accept the same, and every refusal says what is allowed."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from domain.inventory.facts import FactProblem, FactRow, FactVocabulary, check_facts, json_schema
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.survey import read_survey
from domain.inventory.imports.survey_form import SECTIONS
from domain.sra.catalogue import catalogue
from tests.domain.inventory.imports.samples import SAMPLES

PRACTICES = ("lakeview-dental", "harbor-group", "cedar-kids")
WORKSTATION = "capture_workstation"


@cache
def vocabulary() -> FactVocabulary:
    return FactVocabulary(catalogue().facts)


def check(
    facts: Mapping[str, Json], of: str = "asset", kind: str | None = WORKSTATION
) -> tuple[dict[str, Json], list[FactProblem]]:
    accepted, problems = check_facts(of, kind, facts, vocabulary())
    return accepted, list(problems)


def fits(schema: dict[str, Json], facts: dict[str, Json]) -> bool:
    return Draft202012Validator(schema).is_valid(facts)  # pyright: ignore[reportUnknownMemberType]  its own overloads


def only(problems: list[FactProblem]) -> FactProblem:
    (problem,) = problems
    return problem


@pytest.mark.parametrize("practice", PRACTICES)
def test_every_fact_of_the_sample_surveys_is_in_the_vocabulary(practice: str) -> None:
    read = read_survey((SAMPLES / practice / "imaging-survey.json").read_bytes())
    problems: list[FactProblem] = []
    for entry in read.entries():
        section = SECTIONS[entry.section]
        facts = {name: value for name, value in entry.raw.items() if name != "id"}
        problems += check_facts(section.of, entry.text(section.kind or ""), facts, vocabulary())[1]
    assert read.practice
    problems += check_facts("practice", None, read.practice.facts, vocabulary())[1]
    problems += check_facts("setting", None, dict(read.settings), vocabulary())[1]
    problems += check_facts("policy", None, dict(read.policies), vocabulary())[1]
    assert problems == []


def test_facts_are_kept_as_written_and_unknown_ones_as_none() -> None:
    facts: dict[str, Json] = {
        "auto_logoff_minutes": 15,
        "stores_ephi": True,
        "login_mode": "named",
        "added_on": "2017-09-04",
        "last_seen": "2026-11-22T06:00:00-05:00",
        "open_ports": [],
        "software": [{"name": "MicroDicom", "version": "2024.2"}],
        "usb_storage": "unknown",
        "criticality": "",
        "audit_logging": None,
    }
    accepted, problems = check(facts)
    assert problems == []
    assert accepted == {
        **facts,
        "last_seen": "2026-11-22T11:00:00Z",
        "usb_storage": None,
        "criticality": None,
        "audit_logging": None,
    }


def test_where_unknown_is_an_answer_of_its_own_it_is_kept() -> None:
    assert check({"backup": " Unknown"})[0] == {"backup": "unknown"}
    assert check({"backup": None})[0] == {"backup": None}
    assert check({"backup": ""})[0] == {"backup": None}


def test_a_wrong_value_is_refused_by_name_with_what_is_allowed_and_the_others_count() -> None:
    accepted, problems = check({"login_mode": "both", "stores_ephi": True})
    problem = only(problems)
    assert accepted == {"stores_ephi": True}
    assert (problem.pointer, problem.fact, problem.code) == ("/login_mode", "login_mode", "not_allowed")
    assert problem.allowed == ("named", "shared")
    assert "named, shared" in problem.detail


def test_a_wrong_type_names_the_unit() -> None:
    problem = only(check({"auto_logoff_minutes": "15"})[1])
    assert problem.code == "wrong_type"
    assert "whole number (minutes)" in problem.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stores_ephi", "yes"),
        ("stores_ephi", 1),
        ("auto_logoff_minutes", True),
        ("auto_logoff_minutes", 1.5),
        ("auto_logoff_minutes", 2**31),
        ("owner", 5),
        ("owner", "x" * 2001),
        ("owner", "\u200b"),
        ("added_on", "2026-02-30"),
        ("added_on", "22.11.2026"),
        ("added_on", "2026-11-22T00:00:00Z"),
        ("added_on", "0001-01-01"),
        ("added_on", 20261122),
        ("last_seen", "2026-11-22T11:00:00"),
        ("last_seen", "noon"),
        ("open_ports", 443),
        ("open_ports", ["443"]),
        ("open_ports", [None]),
        ("open_ports", [1] * 501),
        ("services", ["telnet", "gopher"]),
        ("software", ["MicroDicom"]),
        ("software", [{"name": "MicroDicom", "colour": "red"}]),
        ("software", [{"version": 5}]),
        ("retention_policy", "ten years"),
    ],
)
def test_values_that_are_refused_by_the_check_and_by_the_form(name: str, value: Json) -> None:
    kind = "imaging_server" if name == "retention_policy" else WORKSTATION
    accepted, problems = check({name: value}, kind=kind)
    assert accepted == {}
    assert only(problems).pointer.startswith(f"/{name}")
    if name not in ("added_on", "last_seen") and value != "\u200b":  # formats and visibility are not of the form
        assert not fits(json_schema("asset", kind, vocabulary()), {name: value})


def test_problems_inside_lists_and_objects_have_their_place() -> None:
    _, problems = check({"software": [{"name": "A"}, {"name": 5, "maker": "B"}], "services": ["smb1", "gopher"]})
    assert [(each.pointer, each.code) for each in problems] == [
        ("/software/1/name", "wrong_type"),
        ("/software/1/maker", "unknown_fact"),
        ("/services/1", "not_allowed"),
    ]


def test_a_fact_belongs_to_some_kinds_only() -> None:
    problem = only(check({"auto_logoff_minutes": 15}, kind="firewall")[1])
    assert problem.code == "not_for_kind"
    assert WORKSTATION in problem.allowed
    assert "a firewall" in problem.detail


def test_computed_facts_unknown_facts_and_columns_are_not_stated_here() -> None:
    assert only(check({"baa_active": True}, of="vendor", kind=None)[1]).code == "computed"
    assert only(check({"a/b": 1})[1]) == FactProblem(
        "/a~1b", "a/b", "unknown_fact", "The vocabulary has no fact of that name for an asset."
    )
    _, problems = check_facts("asset", WORKSTATION, {"hostname": "PC1"}, vocabulary(), columns={"hostname"})
    assert problems[0].code == "has_its_own_field"
    assert "hostname" not in str(json_schema("asset", WORKSTATION, vocabulary(), columns={"hostname"})["properties"])


def test_a_word_the_vocabulary_does_not_have_is_a_mistake_of_the_program() -> None:
    with pytest.raises(LookupError):
        check_facts("toaster", None, {}, vocabulary())


SUBJECTS = sorted({(fact.of, kind) for fact in catalogue().facts for kind in (fact.kinds or (None,))}, key=str)


@pytest.mark.parametrize(("of", "kind"), SUBJECTS)
def test_the_form_is_a_valid_schema_and_asks_for_what_the_check_accepts(of: str, kind: str | None) -> None:
    schema = json_schema(of, kind, vocabulary())
    Draft202012Validator.check_schema(schema)
    for row in vocabulary().asked(of, kind):
        for value in good_values(row):
            accepted, problems = check_facts(of, kind, {row.name: value}, vocabulary())
            assert (accepted, problems) == ({row.name: value}, ())
            assert fits(schema, {row.name: value})
    names = {row.name for row in vocabulary().asked(of, kind)}
    assert set(json.loads(json.dumps(schema))["properties"]) == names


def good_values(row: FactRow) -> list[Json]:
    """Null, and values at the edges of what the row allows."""
    if row.type == "boolean":
        return [None, True, False]
    if row.type == "integer":
        return [None, -1, 0, 2**31 - 1]
    if row.type == "date":
        return [None, "2026-11-22", date.max.replace(year=2200).isoformat()]
    if row.type == "datetime":
        return [None, "2026-11-22T12:00:00Z"]
    if row.type == "object" or row.shape:
        members = {inner.name: good_values(inner)[-1] for inner in vocabulary().asked(row.shape or "", None)}
        filled: list[Json] = [members, {}] if row.type == "object" else [[members], []]
        return [None, *filled]
    if row.type == "list":
        return [None, [], [*row.values] or ([443, 0] if row.items == "integer" else ["x"])]
    return [None, *(row.values or ("x", "y" * 2000))]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.dates().map(str)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "version"]), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(subject=st.sampled_from(SUBJECTS), data=st.data())
def test_whatever_is_accepted_fits_the_form_and_the_rest_is_explained(
    subject: tuple[str, str | None], data: st.DataObject
) -> None:
    of, kind = subject
    names = st.sampled_from(sorted(vocabulary().rows(of))) | st.text(max_size=5)
    facts: dict[str, Any] = data.draw(st.dictionaries(names, JSON, max_size=4))
    accepted, problems = check_facts(of, kind, facts, vocabulary())
    assert set(accepted) | {each.pointer.split("/")[1].replace("~1", "/").replace("~0", "~") for each in problems} == set(facts)
    assert fits(json_schema(of, kind, vocabulary()), accepted)
    assert all(each.detail.endswith(".") for each in problems)
