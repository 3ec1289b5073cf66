"""Plans: what is sold and for how much, as data in ``plans.toml``. Read once and checked whole: a wrong step never sells."""

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_LOCATIONS = 10_000


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Data):
    """From so many locations on, each of them costs so many cents a year."""

    from_: int = Field(alias="from", ge=1, le=MOST_LOCATIONS)
    each: int = Field(ge=0)


class Limits(_Data):
    """What is covered: devices and storage for each location, members for the whole tenant, and more with each location."""

    devices: int = Field(ge=1)
    storage_mb: int = Field(ge=1)
    members: int = Field(ge=1)
    members_each: int = Field(ge=0)

    def for_locations(self, locations: int) -> dict[str, int]:
        """As domain/coverage.py reads them from an organization."""
        return {"devices": self.devices * locations, "storage_mb": self.storage_mb * locations}

    def for_tenant(self, locations: int) -> dict[str, int]:
        """As domain/coverage.py reads them from a tenant that pays for so many locations, or tries the first out."""
        return {**self.for_locations(1), "members": self.members + self.members_each * max(0, locations - 1)}


class Plan(_Data):
    key: str = Field(pattern=r"^[a-z][a-z_]*$")
    name: str
    description: str
    location: str
    """What counts as one."""
    steps: tuple[Step, ...]
    commitments: tuple[Step, ...] = ()
    limits: Limits

    @model_validator(mode="after")
    def _falls_as_it_grows(self) -> "Plan":
        if not self.steps or self.steps[0].from_ != 1:
            raise ValueError("the first step of a plan begins with one location")
        for steps in (self.steps, self.commitments):
            for lower, higher in itertools.pairwise(steps):
                if higher.from_ <= lower.from_ or higher.each >= lower.each:
                    raise ValueError("steps rise in locations and fall in price")
        return self

    def rate(self, locations: int, *, commitment: int = 0) -> int:
        """Cents a year for each of an organization's locations: the better of its own step and its tenant's commitment."""
        own = _reached(self.steps, locations)
        committed = _reached(self.commitments, commitment)
        assert own is not None, "the first step begins with one"
        return own.each if committed is None else min(own.each, committed.each)

    def committed_rate(self, commitment: int) -> int:
        """Cents a year for a committed location that no organization uses yet."""
        return self.rate(1, commitment=commitment)

    @property
    def rates(self) -> Sequence[int]:
        """Every list price that can come up, the highest first."""
        return sorted({step.each for step in (*self.steps, *self.commitments)}, reverse=True)


class QuoteTerms(_Data):
    valid_days: int = Field(ge=1)
    longest_years: int = Field(ge=1)


class Discounts(_Data):
    """In percent of the list price."""

    without_approval: int = Field(ge=0, le=100)
    most: int = Field(ge=0, le=100)


class PriceList(_Data):
    currency: str = Field(pattern=r"^[a-z]{3}$")
    tax_behavior: Literal["exclusive", "inclusive"]
    trial_days: int = Field(ge=0)
    grace_days: int = Field(ge=0)
    net_days: int = Field(ge=0)
    reminder_days: tuple[int, ...]
    quotes: QuoteTerms
    discounts: Discounts
    plans: tuple[Plan, ...]

    @property
    def by_key(self) -> Mapping[str, Plan]:
        return {plan.key: plan for plan in self.plans}

    def plan(self, key: str) -> Plan:
        return self.by_key[key]

    @model_validator(mode="after")
    def _each_plan_once(self) -> "PriceList":
        if not self.plans or len(self.by_key) != len(self.plans):
            raise ValueError("there is at least one plan, and no key twice")
        return self


DEFAULT_PLAN = "practice"


@cache
def price_list() -> PriceList:
    return read_price_list(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def read_price_list(text: str) -> PriceList:
    """The price list that a TOML text says; ``ValueError`` for one that cannot be sold by."""
    said: dict[str, Any] = tomllib.loads(text)
    return PriceList.model_validate(said)


def _reached(steps: Sequence[Step], locations: int) -> Step | None:
    return next((step for step in reversed(steps) if step.from_ <= locations), None)
