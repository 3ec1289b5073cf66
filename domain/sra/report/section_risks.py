"""The risks: the register of threats, one row for each risk, and the plan that treats them."""

from domain.sra.report.dataset import ReportData
from domain.sra.report.document import Block, Cell, Column, Heading, Line, Paragraph, Section, Table
from domain.sra.report.rows import Acceptance, Decision, Finding, PlanTask
from domain.sra.report.words import (
    BASES,
    cell,
    counted,
    day,
    facts_in_words,
    joined,
    level,
    moment,
    number_ranges,
    phrase,
    reference,
    said,
)

SUGGESTED = "Suggested, not applied"
NO_SUGGESTION_COUNTS = (
    "An adjustment that is marked as suggested and not applied is in no likelihood and no level here. It counts when a person "
    "applies it, with a reason."
)


def threats(data: ReportData) -> Section:
    register: dict[str, list[Finding]] = {}
    for finding in data.findings:
        register.setdefault(finding.threat, []).append(finding)
    ordered = sorted(register.items(), key=lambda item: (-max(one.level.rank for one in item[1]), item[0]))
    rows = tuple(
        (
            cell(Line(threat, "strong")),
            tuple(Line(text) for text in dict.fromkeys(one.vulnerability for one in found)),
            cell(number_ranges([one.number for one in found])),
            (level(max((one.level for one in found), key=lambda one: one.rank)),),
        )
        for threat, found in ordered
    )
    columns = (
        Column("Threat", 26), Column("Vulnerabilities it could use", 42), Column("Risks", 22), Column("Worst level", 10)
    )  # fmt: skip
    return Section(
        "Threats and vulnerabilities",
        "landscape",
        (
            Paragraph("Each threat that can reasonably be anticipated, the vulnerabilities found, and the risks they make."),
            Table("Threats and vulnerabilities", columns, rows, small=True),
        ),
    )


def risks(data: ReportData) -> Section:
    ordered = sorted(data.findings, key=lambda finding: (-finding.level.rank, not finding.stands, finding.number))
    columns = (
        Column("Ref", 5), Column("Level", 9), Column("Risk and subject", 17), Column("Threat and vulnerability", 20),
        Column("Current measures", 19), Column("Likelihood and impact", 24), Column("Status, and what shows it", 20),
    )  # fmt: skip
    return Section(
        "Risk table",
        "landscape",
        (
            Paragraph("One row for each risk, the worst first. The level is looked up in Table I-2; see Method and scales."),
            *([Paragraph(NO_SUGGESTION_COUNTS, "note")] if any(one.suggestions for one in data.findings) else []),
            Table("Risk table", columns, tuple(_risk(one) for one in ordered), small=True),
        ),
    )


def _risk(one: Finding) -> tuple[Cell, ...]:
    unknown = one.basis == "unknown"
    return (
        cell(Line(reference(one.number), "strong")),
        (level(one.level),),
        cell(Line(one.title, "strong"), one.subject, Line(_origin(one), "muted")),
        cell(one.threat, one.vulnerability, Line(joined(one.citations, separator="; ") or "No citation", "muted")),
        cell(
            one.measures,
            *(Line(each, "muted") for each in one.answers),
            None if one.measures or one.answers else said(None, absent="None recorded"),
            f"Recommended: {one.recommendation}" if one.recommendation else None,
        ),
        cell(
            *_rating(one),
            *(Line(f"Adjusted: {text}", "muted") for text in one.adjustments),
            *(Line(f"{SUGGESTED}: {text}", "muted") for text in one.suggestions),
        ),
        cell(
            Line(phrase(one.status) or "", "strong"),
            f"Due on {day(one.due_on)}" if one.due_on else None,
            one.status_reason,
            Line(BASES[one.basis], "unknown" if unknown else "plain"),
            *(Line(each, "muted") for each in facts_in_words(one.facts)),
            Line(f"Missing: {joined(one.missing_facts)}", "unknown") if one.missing_facts else None,
            *(Line(_decision(each), "muted") for each in one.decisions),
        ),
    )


def _rating(one: Finding) -> tuple[Line | str | None, ...]:
    """Both ratings with their reasons; a reason that is given for both is said once."""
    likelihood = Line(f"Likelihood: {one.likelihood.word}", "strong")
    impact = Line(f"Impact: {one.impact.word}", "strong")
    if one.likelihood_reason == one.impact_reason:
        return (likelihood, impact, one.likelihood_reason)
    return (likelihood, one.likelihood_reason, impact, one.impact_reason)


