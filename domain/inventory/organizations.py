"""Organizations: the clients of a tenant, each a dental practice or a dental group."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, cast

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from domain.coverage import may_take_on
from domain.errors import Fault, Invalid
from domain.inventory.fact_columns import accept_settings
from domain.inventory.groups import sort_into_groups
from domain.known import is_mapping
from domain.records import change, create
from domain.remediation.sla import accept_sla
from domain.tenancy import (
    Archivable,
    Factual,
    Fields,
    TenantOwned,
    TenantSession,
    instant,
    json_object,
    json_or_unknown,
    tenant_table,
)


class OrganizationFields(Fields):
    name: str = Field(min_length=1, max_length=200)
    legal_name: str | None = Field(default=None, max_length=300)
    state: str | None = Field(
        default=None, schema_extra={"pattern": r"^[A-Z]{2}$"}, description="Two-letter postal code of the state."
    )
    specialty: str | None = Field(default=None, max_length=120)
    contact_role: str | None = Field(default=None, max_length=120)
    contact_email: str | None = Field(default=None, max_length=320)
    security_official: str | None = Field(
        default=None, max_length=200, description="Who the practice has named, 45 CFR 164.308(a)(2)."
    )
    ref: str | None = Field(default=None, max_length=200, description="Your own identifier.")
    settings: dict[str, Any] = json_object()
    """Thresholds of the analysis, such as ``auto_logoff_max`` in minutes; absent ones take the catalogue's default. And
    ``sla``: days to treat a risk, by level, where they differ from the tenant's."""
    prior_analysis: dict[str, Any] | None = json_or_unknown()
    """The last analysis made before Bitewing: ``approved_on``, ``version``, ``approver_role`` and its open ``risks``."""
    facts: dict[str, Any] = json_object()


class Organization(OrganizationFields, Factual, TenantOwned, Archivable, table=True):
    __table_args__ = tenant_table(
        UniqueConstraint("tenant_id", "ref"), Index("ix_organization_name", "tenant_id", "name", "id")
    )
    noun: ClassVar[str] = "organization"

    # Written by billing; domain/coverage.py reads them.
    paid_until: date | None = None
    """The last day that is paid for."""
    covered_until: date | None = None
    """The last day on which something new can be begun: paid days, and the days of grace."""
    subscription_state: str | None = Field(default=None, max_length=64)
    plan: str | None = Field(default=None, max_length=64)
    limits: dict[str, Any] = json_object()

    # Written by the database as it moves an organization to another tenant. What stays is this row, to say where it went.
    transferred_at: datetime | None = instant(default=None)
    transferred_to: str | None = Field(default=None, max_length=200)


async def take_on(session: TenantSession, fields: OrganizationFields) -> Organization:
    """Add a client to the tenant. PaymentRequired once its trial is over and it pays for nobody."""
    await may_take_on(session)
    organization = await create(session, Organization(**_checked(fields, settings={}, prior_analysis={})))
    await sort_into_groups(session, organization)
    return organization


async def amend(session: TenantSession, organization: Organization, fields: OrganizationFields) -> Organization:
    values = _checked(fields, settings=organization.settings, prior_analysis=organization.prior_analysis or {})
    await change(session, organization, values)
    await sort_into_groups(session, organization)
    return organization


def _checked(fields: OrganizationFields, *, settings: Mapping[str, Any], prior_analysis: Mapping[str, Any]) -> dict[str, Any]:
    """The values to keep. What is there already was checked when it came."""
    values = fields.model_dump()
    if fields.settings != settings:
        values["settings"] = _thresholds(fields.settings)
    if fields.prior_analysis is not None and fields.prior_analysis != prior_analysis:
        values["prior_analysis"] = _earlier_analysis(fields.prior_analysis)
    return values


def _thresholds(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the vocabulary knows, and beside it ``sla``: by when risks are treated here, where the tenant's policy differs."""
    thresholds = {name: value for name, value in settings.items() if name != "sla"}
    accepted = accept_settings(thresholds, of="setting", at="/settings")
    negative = [name for name, value in accepted.items() if value < 0]
    if negative:
        raise Invalid([Fault(f"/settings/{name}", "not_allowed", "A threshold is zero or more.") for name in negative])
    if settings.get("sla") is not None:
        accepted["sla"] = accept_sla(settings["sla"], at="/settings/sla")
    return accepted


def _earlier_analysis(said: Mapping[str, Any]) -> dict[str, Any]:
    """``risks`` are those left open; the rest is what the vocabulary knows of an analysis."""
    risks: Any = said.get("risks")
    accepted = accept_settings({name: value for name, value in said.items() if name != "risks"}, of="sra", at=_PRIOR)
    if risks is None:
        return accepted
    if not isinstance(risks, list):
        raise Invalid.one(f"{_PRIOR}/risks", "wrong_type", "This must be a list of risks.")
    return {**accepted, "risks": [_open_risk(risk, place) for place, risk in enumerate(cast("list[Any]", risks))]}


def _open_risk(risk: Any, place: int) -> dict[str, Any]:
    if not is_mapping(risk):
        raise Invalid.one(f"{_PRIOR}/risks/{place}", "wrong_type", "A risk is an object with its rule, subject and level.")
    name = risk.get("id")
    if name is not None and not (isinstance(name, str) and len(name) <= LONGEST_NAME):
        raise Invalid.one(
            f"{_PRIOR}/risks/{place}/id", "wrong_type", f"This must be a text of up to {LONGEST_NAME} characters."
        )
    facts = accept_settings(
        {each: value for each, value in risk.items() if each != "id"}, of="risk", at=f"{_PRIOR}/risks/{place}"
    )
    return facts if name is None else {"id": name, **facts}


_PRIOR = "/prior_analysis"
LONGEST_NAME = 200
