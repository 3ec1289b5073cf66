"""Readiness for the rule that is proposed and not law: a profile beside the analysis, never a part of its verdicts."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel

from api.door import Inside, ThisOrganization, door_router, may
from domain.access import Permission
from domain.clock import now
from domain.sra.catalogue import catalogue
from domain.sra.catalogue.rows import Standing
from domain.sra.readiness import Readiness, read_readiness

router = door_router("analysis")
Reader = Annotated[Inside, may(Permission.assessments_read)]


class RuleOut(BaseModel):
    key: str
    title: str
    status: Standing
    """``proposed`` is not law; ``final_pending`` is published and not yet to be complied with."""
    label: str
    federal_register: str
    rin: str
    published_on: date
    final_published_on: date | None
    effective_on: date | None
    """60 days after a final rule is published; null until one is."""
    compliance_on: date | None
    """180 days after it takes effect, so 240 after publication; null until one is published."""
    status_checked_on: date
    status_note: str
    source: str


class ParameterOut(BaseModel):
    key: str
    title: str
    label: str
    status: Standing
    proposal: str | None
    proposed_citation: str | None
    """A paragraph of the proposal. It is no paragraph of the law in force."""
    parameter: str | None
    value: int | None
    unit: str | None
    exceptions: str | None
    today: list[str]
    """The nearest paragraphs in force."""
    withheld: list[str]
    """What of it has not been verified in the Federal Register and is therefore not shown."""
    source: str
    verified: str
    as_of: date
    state: Readiness
    because: list[str]
    topics: list[str]
    rules: list[str]


class ReadinessOut(BaseModel):
    rule: RuleOut
    as_of: datetime
    counts: dict[Readiness, int]
    parameters: list[ParameterOut]


@router.get("/organizations/{organization_id}/readiness", response_model=ReadinessOut)
async def read_readiness_profile(by: Reader, organization: ThisOrganization) -> ReadinessOut:
    """Every parameter of the proposed rule with what is known about it here. It changes no level and no verdict."""
    book = catalogue()
    found = await read_readiness(by.session, organization, book=book, as_of=now())
    states: tuple[Readiness, ...] = ("ready", "not_ready", "unknown", "not_measured", "not_applicable")
    standing = found.standing
    return ReadinessOut(
        rule=RuleOut(
            **{name: getattr(book.proposed_rule, name) for name in RuleOut.model_fields if name not in vars(standing)},
            **vars(standing),
        ),
        as_of=found.as_of,
        counts={state: found.count(state) for state in states},
        parameters=[ParameterOut(**vars(each), label=standing.label) for each in found.parameters],
    )