def _origin(one: Finding) -> str:
    origin = f"Rule {one.rule_id}" if one.rule_id else f"Topic {one.topic_id}" if one.topic_id else "No rule"
    return f"{origin}; cause: {_cause(one.cause)}" if one.cause else origin


def _cause(cause: str) -> str:
    """``answers:security`` as ``Answers: security``."""
    return ": ".join(phrase(part) or part for part in cause.split(":"))


def _decision(one: Decision) -> str:
    reason = f": {one.reason}" if one.reason else ""
    return f"{day(one.at.date())} {one.by}, {phrase(one.kind)}{reason}"


def plan(data: ReportData) -> Section:
    treated = {number for task in data.plan for number in task.findings}
    untreated = [one for one in data.findings if one.status == "open" and one.number not in treated]
    columns = (
        Column("Task", 7), Column("What is done", 28), Column("Risks treated", 15), Column("Treatment", 10),
        Column("Owner", 14), Column("Due", 9), Column("Status", 13), Column("Residual level", 10),
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph("Risk management, 45 CFR 164.308(a)(1)(ii)(B): how each risk is treated, by whom and until when."),
        Table("Risk management plan", columns, tuple(_task(one) for one in data.plan), small=True),
        Heading("Open risks that no task treats"),
    ]
    if untreated:
        worst = max((one.level for one in untreated), key=lambda one: one.rank)
        listed = number_ranges([one.number for one in untreated])
        blocks.append(Paragraph(f"{len(untreated)}, the worst of them {worst.word}: {listed}.", "alarm"))
    else:
        blocks.append(Paragraph("None: every open risk has a task." if data.findings else "None recorded.", "none"))
    blocks += [Heading("Risks with one cause"), _causes(data), Heading("Accepted risks"), _acceptances(data)]
    return Section("Risk management plan", "landscape", tuple(blocks))


def _causes(data: ReportData) -> Table:
    """What one piece of work can mend together. A cause with a single risk is no group."""
    together: dict[str, list[Finding]] = {}
    for one in data.findings:
        if one.stands and one.cause:
            together.setdefault(one.cause, []).append(one)
    groups = [(cause, found) for cause, found in together.items() if len(found) > 1]
    groups.sort(key=lambda group: (-max(one.level.rank for one in group[1]), group[0]))
    return Table(
        "Risks with one cause",
        (Column("Cause", 30), Column("Worst level", 12), Column("Count", 12), Column("Risks", 46)),
        tuple(
            (
                cell(Line(_cause(cause), "strong")),
                (level(max((one.level for one in found), key=lambda each: each.rank)),),
                cell(counted(len(found), "risk")),
                (said(number_ranges([one.number for one in found])),),
            )
            for cause, found in groups
        ),
        none="No two risks that stand have the same cause.",
        small=True,
    )


def _task(one: PlanTask) -> tuple[Cell, ...]:
    verified = f"Verified {moment(one.verified_at) or ''} {f'by {one.verified_by}' if one.verified_by else ''}"
    return (
        cell(Line(one.ref, "strong")),
        cell(one.title),
        (said(number_ranges(one.findings), absent="None"),),
        (said(phrase(one.treatment), absent="Not decided"),),
        (said(one.owner, absent="No owner"),),
        (said(day(one.due_on), absent="No date"),),
        cell(
            phrase(one.status),
            Line(" ".join(verified.split()), "muted") if one.verified_at or one.verified_by else None,
        ),
        (level(one.residual_level),),
    )


def _acceptances(data: ReportData) -> Table:
    def row(task: PlanTask, given: Acceptance) -> tuple[Cell, ...]:
        return (
            cell(Line(task.ref, "strong")),
            (said(number_ranges(task.findings), absent="None"),),
            cell(given.signer, given.title),
            cell(moment(given.at)),
            cell(given.reason),
            (said(day(given.expires_on), absent="No expiry recorded"),),
        )

    columns = (
        Column("Task", 8), Column("Risks", 16), Column("Accepted by", 20), Column("When", 16), Column("Reason", 34),
        Column("Until", 10),
    )  # fmt: skip
    rows = tuple(row(task, task.acceptance) for task in data.plan if task.acceptance is not None)
    return Table("Accepted risks", columns, rows, small=True)
