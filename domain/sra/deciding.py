"""Deciding on findings: a person confirms, adjusts or rejects a risk, and says how it is treated.

Accepting a risk takes two people: one asks, and another, who may approve analyses, agrees. Until then the risk stays open.
Any other decision withdraws what was asked, and brings a rejected or accepted risk back, unless it rejects it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from domain.access import Permission, Principal
from domain.clock import now, rfc3339, today
from domain.database import tenant_session
from domain.errors import Conflict, Fault, Forbidden, Invalid
from domain.events import differences, emit
from domain.free_text import keep_patients_out
from domain.inventory.organizations import Organization
from domain.people.acting import acting_member
from domain.people.tenants import all_tenants
from domain.remediation.due_dates import set_due, sla_of
from domain.runtime import Runtime
from domain.sra.catalogue import catalogue
from domain.sra.decisions import AcceptanceState, AcceptanceStep, DecisionFields, DecisionKind, refuse_out_of_place
from domain.sra.findings import Finding, FindingOrigin, FindingStatus, Treatment
from domain.sra.levels import Level, risk_level
from domain.sra.suggestions import adjusted as adjusted_likelihood
from domain.tenancy import SYSTEM, TenantSession, Wall


async def decide(session: TenantSession, finding: Finding, fields: DecisionFields, *, by: Principal) -> Finding:
    """Record a decision. What it changes is in the event; what was said stays with the finding."""
    member_id = acting_member(session)
    refuse_out_of_place(fields)
    suspected = await keep_patients_out(session, {"reason": fields.reason, "current_measures": fields.current_measures})
    await session.refresh(finding, with_for_update=True)
    if finding.status == FindingStatus.resolved and not _brings_back(finding, fields):
        raise Conflict("This risk is resolved: there is nothing to decide unless it comes back.", code="finding_resolved")
    if fields.kind is DecisionKind.resolve and finding.origin != FindingOrigin.manual:
        raise Conflict(
            "Only a risk written by hand is resolved by a decision. This one is resolved when the facts or answers say so.",
            code="not_manual",
        )
    before = _standing(finding)
    step = _carry_out(finding, fields, by=by, member_id=member_id)
    set_due(finding, await sla_of(session, await session.fetch(Organization, finding.organization_id)))
    if fields.current_measures is not None:
        finding.current_measures = fields.current_measures
    _remember(finding, fields, step=step, member_id=member_id)
    await session.flush()
    told = {"kind": fields.kind, **({"acceptance": step} if step else {})}
    emit(session, "finding.decided", finding, {**told, **differences(before, _standing(finding))})
    if suspected:
        emit(session, "finding.patient_identifier_suspected", finding, suspected)
    return finding


async def reopen_expired(session: TenantSession, *, on: date) -> int:
    """Bring back every risk whose acceptance ended before ``on``; how many there were."""
    decision: Any = col(Finding.decision)
    statement = (
        select(Finding)
        .where(
            col(Finding.status) == FindingStatus.accepted,
            decision["acceptance"]["expires_on"].astext < on.isoformat(),
        )
        .order_by(col(Finding.id))
        .with_for_update()
    )
    expired = (await session.execute(statement)).scalars().all()
    for finding in expired:
        before = _standing(finding)
        _reopen(finding)
        set_due(finding, await sla_of(session, await session.fetch(Organization, finding.organization_id)))
        _append(finding, {"kind": DecisionKind.accept.value, "step": AcceptanceStep.expired.value})
        emit(session, "finding.reopened", finding, differences(before, _standing(finding)))
    await session.flush()
    return len(expired)


async def reopen_all_expired(runtime: Runtime) -> None:
    """The chore: every tenant's expired acceptances, each behind its own wall."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            await reopen_expired(session, on=today())


def acceptance_state(finding: Finding) -> AcceptanceState | None:
    """Where the acceptance stands today; None where nobody has asked for one."""
    if not finding.decision.get("acceptance"):
        return None
    if finding.status == FindingStatus.accepted:
        return AcceptanceState.approved
    return AcceptanceState.requested if _request(finding) else AcceptanceState.lapsed


def _brings_back(finding: Finding, fields: DecisionFields) -> bool:
    """A risk written by hand that was resolved by mistake is there again when somebody confirms it."""
    return finding.origin == FindingOrigin.manual and fields.kind is DecisionKind.confirm


# --- what each kind does ---------------------------------------------------------------------------------------------


def _carry_out(finding: Finding, fields: DecisionFields, *, by: Principal, member_id: UUID) -> AcceptanceStep | None:
    if fields.kind is DecisionKind.accept:
        return _accept(finding, fields, by=by, member_id=member_id)
    _forget(finding, "acceptance")
    if fields.kind is DecisionKind.reject:
        finding.status = FindingStatus.rejected
        finding.treatment = None
    elif fields.kind is DecisionKind.resolve:
        finding.status = FindingStatus.resolved
        finding.resolved_at = now()
        finding.treatment = None
    else:
        _reopen(finding)
    if fields.kind is DecisionKind.adjust:
        _adjust(finding, fields, member_id=member_id)
    else:
        _set(finding, reason=fields.reason)
    if fields.kind in (DecisionKind.reduce, DecisionKind.transfer, DecisionKind.avoid):
        finding.treatment = Treatment(fields.kind.value)
    return None


def _reopen(finding: Finding) -> None:
    if finding.status != FindingStatus.open:
        finding.status = FindingStatus.open
        finding.reopened_at = now()
        finding.resolved_at = None
        finding.residual_likelihood = finding.residual_impact = finding.residual_level = None
        _forget(finding, "reason")
    if finding.treatment == Treatment.accept:
        finding.treatment = None


