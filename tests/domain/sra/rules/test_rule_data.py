"""The rules as data: each compiles, says truly which facts it reads, and asks only for facts that the vocabulary has."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.sra.catalogue import Fact, Threat, catalogue
from domain.sra.cel import Condition, facts_in
from domain.sra.vocabulary import Vocabulary

SAMPLES = Path(__file__).parents[3] / "samples"
THREATS = catalogue().threats
FACTS: dict[str, Fact] = {fact.key: fact for fact in catalogue().facts}

every_rule = pytest.mark.parametrize("threat", THREATS, ids=lambda threat: threat.id)


def expressions(threat: Threat) -> list[tuple[str, tuple[str, ...]]]:
    return [(threat.when, threat.reads), *((also.when, also.reads) for also in threat.also)]


def test_there_are_118_rules_in_15_groups() -> None:
    assert len(THREATS) == 118
    assert len({threat.group for threat in THREATS}) == 15


@every_rule
def test_every_expression_compiles_and_names_only_variables_and_functions_that_exist(threat: Threat) -> None:
    functions = {"days_since", "days_until", "hours_since", "years_ago", "date", "version_before", "version_matches", "size"}
    macro_variables = {"port", "service", "@result"}
    import cel

    for when, _ in expressions(threat):
        Condition(when, gap=Vocabulary(catalogue().facts).gap)
        named = cel.compile(when).references()
        roots = {path.split(".")[0] for path in FACTS}
        assert set(named["variables"]) <= roots | macro_variables | {"today"}
        assert {name for name in named["functions"] if name.isidentifier()} <= functions


@every_rule
def test_reads_is_what_the_expression_reads(threat: Threat) -> None:
    for when, reads in expressions(threat):
        assert reads == facts_in(when)


@every_rule
def test_every_fact_that_is_read_is_in_the_vocabulary(threat: Threat) -> None:
    for _, reads in expressions(threat):
        assert [fact for fact in reads if fact not in FACTS] == []


@every_rule
def test_the_kinds_of_a_rule_have_the_facts_that_it_reads(threat: Threat) -> None:
    if threat.subject != "asset" or threat.cause == "unknown_facts":
        return
    for name in threat.reads:
        fact = FACTS[name]
        if fact.of == "asset" and fact.kinds:
            assert set(threat.kinds) <= set(fact.kinds), name
            assert threat.kinds, name


def test_gov_08_asks_for_a_fact_exactly_where_another_rule_needs_it() -> None:
    needed_by = {
        "asset.encryption_at_rest": ("SEN-02", "SEN-05", "CAP-07", "DCM-09", "STO-02", "PMS-02"),
        "asset.endpoint_protection": ("CAP-08",),
        "asset.os": ("CAP-03",),
        "asset.backup": ("BKP-01", "CAP-14"),
        "asset.login_mode": ("CAP-01",),
    }
    threats = catalogue().threat_by_id
    asked: dict[str, set[str]] = {}
    for line in threats["GOV-08"].when.splitlines():
        if "asset.kind in" in line:
            kinds = json.loads(line[line.index("[") : line.index("]") + 1])
            asked[next(fact for fact in needed_by if f"!has({fact}" in line)] = set(kinds)
    needed = {fact: {kind for rule in rules for kind in threats[rule].kinds} for fact, rules in needed_by.items()}
    assert asked == needed


def test_every_rule_has_a_cause_and_rules_of_the_same_fact_share_it() -> None:
    cause = {threat.id: threat.cause for threat in THREATS}
    assert cause["VEN-01"] == cause["STO-01"] == cause["RMT-03"] == cause["REF-07"]
    assert cause["SEN-05"] == cause["CAP-07"] == cause["DCM-09"] == cause["STO-02"]
    assert cause["CAP-14"] == cause["BKP-01"]


# --- the vocabulary ---------------------------------------------------------------------------------------------------

SECTIONS = {
    "practice": "practice",
    "settings": "setting",
    "sra": "sra",
    "policies": "policy",
    "locations": "location",
    "segments": "segment",
    "systems": "asset",
    "modalities": "asset",
    "backups": "backup",
    "users": "user",
    "partners": "partner",
    "vendors": "vendor",
    "engagements": "engagement",
    "baas": "baa",
    "remote_access": "remote_access",
    "flows": "flow",
    "access_requests": "access_request",
    "incidents": "incident",
    "documents": "document",
    "answers": "answer",
    "risks": "risk",
}


SINGLE = ("practice", "settings", "sra", "policies")


@pytest.mark.parametrize("name", ["lakeview-dental", "harbor-group", "cedar-kids"])
def test_every_fact_of_the_surveys_is_in_the_vocabulary_for_its_kind(name: str) -> None:
    survey: dict[str, Any] = json.loads((SAMPLES / name / "imaging-survey.json").read_text("utf-8"))
    strangers: list[str] = []
    for section, of in SECTIONS.items():
        content: Any = survey[section]
        rows: list[dict[str, Any]] = content if section not in SINGLE else [content]
        for row in rows:
            for fact, value in row.items():
                known = FACTS.get(f"{of}.{fact}")
                if fact == "id":
                    continue
                if known is None or (of == "asset" and known.kinds and row["kind"] not in known.kinds):
                    strangers.append(f"{of}.{fact} of {row.get('kind')}")
                elif known.values and isinstance(value, str) and value != "unknown" and value not in known.values:
                    strangers.append(f"{of}.{fact} = {value}")
    assert strangers == []


def test_a_word_in_a_rule_is_a_word_of_the_vocabulary() -> None:
    """A misspelt value would make a rule silently clear."""
    import re

    comparison = re.compile(r'(\w+\.\w+) (?:==|!=|in) ("[^"]*"|\[[^\]]*\])')
    free = {
        "risk.rule",
        "known_issue.rule_class",
        "asset.kind",
        "asset.segment",
        "asset.encryption_standard",
        "vendor.hipaa_role",
    }
    for threat in THREATS:
        for when, _ in expressions(threat):
            for path, words in comparison.findall(when):
                listed = re.findall(r'"([^"]*)"', words)
                if listed and path not in free:
                    assert set(listed) <= set(FACTS[path].values), (threat.id, path)


def test_settings_have_the_defaults_that_are_printed() -> None:
    assert Vocabulary(catalogue().facts).settings({}) == {
        "inventory_interval_days": 365,
        "auto_logoff_max": 15,
        "patch_days_critical": 30,
        "backup_max_age_h": 24,
        "baa_breach_notice_max": 10,
        "sra_interval_days": 365,
        "log_review_days": 31,
        "rmm_standing_admins_max": 3,
        "os_warning_days": 180,
    }
