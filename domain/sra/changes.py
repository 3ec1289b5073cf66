"""What has changed since the last analysis: answers, risks and things, and what made the last one stale."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, or_, select

from domain.sra.assessments import Answer, Assessment, Continuity
from domain.sra.findings import Finding
from domain.sra.reading import answers_of
from domain.sra.staleness import Staleness, causes_of
from domain.tenancy import TenantSession


@dataclass(frozen=True)
class ChangedAnswer:
    topic_id: str
    was: str | None
    now: str | None
    reopened_because: Sequence[str]


@dataclass(frozen=True)
class Changes:
    """All empty, and ``since`` None, for a first analysis."""

    since: datetime | None
    causes: Sequence[Staleness]
    continuity: Mapping[Continuity, int]
    answers: Sequence[ChangedAnswer]
    """Those that say something else than before, or were reopened."""
    found: Sequence[Finding]
    resolved: Sequence[Finding]
    reopened: Sequence[Finding]


async def changes_since(session: TenantSession, assessment: Assessment) -> Changes:
    """Everything that is another than when the analysis before this one was sealed."""
    if assessment.previous_id is None:
        return Changes(None, (), {}, (), (), (), ())
    previous = await session.fetch(Assessment, assessment.previous_id)
    since = previous.sealed_at
    assert since is not None, "the next one is opened after the last one was sealed"
    answers = await answers_of(session, assessment)
    before = {each.topic_id: each.state for each in await answers_of(session, previous)}
    counted = Counter(each.continuity for each in answers if each.continuity is not None)
    risks = await _touched(session, assessment, since)
    return Changes(
        since=since,
        causes=await causes_of(session, previous),
        continuity={each: counted[each] for each in Continuity},
        answers=[_changed(each, before) for each in answers if each.state != before.get(each.topic_id)],
        found=[each for each in risks if each.opened_at > since],
        resolved=[each for each in risks if each.resolved_at is not None and each.resolved_at > since],
        reopened=[each for each in risks if each.reopened_at is not None and each.reopened_at > since],
    )


def _changed(answer: Answer, before: Mapping[str, str | None]) -> ChangedAnswer:
    reopened: Mapping[str, Any] = answer.reopened or {}
    return ChangedAnswer(answer.topic_id, before.get(answer.topic_id), answer.state, reopened.get("because", []))


async def _touched(session: TenantSession, assessment: Assessment, since: datetime) -> list[Finding]:
    statement = (
        select(Finding)
        .where(
            col(Finding.organization_id) == assessment.organization_id,
            or_(col(Finding.opened_at) > since, col(Finding.resolved_at) > since, col(Finding.reopened_at) > since),
        )
        .order_by(col(Finding.level_rank).desc(), col(Finding.number))
    )
    return list((await session.execute(statement)).scalars())
