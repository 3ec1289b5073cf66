"""How an endpoint does: its attempts of the last days in figures, in all and day by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.clock import now
from domain.tenancy import TenantSession


@dataclass(frozen=True, kw_only=True)
class Figures:
    """``success_rate`` from 0 to 1, and durations in milliseconds; None where there was no attempt."""

    attempts: int
    succeeded: int
    failed: int
    success_rate: float | None
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Day(Figures):
    day: date


@dataclass(frozen=True, kw_only=True)
class Statistics(Figures):
    since: datetime
    pending: int
    """Deliveries that are still to be made."""
    last_success_at: datetime | None
    by_day: list[Day]
    """Days in UTC on which there was an attempt, the oldest first."""


_SUCCEEDED = "failure is null and response_status between 200 and 299"
_FIGURES = f"""
    select (at at time zone 'UTC')::date as day, count(*) as attempts, count(*) filter (where {_SUCCEEDED}) as succeeded,
        percentile_disc(0.5) within group (order by duration_ms) as p50_ms,
        percentile_disc(0.95) within group (order by duration_ms) as p95_ms
    from delivery_attempt where tenant_id = $1 and endpoint_id = $2 and at >= $3
    group by grouping sets (((at at time zone 'UTC')::date), ()) order by day nulls first"""  # noqa: S608  our own text

_LAST_SUCCESS = f"""
    select at from delivery_attempt where tenant_id = $1 and endpoint_id = $2 and {_SUCCEEDED} order by at desc limit 1"""  # noqa: S608  our own text

_PENDING = "select count(*) from delivery where tenant_id = $1 and endpoint_id = $2 and status = 'pending'"


async def statistics(session: TenantSession, endpoint_id: UUID, *, days: int) -> Statistics:
    """What became of an endpoint's attempts in the last ``days`` days, in all and day by day."""
    driver = await session.driver()
    since = now() - timedelta(days=days)
    whole, *daily = await driver.fetch(_FIGURES, session.tenant_id, endpoint_id, since)
    return Statistics(
        **_figures(dict(whole)),
        since=since,
        pending=await driver.fetchval(_PENDING, session.tenant_id, endpoint_id) or 0,
        last_success_at=await driver.fetchval(_LAST_SUCCESS, session.tenant_id, endpoint_id),
        by_day=[Day(**_figures(dict(each)), day=each["day"]) for each in daily],
    )


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    attempts, succeeded = row["attempts"], row["succeeded"]
    return {
        "attempts": attempts,
        "succeeded": succeeded,
        "failed": attempts - succeeded,
        "success_rate": round(succeeded / attempts, 4) if attempts else None,
        "p50_ms": row["p50_ms"],
        "p95_ms": row["p95_ms"],
    }
