"""What may be answered, what needs a reason, and when an answer is a gap."""

from collections.abc import Sequence

import pytest

from domain.errors import Invalid
from domain.sra.answers import (
    GapKind,
    Reply,
    Standing,
    State,
    allowed_states,
    check,
    faults_in,
    is_gap,
    reasons_needed,
    standing,
)
from domain.sra.catalogue import Topic, catalogue

TOPICS = catalogue().topic_by_id
UNIQUE_LOGINS = TOPICS["ACC-01"]  # yn, 164.312(a)(2)(i), required
AUTO_LOGOFF = TOPICS["ACC-03"]  # addr, 164.312(a)(2)(iii)
CLEARINGHOUSE = TOPICS["IAM-01"]  # na
SECOND_FACTOR_PROPOSED = TOPICS["RDY-03"]  # ready

REASON = "Two dentists, one operatory"
INSTEAD = "The door is locked between patients"


def reply(
    state: str | None, *, rationale: str | None = None, alternative: str | None = None, evidence: Sequence[object] = ()
) -> Reply:
    return Reply(state, rationale=rationale, alternative=alternative, evidence=evidence)


@pytest.mark.parametrize(
    ("topic", "states"),
    [
        (UNIQUE_LOGINS, ["yes", "partial", "no", "unknown", "not_applicable"]),
        (AUTO_LOGOFF, ["implemented", "alternative", "neither", "not_in_place", "unknown"]),
        (CLEARINGHOUSE, ["does_not_apply", "applies_done", "applies_not_done", "unknown"]),
        (SECOND_FACTOR_PROPOSED, ["met", "not_met", "unknown"]),
    ],
)
def test_each_type_of_question_has_its_own_states(topic: Topic, states: list[str]) -> None:
    assert [state.value for state in allowed_states(topic)] == states


def test_no_question_about_a_required_specification_offers_an_addressable_state() -> None:
    book = catalogue()
    for topic in book.topics:
        types = {row.type for citation in topic.citations if (row := book.requirement(citation)) is not None}
        if "required" in types:
            assert not {State.implemented, State.alternative, State.neither} & set(allowed_states(topic)), topic.id


def test_an_alternative_to_a_required_specification_is_refused_with_the_reason() -> None:
    [fault] = faults_in(UNIQUE_LOGINS, reply("alternative", rationale=REASON, alternative=INSTEAD))
    assert (fault.pointer, fault.code) == ("/state", "state_not_allowed")
    assert "required specification, which no alternative and no reason can replace" in fault.detail


@pytest.mark.parametrize("state", ["maybe", "", "YES", None])
def test_a_word_that_is_no_answer_is_refused_with_the_allowed_ones(state: str | None) -> None:
    with pytest.raises(Invalid, match="Allowed here: yes, partial, no, unknown, not_applicable"):
        check(UNIQUE_LOGINS, reply(state))


@pytest.mark.parametrize(
    ("topic", "state", "fields"),
    [
        (AUTO_LOGOFF, "alternative", ["rationale", "alternative"]),
        (AUTO_LOGOFF, "neither", ["rationale", "alternative"]),
        (UNIQUE_LOGINS, "not_applicable", ["rationale"]),
        (CLEARINGHOUSE, "does_not_apply", ["rationale"]),
        (UNIQUE_LOGINS, "yes", []),
        (AUTO_LOGOFF, "implemented", []),
        (AUTO_LOGOFF, "not_in_place", []),
        (CLEARINGHOUSE, "applies_not_done", []),
    ],
)
def test_some_states_need_their_reasons(topic: Topic, state: str, fields: list[str]) -> None:
    assert [needed.field for needed in reasons_needed(State(state))] == fields
    assert [fault.pointer for fault in faults_in(topic, reply(state))] == [f"/{field}" for field in fields]
    given = reply(state, rationale=REASON, alternative=INSTEAD)
    assert check(topic, given) is State(state)


@pytest.mark.parametrize("empty", [None, "", "   ", "n/a", "-----------", "none"])
def test_a_reason_has_to_say_something(empty: str | None) -> None:
    [fault] = faults_in(UNIQUE_LOGINS, reply("not_applicable", rationale=empty))
    assert fault.code == "reason_required"
    assert fault.detail == "Why does this not apply to the practice?"


