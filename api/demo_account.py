"""The demo's account on a terminal: what was found, where it is written, and what to try next."""

import json
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

COLOURS = {"very_high": "bold red", "high": "red", "moderate": "yellow", "low": "green", "very_low": "dim green"}


@dataclass
class Account:
    """What came out of it."""

    base_url: str
    api_key: str = ""
    tenant_id: str = ""
    organization_id: str = ""
    assessment_id: str = ""
    report_pdf: str = ""
    sealed_sha256: str = ""
    findings_by_level: dict[str, int] = field(default_factory=dict[str, int])
    undetermined: int = 0
    worst: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    without_baa: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tasks: int = 0
    webhook_verified: bool = False
    webhooks_received: int = 0

    def as_json(self) -> str:
        names = (
            "base_url", "api_key", "tenant_id", "organization_id", "assessment_id", "report_pdf", "findings_by_level",
            "webhook_verified", "webhooks_received", "sealed_sha256", "tasks",
        )  # fmt: skip
        return json.dumps({name: getattr(self, name) for name in names})


def print_account(console: Console, account: Account) -> None:
    """Print it. Levels are written in words; colour only repeats them."""
    console.print("\n[bold]Lakeview Family Dental[/bold] (fictional): risk analysis sealed.\n")
    console.print(_levels(account))
    console.print(_worst(account))
    console.print(_without_baa(account))
    console.print(f"{account.undetermined} rules could not be decided for want of facts; they are listed, never passed.")
    console.print(f"{account.tasks} pieces of work planned. {account.webhooks_received} webhooks received and verified.\n")
    for name, value in (
        ("Report (PDF)", account.report_pdf),
        ("SHA-256 of the sealed data", account.sealed_sha256),
        ("Base URL", account.base_url),
        ("Docs", f"{account.base_url}/docs"),
        ("API key", account.api_key),
    ):
        console.print(f"[bold]{name}[/bold]  {escape(value)}", soft_wrap=True)
    console.print("\nTry:")
    for line in _curls(account):
        console.print(f"  {escape(line)}", soft_wrap=True, highlight=False)


def _levels(account: Account) -> Table:
    table = Table(title="Risks found by threat rules", title_justify="left")
    table.add_column("Level")
    table.add_column("Findings", justify="right")
    for level in reversed(list(account.findings_by_level)):
        words = level.replace("_", " ").title()
        table.add_row(f"[{COLOURS[level]}]{words}[/]", str(account.findings_by_level[level]))
    return table


def _worst(account: Account) -> Table:
    table = Table(title="The five worst", title_justify="left")
    for column in ("No.", "Level", "Risk", "Where", "Rule"):
        table.add_column(column)
    for each in account.worst:
        words = each["level"].replace("_", " ").title()
        table.add_row(
            str(each["number"]),
            f"[{COLOURS[each['level']]}]{words}[/]",
            escape(each["title"]),
            escape(each["subject_name"]),
            each["rule_id"] or each["topic_id"] or "",
        )
    return table


def _without_baa(account: Account) -> Table:
    table = Table(title="Vendors that need a BAA and have none in force", title_justify="left")
    for column in ("Vendor", "Why", "State", "Source"):
        table.add_column(column)
    for each in account.without_baa:
        table.add_row(escape(each["vendor"]), escape(each["reason"]), each["state"] or "none", escape(each["citation"]))
    return table


def _curls(account: Account) -> tuple[str, ...]:
    bearer = f"-H 'Authorization: Bearer {account.api_key}'"
    base = f"{account.base_url}/v1"
    return (
        f"curl -s {bearer} '{base}/devices?os_support=ended'",
        f"curl -s {bearer} -H 'Accept: image/svg+xml' '{base}/organizations/{account.organization_id}/map' -o map.svg",
        f"curl -s {bearer} -H 'Accept: text/html' '{base}/assessments/{account.assessment_id}/report' -o report.html",
    )
