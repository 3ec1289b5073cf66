"""How the analysis is kept alive and how it was made: review, changes, method, sources, and the rule that is not law."""

from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Bullets, Column, Heading, Line, Matrix, Paragraph, Section, Table
from domain.sra.report.rows import Continuity
from domain.sra.report.section_results import table_tones
from domain.sra.report.words import READINESS, cell, counted, day, joined, level, moment, phrase, said

NOT_A_PRODUCT = (
    "The level of each risk is the entry of Table I-2 of NIST SP 800-30 Rev. 1 for its likelihood and its impact. "
    "It is a look-up, not a product of numbers, and the table is not symmetric."
)
FIRST = "This is the first analysis of this practice on record."
ANSWER_CHANGES = frozenset({"answer_changed", "answer_reopened"})
RISK_CHANGES = frozenset({"risk_found", "risk_reopened", "risk_resolved"})
PROPOSED_LABEL = "PROPOSED — NOT LAW"


def review(data: ReportData) -> Section:
    plan = data.review
    when = f"Next review on {day(plan.next_review_on)}." if plan.next_review_on else "No date for the next review is recorded."
    spans = ((plan.interval_months, "month"), (plan.interval_days, "day"))
    every = "".join(f" Reviewed at least every {counted(count, unit)}." for count, unit in spans if count)
    return Section(
        "Review",
        "portrait",
        (
            Paragraph(when + every, "plain" if plan.next_review_on else "alarm"),
            Heading("What makes this analysis stale"),
            Bullets(plan.standing),
            Heading("Triggers that fired"),
            Table(
                "Triggers that fired",
                (Column("Noticed", 14), Column("What", 28), Column("Why it matters", 34), Column("Affects", 24)),
                tuple(
                    (cell(moment(one.at)), cell(one.what), cell(one.why), (said(joined(one.affects)),)) for one in plan.fired
                ),
                none=_none_fired(data),
            ),
        ),
    )


def _none_fired(data: ReportData) -> str:
    return "None was noticed since the version before." if data.prior else f"{FIRST} Nothing came before it."


def changes(data: ReportData) -> Section:
    """Without a version before it says so and no more; three empty tables would look like a practice that never changes."""
    blocks: list[Block] = [Paragraph(_compared(data))]
    if data.prior is not None or data.changes:
        blocks += [
            Heading("What made the version before stale"),
            Bullets(tuple(one.what for one in data.review.fired), none=_none_fired(data)),
            Heading("Answers"),
            *([Paragraph(_continuity(data.continuity))] if data.continuity else []),
            _changed(data, "Changed answers", ANSWER_CHANGES, "No answer says something else than in the version before."),
            Heading("Inventory"),
            _changed(data, "Changed inventory", None, "Nothing came, went or is recorded otherwise."),
            Heading("Risks"),
            _changed(data, "Changed risks", RISK_CHANGES, "No risk was found, reopened or resolved."),
        ]
    return Section("Changes since the last version", "portrait", tuple(blocks))


def _compared(data: ReportData) -> str:
    if data.prior is None:
        return f"{FIRST} There is no earlier version on record to compare it with."
    sealed = moment(data.prior.sealed_at)
    return f"Compared with version {data.prior.version}{f', sealed {sealed}' if sealed else ''}."


def _continuity(one: Continuity) -> str:
    return (
        f"Of the answers of the version before, {one.confirmed} were confirmed by a person, {one.changed} were changed in "
        f"state or in words, and {one.carried} stand as they were carried over. Given anew: {one.anew}. "
        f"Not answered: {one.unanswered}."
    )


def _changed(data: ReportData, caption: str, kinds: frozenset[str] | None, none: str) -> Table:
    """``kinds`` None: all that are neither answers nor risks."""
    shown = [one for one in data.changes if (one.kind in kinds if kinds else one.kind not in ANSWER_CHANGES | RISK_CHANGES)]
    return Table(
        caption,
        (Column("Kind", 14), Column("What", 34), Column("Detail", 34), Column("When and by whom", 18)),
        tuple(
            (
                cell(phrase(one.kind)),
                cell(one.what),
                cell(one.detail) or cell(Line("–", "muted")),
                cell(moment(one.at), one.by) or cell(Line("–", "muted")),
            )
            for one in shown
        ),
        none=none,
        small=True,
    )


