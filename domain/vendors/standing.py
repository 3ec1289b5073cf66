"""Where the agreement with a vendor stands on a day, and whether that is enough (45 CFR 164.308(b), 164.504(e)).

Dates decide, not the word in the status: a signed agreement whose end has passed is expired whatever its row says. An
agreement that somebody believes to be on file, but nobody has seen, is unknown, and unknown is not compliant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from domain.known import as_date, known
from domain.vendors.decision import Decision

BaaState = Literal["none", "draft", "executed", "expiring", "expired", "terminated", "unknown"]

EXPIRING_DAYS = 60
"""An agreement that ends within this time counts as expiring (and is still in force)."""

_UNSIGNED = ("draft", "sent")
_TERMINATED = ("terminated", "phi_return_pending", "closed")
_OVER = (*_TERMINATED, "expired")


@dataclass(frozen=True, slots=True)
class _Agreement:
    id: str
    facts: Mapping[str, Any]
    status: str | None
    signed_on: date | None
    end_on: date | None
    signed: bool | None
    """None: the status says signed and no date shows it."""
    in_force: bool | None


@dataclass(frozen=True, slots=True)
class Agreements:
    """All agreements with one vendor, on one day. None is unknown."""

    state: BaaState
    executed: bool | None
    """Some agreement was signed, even if it has ended since."""
    active: bool | None
    """An agreement is in force."""
    ends: bool
    """There are signed agreements, and none of them is open-ended."""
    end_on: date | None
    """The latest end, where ``ends`` and all ends are recorded."""
    in_force: tuple[str, Mapping[str, Any]] | None
    """The agreement in force, id and facts: of several, the one signed last."""
    return_attested: bool
    had_agreement: bool


def agreements(baas: Iterable[tuple[str, Mapping[str, Any]]], *, on_file: object = None, as_of: date) -> Agreements:
    """``baas`` as (id, facts). ``on_file`` is the vendor's fact ``baa_on_file``: yes, no, "unknown" or None."""
    found = sorted((_agreement(id, facts, as_of) for id, facts in baas), key=lambda a: (a.signed_on or date.min, a.id))
    believed = on_file in ("yes", "unknown") and not any(a.signed for a in found)
    doubt = [None] if believed else []
    executed = _any([*(a.signed for a in found), *doubt])
    active = _any([*(a.in_force for a in found), *doubt])
    signed = [a for a in found if a.signed]
    in_force = [a for a in found if a.in_force]
    ends = bool(signed) and not any(a.end_on is None and a.status not in _OVER for a in signed)
    end_days = [a.end_on for a in signed if a.end_on is not None]
    return Agreements(
        state=_state(found, active=active, as_of=as_of),
        executed=executed,
        active=active,
        ends=ends,
        end_on=max(end_days) if ends and len(end_days) == len(signed) else None,
        in_force=(in_force[-1].id, in_force[-1].facts) if in_force else None,
        return_attested=any(_is_past(a.facts.get("return_destroy_attested_on"), as_of) for a in found),
        had_agreement=any(a.signed is not False for a in found),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of the list of vendors. ``baa_state`` and ``compliant`` are None where no agreement is required;
    ``compliant`` is also None for a vendor whose relationship has ended."""

    decision: Decision
    baa_state: BaaState | None
    compliant: bool | None


def standing(decision: Decision, agreements: Agreements, *, vendor_ended: bool) -> Standing:
    """Joins what is required with what there is."""
    if decision.decision != "required":
        return Standing(decision, None, None)
    compliant = None if vendor_ended else agreements.state in ("executed", "expiring")
    return Standing(decision, agreements.state, compliant)


def _agreement(id: str, facts: Mapping[str, Any], as_of: date) -> _Agreement:
    status = known(facts, "status")
    signed_on, end_on = as_date(facts.get("signed_on")), as_date(facts.get("end_on"))
    if status in _UNSIGNED or (signed_on is not None and signed_on > as_of) or (signed_on is None and status is None):
        signed: bool | None = False
    else:
        signed = True if signed_on is not None else None
    over = status in _OVER or (end_on is not None and end_on < as_of)
    return _Agreement(id, facts, status, signed_on, end_on, signed, in_force=False if over else signed)


def _any(answers: Iterable[bool | None]) -> bool | None:
    """True if one is, else unknown if one is unknown."""
    given = list(answers)
    return True if True in given else None if None in given else False


def _state(found: list[_Agreement], *, active: bool | None, as_of: date) -> BaaState:
    if active:
        ends = [a.end_on for a in found if a.in_force]
        known_ends = [end for end in ends if end is not None]
        lasting = len(known_ends) < len(ends) or max(known_ends) > as_of + timedelta(days=EXPIRING_DAYS)
        return "executed" if lasting else "expiring"
    if active is None:
        return "unknown"
    over = [a for a in found if a.signed]
    if over:
        return "terminated" if over[-1].status in _TERMINATED else "expired"
    return "draft" if found else "none"


def _is_past(value: object, as_of: date) -> bool:
    day = as_date(value)
    return day is not None and day <= as_of
