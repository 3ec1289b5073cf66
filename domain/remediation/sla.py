"""By when a risk of each level must be treated: our default, the tenant's policy over it, and the organization's over that.

Both policies stand in settings under ``sla``; each names only what differs. The days run from the day on which the risk was
found, or came back, and may be counted in business days.
"""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from domain.errors import Fault, Invalid
from domain.known import is_mapping
from domain.sra.levels import Level
from domain.tenancy import Fields

Days = Annotated[int, Field(ge=1, le=3650, strict=True)]


class SlaPolicy(Fields):
    """Days by level. ``holidays`` count only in business days, which are Monday to Friday."""

    model_config = ConfigDict(extra="forbid", frozen=True)  # pyright: ignore[reportAssignmentType]  SQLModel types it as its own dict

    very_high: Days = 7
    high: Days = 30
    moderate: Days = 90
    low: Days = 180
    very_low: Days = 365
    business_days: bool = False
    holidays: tuple[date, ...] = Field(default=(), max_length=366)

    def due_on(self, level: Level, *, since: date) -> date:
        """The last day on which a risk of this level, found on ``since``, is treated in time."""
        days: int = getattr(self, level.value)
        if not self.business_days:
            return since + timedelta(days=days)
        closed = frozenset(self.holidays)
        day = since
        while days:
            day += timedelta(days=1)
            days -= day.weekday() < 5 and day not in closed
        return day


def accept_sla(said: Any, *, at: str) -> dict[str, Any]:
    """A policy as it is kept, in which only what differs is named; or :class:`Invalid` with a fault for each bad member."""
    if not is_mapping(said):
        raise Invalid.one(at, "wrong_type", "A policy is an object: days by level, and whether they are business days.")
    try:
        policy = SlaPolicy.model_validate(dict(said))
    except ValidationError as error:
        raise Invalid(
            [
                Fault("/".join([at, *map(str, each["loc"])]), "not_allowed", each["msg"])
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None
    return policy.model_dump(mode="json", include=set(said))
