"""Answers that the facts speak against: a later fact reopens what a person has confirmed, with the reason.

Whoever answers with the contradicting facts in view keeps the answer: they may know better, and the risk that the rule
raises stands beside it. Only what they could not see reopens it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.clock import now, rfc3339
from domain.events import emit
from domain.sra.answer_history import EntryKind, remember
from domain.sra.answers import State
from domain.sra.assessments import Answer, AnswerSource
from domain.tenancy import TenantSession

SAFE = frozenset({State.yes, State.implemented, State.applies_done})
LACKING = frozenset({State.no, State.partial, State.not_in_place, State.applies_not_done})
EXCUSED = frozenset({State.not_applicable, State.does_not_apply})

MOST_REASONS = 10


def reopen_contradicted(session: TenantSession, answer: Answer, changed: Mapping[str, datetime]) -> bool:
    """Take back an answer that its proposal contradicts by facts which came later. ``changed`` says for each subject when
    its row was last written."""
    if answer.source not in (AnswerSource.person, AnswerSource.carried) or not _contradicts(answer):
        return False
    if not _is_news(answer, changed):
        return False
    reopen(session, answer, because=list(answer.proposal.get("because", []))[:MOST_REASONS])
    return True


def reopen(session: TenantSession, answer: Answer, *, because: list[str]) -> None:
    """Let an answer no longer count, and keep what it said for the person who looks at it again."""
    before = answer.state
    answer.reopened = {"at": rfc3339(now()), "because": because, "was": before}
    answer.state = None
    remember(session, answer, EntryKind.reopened, before=before, because=because)
    emit(session, "answer.reopened", answer, {"topic_id": answer.topic_id, "state": {"from": before, "to": None}})


def _contradicts(answer: Answer) -> bool:
    """The facts show the opposite of what was said. What is merely not known contradicts nothing."""
    said, shown = answer.state, answer.proposal.get("state")
    if said in SAFE or said in EXCUSED:
        return shown in LACKING
    return said in LACKING and shown in SAFE


def _is_news(answer: Answer, changed: Mapping[str, datetime]) -> bool:
    """Something speaks against the answer that did not when it was given."""
    now_shown = _shown(answer.proposal)
    if answer.seen:
        same_direction = answer.seen.get("state") == answer.proposal.get("state")
        return not (same_direction and now_shown <= _shown(answer.seen))
    given_at = answer.answered_at
    return given_at is not None and any(changed[of] > given_at for _, of in now_shown if of in changed)


def _shown(proposal: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(each["rule"], each["subject"]) for each in proposal.get("facts", [])}
