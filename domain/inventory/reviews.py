"""Review items: facts on which a person, a survey and a machine disagree, until somebody accepts one side.

A decision holds for the two values it was about: the same disagreement is not asked again, a new one is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, col

from domain.bulk import insert_rows, read_rows
from domain.clock import new_id, now, rfc3339
from domain.errors import Conflict, Invalid
from domain.events import Told, differences, emit, emit_all
from domain.inventory.claims import PERSON, QUIET, SURVEY, SWITCHES, Card, Disagreement, Mark
from domain.inventory.device_os import recognize
from domain.inventory.factual import Thing, subject_of, whose
from domain.inventory.reconcile import agree
from domain.json_forms import as_json
from domain.records import said as said_by
from domain.tenancy import (
    Factual,
    Fields,
    OrganizationOwned,
    TenantSession,
    instant,
    json_object,
    one_of,
    organization_table,
)

SYSTEM = ("os_name", "os_edition", "os_build")


class ReviewStatus(StrEnum):
    open = "open"
    decided = "decided"
    settled = "settled"
    """The sources agree by now, without anybody's decision."""


class Voice(StrEnum):
    person = "person"
    survey = "survey"
    measured = "measured"


class ReviewDecisionFields(Fields):
    accept: Voice = Field(description="Whose value is right; one of those in `said`.")
    reason: str | None = Field(default=None, max_length=1000)


class Review(OrganizationOwned, table=True):
    __table_args__ = organization_table(
        Index("ix_review_subject", "tenant_id", "subject_id", "fact"),
        Index("ix_review_status", "tenant_id", "organization_id", "status", "id"),
        Index("uq_review_open", "tenant_id", "subject_id", "fact", unique=True, postgresql_where=text("status = 'open'")),
    )
    noun: ClassVar[str] = "review"

    subject_type: str
    subject_id: UUID
    fact: str
    said: dict[str, Any] = json_object()
    """Voice (person, survey, measured) to value."""
    used: Any = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)  # pyright: ignore[reportArgumentType]  an instance is accepted
    """What the analysis goes by until somebody decides."""
    source: str
    """The import that showed the disagreement."""
    status: ReviewStatus = one_of(ReviewStatus)
    accepted: str | None = None
    reason: str | None = Field(default=None, max_length=1000)
    decided_by: UUID | None = None
    decided_at: datetime | None = instant(default=None)


async def note_disagreements(session: TenantSession, noun: str, source: str, cards: Iterable[Card]) -> None:
    """Open a review for each new disagreement of these things, and settle those that are none any more."""
    known = {card.values["id"]: card for card in cards if not card.is_new and (card.weighed or card.disagreements)}
    if not known:
        return
    there = await read_rows(session, Review, col(Review.subject_id).in_(list(known)), lock=False)
    if not there and not any(card.disagreements for card in known.values()):
        return
    last: dict[tuple[UUID, str], dict[str, Any]] = {(each["subject_id"], each["fact"]): each for each in there}
    new: list[dict[str, Any]] = []
    for subject_id, card in known.items():
        disagreed = {each.fact: each for each in card.disagreements}
        for fact in card.weighed | disagreed.keys():
            before, found = last.get((subject_id, fact)), disagreed.get(fact)
            is_open = before is not None and before["status"] == ReviewStatus.open
            if found is not None and _is_news(before, found.said):
                if before is not None and is_open:
                    await _settle(session, before["id"])
                new.append(_opened(card, noun, source, found))
            elif found is None and before is not None and is_open:
                await _settle(session, before["id"])
    await _open(session, new)


async def _open(session: TenantSession, new: Sequence[dict[str, Any]]) -> None:
    if not new:
        return
    await insert_rows(session, Review, new)
    told = [
        Told(each["id"], each["organization_id"], {"subject_id": str(each["subject_id"]), "fact": each["fact"]}) for each in new
    ]
    emit_all(session, "review.opened", Review.noun, told)


async def note_persons_word(session: TenantSession, row: Factual, before: Mapping[str, Any], marks: Mapping[str, Mark]) -> None:
    """A person has changed facts of a thing by hand. Where a machine had reported one, that is a disagreement from now on, as
    if it had been reported after; where one was open, it is about the new word, or over. ``before`` and ``marks``: what was
    said until now, and by whom."""
    if not isinstance(row, Thing):
        return
    subject_id, after = row.id, said_by(row)
    changed = {name for name in row.provenance if row.provenance[name] != marks.get(name)} | (
        marks.keys() - row.provenance.keys()
    )
    there = await read_rows(session, Review, col(Review.subject_id) == subject_id, lock=False)
    last: dict[str, dict[str, Any]] = {each["fact"]: each for each in there}
    card = Card({"id": subject_id, "organization_id": whose(row)}, is_new=False)
    new: list[dict[str, Any]] = []
    for fact in sorted(changed - QUIET):
        value = _fact(after, fact)
        review = last.get(fact)
        is_open = review is not None and review["status"] == ReviewStatus.open
        source, reported = _reported(marks.get(fact) or {}, _fact(before, fact))
        others: dict[str, Any] = {}
        if review is not None and is_open:
            source, others = review["source"], {voice: each for voice, each in review["said"].items() if voice != PERSON}
        elif reported is not None:
            others = {Voice.measured.value: reported}
        said = {**others, PERSON: value}
        disagrees = value is not None and any(not _agree(fact, value, other) for other in others.values())
        if review is not None and is_open and (not disagrees or _other_values(review["said"], said)):
            await _settle(session, review["id"])
        if disagrees and _is_news(review, said):
            new.append(_opened(card, row.noun, source or PERSON, Disagreement(fact, said, value)))
    await _open(session, new)


