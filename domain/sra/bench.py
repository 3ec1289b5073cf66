"""The workbench of one evaluation: for every thing that a rule can be about, the variables of its expression."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from domain.known import is_mapping
from domain.sra.catalogue import KnownIssue
from domain.sra.cel import Variables
from domain.sra.derive import Facts
from domain.sra.known_issues import issues_of, readable


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that rules are about. ``in_use`` is False for what is stopped, ended or switched off, None if unknown."""

    type: str
    id: str
    kind: str
    status: str
    in_use: bool | None
    variables: Variables

    @property
    def ref(self) -> str:
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, slots=True)
class Row:
    """One of several things that a rule with ``each`` looks at for its subject."""

    ref: str
    variables: Variables


class Bench:
    """The subjects of one world with their variables, all in the order of their ids."""

    def __init__(self, facts: Facts, issues: tuple[KnownIssue, ...]) -> None:
        self._facts = facts
        self._issues = issues
        self._subjects: dict[str, tuple[Subject, ...]] = {}

    @cached_property
    def shared(self) -> Variables:
        """Bound for every subject: the settings and the analysis in force."""
        return {"setting": self._facts.settings, "sra": self._facts.analysis_in_force}

    def subjects(self, type: str) -> tuple[Subject, ...]:
        """All things of one type, in use or not."""
        if type not in self._subjects:
            found = {
                "asset": self._assets,
                "flow": self._flows,
                "vendor": self._vendors,
                "remote_access": self._remote_accesses,
                "backup": self._backups,
                "practice": self._practice,
            }
            self._subjects[type] = tuple(found[type]())
        return self._subjects[type]

    def rows(self, subject: Subject, each: str) -> tuple[Row, ...]:
        """The things of one sort that belong to a subject."""
        return self._rows_of_practice[each] if subject.type == "practice" else tuple(self._rows_of_asset(subject, each))

    # --- subjects ---------------------------------------------------------------------------------------------------

    def _assets(self) -> Iterator[Subject]:
        for id, asset in self._facts.assets.items():
            variables = {
                "asset": asset,
                "vendor": self._facts.vendor_of(asset),
                "backup": self._facts.backup_of(id),
            }
            yield Subject("asset", id, asset["kind"], asset["status"], asset["status"] == "active", variables)

    def _flows(self) -> Iterator[Subject]:
        """With the asset that a flow comes from, where it comes from one."""
        for id, flow in self._facts.flows.items():
            consent = flow.get("consent")
            variables: Variables = {
                "flow": flow,
                "consent": consent if is_mapping(consent) else {},
                "vendor": self._facts.vendor_of(flow),
                "asset": self._facts.assets.get(flow.get("source_asset", ""), {}),
            }
            yield Subject("flow", id, "flow", "", flow["active"], variables)

    def _vendors(self) -> Iterator[Subject]:
        for id, vendor in self._facts.vendors.items():
            variables = {"vendor": vendor, "baa": self._facts.agreement_in_force(id)}
            yield Subject("vendor", id, "vendor", vendor["status"], vendor["status"] == "active", variables)

    def _remote_accesses(self) -> Iterator[Subject]:
        for id, access in self._facts.remote_accesses.items():
            variables = {"remote_access": access, "vendor": self._facts.vendor_of(access)}
            yield Subject("remote_access", id, "remote_access", "", access.get("enabled"), variables)

    def _backups(self) -> Iterator[Subject]:
        for id, backup in self._facts.backups.items():
            yield Subject("backup", id, "backup", backup["status"], backup["status"] == "active", {"backup": backup})

    def _practice(self) -> Iterator[Subject]:
        """One per legal entity: a group of practices is one."""
        variables = {"practice": self._facts.practice, "policy": self._facts.policies}
        yield Subject("practice", self._facts.practice_id, "practice", "", True, variables)

    # --- what belongs to a subject ----------------------------------------------------------------------------------

    def _rows_of_asset(self, subject: Subject, each: str) -> Iterator[Row]:
        """Active flows that end here, accesses that reach it, accounts on it, published issues of what runs on it."""
        match each:
            case "flow":
                for id, flow in self._facts.flows.items():
                    if flow["active"] and flow.get("destination") == subject.id:
                        yield Row(f"flow:{id}", {"flow": flow})
            case "remote_access":
                for id, access in self._facts.remote_accesses.items():
                    if subject.id in access.get("targets", ()):
                        yield Row(f"remote_access:{id}", {"remote_access": access})
            case "account":
                for id, user in self._facts.workforce.items():
                    for account in user["accounts"]:
                        if account.get("system") == subject.id:
                            yield Row(f"user:{id}", {"user": _without_accounts(user), "account": account})
            case "known_issue":
                for software in subject.variables["asset"].get("software", ()):
                    for id, issue in issues_of(software, self._issues):
                        yield Row(f"known_issue:{id}", {"software": readable(software), "known_issue": issue})
            case _:
                raise ValueError(f"an asset has no {each}")

    @cached_property
    def _rows_of_practice(self) -> Mapping[str, tuple[Row, ...]]:
        facts = self._facts
        things: dict[str, Mapping[str, dict[str, Any]]] = {
            "asset": {id: asset for id, asset in facts.assets.items() if asset["status"] == "active"},
            "user": {id: _without_accounts(user) for id, user in facts.workforce.items()},
            "answer": facts.answers,
            "risk": facts.prior_risks,
            "incident": facts.incidents,
            "access_request": facts.access_requests,
            "document": facts.documents,
        }
        return {
            each: tuple(Row(f"{each}:{id}", {each: thing}) for id, thing in found.items()) for each, found in things.items()
        }


def _without_accounts(user: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if name != "accounts"}
