"""What is sold, and for how much."""

from typing import Annotated

from pydantic import BaseModel

from api.door import Inside, door_router, may
from api.pages import Page, Paged, page_of
from billing.plans import Plan, Step, price_list
from domain.access import Permission

router = door_router("billing")
Reader = Annotated[Inside, may(Permission.billing_read)]


class StepOut(BaseModel):
    from_locations: int
    each_cents: int
    """A year, for every location once so many are reached."""


class LimitsOut(BaseModel):
    devices: int
    """For each location."""
    storage_mb: int
    """For each location."""
    members: int
    """For the tenant, with the first location."""
    members_each: int
    """More of them with each further location."""


class PlanOut(BaseModel):
    key: str
    name: str
    description: str
    location: str
    """What counts as one."""
    currency: str
    tax_behavior: str
    yearly_cents: int
    """For a single location."""
    steps: list[StepOut]
    commitments: list[StepOut]
    limits: LimitsOut
    trial_days: int
    grace_days: int
    net_days: int


@router.get("/plans", response_model=Page[PlanOut])
async def list_plans(by: Reader, window: Paged) -> Page[PlanOut]:
    """The price list: yearly prices in whole cents, without tax."""
    return page_of([_shown(plan) for plan in price_list().plans], window, key=lambda plan: plan.key)


def _shown(plan: Plan) -> PlanOut:
    every = price_list()
    return PlanOut(
        key=plan.key,
        name=plan.name,
        description=plan.description,
        location=plan.location,
        currency=every.currency,
        tax_behavior=every.tax_behavior,
        yearly_cents=plan.rate(1),
        steps=_steps(plan.steps),
        commitments=_steps(plan.commitments),
        limits=LimitsOut(**plan.limits.model_dump()),
        trial_days=every.trial_days,
        grace_days=every.grace_days,
        net_days=every.net_days,
    )


def _steps(steps: tuple[Step, ...]) -> list[StepOut]:
    return [StepOut(from_locations=step.from_, each_cents=step.each) for step in steps]
