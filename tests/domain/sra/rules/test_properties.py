"""What holds for every world: the order of the input does not matter, and forgetting a fact never turns a risk into a pass."""

import json
import random
from dataclasses import fields, replace
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.sra.catalogue import catalogue
from domain.sra.evaluation import Evaluation
from domain.sra.rules import evaluate
from domain.sra.world import Thing, World
from tests.domain.sra.rules.worlds import world
from tests.samples.practices import PRACTICES, practice

COLLECTIONS = tuple(field.name for field in fields(World) if field.type == tuple[Thing, ...])
JOINS = {
    ("flows", "vendor"),
    ("flows", "source_asset"),
    ("flows", "destination"),
    ("baas", "vendor"),
    ("engagements", "vendor"),
    ("remote_accesses", "vendor"),
    ("remote_accesses", "targets"),
    ("workforce", "accounts"),
}
"""Where one thing names another. Without the name there is nothing to join, which other rules find (NET-07, VEN-01)."""

CLEAR_WHEN_SILENT = {
    ("STO-07", "encryption_at_rest"),  # a key beside the data matters only if the data are known to be encrypted
    ("VEN-02", "signed_on"),  # rules on the agreement in force; without its day the agreement is not shown, VEN-01
    ("VEN-03", "signed_on"),
    ("VEN-04", "signed_on"),
    ("VEN-05", "signed_on"),
    ("RMT-10", "signed_on"),
    ("CAP-05", "esu_program"),  # no proof of extended updates: CAP-03 fires instead
    ("GOV-08", "backup"),  # without the answer "unknown" the asset is simply not covered, BKP-01
    ("STO-08", "service"),  # not known to be one of the services to decide about: what it does with PHI decides
}


@cache
def evaluated(name: str) -> Evaluation:
    return evaluate(practice(name).world, catalogue())


def test_the_collections_are_all_of_a_world() -> None:
    assert len(COLLECTIONS) == 14


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(PRACTICES), seed=st.integers(0, 2**32))
def test_the_order_of_the_input_does_not_matter(name: str, seed: int) -> None:
    shuffle = random.Random(seed)
    mixed = practice(name).world
    for collection in COLLECTIONS:
        rows = [replace(row, facts=mixed_up(row.facts, shuffle)) for row in getattr(mixed, collection)]
        shuffle.shuffle(rows)
        mixed = replace(mixed, **{collection: tuple(rows)})
    assert evaluate(mixed, catalogue()) == evaluated(name)


def test_the_same_world_gives_the_same_bytes() -> None:
    def written(evaluation: Evaluation) -> str:
        return json.dumps([repr(finding) for finding in evaluation.findings])

    first = evaluate(practice("harbor-group").world, catalogue())
    assert written(first) == written(evaluated("harbor-group"))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_forgetting_a_fact_never_turns_a_risk_into_a_pass(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(PRACTICES[:2]))
    known = practice(name).world
    collection, index, fact = data.draw(st.sampled_from(forgettable(name)))
    rows: list[Thing] = list(getattr(known, collection))
    rows[index] = replace(rows[index], facts={k: v for k, v in rows[index].facts.items() if k != fact})
    after = evaluate(replace(known, **{collection: tuple(rows)}), catalogue()).outcomes
    passes = {
        (rule, subject)
        for rule, outcomes in evaluated(name).outcomes.items()
        for subject in outcomes.fired
        if subject not in after[rule].fired and subject not in after[rule].undetermined
    }
    assert {(rule, subject) for rule, subject in passes if (rule, fact) not in CLEAR_WHEN_SILENT} == set()


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(["lakeview-dental", "harbor-group"]), data=st.data())
def test_the_unknown_never_lowers_a_level(name: str, data: st.DataObject) -> None:
    """Whatever is forgotten, many facts at once: each risk stays at its level or waits to be decided, and the worst level
    that a subject may have, what cannot be decided included, is never a lower one."""
    by_itself = {fact for _, fact in CLEAR_WHEN_SILENT}
    known = [each for each in forgettable(name) if each[2] not in by_itself]
    gone = data.draw(st.sets(st.sampled_from(known), min_size=1, max_size=40))
    forgetful = practice(name).world
    for collection in COLLECTIONS:
        rows = list(getattr(forgetful, collection))
        for index in range(len(rows)):
            facts = {fact for each, place, fact in gone if (each, place) == (collection, index)}
            if facts:
                rows[index] = replace(rows[index], facts={k: v for k, v in rows[index].facts.items() if k not in facts})
        forgetful = replace(forgetful, **{collection: tuple(rows)})
    after = evaluate(forgetful, catalogue())
    levels = {(each.rule, each.subject): each.level for each in after.findings}
    for finding in evaluated(name).findings:
        now = levels.get((finding.rule, finding.subject))
        assert now == finding.level or (now is None and finding.subject in after.outcomes[finding.rule].undetermined), finding


@cache
def forgettable(name: str) -> list[tuple[str, int, str]]:
    """Facts of which the silence is unknown: not those whose absence is the usual state, and no joins."""
    of = {"workforce": "user", "prior_risks": "risk", "remote_accesses": "remote_access", "baas": "baa"}
    rows = catalogue().fact_by_key
    found: list[tuple[str, int, str]] = []
    for collection in COLLECTIONS:
        kind = of.get(collection, collection.removesuffix("s").replace("access_request", "access_request"))
        for index, thing in enumerate(getattr(practice(name).world, collection)):
            for fact in thing.facts:
                row = rows.get(f"{kind}.{fact}")
                if row is not None and row.absent == "unknown" and (collection, fact) not in JOINS:
                    found.append((collection, index, fact))
    return found


def mixed_up(facts: Any, shuffle: random.Random) -> dict[str, Any]:
    items = list(facts.items())
    shuffle.shuffle(items)
    return dict(items)


# --- anything may stand in a fact --------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["unknown", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def names_of(of: str) -> list[str]:
    return [fact.name for fact in catalogue().facts if fact.of == of]


def facts_of(of: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names_of(of)), anything, max_size=12)


KINDS = sorted({kind for threat in catalogue().threats for kind in threat.kinds})
PARTS = {
    "assets": "asset",
    "flows": "flow",
    "vendors": "vendor",
    "engagements": "engagement",
    "baas": "baa",
    "remote_accesses": "remote_access",
    "backups": "backup",
    "workforce": "user",
    "answers": "answer",
    "prior_risks": "risk",
    "incidents": "incident",
    "documents": "document",
    "access_requests": "access_request",
}


@settings(max_examples=60, deadline=None)
@given(
    part=st.sampled_from(sorted(PARTS)),
    kind=st.sampled_from(KINDS),
    chosen=facts_of("setting"),
    policies=facts_of("policy"),
    data=st.data(),
)
def test_no_input_whatever_breaks_an_evaluation(
    part: str, kind: str, chosen: dict[str, Any], policies: dict[str, Any], data: st.DataObject
) -> None:
    facts = data.draw(facts_of(PARTS[part]))
    thing = Thing("x", kind if part == "assets" else part, facts | {"vendor": "x"})
    company = Thing("x", "vendor", facts if part == "vendors" else {})
    parts: dict[str, Any] = {"settings": chosen, "policies": policies, "vendors": (company,)} | {part: (thing,)}
    result = evaluate(world(**parts), catalogue())
    assert set(result.outcomes) == {threat.id for threat in catalogue().threats}
