"""One row per organization, with what an account manager asks first: how old is the analysis, what is open, what is overdue,
which agreements are missing.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Date, Integer, Select, and_, bindparam, case, cast, func, or_, select
from sqlmodel import col

from api.door import Inside, door_router, may
from api.pages import Listing, Page, PagedAndSorted, constant, filters_of, part_of
from domain.access import Permission
from domain.clock import today
from domain.inventory.groups import in_group
from domain.inventory.organizations import Organization
from domain.portfolio import PortfolioLine
from domain.remediation.tasks import Task
from domain.sra.levels import Level

router = door_router("organizations")
Reader = Annotated[Inside, may(Permission.organizations_read)]


class AnalysisState(StrEnum):
    """``open``: one is under way, whether or not an earlier one is in force. ``elsewhere``: made before Bitewing."""

    none = "none"
    open = "open"
    sealed = "sealed"
    elsewhere = "elsewhere"


class OpenFindingsOut(BaseModel):
    very_high: int
    high: int
    moderate: int
    low: int
    very_low: int


class PortfolioOut(BaseModel):
    organization_id: UUID
    name: str
    ref: str | None
    state: str | None
    analysis: AnalysisState
    open_assessment_id: UUID | None
    sealed_assessment_id: UUID | None = Field(description="The analysis in force.")
    analysed_on: date | None = Field(description="When the analysis in force was approved.")
    analysis_age_days: int | None
    open_findings: OpenFindingsOut
    overdue_tasks: int
    baas_missing: int = Field(description="Vendors that need an agreement and have none in force.")
    baas_expiring: int = Field(description="Vendors whose agreement ends within 60 days.")
    baas_undecided: int = Field(description="Vendors of whom it is not known whether they need one.")
    baas_reviewed_on: date | None = Field(description="The day for which the three were last worked out. Null: not yet.")
    subscription_state: str | None = Field(description="Null: no subscription; the tenant's trial, or nothing, covers it.")
    paid_until: date | None


_LEVELS = tuple(each.value for each in reversed(Level))


def _worst_first() -> Any:
    """Very high findings count first, then high ones, and so on: one number, four digits for each level."""
    counts = [cast(_kept(name), BigInteger) for name in _LEVELS[:4]]
    weights = [constant(str(10_000**place)) for place in (3, 2, 1, 0)]
    return cast(sum((count * weight for count, weight in zip(counts, weights, strict=True)), start=constant("0")), BigInteger)


def _at_least(level: Level) -> Any:
    return or_(*(_kept(each.value) > constant("0") for each in Level if each.rank >= level.rank))


def _kept(name: str) -> Any:
    """What a line has not counted yet is nothing."""
    return func.coalesce(getattr(PortfolioLine, name), constant("0"), type_=Integer())


_TODAY = bindparam("today", type_=Date())
_ANALYSED_ON: Any = col(PortfolioLine.analysed_on)
_OVERDUE: Any = (
    select(func.count())
    .where(
        col(Task.tenant_id) == col(Organization.tenant_id),
        col(Task.organization_id) == col(Organization.id),
        col(Task.due_on) < _TODAY,
        col(Task.archived_at).is_(None),
        col(Task.status).in_([constant("'open'"), constant("'in_progress'")]),
    )
    .correlate(Organization)
    .scalar_subquery()
)
_STATE = case(
    (col(PortfolioLine.open_assessment_id).is_not(None), constant("'open'")),
    (col(PortfolioLine.sealed_assessment_id).is_not(None), constant("'sealed'")),
    (_ANALYSED_ON.is_not(None), constant("'elsewhere'")),
    else_=constant("'none'"),
)
_BY_LEVEL = func.json_build_object(*(part for name in _LEVELS for part in (constant(f"'{name}'"), _kept(name))))


def _with_lines(statement: Select[Any]) -> Select[Any]:
    same = and_(col(PortfolioLine.tenant_id) == col(Organization.tenant_id), col(PortfolioLine.id) == col(Organization.id))
    return statement.select_from(Organization).outerjoin(PortfolioLine, same)


PORTFOLIO = Listing(
    PortfolioOut,
    Organization,
    sorts={
        "name": col(Organization.name),
        # Who was never analysed comes first, and a sort is never null.
        "analysed_on": func.coalesce(_ANALYSED_ON, constant("'1900-01-01'::date"), type_=Date()),
        "findings": _worst_first(),
        "overdue_tasks": cast(_OVERDUE, BigInteger),
        "baas_missing": _kept("baas_missing"),
    },
    columns={
        "organization_id": col(Organization.id),
        "analysis": _STATE,
        "open_assessment_id": col(PortfolioLine.open_assessment_id),
        "sealed_assessment_id": col(PortfolioLine.sealed_assessment_id),
        "analysed_on": _ANALYSED_ON,
        "analysis_age_days": _TODAY - _ANALYSED_ON,
        "open_findings": _BY_LEVEL,
        "overdue_tasks": _OVERDUE,
        **{name: _kept(name) for name in ("baas_missing", "baas_expiring", "baas_undecided")},
        "baas_reviewed_on": col(PortfolioLine.reviewed_on),
    },
    filters={
        **filters_of(Organization, "ref", "state", "subscription_state"),
        "group_id": in_group(Organization.id),
        "analysis": bindparam("analysis", type_=_STATE.type) == _STATE,
        "analysed_before": or_(_ANALYSED_ON.is_(None), bindparam("analysed_before", type_=Date()) > _ANALYSED_ON),
        **{f"at_least_{level.value}": _at_least(level) for level in Level},
        "overdue": constant("0") < _OVERDUE,
        "not_overdue": constant("0") == _OVERDUE,
        "baas_missing": _kept("baas_missing") > constant("0"),
        "baas_not_missing": _kept("baas_missing") == constant("0"),
        "baas_expiring": _kept("baas_expiring") > constant("0"),
        "baas_not_expiring": _kept("baas_expiring") == constant("0"),
        "q": part_of("q", Organization.name, Organization.legal_name),
    },
    where=col(Organization.archived_at).is_(None),
    joins=_with_lines,
)


@router.get("/portfolio", response_model=Page[PortfolioOut])
async def read_portfolio(
    by: Reader,
    window: PagedAndSorted,
    group_id: UUID | None = None,
    state: str | None = None,
    ref: str | None = None,
    q: str | None = None,
    analysis: AnalysisState | None = None,
    analysis_older_than_days: Annotated[
        int | None, Query(ge=0, le=36_500, description="Also finds those that have no analysis at all.")
    ] = None,
    min_level: Annotated[Level | None, Query(description="With an open finding of this level or worse.")] = None,
    overdue: Annotated[bool | None, Query(description="With tasks that are overdue.")] = None,
    baas_missing: Annotated[bool | None, Query(description="With vendors that need an agreement and have none.")] = None,
    baas_expiring: bool | None = None,
    subscription_state: str | None = None,
) -> Response:
    """Every client, by name. Sorts: name, analysed_on, findings (by the worst level), overdue_tasks, baas_missing."""
    before = None if analysis_older_than_days is None else _days_ago(analysis_older_than_days)
    wanted: dict[str, Any] = {
        "group_id": group_id,
        "state": state,
        "ref": ref,
        "q": q,
        "analysis": analysis,
        "analysed_before": before,
        "subscription_state": subscription_state,
        "overdue": overdue or None,
        "not_overdue": (overdue is False) or None,
        "baas_missing": baas_missing or None,
        "baas_not_missing": (baas_missing is False) or None,
        "baas_expiring": baas_expiring or None,
        "baas_not_expiring": (baas_expiring is False) or None,
    }
    if min_level is not None:
        wanted[f"at_least_{min_level.value}"] = True
    return await PORTFOLIO.page(by, window, bound={"today": today()}, **wanted)


def _days_ago(days: int) -> date:
    return date.fromordinal(today().toordinal() - days)
