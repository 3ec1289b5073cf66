"""Lays what a survey says over the row that is there: new words are taken, a machine's own report and a person's word stay.

What the survey itself said last time may always be replaced. That is how a person's change is told from an old survey where
no provenance is kept: the value is not the one that the last survey gave.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import inspect
from sqlalchemy.dialects.postgresql import JSONB

from domain.errors import Fault, Invalid
from domain.inventory.claims import PERSON, SURVEY, SWITCHES, Card, Claim, Disagreement, believe, settle
from domain.inventory.device_matching import same
from domain.inventory.device_os import recognize
from domain.inventory.devices import Device
from domain.inventory.fact_columns import FACTS_OF, vocabulary
from domain.inventory.facts import check_facts
from domain.inventory.imports.normal_form import Json
from domain.inventory.kinds import DeviceKind
from domain.inventory.measured_devices import SYSTEM
from domain.inventory.survey_rows import Said
from domain.json_forms import as_json
from domain.known import is_known
from domain.records import FACT_COLUMNS
from domain.tenancy import Factual, TenantOwned

OVER_THE_LAST_SURVEY = frozenset({SURVEY})
OVER_THE_TOOL_TOO = frozenset({SURVEY, "measured"})


@dataclass(frozen=True, slots=True)
class Row:
    """What a survey says of one row, fit for its table. ``warnings`` name what was not, and counts as unknown."""

    kind: type[TenantOwned]
    values: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()
    names_itself: bool = True


def checked(said: Said) -> Row:
    """Raises Invalid when something is wrong or missing without which there is no row; anything less is left out."""
    given = {name: value for name, value in said.columns.items() if value is not None}
    warnings: list[str] = []
    while True:
        try:
            model = said.fields.model_validate(given)
            break
        except ValidationError as error:
            bad = {str(each["loc"][0]): each["msg"] for each in error.errors(include_url=False, include_input=False)}
            essential = [name for name in bad if name not in given or said.fields.model_fields[name].is_required()]
            if essential:
                raise Invalid([Fault(f"/{name}", "required", _needed(name, bad[name])) for name in essential]) from None
            warnings += [f"not_accepted:{name}" for name in bad]
            given = {name: value for name, value in given.items() if name not in bad}
    values = {name: getattr(model, name) for name in said.columns} | said.unchecked
    for column in inspect(said.kind).columns:
        if isinstance(column.type, JSONB) and column.name in values:
            values[column.name] = json.loads(json.dumps(values[column.name], default=as_json))
    facts, unfit = checked_facts(said)
    return Row(said.kind, values, facts, (*warnings, *unfit), said.names_itself)


def checked_facts(said: Said) -> tuple[dict[str, Any], list[str]]:
    """The facts that the vocabulary knows, without those that say "unknown"."""
    of = FACTS_OF.get(said.kind.noun)
    if of is None:
        return {}, []
    kind = said.columns.get("kind") if of == "asset" else None
    accepted, problems = check_facts(
        of, kind, {name: value for name, value in said.facts.items() if value is not None}, vocabulary()
    )
    return {name: known_parts(value) for name, value in accepted.items() if value is not None}, [
        f"{problem.code}:{problem.fact}" for problem in problems
    ]


def known_parts(value: Json) -> Json:
    """Objects without the members that nobody knows."""
    if isinstance(value, dict):
        return {name: known_parts(inner) for name, inner in value.items() if is_known(inner)}
    return [known_parts(inner) for inner in value] if isinstance(value, list) else value


def merge(card: Card, row: Row, last: Row | None, *, observed_at: str) -> None:
    """Lay ``row`` over the card. ``last``: what the last survey said of it."""
    factual = issubclass(row.kind, Factual)
    free = _free(card) if row.kind is Device else frozenset[str]()
    for name, value in row.values.items():
        if factual and name in FACT_COLUMNS:
            if name not in SYSTEM:
                _claim(card, name, Claim(SURVEY, value, observed_at))
        elif name != "name" or card.is_new or row.names_itself:
            replace(card, name, value, last.values.get(name) if last else None, is_free=name in free)
    if row.kind is Device:
        _take_system(card, {name: row.values.get(name) for name in SYSTEM}, observed_at)
    if factual:
        held = {name for name in card.values["facts"] if card.holder(name) == SURVEY}
        weighed = {name for name in SWITCHES if card.mark(name) and name not in card.values}
        for name in sorted(held | weighed | row.facts.keys()):
            _claim(card, name, Claim(SURVEY, row.facts.get(name), observed_at))


def replace(card: Card, name: str, value: Any, last: Any, *, is_free: bool = False) -> None:
    """Set a column that has no provenance, unless its value is another than the last survey gave: then it is a person's."""
    current = card.values[name]
    if value is not None:
        card.weighed.add(name)
    if current == value:
        return
    if card.is_new or is_free or current is None or current in ({}, last):
        card.values[name] = value
    elif value is not None:
        card.disagreements.append(Disagreement(name, {SURVEY: value, PERSON: current}, current))


def _free(card: Card) -> frozenset[str]:
    """What nobody has said yet of a device that only a management tool knows."""
    if card.is_new or card.values["kind"] != DeviceKind.unclassified:
        return frozenset()
    named = same(card.values["name"]) != same(card.values["hostname"])
    return frozenset({"kind", "status"}) if named else frozenset({"kind", "status", "name"})


def _claim(card: Card, name: str, claim: Claim) -> None:
    if name in SWITCHES:
        settle(card, name, claim)
    elif name == "location_id":
        site = (card.mark(name) or {}).get("site")
        believe(card, name, claim, over=OVER_THE_TOOL_TOO)
        if site and (mark := card.mark(name) or (claim.mark() if card.values[name] is None else None)):
            card.values["provenance"][name] = {**mark, "site": site}
    else:
        believe(card, name, claim, over=OVER_THE_LAST_SURVEY)


def _take_system(card: Card, said: Mapping[str, Any], observed_at: str) -> None:
    """The operating system as a whole, where no machine and no person has named one."""
    holders = {holder for name in SYSTEM if (holder := card.holder(name)) is not None}
    for name in SYSTEM:
        if card.holder(name) == PERSON and said[name] is not None and same(said[name]) != same(card.values[name]):
            told = {PERSON: card.values[name], SURVEY: said[name]}
            card.disagreements.append(Disagreement(name, told, card.values[name]))
    if holders - {SURVEY}:
        return
    for name in SYSTEM:
        card.put(name, said[name], Claim(SURVEY, said[name], observed_at).mark() if said[name] else None)
    found = recognize(name=said["os_name"], edition=said["os_edition"], build=said["os_build"])
    card.values |= {
        "os_key": found.os_key,
        "os_candidates": found.os_candidates,
        "os_supported_until": found.os_supported_until,
    }


def _needed(name: str, message: str) -> str:
    return f"Without {name} there is nothing to keep: {message}."
