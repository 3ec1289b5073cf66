"""The measures in place, standard by standard, and everything that nobody could answer."""

from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Cell, Column, Heading, Line, Paragraph, Section, Table
from domain.sra.report.rows import Answer
from domain.sra.report.words import cell, joined, moment, phrase, said

SUPPORT = {"evidenced": "Evidenced", "asserted": "Asserted, without evidence", "none": "Nothing supports it"}


def measures(data: ReportData) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "What the practice says it does under each standard of the Security Rule. These answers describe measures; "
            "they are one input of the risk analysis and not the analysis itself.",
        )
    ]
    columns = (
        Column("Topic", 8), Column("Question and paragraphs", 34), Column("State", 16), Column("Support", 18),
        Column("Rationale and gap", 34),
    )  # fmt: skip
    for standard in data.standards:
        blocks.append(Heading(f"{standard.citation} {standard.title}"))
        rows = tuple(_answer(one) for one in standard.answers)
        blocks.append(Table(f"Measures under {standard.citation}", columns, rows, none="No answer recorded.", small=True))
    if not data.standards:
        blocks.append(Paragraph("None recorded.", "none"))
    return Section("Current security measures", "landscape", tuple(blocks))


def _answer(one: Answer) -> tuple[Cell, ...]:
    by = joined(part for part in (one.answered_by or "", moment(one.answered_at) or "") if part)
    return (
        cell(Line(one.topic_id, "strong")),
        cell(one.topic, Line(joined(one.citations, separator="; ") or "No citation", "muted")),
        cell(_state(one), Line(phrase(one.requirement) or "", "muted")),
        cell(
            Line(SUPPORT[one.support], "plain" if one.support == "evidenced" else "unknown"),
            *(Line(f"Evidence: {name}", "muted") for name in one.evidence),
            Line(by, "muted") if by else None,
        ),
        cell(
            one.rationale,
            Line(f"Gap: {one.gap}", "alarm") if one.gap else None,
        )
        or cell(Line("–", "muted")),
    )


def _state(one: Answer) -> Line:
    if one.state in {None, "", "unknown"}:
        return Line("Not known" if one.state == "unknown" else "Not answered", "unknown")
    return Line(phrase(one.state) or "", "strong")


def unknowns(data: ReportData) -> Section:
    return Section(
        "Unknowns",
        "portrait",
        (
            Paragraph("What nobody could state. An unknown is never counted as a measure in place or as a rule that is met."),
            Heading("Facts that are not known"),
            Table(
                "Facts that are not known",
                (Column("Subject", 28), Column("Fact", 28), Column("Question to ask", 44)),
                tuple(
                    (cell(Line(one.subject, "strong")), cell(phrase(one.fact)), (said(one.question, absent="–"),))
                    for one in data.unknown_facts
                ),
            ),
            Heading("Rules that could not be decided"),
            Table(
                "Rules that could not be decided",
                (Column("Rule", 12), Column("What it looks for", 36), Column("Subjects", 26), Column("Facts missing", 26)),
                tuple(
                    (
                        cell(Line(one.rule_id, "strong")),
                        cell(one.title),
                        (said(joined(one.subjects)),),
                        (said(joined(one.missing)),),
                    )
                    for one in data.undecided_rules
                ),
            ),
        ),
    )
