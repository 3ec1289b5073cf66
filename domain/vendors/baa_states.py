"""Where a business associate agreement stands on a day, what may happen to it next, and what its text lacks.

Dates decide: an agreement that was signed yesterday expires without anybody doing anything. The law sets one figure only,
60 days for the notice of a breach (45 CFR 164.410(b)); anything below is what the parties agreed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Protocol

from domain.sra.catalogue import Clause, catalogue
from domain.vendors.standing import EXPIRING_DAYS

LAWFUL_NOTICE_DAYS = 60
NOTICE_SETTING = "baa_breach_notice_max"


class BaaStatus(StrEnum):
    """What people did to the agreement. ``expiring`` follows from the dates and is never stored; ``expired`` is stored
    only where a survey said so without giving a day."""

    draft = "draft"
    sent = "sent"
    executed = "executed"
    amended = "amended"
    terminated = "terminated"
    phi_return_pending = "phi_return_pending"
    closed = "closed"
    expired = "expired"


class AgreementState(StrEnum):
    """Where it stands on a day. ``unknown``: recorded as signed, but nobody has recorded when."""

    draft = "draft"
    sent = "sent"
    executed = "executed"
    amended = "amended"
    expiring = "expiring"
    expired = "expired"
    terminated = "terminated"
    phi_return_pending = "phi_return_pending"
    closed = "closed"
    unknown = "unknown"


UNSIGNED = frozenset({AgreementState.draft, AgreementState.sent})
IN_FORCE = frozenset({AgreementState.executed, AgreementState.amended, AgreementState.expiring})
SIGNED = IN_FORCE | {AgreementState.expired, AgreementState.unknown}
"""Signed and not terminated."""
OVER = frozenset({AgreementState.terminated, AgreementState.phi_return_pending, AgreementState.closed})

ALLOWED: Mapping[AgreementState, str] = {
    AgreementState.draft: "set sent_on, sign (POST /v1/baas/{id}/signature), or change any term",
    AgreementState.sent: "sign (POST /v1/baas/{id}/signature), or change any term",
    AgreementState.executed: "amend (set amended_on), terminate (POST /v1/baas/{id}/termination)",
    AgreementState.amended: "amend again (set amended_on), terminate (POST /v1/baas/{id}/termination)",
    AgreementState.expiring: "amend (set amended_on and end_on), terminate (POST /v1/baas/{id}/termination)",
    AgreementState.expired: "set return_destroy_attested_on, terminate (POST /v1/baas/{id}/termination), or draw up a new one",
    AgreementState.unknown: "set signed_on, terminate (POST /v1/baas/{id}/termination)",
    AgreementState.terminated: "set return_destroy_attested_on, or draw up a new one",
    AgreementState.phi_return_pending: "set return_destroy_attested_on, or draw up a new one",
    AgreementState.closed: "draw up a new one",
}
"""What can be done next, for the person whose request was refused."""


class Terms(Protocol):
    """What of an agreement decides where it stands and what is wrong with it."""

    status: BaaStatus
    signed_on: date | None
    end_on: date | None
    amended_on: date | None
    breach_notice_days: int | None
    missing_required_clauses: list[str] | None
    signers: list[dict[str, Any]]


def state_of(baa: Terms, *, as_of: date) -> AgreementState:
    """Where the agreement stands on ``as_of``. An agreement is in force on the day on which it ends."""
    if baa.status in (BaaStatus.executed, BaaStatus.amended):
        return _state_of_signed(baa, as_of)
    return AgreementState(baa.status.value)


def _state_of_signed(baa: Terms, as_of: date) -> AgreementState:
    if baa.end_on is not None and baa.end_on < as_of:
        return AgreementState.expired
    if baa.signed_on is None:
        return AgreementState.unknown
    if baa.signed_on > as_of:
        return AgreementState.sent
    if baa.end_on is not None and baa.end_on <= as_of + timedelta(days=EXPIRING_DAYS):
        return AgreementState.expiring
    return AgreementState.amended if baa.amended_on is not None and baa.amended_on <= as_of else AgreementState.executed


@dataclass(frozen=True, slots=True)
class TermsWarning:
    """Something about the text that a reader must know. ``citation`` where it is the law that says so."""

    code: str
    field: str
    detail: str
    citation: str | None = None


def warnings_of(baa: Terms, *, settings: Mapping[str, Any]) -> tuple[TermsWarning, ...]:
    """What is missing from the agreement, unlawful in it, or longer than the practice's own limit."""
    found = [_about_notice(baa.breach_notice_days, longest_notice(settings)), _about_clauses(baa.missing_required_clauses)]
    if baa.status not in (BaaStatus.draft, BaaStatus.sent):
        found.append(_about_signers(baa.signers))
    return tuple(each for each in found if each is not None)


def longest_notice(settings: Mapping[str, Any]) -> int:
    """The practice's limit in days for the notice of a breach, or the catalogue's default."""
    chosen = settings.get(NOTICE_SETTING)
    if isinstance(chosen, int) and not isinstance(chosen, bool) and chosen >= 0:
        return chosen
    default = catalogue().fact_by_key[f"setting.{NOTICE_SETTING}"].default
    assert default is not None
    return default


def clause_checklist(missing: list[str] | None) -> tuple[tuple[Clause, bool | None], ...]:
    """Every clause that the law wants, and whether the text has it. None: nobody has checked."""
    return tuple((clause, None if missing is None else clause.key not in missing) for clause in catalogue().clauses)


def _about_notice(days: int | None, limit: int) -> TermsWarning | None:
    if days is None:
        return TermsWarning(
            "breach_notice_missing", "breach_notice_days", "No time is recorded within which the vendor reports a breach."
        )
    if days > LAWFUL_NOTICE_DAYS:
        detail = f"{days} days is longer than the {LAWFUL_NOTICE_DAYS} calendar days that a business associate has."
        return TermsWarning("breach_notice_unlawful", "breach_notice_days", detail, "164.410(b)")
    if days > limit:
        detail = f"{days} days is lawful, and longer than the {limit} days that this organization set as its limit."
        return TermsWarning("breach_notice_long", "breach_notice_days", detail)
    return None


def _about_clauses(missing: list[str] | None) -> TermsWarning | None:
    if missing is None:
        return TermsWarning(
            "clauses_unchecked", "missing_required_clauses", "Nobody has checked the text for the clauses that it must have."
        )
    if not missing:
        return None
    clauses = [catalogue().clause_by_key[key] for key in missing if key in catalogue().clause_by_key]
    citations = "; ".join(dict.fromkeys(clause.citations[0] for clause in clauses))
    detail = f"Clauses that the text lacks: {', '.join(missing)}."
    return TermsWarning("clauses_missing", "missing_required_clauses", detail, citations or None)


def _about_signers(signers: list[dict[str, Any]]) -> TermsWarning | None:
    if len({signer.get("party") for signer in signers}) > 1:
        return None
    detail = "Only one party is recorded as having signed." if signers else "Nobody is recorded as having signed."
    return TermsWarning("signers_incomplete", "signers", detail)
