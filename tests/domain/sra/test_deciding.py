"""When a request to accept a risk is still good: a second person agrees to what was asked, and to nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.clock import now, rfc3339, today
from domain.sra.deciding import acceptance_state
from domain.sra.decisions import AcceptanceState
from domain.sra.findings import Basis, Finding, FindingOrigin, FindingStatus
from domain.sra.levels import Level

ASKED: dict[str, Any] = {
    "requested_by": "01a1f0c6-3a00-7c4e-9d52-6d1f0a5b7c01",
    "requested_at": "2026-03-02T14:05:09.000000Z",
    "reason": "The move is planned for spring.",
    "expires_on": (today() + timedelta(days=30)).isoformat(),
    "level": "moderate",
}


def finding(*, acceptance: dict[str, Any] | None, **changed: Any) -> Finding:
    rated: dict[str, Any] = {"likelihood": Level.moderate, "impact": Level.moderate, "level": Level.moderate, "level_rank": 2}
    said: dict[str, Any] = dict.fromkeys(
        ("key", "subject_type", "subject_name", "title", "threat", "vulnerability", "remediation"), "x"
    )
    return Finding(
        **{**said, **rated, **changed},
        number=1,
        origin=FindingOrigin.manual,
        cause="x",
        reason="x",
        basis=Basis.judgement,
        opened_at=now(),
        decision={"acceptance": acceptance} if acceptance else {},
    )


def test_where_nobody_asked_there_is_none() -> None:
    assert acceptance_state(finding(acceptance=None)) is None


@pytest.mark.parametrize(
    ("asked", "changed", "state"),
    [
        ({}, {}, AcceptanceState.requested),
        ({"approved_by": ASKED["requested_by"]}, {"status": FindingStatus.accepted}, AcceptanceState.approved),
        # Approved once, and open again since.
        ({"approved_by": ASKED["requested_by"]}, {"status": FindingStatus.open}, AcceptanceState.lapsed),
        # The risk is worse, or better, than the one that was asked about.
        ({}, {"level": Level.high}, AcceptanceState.lapsed),
        ({}, {"level": Level.low}, AcceptanceState.lapsed),
        # The day has come before anybody agreed.
        ({"expires_on": today().isoformat()}, {}, AcceptanceState.lapsed),
        # It was gone, and has come back; or it had come back before it was asked for.
        ({}, {"reopened_at": datetime(2026, 3, 3, tzinfo=UTC)}, AcceptanceState.lapsed),
        ({}, {"reopened_at": datetime(2026, 3, 1, tzinfo=UTC)}, AcceptanceState.requested),
        ({}, {"status": FindingStatus.resolved}, AcceptanceState.lapsed),
    ],
)
def test_a_request_is_good_for_the_risk_it_was_made_for(
    asked: dict[str, Any], changed: dict[str, Any], state: AcceptanceState
) -> None:
    assert rfc3339(datetime(2026, 3, 2, 14, 5, 9, tzinfo=UTC)) == ASKED["requested_at"], "one form for all times"
    assert acceptance_state(finding(acceptance={**ASKED, **asked}, **changed)) is state