def _adjust(finding: Finding, fields: DecisionFields, *, member_id: UUID) -> None:
    """Rate anew. The next evaluation keeps this rating; what the rules had said is kept beside it."""
    earlier: Mapping[str, Any] = finding.decision.get("adjusted") or {}
    base = earlier.get("base") or _rating(finding)
    applied = list(dict.fromkeys(fields.apply or ()))
    if applied:
        finding.likelihood = adjusted_likelihood(Level(base["likelihood"]), applied, catalogue())
    finding.likelihood = fields.likelihood or finding.likelihood
    finding.impact = fields.impact or finding.impact
    finding.level = risk_level(likelihood=finding.likelihood, impact=finding.impact)
    finding.level_rank = finding.level.rank
    adjusted = {
        "likelihood": finding.likelihood.value,
        "impact": finding.impact.value,
        "reason": fields.reason,
        "by": str(member_id),
        "at": rfc3339(now()),
        "base": base,
        "applied": [each.value for each in applied],
    }
    _set(finding, adjusted=adjusted)


def _accept(finding: Finding, fields: DecisionFields, *, by: Principal, member_id: UUID) -> AcceptanceStep:
    if finding.status != FindingStatus.open:
        raise Conflict(
            f"This risk is {finding.status.value}. Only an open one can be accepted: confirm it first.", code="not_open"
        )
    request = _request(finding)
    if request is None:
        return _ask(finding, fields, member_id=member_id)
    if request["requested_by"] == str(member_id):
        raise Conflict(
            "You have asked for this acceptance yourself; another member who may approve analyses must agree. "
            "Any other decision withdraws your request.",
            code="own_request",
        )
    if not by.may(Permission.assessments_approve):
        raise Forbidden("The acceptance has been asked for. Only somebody who may approve analyses can agree to it.")
    if fields.expires_on is not None and fields.expires_on.isoformat() != request["expires_on"]:
        raise Invalid.one(
            "/expires_on",
            "other_than_requested",
            f"The request says {request['expires_on']}: agree to that, or decide otherwise.",
        )
    agreed = {"approved_by": str(member_id), "approved_at": rfc3339(now()), "approval_reason": fields.reason}
    _set(finding, acceptance={**request, **agreed}, reason=request["reason"])
    finding.status = FindingStatus.accepted
    finding.treatment = Treatment.accept
    return AcceptanceStep.approved


def _ask(finding: Finding, fields: DecisionFields, *, member_id: UUID) -> AcceptanceStep:
    faults = [
        Fault(f"/{name}", "missing", detail)
        for name, detail in (("reason", "Say why this risk can be borne."), ("expires_on", "Say until when."))
        if getattr(fields, name) is None
    ]
    if fields.expires_on is not None and fields.expires_on <= today():
        faults.append(Fault("/expires_on", "in_the_past", "A risk is accepted until a day in the future."))
    if faults:
        raise Invalid(faults)
    assert fields.expires_on is not None
    request = {
        "requested_by": str(member_id),
        "requested_at": rfc3339(now()),
        "reason": fields.reason,
        "expires_on": fields.expires_on.isoformat(),
        "level": finding.level.value,
    }
    _set(finding, acceptance=request)
    return AcceptanceStep.requested


def _request(finding: Finding) -> Mapping[str, Any] | None:
    """The request that waits for a second person. It is good for the risk that it was made for: not after its day, not
    at another level, and not when the risk was gone and has come back."""
    asked: Mapping[str, Any] | None = finding.decision.get("acceptance")
    if asked is None or asked.get("approved_by") or finding.status != FindingStatus.open:
        return None
    if asked["level"] != finding.level or asked["expires_on"] <= today().isoformat():
        return None
    if finding.reopened_at is not None and rfc3339(finding.reopened_at) > asked["requested_at"]:
        return None
    return asked


# --- the record ------------------------------------------------------------------------------------------------------


def _standing(finding: Finding) -> dict[str, Any]:
    """What a decision can change, in words of closed lists only: so much of it goes into the event."""
    return {"status": finding.status, "treatment": finding.treatment, **_rating(finding)}


def _rating(finding: Finding) -> dict[str, str]:
    return {"likelihood": finding.likelihood.value, "impact": finding.impact.value, "level": finding.level.value}


def _remember(finding: Finding, fields: DecisionFields, *, step: AcceptanceStep | None, member_id: UUID) -> None:
    entry = {
        "kind": fields.kind.value,
        "step": step.value if step else None,
        "reason": fields.reason,
        "expires_on": fields.expires_on.isoformat() if fields.expires_on else None,
        "current_measures": fields.current_measures,
        "applied": [each.value for each in fields.apply or ()],
        "by": str(member_id),
    }
    _append(finding, entry)


def _append(finding: Finding, entry: Mapping[str, Any]) -> None:
    result = {
        "status": finding.status.value,
        "treatment": finding.treatment.value if finding.treatment else None,
        **_rating(finding),
    }
    history: list[Any] = finding.decision.get("history") or []
    _set(finding, history=[*history, {"at": rfc3339(now()), **entry, **result}])


def _set(finding: Finding, **values: Any) -> None:
    """A new object each time: the session does not see what is changed inside one."""
    finding.decision = {**finding.decision, **values}


def _forget(finding: Finding, name: str) -> None:
    if name in finding.decision:
        finding.decision = {key: value for key, value in finding.decision.items() if key != name}
