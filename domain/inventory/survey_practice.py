"""The practice itself in a survey: the organization, its thresholds, the analysis made before Bitewing, and its answers."""

from collections.abc import Mapping
from typing import Any

from domain.inventory.claims import PERSON, SURVEY, Card, Disagreement
from domain.inventory.fact_columns import vocabulary
from domain.inventory.facts import check_facts
from domain.inventory.imports.survey_form import Entry, Survey
from domain.inventory.organizations import Organization, OrganizationFields
from domain.inventory.survey_ids import Ids
from domain.inventory.survey_merge import Row, checked, merge, replace
from domain.inventory.survey_rows import Said
from domain.known import is_known
from domain.sra.answers import Reply, faults_in
from domain.sra.catalogue import catalogue

OF_THE_PRACTICE = ("state", "specialty", "contact_role", "contact_email", "security_official")


def merge_practice(card: Card, survey: Survey, last: Survey | None, ids: Ids, *, observed_at: str) -> tuple[str, ...]:
    """Lay the survey over the organization, but for its name, which the tenant has given; gives warnings."""
    warnings: list[str] = []
    if survey.practice is not None:
        row = _practice(survey.practice, card)
        before = _practice(last.practice, card) if last and last.practice else None
        merge(card, row, before, observed_at=observed_at)
        warnings += row.warnings
    warnings += _merge_settings(card, survey, last)
    prior = prior_analysis(survey, ids)
    if prior is not None:
        replace(card, "prior_analysis", prior, prior_analysis(last, ids) if last else None)
    return tuple(warnings)


def _practice(entry: Entry, card: Card) -> Row:
    columns = {"name": card.values["name"], **{name: entry.text(name) for name in OF_THE_PRACTICE}}
    return checked(Said(Organization, OrganizationFields, columns, dict(entry.facts)))


def _merge_settings(card: Card, survey: Survey, last: Survey | None) -> list[str]:
    """Threshold by threshold: one that a person has chosen stays."""
    accepted, problems = check_facts("setting", None, dict(survey.settings), vocabulary())
    settings = dict(card.values["settings"])
    before: Mapping[str, int] = last.settings if last else {}
    for name, value in accepted.items():
        current = settings.get(name)
        if current is None or current == value or current == before.get(name):
            settings[name] = value
        elif value is not None:
            card.disagreements.append(Disagreement(f"settings.{name}", {SURVEY: value, PERSON: current}, current))
    card.values["settings"] = settings
    return [f"{problem.code}:{problem.fact}" for problem in problems]


def prior_analysis(survey: Survey, ids: Ids) -> dict[str, Any] | None:
    """The last analysis that was made elsewhere, with the risks it left; their subjects are ours."""
    if survey.sra is None and not survey.risks:
        return None
    prior: dict[str, Any] = {"risks": [{**risk.raw, "subject": ids.reference(risk.text("subject"))} for risk in survey.risks]}
    if survey.sra is not None:
        approved_on = survey.sra.day("approved_on")
        prior["approved_on"] = approved_on.isoformat() if approved_on else None
        prior["version"], prior["approver_role"] = survey.sra.whole("version"), survey.sra.text("approver_role")
    return {name: value for name, value in prior.items() if value is not None}


def raw_practice(survey: Survey) -> dict[str, Any]:
    """The parts of the survey that are about the practice itself, as they came."""
    return {
        "practice": dict(survey.practice.raw) if survey.practice else None,
        "settings": dict(survey.settings),
        "sra": dict(survey.sra.raw) if survey.sra else None,
        "risks": [dict(risk.raw) for risk in survey.risks],
    }


def answer_of(entry: Entry) -> tuple[dict[str, Any], str | None]:
    """What the survey says to a topic, and why an analysis will not take it, if it will not."""
    said = {"topic": entry.id, **{name: value for name, value in entry.raw.items() if is_known(value)}}
    topic = catalogue().topic_by_id.get(entry.id)
    if topic is None:
        return said, "The catalogue has no such topic."
    reply = Reply(_text(said.get("state")), _text(said.get("rationale")), _text(said.get("alternative")))
    return said, " ".join(fault.detail for fault in faults_in(topic, reply)) or None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
