"""Where each fact of the vocabulary is kept: most in a row's ``facts``, those that are filtered on in columns of their own.

The same words as in ``domain/sra/things.py``, read the other way round: there columns become facts for the rules.
"""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

from domain.errors import Fault, Invalid
from domain.inventory.facts import FactProblem, FactVocabulary, check_facts
from domain.sra.catalogue import catalogue
from domain.tenancy import Factual, TenantOwned

FACTS_OF: Mapping[str, str] = {
    "baa": "baa",
    "backup": "backup",
    "device": "asset",
    "engagement": "engagement",
    "flow": "flow",
    "organization": "practice",
    "partner": "partner",
    "remote_access": "remote_access",
    "system": "asset",
    "vendor": "vendor",
}
"""Whose facts in the vocabulary the rows of a noun carry."""
COLUMN_NAMES: Mapping[str, Mapping[str, str]] = {
    "asset": {"last_seen": "last_seen_at", "location": "location_id", "vendor": "vendor_id"},
    "baa": {"vendor": "vendor_id"},
    "backup": {"status": "active", "target": "target_device_id"},
    "engagement": {"vendor": "vendor_id"},
    "flow": {"source_asset": "source", "vendor": "vendor_id"},
    "partner": {"type": "kind"},
    "remote_access": {"vendor": "vendor_id"},
}
"""Facts whose column is called otherwise."""


@cache
def vocabulary() -> FactVocabulary:
    return FactVocabulary(catalogue().facts)


def columns_of(table: type[TenantOwned]) -> dict[str, str]:
    """The facts that a table keeps in columns, each with the name of its column."""
    of = FACTS_OF[table.noun]
    named = {fact: COLUMN_NAMES.get(of, {}).get(fact, fact) for fact in vocabulary().rows(of)}
    return {fact: column for fact, column in named.items() if hasattr(table, column)}


def accept_facts(row: TenantOwned, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they are kept, without those that say "unknown"; or :class:`Invalid` with a fault for each bad one."""
    assert isinstance(row, Factual)
    of, columns = FACTS_OF[row.noun], columns_of(type(row))
    kind = getattr(row, "kind", None) if of == "asset" else None
    accepted, problems = check_facts(of, kind and str(kind), facts, vocabulary(), columns=columns)
    if problems:
        raise Invalid([Fault(f"/facts{each.pointer}", each.code, _told(each, columns, type(row))) for each in problems])
    return {name: value for name, value in accepted.items() if value is not None}


def refuse_other_words(row: TenantOwned, *, before: Mapping[str, Any]) -> None:
    """A column of free text may hold a fact of a closed list, such as the purpose of a flow: only its words count."""
    words = {column: vocabulary().rows(FACTS_OF[row.noun])[fact].values for fact, column in columns_of(type(row)).items()}
    faults = [
        Fault(f"/{column}", "not_allowed", f"{column} must be one of: {', '.join(allowed)}.")
        for column, allowed in words.items()
        if allowed and _is_new_text(getattr(row, column), before.get(column)) and getattr(row, column) not in allowed
    ]
    if faults:
        raise Invalid(faults)


def accept_settings(values: Mapping[str, Any], *, of: str, at: str) -> dict[str, Any]:
    """The same for an object of an organization whose members the vocabulary knows: its thresholds, its last analysis."""
    accepted, problems = check_facts(of, None, values, vocabulary())
    if problems:
        raise Invalid([Fault(f"{at}{each.pointer}", each.code, each.detail) for each in problems])
    return {name: value for name, value in accepted.items() if value is not None}


def _told(problem: FactProblem, columns: Mapping[str, str], table: type[TenantOwned]) -> str:
    column = columns.get(problem.fact)
    if problem.code != "has_its_own_field" or column is None:
        return problem.detail
    if column in {"os_key", "os_candidates"} and hasattr(table, "os_support"):
        return f"{problem.fact} is worked out from os_name, os_edition and os_build."
    return f"{problem.fact} is not said among the facts: set the field {column!r}."


def _is_new_text(value: object, before: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Enum) and value != before
