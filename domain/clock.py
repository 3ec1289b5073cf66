"""Time and identity: the one place that reads the clock, and the ids that sort by it."""

import secrets
import time
from datetime import UTC, date, datetime
from uuid import UUID


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The current calendar day in UTC."""
    return now().date()


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562 section 5.7): 48 bits of milliseconds, then 74 random bits.

    Made here and not by the database, because ``uuidv7()`` needs Postgres 18 and we accept 15.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z, microseconds always written, as the lists built by Postgres write it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
