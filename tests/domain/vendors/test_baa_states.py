"""Where an agreement stands follows from its days; the edges are the days on which it turns."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from domain.vendors.baa_states import (
    ALLOWED,
    AgreementState,
    BaaStatus,
    clause_checklist,
    longest_notice,
    state_of,
    warnings_of,
)
from domain.vendors.standing import agreements

DAY = date(2026, 11, 22)


@dataclass
class Text:
    """An agreement without a database."""

    status: BaaStatus = BaaStatus.executed
    signed_on: date | None = date(2025, 1, 1)
    end_on: date | None = None
    amended_on: date | None = None
    breach_notice_days: int | None = 5
    missing_required_clauses: list[str] | None = field(default_factory=list[str])
    signers: list[dict[str, Any]] = field(
        default_factory=lambda: [{"party": "covered_entity"}, {"party": "business_associate"}]
    )


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (Text(status=BaaStatus.draft, signed_on=None), "draft"),
        (Text(status=BaaStatus.sent, signed_on=None), "sent"),
        (Text(), "executed"),
        (Text(amended_on=DAY), "amended"),
        (Text(status=BaaStatus.amended, amended_on=date(2026, 11, 23)), "executed"),
        (Text(end_on=date(2027, 1, 22)), "executed"),
        (Text(end_on=date(2027, 1, 21)), "expiring"),
        (Text(end_on=DAY, amended_on=DAY), "expiring"),
        (Text(end_on=date(2026, 11, 21)), "expired"),
        (Text(signed_on=date(2026, 11, 23)), "sent"),
        (Text(signed_on=None), "unknown"),
        (Text(status=BaaStatus.expired), "expired"),
        (Text(status=BaaStatus.terminated), "terminated"),
        (Text(status=BaaStatus.phi_return_pending), "phi_return_pending"),
        (Text(status=BaaStatus.closed), "closed"),
    ],
)
def test_days_decide(text: Text, state: str) -> None:
    assert state_of(text, as_of=DAY) == state


@pytest.mark.parametrize("end", [None, date(2027, 1, 22), date(2027, 1, 21), DAY, date(2026, 11, 21)])
def test_an_agreement_and_the_list_of_vendors_never_disagree(end: date | None) -> None:
    """The list of vendors looks at the same row through ``standing``."""
    seen = agreements([("b", {"status": "executed", "signed_on": date(2025, 1, 1), "end_on": end})], as_of=DAY)
    assert state_of(Text(end_on=end), as_of=DAY) == seen.state


def test_every_state_says_what_can_be_done_next() -> None:
    assert ALLOWED.keys() == set(AgreementState)


def test_the_limit_is_the_practices_or_the_catalogues() -> None:
    assert longest_notice({}) == 10
    assert longest_notice({"baa_breach_notice_max": 0}) == 0
    for senseless in ("5", True, None, -1):
        assert longest_notice({"baa_breach_notice_max": senseless}) == 10


def test_a_draft_is_not_blamed_for_missing_signatures() -> None:
    assert warnings_of(Text(status=BaaStatus.draft, signers=[]), settings={}) == ()
    assert [each.code for each in warnings_of(Text(signers=[]), settings={})] == ["signers_incomplete"]
    twice = [{"party": "covered_entity"}, {"party": "covered_entity"}]
    assert [each.code for each in warnings_of(Text(signers=twice), settings={})] == ["signers_incomplete"]


def test_the_checklist_has_thirteen_clauses_of_which_one_is_conditional() -> None:
    unchecked = clause_checklist(None)
    assert (len(unchecked), {present for _, present in unchecked}) == (13, {None})
    assert [clause.key for clause, _ in unchecked if clause.conditional] == ["delegated_obligations"]
    assert [clause.key for clause, present in clause_checklist(["access"]) if present is False] == ["access"]
