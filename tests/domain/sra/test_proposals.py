"""What facts may propose: a gap from one fact, the safe answer only from all of them, and never an answer."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.sra.answers import State, allowed_states
from domain.sra.catalogue import catalogue
from domain.sra.proposals import Basis, Looked, Proposal, RuleOutcome, outcomes_of, propose
from domain.sra.rules import evaluate
from domain.sra.world import Thing, World
from tests.samples.practices import practice

TOPICS = catalogue().topic_by_id
NO_ADMINS = TOPICS["ACC-07"]  # yn, shown by CAP-06, which reads all that is asked
AUTO_LOGOFF = TOPICS["ACC-03"]  # addr, shown by CAP-02
SUPPORT_ACCESS = TOPICS["IMG-20"]  # yn, shown by four rules
OWN_LOGINS = TOPICS["ACC-01"]  # yn, shown by CAP-01, which looks at workstations only
REHEARSED = TOPICS["INC-05"]  # yn, linked to a rule about backups
SEGMENTED = TOPICS["RDY-04"]  # ready, shown by NET-01


def op(number: int, *, missing: tuple[str, ...] = (), basis: Basis = "fact", **facts: Any) -> Looked:
    """A workstation of operatory number so-and-so, and what a rule read of it."""
    return Looked(
        f"asset:op-{number}", f"Op {number}", facts={f"asset.{k}": v for k, v in facts.items()}, missing=missing, basis=basis
    )


def local_admins(
    *, fired: tuple[Looked, ...] = (), unknown: tuple[Looked, ...] = (), clear: tuple[Looked, ...] = ()
) -> dict[str, RuleOutcome]:
    return {"CAP-06": RuleOutcome("Clinical users are local administrators", fired=fired, undetermined=unknown, cleared=clear)}


def test_one_fact_is_enough_to_propose_no() -> None:
    proposal = propose(NO_ADMINS, local_admins(fired=(op(1, users_local_admin=True),)))
    assert proposal.state is State.no
    assert proposal.because == ("Clinical users are local administrators (CAP-06): Op 1, 1 of 1.",)
    [shown] = proposal.facts
    assert (shown.subject, shown.fact, shown.known, shown.value) == ("asset:op-1", "asset.users_local_admin", True, True)


def test_some_clear_beside_one_that_is_not_is_partial() -> None:
    proposal = propose(NO_ADMINS, local_admins(fired=(op(1, users_local_admin=True),), clear=(op(2, users_local_admin=False),)))
    assert proposal.state is State.partial
    assert proposal.because == ("Clinical users are local administrators (CAP-06): Op 1, 1 of 2.",)


def test_what_is_not_known_does_not_make_a_no_partial() -> None:
    proposal = propose(
        NO_ADMINS,
        local_admins(fired=(op(1, users_local_admin=True),), unknown=(op(2, missing=("asset.users_local_admin",)),)),
    )
    assert proposal.state is State.no


def test_a_subject_that_another_rule_fires_on_is_not_clear() -> None:
    proposal = propose(
        SUPPORT_ACCESS,
        {
            "RMT-01": RuleOutcome("Always-on unattended remote tool", cleared=(op(1),)),
            "RMT-02": RuleOutcome("Remote access without MFA", fired=(op(1, mfa=False),)),
        },
    )
    assert proposal.state is State.no


def test_an_addressable_gap_is_not_in_place_and_leaves_the_reason_to_a_person() -> None:
    fired = {"CAP-02": RuleOutcome("No or long automatic logoff", fired=(op(1, auto_logoff_minutes=60),), cleared=(op(2),))}
    assert propose(AUTO_LOGOFF, fired).state is State.not_in_place


def test_yes_needs_every_subject_decided_and_clear() -> None:
    clear = (op(1, users_local_admin=False), op(2, users_local_admin=False))
    proposal = propose(NO_ADMINS, local_admins(clear=clear))
    assert proposal.state is State.yes
    assert proposal.because == ("Clinical users are local administrators (CAP-06): not the case for any of 2.",)
    assert [(shown.name, shown.value) for shown in proposal.facts] == [("Op 1", False), ("Op 2", False)]


def test_one_unknown_subject_takes_the_yes_away_and_is_named() -> None:
    unknown = (op(3, missing=("asset.users_local_admin",)),)
    proposal = propose(NO_ADMINS, local_admins(clear=(op(1), op(2)), unknown=unknown))
    assert proposal.state is State.unknown
    assert proposal.because == (
        "Clinical users are local administrators (CAP-06): not known for Op 3. Needed: asset.users_local_admin.",
    )
    [shown] = proposal.facts
    assert (shown.fact, shown.known, shown.value) == ("asset.users_local_admin", False, None)


def test_yes_needs_something_to_look_at() -> None:
    """No workstation on record is no proof that nobody is an administrator."""
    assert propose(NO_ADMINS, local_admins()).state is None
    assert propose(NO_ADMINS, {}).state is None


def test_every_rule_has_to_have_had_a_subject() -> None:
    clear = {rule: RuleOutcome(rule, cleared=(op(1),)) for rule in SUPPORT_ACCESS.shown_by}
    assert propose(SUPPORT_ACCESS, clear).state is State.yes
    assert propose(SUPPORT_ACCESS, {**clear, "RMT-03": RuleOutcome("RMT-03")}).state is None


def test_clear_rules_that_read_only_part_of_the_question_propose_nothing() -> None:
    proposal = propose(OWN_LOGINS, {"CAP-01": RuleOutcome("Shared or generic login", cleared=(op(1),))})
    assert proposal.state is None
    assert proposal.because == ("Nothing on record speaks against it, but the facts alone do not show it.",)


@pytest.mark.parametrize("outcome", [RuleOutcome("Backups", fired=(op(1),)), RuleOutcome("Backups", cleared=(op(1),))])
def test_a_rule_about_something_else_proposes_nothing_either_way(outcome: RuleOutcome) -> None:
    proposal = propose(REHEARSED, {"BKP-02": outcome})
    assert proposal.state is None
    assert proposal.because == ("No recorded fact answers this question.",)


def test_a_rule_that_fires_only_because_a_value_is_unknown_proposes_unknown_and_not_no() -> None:
    fired = (op(1, missing=("asset.auto_logoff_minutes",), basis="unknown"),)
    proposal = propose(AUTO_LOGOFF, {"CAP-02": RuleOutcome("No or long automatic logoff", fired=fired, cleared=(op(2),))})
    assert proposal.state is State.unknown
    assert [shown.fact for shown in proposal.facts] == ["asset.auto_logoff_minutes"]


def test_readiness_is_proposed_in_its_own_words() -> None:
    assert propose(SEGMENTED, {"NET-01": RuleOutcome("Flat network", fired=(op(1),), cleared=(op(2),))}).state is State.not_met
    assert propose(SEGMENTED, {"NET-01": RuleOutcome("Flat network", cleared=(op(2),))}).state is State.met


def test_a_long_list_is_cut_in_the_sentence_and_kept_in_the_facts() -> None:
    fired = tuple(op(number, users_local_admin=True) for number in (7, 6, 5, 4, 3, 2, 1))
    proposal = propose(NO_ADMINS, local_admins(fired=fired))
    assert proposal.because == (
        "Clinical users are local administrators (CAP-06): Op 1, Op 2, Op 3, Op 4, Op 5 and 2 more, 7 of 7.",
    )
    assert len(proposal.facts) == 7


def test_the_order_in_which_subjects_were_looked_at_does_not_matter() -> None:
    one_way = propose(NO_ADMINS, local_admins(fired=(op(1, users_local_admin=True), op(2, users_local_admin=True))))
    other_way = propose(NO_ADMINS, local_admins(fired=(op(2, users_local_admin=True), op(1, users_local_admin=True))))
    assert one_way == other_way


def test_a_proposal_is_kept_as_plain_json() -> None:
    proposal = propose(
        NO_ADMINS, local_admins(fired=(op(1, seen_on=date(2026, 11, 22), missing=("asset.users_local_admin",)),))
    )
    assert proposal.as_json() == {
        "state": "no",
        "because": ["Clinical users are local administrators (CAP-06): Op 1, 1 of 1."],
        "facts": [
            {
                "rule": "CAP-06",
                "subject": "asset:op-1",
                "name": "Op 1",
                "fact": "asset.seen_on",
                "known": True,
                "value": "2026-11-22",
            },
            {
                "rule": "CAP-06",
                "subject": "asset:op-1",
                "name": "Op 1",
                "fact": "asset.users_local_admin",
                "known": False,
                "value": None,
            },
        ],
    }


def test_whatever_is_proposed_is_a_state_that_the_topic_allows() -> None:
    outcomes = [
        RuleOutcome("any", fired=(op(1),)),
        RuleOutcome("any", fired=(op(1),), cleared=(op(2),)),
        RuleOutcome("any", undetermined=(op(1, missing=("asset.kind",)),)),
        RuleOutcome("any", cleared=(op(1),)),
        RuleOutcome("any"),
    ]
    for topic in TOPICS.values():
        for outcome in outcomes:
            proposed = propose(topic, dict.fromkeys(topic.threat_rules, outcome)).state
            assert proposed is None or proposed in allowed_states(topic), topic.id


def workstation(number: int, **facts: object) -> Thing:
    return Thing(f"op-{number}", "capture_workstation", facts)


def proposed(topic_id: str, *assets: Thing) -> Proposal:
    """From recorded facts through the rules to the proposal, as it is done for a practice."""
    world = World(as_of=datetime(2026, 11, 22, 12, tzinfo=UTC), practice=Thing("practice", "practice"), assets=assets)
    names = {f"asset:{asset.id}": asset.id.replace("op-", "Op ") for asset in assets}
    return propose(TOPICS[topic_id], outcomes_of(evaluate(world, catalogue()), catalogue(), names))


def test_from_the_recorded_facts_to_a_proposed_partial() -> None:
    proposal = proposed("ACC-07", workstation(1, users_local_admin=True), workstation(2, users_local_admin=False))
    assert proposal.state is State.partial
    assert proposal.because == ("Clinical users are local administrators (CAP-06): Op 1, 1 of 2.",)
    [shown] = proposal.facts
    assert (shown.name, shown.fact, shown.value) == ("Op 1", "asset.users_local_admin", True)


def test_from_the_recorded_facts_to_a_proposed_yes() -> None:
    assert proposed("ACC-07", workstation(1, users_local_admin=False)).state is State.yes


def test_from_a_fact_that_nobody_recorded_to_unknown() -> None:
    proposal = proposed("ACC-07", workstation(1, users_local_admin=False), workstation(2))
    assert proposal.state is State.unknown
    assert [(shown.name, shown.fact, shown.known) for shown in proposal.facts] == [("Op 2", "asset.users_local_admin", False)]


def test_from_an_empty_inventory_to_nothing() -> None:
    assert proposed("ACC-07").state is None


def test_a_safeguard_that_is_not_shown_makes_a_finding_and_still_no_proposed_no() -> None:
    """The rule on malware protection fires on an unknown value; the question is answered by asking, not by guessing."""
    proposal = proposed("TRN-03", workstation(1))
    assert proposal.state is State.unknown
    assert "asset.endpoint_protection" in [shown.fact for shown in proposal.facts]


def proposed_for(practice_name: str) -> dict[str, Proposal]:
    outcomes = outcomes_of(evaluate(practice(practice_name).world, catalogue()), catalogue(), {})
    return {topic.id: propose(topic, outcomes) for topic in catalogue().topics}


def test_a_well_kept_practice_is_offered_no_gap_under_the_law_in_force() -> None:
    """It has two findings, both about the proposed rule or a date to come; its readiness may say so."""
    gaps = {
        topic_id
        for topic_id, proposal in proposed_for("cedar-kids").items()
        if proposal.state in (State.no, State.partial, State.not_in_place, State.unknown, State.not_met)
    }
    assert gaps == {"RDY-05"}


@pytest.mark.parametrize("name", ["lakeview-dental", "harbor-group"])
def test_a_troubled_practice_sees_the_facts_behind_every_proposed_gap(name: str) -> None:
    proposals = proposed_for(name)
    gaps = [p for p in proposals.values() if p.state in (State.no, State.partial, State.not_in_place, State.not_met)]
    assert len(gaps) > 50
    assert all(gap.because and gap.facts for gap in gaps), [gap.topic_id for gap in gaps if not gap.facts]
