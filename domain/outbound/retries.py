"""Decides whether and when a webhook is tried again: ten attempts over about three days.

The surprising fact: a receiver's Retry-After can only lengthen a wait, up to a day. Otherwise one wrong header could
make us hammer a host, or put a delivery off for ever. The schedule is the example of Standard Webhooks 1.0.0.
"""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from domain.outbound.egress import Answer

# The wait before each attempt, counted from the attempt before.
SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
LONGEST_WAIT = timedelta(hours=24)
SHORTEST_WAIT_WHEN_OVERLOADED = timedelta(minutes=1)
JITTER = 0.1

_GONE = 410
_OVERLOADED = frozenset({429, 502, 504})


class Outcome(StrEnum):
    delivered = "delivered"
    retry = "retry"
    gone = "gone"
    """The receiver answered 410: it wants no more, and the endpoint is to be switched off."""
    exhausted = "exhausted"
    """That was the last attempt of the schedule; only a resend by hand is left."""


def outcome(answer: Answer, *, attempts_made: int) -> Outcome:
    """What an attempt came to; `attempts_made` counts it. Only a 2xx whose answer came in properly is a success:
    redirects are failures, as the specification asks."""
    if answer.ok:
        return Outcome.delivered
    if answer.status == _GONE:
        return Outcome.gone
    return Outcome.retry if attempts_made < len(SCHEDULE) else Outcome.exhausted


def next_attempt(
    attempts_made: int,
    answer: Answer | None,
    now: datetime,
    *,
    chance: Callable[[], float] = random.random,
) -> datetime | None:
    """When to try (again), or None when there is nothing more to try.

    `answer` is that of the last attempt: None before the first one, and when a worker died before it could note the
    answer. `chance` gives numbers from 0 to 1; with it, up to a tenth is added to each wait, so that the deliveries
    which failed together do not all come back together.
    """
    if attempts_made >= len(SCHEDULE):
        return None
    wait = SCHEDULE[attempts_made]
    if answer is not None:
        if outcome(answer, attempts_made=attempts_made) is not Outcome.retry:
            return None
        wait = _wait_after(answer, planned=wait, now=now)
    return now + wait * (1 + JITTER * chance())


def _wait_after(answer: Answer, *, planned: timedelta, now: datetime) -> timedelta:
    wait = planned
    if answer.status in _OVERLOADED:
        wait = max(planned * 2, SHORTEST_WAIT_WHEN_OVERLOADED)
    return min(max(wait, retry_after(answer.headers, now) or wait), LONGEST_WAIT)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long the receiver asks us to wait (RFC 9110 section 10.2.3), at most a day; None when it does not ask, or
    not readably. `headers` have lower-case names."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        # Nine digits are thirty years; int() would refuse thousands of digits, and timedelta some more than that.
        return min(timedelta(seconds=int(asked[:9])), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(asked)
    except (ValueError, OverflowError):
        return None
    # The old asctime form of an HTTP date has no zone; HTTP dates are always UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), LONGEST_WAIT)