def method(data: ReportData) -> Section:
    used = data.method
    blocks: list[Block] = [
        Paragraph(f"{used.name}. Scale {used.scale_version}."),
        *([Paragraph(used.statement)] if used.statement else []),
        Heading("How a level is found"),
        Paragraph(NOT_A_PRODUCT),
        Matrix("Table I-2: level of risk", table_tones(data), None),
        Heading("What the words mean"),
        Table(
            "Scales of likelihood and impact",
            (Column("Level", 16), Column("Likelihood", 42), Column("Impact", 42)),
            tuple(
                ((level(step.level),), cell(step.likelihood), cell(step.impact))
                for step in sorted(used.scale, key=lambda step: -step.level.rank)
            ),
        ),
        Paragraph(
            "The level of a place or of the practice is its worst risk, with the counts of every level. Levels are never "
            "averaged. A fact that nobody knows is never taken as good."
        ),
    ]
    return Section("Method and scales", "portrait", tuple(blocks))


def laws(data: ReportData) -> Section:
    return Section(
        "Appendix: Citations",
        "portrait",
        (
            Paragraph(f"Ruleset {data.edition.ruleset}, catalogue edition {data.edition.catalogue_edition}."),
            Table(
                "Citations",
                (Column("Citation", 28), Column("Title", 54), Column("Kind", 18)),
                tuple(
                    (cell(Line(one.citation, "strong")), cell(one.title), cell(phrase(one.kind)) or cell(Line("–", "muted")))
                    for one in data.laws
                ),
            ),
        ),
    )


def evidence(data: ReportData) -> Section:
    return Section(
        "Appendix: Evidence",
        "portrait",
        (
            Table(
                "Evidence",
                (Column("Document", 30), Column("Supports", 22), Column("Added", 14), Column("SHA-256 and size", 44)),
                tuple(
                    (
                        cell(Line(one.name, "strong")),
                        (said(joined(one.supports), absent="–"),),
                        (said(day(one.added_on)),),
                        cell(
                            Line(one.sha256, "code") if one.sha256 else said(None, absent="No hash recorded"),
                            Line(f"{one.size:,} bytes", "muted") if one.size is not None else None,
                        ),
                    )
                    for one in data.evidence
                ),
            ),
        ),
    )


def history(data: ReportData) -> Section:
    return Section(
        "Appendix: Change history",
        "portrait",
        (
            Table(
                "Change history",
                (Column("When", 20), Column("Version", 12), Column("Who", 24), Column("What", 44)),
                tuple(
                    (
                        cell(moment(one.at)),
                        cell("–" if one.version is None else str(one.version)),
                        (said(one.who),),
                        cell(one.what),
                    )
                    for one in data.history
                ),
            ),
        ),
    )


def proposed(data: ReportData) -> Section:
    ready = data.proposed
    if ready is None:
        blocks: tuple[Block, ...] = (Paragraph("None recorded.", "none"),)
    else:
        blocks = (
            Paragraph(ready.notice, "alarm"),
            Heading(ready.title),
            Table(
                ready.title,
                (Column("Requirement", 30), Column("Readiness", 12), Column("Explanation", 36), Column("Source", 22)),
                tuple(
                    (
                        cell(one.requirement),
                        (Line(READINESS[one.state], "unknown" if one.state == "unknown" else "strong"),),
                        (said(one.explanation, absent="–"),),
                        cell(Line(one.citation, "muted"), Line(one.id, "muted")),
                    )
                    for one in ready.rows
                ),
            ),
        )
    return Section(f"Appendix: {PROPOSED_LABEL}: readiness for a proposed rule", "proposed", blocks)
