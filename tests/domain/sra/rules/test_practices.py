"""The three sample practices, exactly: what must be found, what must not, and what cannot be decided.

The expected findings are a closed list. A finding too many frightens a practice for nothing; one too few is a risk that
nobody treats.
"""

from collections import Counter
from functools import cache
from typing import Any

import pytest

from domain.sra.catalogue import catalogue
from domain.sra.evaluation import Evaluation
from domain.sra.rules import evaluate
from tests.samples.practices import PRACTICES, practice

every_practice = pytest.mark.parametrize("name", PRACTICES)


@cache
def evaluated(name: str) -> Evaluation:
    return evaluate(practice(name).world, catalogue())


def expected(name: str) -> dict[str, Any]:
    return practice(name).expected


@every_practice
def test_findings_are_the_closed_list_with_level_basis_and_silent_facts(name: str) -> None:
    found = [(f.rule, f.subject, f.level.code, f.basis, list(f.facts)) for f in evaluated(name).findings]
    wanted = [(f["rule"], f["subject"], f["level"], f["basis"], f.get("facts", [])) for f in expected(name)["findings"]]
    assert sorted(found) == sorted(wanted)


@every_practice
def test_the_traps_do_not_fire(name: str) -> None:
    fired = {(finding.rule, finding.subject) for finding in evaluated(name).findings}
    assert expected(name)["must_not_fire"]
    assert [trap for trap in expected(name)["must_not_fire"] if (trap["rule"], trap["subject"]) in fired] == []


@every_practice
def test_what_cannot_be_decided_is_listed_with_the_facts_that_would_decide_it(name: str) -> None:
    found = [(one.rule, list(one.missing), list(one.subjects)) for one in evaluated(name).undetermined]
    wanted = [(one["rule"], one["missing"], one["subjects"]) for one in expected(name)["undetermined"]]
    assert sorted(found) == sorted(wanted)


@every_practice
def test_facts_to_ask_for_are_listed_per_asset(name: str) -> None:
    found = [{"subject": one.subject, "facts": list(one.facts)} for one in evaluated(name).unknown_facts]
    assert found == expected(name)["unknown_facts"]


@every_practice
def test_the_counts_agree(name: str) -> None:
    counts = expected(name)["counts"]
    result = evaluated(name)
    levels = Counter(finding.level.code for finding in result.findings)
    assert {
        "devices_imported": len(practice(name).reconciled.matched) + len(practice(name).reconciled.unmatched),
        "assets": len(practice(name).world.assets),
        "findings": len(result.findings),
        "rules_fired": len({finding.rule for finding in result.findings}),
        "by_level": {code: levels[code] for code in ("VH", "H", "M", "L", "VL")},
    } == counts


@every_practice
def test_devices_that_nobody_recorded_are_listed_and_not_judged(name: str) -> None:
    unmatched = [device.hostname for device in practice(name).reconciled.unmatched]
    assert unmatched == expected(name)["unmatched_devices"]


@every_practice
def test_disagreements_between_survey_and_measurement_are_listed(name: str) -> None:
    found = [
        {"subject": f"asset:{c.asset_id}", "fact": c.fact, "survey": c.recorded, "measured": c.measured, "used": c.used}
        for c in practice(name).reconciled.conflicts
    ]
    assert found == expected(name)["conflicts"]


def test_every_rule_fires_somewhere_in_the_two_troubled_practices() -> None:
    fired = {finding.rule for name in PRACTICES[:2] for finding in evaluated(name).findings}
    assert fired == {threat.id for threat in catalogue().threats}


@every_practice
def test_every_rule_says_what_became_of_each_subject_it_looked_at(name: str) -> None:
    result = evaluated(name)
    assert set(result.outcomes) == {threat.id for threat in catalogue().threats}
    for rule, outcomes in result.outcomes.items():
        looked_at = [*outcomes.fired, *outcomes.clear, *outcomes.undetermined]
        assert len(looked_at) == len(set(looked_at)), rule
        assert list(outcomes.fired) == [finding.subject for finding in result.findings if finding.rule == rule]


def test_a_finding_shows_the_values_that_the_rule_read() -> None:
    long_logoff = next(f for f in evaluated("lakeview-dental").findings if (f.rule, f.subject) == ("CAP-02", "asset:op2"))
    assert long_logoff.values == {"asset.auto_logoff_minutes": 480, "setting.auto_logoff_max": 15}


def test_a_finding_about_several_things_names_them() -> None:
    unranked = next(f for f in evaluated("lakeview-dental").findings if f.rule == "BKP-07")
    assert [evidence.ref for evidence in unranked.because] == ["asset:op1"]


def test_findings_of_one_cause_form_one_group() -> None:
    """An unsigned cloud archive is one failure, though the vendor and the archive are both found."""
    groups = {(f.rule, f.subject): f.group for f in evaluated("lakeview-dental").findings}
    assert groups["VEN-01", "vendor:v-cloud"] == groups["STO-01", "asset:cloud1"] == "agreement:vendor:v-cloud"
    assert groups["VEN-02", "vendor:v-pano"] == groups["RMT-03", "remote_access:ra-pano"]
    assert groups["CAP-14", "asset:op1"] == groups["BKP-01", "asset:op1"]
    assert groups["SEN-05", "asset:lt01"] == groups["CAP-07", "asset:lt01"]
    assert groups["CAP-07", "asset:op1"] != groups["CAP-07", "asset:op2"]
