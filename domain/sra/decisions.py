"""What can be decided about a risk, and what must be said with each kind of decision."""

from datetime import date
from enum import StrEnum

from sqlmodel import Field

from domain.errors import Fault, Invalid
from domain.sra.levels import Level
from domain.sra.suggestions import AdjustmentKind
from domain.tenancy import Fields


class DecisionKind(StrEnum):
    confirm = "confirm"
    adjust = "adjust"
    reject = "reject"
    reduce = "reduce"
    transfer = "transfer"
    avoid = "avoid"
    accept = "accept"
    resolve = "resolve"
    """Only of a risk written by hand: what caused it was put right. Rules and answers resolve theirs by themselves."""


class AcceptanceStep(StrEnum):
    requested = "requested"
    approved = "approved"
    expired = "expired"


class AcceptanceState(StrEnum):
    """Where the acceptance on a finding stands. ``lapsed``: asked for or given once, and no longer good."""

    requested = "requested"
    approved = "approved"
    lapsed = "lapsed"


class DecisionFields(Fields):
    kind: DecisionKind
    reason: str | None = Field(
        default=None,
        min_length=1,
        max_length=4000,
        description="Required to adjust, to reject, to resolve and to ask for acceptance.",
    )
    likelihood: Level | None = Field(default=None, description="With `adjust`: the likelihood, the impact, or `apply`.")
    impact: Level | None = None
    apply: list[AdjustmentKind] | None = Field(
        default=None,
        min_length=1,
        max_length=4,
        description="With `adjust`: adjustments of the likelihood that the rule gave, such as those suggested; up to very "
        "high and down to very low.",
    )
    expires_on: date | None = Field(
        default=None, description="With `accept`: the last day on which the risk is accepted. Required to ask for it."
    )
    current_measures: str | None = Field(
        default=None, min_length=1, max_length=4000, description="What is in place against this risk already."
    )


_NEEDS_REASON = {DecisionKind.adjust, DecisionKind.reject, DecisionKind.resolve}
_ONLY_WITH = {
    "likelihood": DecisionKind.adjust,
    "impact": DecisionKind.adjust,
    "apply": DecisionKind.adjust,
    "expires_on": DecisionKind.accept,
}


def refuse_out_of_place(fields: DecisionFields) -> None:
    faults = [
        Fault(f"/{name}", "not_with_this_kind", f"This is said with {kind.value!r} only.")
        for name, kind in _ONLY_WITH.items()
        if getattr(fields, name) is not None and fields.kind is not kind
    ]
    if fields.kind in _NEEDS_REASON and fields.reason is None:
        faults.append(Fault("/reason", "missing", f"To {fields.kind.value} a risk, say why."))
    if fields.kind is DecisionKind.adjust and (fields.likelihood, fields.impact, fields.apply) == (None, None, None):
        faults.append(Fault("/likelihood", "missing", "Give the new likelihood, the new impact, or what to apply."))
    if fields.likelihood is not None and fields.apply is not None:
        faults.append(Fault("/apply", "not_with_likelihood", "Apply adjustments, or say the likelihood yourself."))
    if faults:
        raise Invalid(faults)