def _is_news(last: Mapping[str, Any] | None, said: Mapping[str, Any]) -> bool:
    """Whether to ask: not the very same again that is asked already, or that somebody has decided."""
    return last is None or last["status"] == ReviewStatus.settled or _other_values(last["said"], said)


def _reported(mark: Mark, value: Any) -> tuple[str | None, Any]:
    """Which tool has last spoken of a fact, and what it said; the mark's own word, or one kept beside it."""
    for each in ({**mark, "value": value}, *mark.get("also", ())):
        if each.get("source") not in (None, PERSON, SURVEY):
            return each["source"], each["value"]
    return None, None


def _fact(said: Mapping[str, Any], name: str) -> Any:
    facts: Mapping[str, Any] = said["facts"]
    return said[name] if name in said else facts.get(name)


def _agree(fact: str, one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str) and fact not in SWITCHES:
        return one.strip().casefold() == other.strip().casefold()
    return agree(fact, one, other)


def _opened(card: Card, noun: str, source: str, found: Disagreement) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": card.values.get("organization_id", card.values["id"]),
        "subject_type": noun,
        "subject_id": card.values["id"],
        "fact": found.fact,
        "said": dict(found.said),
        "used": found.used,
        "source": source,
        "status": ReviewStatus.open,
    }


def _other_values(one: dict[str, Any], other: Any) -> bool:
    return _values(one) != _values(other)


def _values(said: Any) -> set[str]:
    return {json.dumps(value, default=as_json, sort_keys=True) for value in said.values()}


async def _settle(session: TenantSession, review_id: UUID) -> None:
    review = await session.fetch(Review, review_id, lock=True)
    if review.status is ReviewStatus.open:
        review.status = ReviewStatus.settled
        await session.flush()
        emit(session, "review.settled", review, {"subject_id": str(review.subject_id), "fact": review.fact})


async def decide_review(session: TenantSession, review: Review, fields: ReviewDecisionFields) -> Review:
    """Accept one side: it becomes what is true of the thing, confirmed by whoever decides."""
    await session.refresh(review, with_for_update=True)
    if review.status is not ReviewStatus.open:
        raise Conflict("This has been decided, or has settled itself.", code="not_open")
    if fields.accept not in review.said:
        voices = ", ".join(sorted(review.said))
        raise Invalid.one("/accept", "not_said", f"Nobody said that here; these did: {voices}.")
    row = await subject_of(session, review.subject_type, review.subject_id)
    before = said_by(row)
    values = {name: getattr(row, name) for name in type(row).model_fields}
    card = Card(values, is_new=False)
    _accept(session, card, review, fields.accept)
    column = review.fact.partition(".")[0]
    if column in values:  # the review has kept it as JSON
        kind: Any = type(row).model_fields[column].annotation
        card.values[column] = TypeAdapter[Any](kind).validate_python(card.values[column])
    for name in (column, "facts", "provenance", "os_key", "os_candidates", "os_supported_until"):
        if name in values and getattr(row, name) != card.values[name]:
            setattr(row, name, card.values[name])
    review.status, review.accepted, review.reason = ReviewStatus.decided, fields.accept.value, fields.reason
    review.decided_by, review.decided_at = session.actor.member_id, now()
    await session.flush()
    changed = differences(before, said_by(row))
    if changed:
        emit(session, f"{row.noun}.updated", row, changed)
    told = {"subject_id": str(review.subject_id), "fact": review.fact, "accepted": review.accepted}
    emit(session, "review.decided", review, told)
    return review


def _accept(session: TenantSession, card: Card, review: Review, voice: Voice) -> None:
    value, fact = review.said[voice], review.fact
    column, _, member = fact.partition(".")
    if member:  # such as a setting of the practice, which nobody's mark stands beside
        card.values[column] = {**card.values[column], member: value}
        return
    if fact == "status":  # says itself by nobody's mark
        card.values["status"] = type(card.values["status"])(value)
        return
    member = str(session.actor.member_id) if session.actor.member_id else None
    # A survey's word over a machine's holds only as a person's: the next import would overrule it otherwise.
    source = review.source if voice is Voice.measured and review.source != SURVEY else PERSON
    before = card.mark(fact) or {}
    kept = [before, *before.get("also", ())]
    if voice is Voice.measured:
        source = next((each["source"] for each in kept if each.get("source") not in (None, PERSON, SURVEY)), source)
    mark: Mark = {"source": source, "observed_at": rfc3339(now()), "confirmed_by": member}
    others = [(name, said) for name, said in review.said.items() if name != voice and name not in (PERSON, source)]
    if fact in SWITCHES and others:
        mark["also"] = [
            {"source": SURVEY if name == SURVEY else _tool(review, kept), "value": said, "observed_at": None}
            for name, said in sorted(others)
        ]
    card.put(fact, value, mark)
    if fact in SYSTEM and voice is Voice.measured:
        for name in SYSTEM:
            if (card.mark(name) or {}).get("source") == PERSON:
                card.values["provenance"].pop(name)
        found = recognize(**{name.removeprefix("os_"): card.values[name] for name in SYSTEM})
        card.values["os_key"], card.values["os_candidates"] = found.os_key, found.os_candidates
        card.values["os_supported_until"] = found.os_supported_until


def _tool(review: Review, kept: Sequence[Mark]) -> str:
    return next((each["source"] for each in kept if each.get("source") not in (None, PERSON, SURVEY)), review.source)
