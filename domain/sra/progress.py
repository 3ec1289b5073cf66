"""How far the guide has come, section by section: what is answered, how well it stands, and what waits for a person."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from domain.sra.answers import Standing, standing
from domain.sra.assessments import Answer, AnswerSource
from domain.sra.catalogue import Catalogue, Section


@dataclass(frozen=True)
class SectionProgress:
    """Counts of topics. Every scored topic is in exactly one of ``unanswered`` to ``decided``."""

    section: Section
    topics: int
    answered: int
    unanswered: int
    gap: int
    asserted: int
    evidenced: int
    decided: int
    proposed: int
    """Unanswered, but the facts suggest an answer."""
    reopened: int
    """Unanswered again, because something speaks against what was said."""
    carried: int
    """Taken over from the analysis before, and not confirmed yet."""
    assigned: int

    @property
    def percent(self) -> int:
        """Of its topics, rounded down: 100 means all."""
        return self.answered * 100 // self.topics if self.topics else 100


def progress(book: Catalogue, answers: Iterable[Answer]) -> tuple[SectionProgress, ...]:
    """Every section in the order of the guide."""
    by_section: dict[str, list[Answer]] = {}
    for answer in answers:
        by_section.setdefault(book.topic_by_id[answer.topic_id].section, []).append(answer)
    return tuple(_of(section, by_section.get(section.key, []), book) for section in book.sections)


def _of(section: Section, answers: list[Answer], book: Catalogue) -> SectionProgress:
    stand = Counter(standing(book.topic_by_id[each.topic_id], each) for each in answers)
    answered = sum(each.state is not None for each in answers)
    return SectionProgress(
        section=section,
        topics=len(answers),
        answered=answered,
        unanswered=len(answers) - answered,
        gap=stand[Standing.gap],
        asserted=stand[Standing.asserted],
        evidenced=stand[Standing.evidenced],
        decided=stand[Standing.decided],
        proposed=sum(each.state is None and each.proposal.get("state") is not None for each in answers),
        reopened=sum(each.reopened is not None for each in answers),
        carried=sum(each.state is not None and each.source == AnswerSource.carried for each in answers),
        assigned=sum(each.state is None and each.assignee_id is not None for each in answers),
    )
