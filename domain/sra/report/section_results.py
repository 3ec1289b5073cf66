"""Section 1, the page a reader in a hurry sees: the worst risk, the counts, the grid, the first ten, and what is missing."""

from domain.sra.levels import Level, roll_up
from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Column, Heading, Line, Matrix, Paragraph, Section, Table, Tone
from domain.sra.report.words import cell, counted, level, level_tone, reference

FALLING = tuple(reversed(Level))
SHOWN = 10


def glance(data: ReportData) -> Section:
    standing = [finding for finding in data.findings if finding.stands]
    rolled = roll_up(finding.level for finding in standing)
    accepted = sum(finding.status == "accepted" for finding in standing)
    unsure = sum(finding.basis == "unknown" for finding in standing)
    if rolled.worst is None:
        summary = "No open or accepted risk is recorded. That is not a statement that there is none."
    else:
        summary = (
            f"The worst risk that stands today is {rolled.worst.word}. {counted(len(standing), 'risk')} "
            f"{'stands' if len(standing) == 1 else 'stand'}, {accepted} of them accepted; "
            f"{unsure} rest on a fact that nobody knows."
        )
    missing = [element for element in data.elements if element.missing]
    worst_first = sorted(standing, key=lambda finding: (-finding.level.rank, finding.number))
    blocks: list[Block] = [
        Paragraph(summary),
        Heading("Risks by level"),
        _counts(data),
        Heading("Risks that stand, by likelihood and impact"),
        _heat(data),
        Paragraph("Open and accepted risks, by their place in Table I-2 (see Method and scales).", "note"),
        Heading(f"The first {SHOWN} of the risk table" if len(worst_first) > SHOWN else "The worst risks"),
        Table(
            "Worst risks that stand",
            (Column("Ref", 8), Column("Level", 14), Column("Risk", 42), Column("Subject", 30)),
            tuple(
                (cell(reference(one.number)), (level(one.level),), cell(one.title), cell(one.subject))
                for one in worst_first[:SHOWN]
            ),
        ),
        Heading("Required elements of a risk analysis"),
        Paragraph(
            "The elements are those of the guidance on risk analysis of the HHS Office for Civil Rights. "
            + (f"{counted(len(missing), 'element')} incomplete." if data.elements else "Completeness was not evaluated.")
        ),
        Table(
            "Required elements",
            (Column("No.", 8), Column("Element", 40), Column("State", 46)),
            tuple(
                (
                    cell(str(element.number)),
                    cell(element.title),
                    tuple(Line(f"Missing: {one}", "alarm") for one in element.missing) or cell("Complete"),
                )
                for element in data.elements
            ),
        ),
    ]
    return Section("Results at a glance", "portrait", tuple(blocks))


def _counts(data: ReportData) -> Table:
    states = ("open", "accepted", "resolved", "rejected")

    def count(rank: Level | None, state: str | None) -> str:
        return str(sum(rank in {None, one.level} and state in {None, one.status} for one in data.findings))

    rows = tuple(((level(rank),), *(cell(count(rank, state)) for state in states), cell(count(rank, None))) for rank in FALLING)
    total = (cell(Line("All levels", "strong")), *(cell(count(None, state)) for state in (*states, None)))
    columns = (Column("Level", 24), *(Column(state.capitalize(), 14) for state in states), Column("All", 14))
    return Table("Risks by level and status", columns, (*rows, total))


def _heat(data: ReportData) -> Matrix:
    standing = [finding for finding in data.findings if finding.stands]
    counts = tuple(
        tuple(sum(one.likelihood is likelihood and one.impact is impact for one in standing) for impact in Level)
        for likelihood in FALLING
    )
    return Matrix("Number of risks by likelihood and impact", table_tones(data), counts)


def table_tones(data: ReportData) -> tuple[tuple[Tone, ...], ...]:
    """Table I-2 as tones, the highest likelihood first."""
    return tuple(
        tuple(level_tone(data.method.level_table[likelihood.rank][impact.rank]) for impact in Level) for likelihood in FALLING
    )
