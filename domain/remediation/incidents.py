"""Incidents: security incidents and suspected breaches, small but with the dates that the clocks run from.

An impermissible use or disclosure is presumed to be a breach, 45 CFR 164.402(2): so the clocks run until somebody decides
that it is none, and that decision needs the four factors, an exclusion, or information that was secured. An
incident names the devices and systems that it touched, so that an analysis looks again at exactly what stood open there.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from domain.clock import today
from domain.errors import Fault, Invalid
from domain.inventory.organizations import Organization
from domain.inventory.references import ASSET, refuse_absent
from domain.records import change, create
from domain.tenancy import (
    Archivable,
    Fields,
    OrganizationOwned,
    TenantSession,
    json_list,
    json_object,
    json_or_unknown,
    one_of,
    organization_table,
)

DAYS_FOR_NOTICE = 60
"""45 CFR 164.404(b): calendar days from discovery, and without unreasonable delay."""


DAYS_ORAL_REQUEST_HOLDS = 30
"""45 CFR 164.412: no longer than 30 days after an oral statement, unless a written one follows."""


class Exclusion(StrEnum):
    """What 45 CFR 164.402(1) takes out of the meaning of breach."""

    workforce_in_good_faith = "workforce_in_good_faith"
    between_authorized_persons = "between_authorized_persons"
    could_not_be_retained = "could_not_be_retained"


class BreachFactor(StrEnum):
    """What 45 CFR 164.402(2) asks for when the probability is judged that the information was compromised."""

    nature_and_extent = "nature_and_extent"
    unauthorized_person = "unauthorized_person"
    acquired_or_viewed = "acquired_or_viewed"
    mitigation = "mitigation"


class DelayForm(StrEnum):
    written = "written"
    oral = "oral"


class LawEnforcementDelay(Fields):
    """That an official of law enforcement asked to hold the notices back, 45 CFR 164.412."""

    form: DelayForm
    requested_on: date
    until: date | None = Field(
        default=None,
        description="The last day of the delay: what a written statement says, or at most 30 days after an oral one.",
    )
    statement: str = Field(
        min_length=1,
        max_length=2000,
        description="Who asked, for which authority, and what was said: an oral one is documented.",
    )

    @property
    def ends_on(self) -> date:
        return self.until or self.requested_on + timedelta(days=DAYS_ORAL_REQUEST_HOLDS)


class IncidentFields(Fields):
    what: str = Field(min_length=1, max_length=4000, description="What happened, without names of patients.")
    discovered_on: date
    affected_count: int | None = Field(default=None, ge=0, le=2_000_000_000, description="Individuals. Null: not known.")
    affected_by_state: dict[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], Annotated[int, Field(ge=0)]] = (
        json_object()
    )
    """Affected residents of each State, by its postal code: more than 500 of one call for the media, 45 CFR 164.406."""
    is_breach: bool | None = Field(default=None, description="Null: not decided, so it is presumed to be one, 164.402(2).")
    exclusion: Exclusion | None = one_of(Exclusion, default=None)
    secured: bool | None = Field(
        default=None, description="The information was unusable to others as HHS guidance asks, 164.402 (unsecured)."
    )
    individuals_notified_on: date | None = None
    hhs_notified_on: date | None = None
    media_notified_on: date | None = None
    asset_ids: list[UUID] = json_list()
    """The devices and systems that it touched, as far as they are known."""
    law_enforcement_delay: LawEnforcementDelay | None = json_or_unknown()
    closed_on: date | None = None
    breach_decision: str | None = Field(default=None, max_length=4000)
    assessment: dict[BreachFactor, Annotated[str, StringConstraints(min_length=1, max_length=4000)]] = json_object()
    """The four factors of 45 CFR 164.402(2), as text each: (i) nature and extent, with the likelihood of re-identification;
    (ii) the unauthorized person; (iii) whether it was actually acquired or viewed; (iv) the extent of mitigation."""
    ref: str | None = Field(default=None, max_length=200)


class Incident(IncidentFields, OrganizationOwned, Archivable, table=True):
    __table_args__ = organization_table(UniqueConstraint("tenant_id", "organization_id", "ref"))
    noun: ClassVar[str] = "incident"

    @property
    def notice_due_on(self) -> date:
        """The last day for telling those affected, if this is a breach of unsecured information: 45 CFR 164.404(b)."""
        return self.discovered_on + timedelta(days=DAYS_FOR_NOTICE)

    @property
    def held_until(self) -> date | None:
        """The last day of a delay that law enforcement asked for."""
        delay = self.law_enforcement_delay
        return LawEnforcementDelay.model_validate(delay).ends_on if delay else None


async def report(session: TenantSession, organization: Organization, fields: IncidentFields) -> Incident:
    """Note an incident. Its clock runs from the day of discovery, whatever is decided later."""
    _in_order(fields)
    await _refuse_absent_assets(session, organization.id, fields, known=frozenset())
    return await create(session, Incident(**fields.model_dump(), organization_id=organization.id))


async def amend(session: TenantSession, incident: Incident, fields: IncidentFields) -> Incident:
    _in_order(fields)
    await _refuse_absent_assets(session, incident.organization_id, fields, known=frozenset(map(str, incident.asset_ids)))
    values: dict[str, Any] = fields.model_dump()
    return await change(session, incident, values)


async def _refuse_absent_assets(
    session: TenantSession, organization_id: UUID, fields: IncidentFields, *, known: frozenset[str]
) -> None:
    """What was named before may be out of use by now."""
    named = [(f"/asset_ids/{place}", each, ASSET) for place, each in enumerate(fields.asset_ids) if str(each) not in known]
    await refuse_absent(session, organization_id, named)


def _in_order(fields: IncidentFields) -> None:
    if fields.discovered_on > today() + timedelta(days=1):
        raise Invalid.one("/discovered_on", "in_future", "This day has not come yet, in any time zone.")
    if fields.closed_on is not None and fields.closed_on < fields.discovered_on:
        raise Invalid.one("/closed_on", "before_start", "An incident cannot be closed before it was discovered.")
    faults = [
        Fault(f"/{name}", "before_start", "Nobody can be told before it was discovered.")
        for name in ("individuals_notified_on", "hhs_notified_on", "media_notified_on")
        if getattr(fields, name) is not None and getattr(fields, name) < fields.discovered_on
    ]
    if fields.is_breach is False and not (fields.exclusion or fields.secured or set(BreachFactor) <= set(fields.assessment)):
        detail = (
            "Presumed to be a breach unless a low probability of compromise is shown, 45 CFR 164.402(2): write out all four "
            "factors in `assessment`, or name the `exclusion`, or say that the information was `secured`."
        )
        faults.append(Fault("/is_breach", "not_shown", detail))
    faults += _delay_faults(fields)
    if faults:
        raise Invalid(faults)


def _delay_faults(fields: IncidentFields) -> list[Fault]:
    delay, at = fields.law_enforcement_delay, "/law_enforcement_delay"
    if delay is None:
        return []
    if delay.requested_on > today() + timedelta(days=1):
        return [Fault(f"{at}/requested_on", "in_future", "This day has not come yet, in any time zone.")]
    if delay.until is None and delay.form is DelayForm.written:
        return [Fault(f"{at}/until", "required", "A written statement says for how long, 45 CFR 164.412: give its last day.")]
    if delay.until is not None and delay.until < delay.requested_on:
        return [Fault(f"{at}/until", "before_start", "A delay cannot end before it was asked for.")]
    longest = delay.requested_on + timedelta(days=DAYS_ORAL_REQUEST_HOLDS)
    if delay.form is DelayForm.oral and delay.until is not None and delay.until > longest:
        detail = f"An oral statement holds for no longer than 30 days, 45 CFR 164.412, here until {longest.isoformat()}."
        return [Fault(f"{at}/until", "too_late", detail)]
    return []