def test_one_of_the_two_reasons_is_not_enough() -> None:
    [fault] = faults_in(AUTO_LOGOFF, reply("alternative", rationale=REASON))
    assert fault.pointer == "/alternative"
    assert fault.detail == "What is done instead, and why is it equivalent?"


@pytest.mark.parametrize(
    ("topic", "state", "kind"),
    [
        (UNIQUE_LOGINS, "no", GapKind.not_in_place),
        (UNIQUE_LOGINS, "partial", GapKind.partly_in_place),
        (UNIQUE_LOGINS, "unknown", GapKind.unknown),
        (UNIQUE_LOGINS, None, GapKind.unanswered),
        (UNIQUE_LOGINS, "implemented", GapKind.unanswered),
        (AUTO_LOGOFF, "not_in_place", GapKind.not_in_place),
        (AUTO_LOGOFF, "unknown", GapKind.unknown),
        (CLEARINGHOUSE, "applies_not_done", GapKind.not_in_place),
        (CLEARINGHOUSE, "unknown", GapKind.unknown),
    ],
)
def test_everything_but_the_safe_answer_is_a_gap(topic: Topic, state: str | None, kind: GapKind) -> None:
    gap = is_gap(topic, reply(state, rationale=REASON, alternative=INSTEAD))
    assert gap is not None
    assert (gap.topic_id, gap.kind) == (topic.id, kind)
    assert gap.reason.endswith(".")


def test_a_topic_that_nobody_answered_is_a_gap_whatever_was_proposed() -> None:
    gap = is_gap(UNIQUE_LOGINS, None)
    assert gap is not None
    assert "does not count until a person confirms it" in gap.reason


@pytest.mark.parametrize(
    ("topic", "state"),
    [(AUTO_LOGOFF, "alternative"), (AUTO_LOGOFF, "neither"), (UNIQUE_LOGINS, "not_applicable")],
)
def test_a_state_without_its_reasons_is_a_gap_and_with_them_it_is_none(topic: Topic, state: str) -> None:
    """Answers that came by import were not refused at the door; they are caught here."""
    gap = is_gap(topic, reply(state))
    assert gap is not None
    assert gap.kind is GapKind.reason_missing
    assert reasons_needed(State(state))[0].prompt in gap.reason
    assert is_gap(topic, reply(state, rationale=REASON, alternative=INSTEAD)) is None


@pytest.mark.parametrize("state", ["met", "not_met", "unknown", None])
def test_readiness_for_the_proposed_rule_is_never_a_gap(state: str | None) -> None:
    assert is_gap(SECOND_FACTOR_PROPOSED, reply(state)) is None
    assert standing(SECOND_FACTOR_PROPOSED, reply(state)) is Standing.not_scored


@pytest.mark.parametrize(
    ("topic", "given", "stands"),
    [
        (UNIQUE_LOGINS, None, Standing.unanswered),
        (UNIQUE_LOGINS, reply(None), Standing.unanswered),
        (UNIQUE_LOGINS, reply("no"), Standing.gap),
        (UNIQUE_LOGINS, reply("unknown", evidence=["user list"]), Standing.gap),
        (UNIQUE_LOGINS, reply("yes"), Standing.asserted),
        (UNIQUE_LOGINS, reply("yes", evidence=["user list"]), Standing.evidenced),
        (UNIQUE_LOGINS, reply("not_applicable", rationale=REASON), Standing.decided),
        (AUTO_LOGOFF, reply("implemented"), Standing.asserted),
        (AUTO_LOGOFF, reply("alternative", rationale=REASON, alternative=INSTEAD), Standing.asserted),
        (AUTO_LOGOFF, reply("neither", rationale=REASON, alternative=INSTEAD), Standing.decided),
        (CLEARINGHOUSE, reply("does_not_apply", rationale=REASON), Standing.decided),
        (CLEARINGHOUSE, reply("applies_done", evidence=["network diagram"]), Standing.evidenced),
    ],
)
def test_a_yes_without_evidence_is_an_assertion(topic: Topic, given: Reply | None, stands: Standing) -> None:
    assert standing(topic, given) is stands
