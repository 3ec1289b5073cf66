"""Where requests and tries are counted: in this process, or in a Redis that several share (``BITEWING_RATE_LIMIT_URL``).

A process counts for itself what it counts in Redis, too. So a Redis that does not answer locks nobody out, and opens no door
wide either: what this process has seen still counts, and a guesser gains at most one allowance for each process.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError

from domain.settings import Settings

log = structlog.get_logger()

WITHOUT_REDIS_FOR_SECONDS = 5.0
REDIS_ANSWERS_WITHIN_SECONDS = 0.25
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Tally:
    """One place to count in: ``storage`` for windows that the caller cuts, ``sliding`` for those that move with the clock."""

    storage: MemoryStorage | RedisStorage
    sliding: SlidingWindowCounterRateLimiter


class Tallies:
    """This process's own tally, and the shared one where the settings name it."""

    def __init__(self, settings: Settings) -> None:
        self._own = _tally(MemoryStorage())
        self._redis: RedisStorage | None = None
        if settings.rate_limit_url is not None:
            self._redis = RedisStorage(
                f"async+{settings.rate_limit_url.get_secret_value()}",
                implementation="redispy",
                key_prefix="bitewing-rate",
                socket_timeout=REDIS_ANSWERS_WITHIN_SECONDS,
                socket_connect_timeout=REDIS_ANSWERS_WITHIN_SECONDS,
            )
        self._shared = None if self._redis is None else _tally(self._redis)
        self._away_until: float | None = None
        """Redis did not answer, and is not asked again before then."""

    async def ask(self, question: Callable[[Tally], Awaitable[Answer]]) -> Answer:
        """Put a question that counts to both tallies. The shared one's answer holds; while it is away, our own."""
        here = await question(self._own)
        if self._shared is None or (self._away_until is not None and time.monotonic() < self._away_until):
            return here
        try:
            together = await question(self._shared)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_away(error)
            return here
        self._note_back()
        return together

    async def redis_answers(self) -> bool | None:
        """Whether Redis answers at this moment; None where the settings name none."""
        if self._redis is None:
            return None
        return await self._redis.check()

    async def close(self) -> None:
        if self._redis is not None:
            bridge: Any = self._redis.bridge
            await bridge.get_connection().aclose()

    def _note_away(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("tallies.without_redis", error=type(error).__name__)
        self._away_until = time.monotonic() + WITHOUT_REDIS_FOR_SECONDS

    def _note_back(self) -> None:
        if self._away_until is not None:
            log.info("tallies.redis_is_back")
        self._away_until = None


def _tally(storage: MemoryStorage | RedisStorage) -> Tally:
    return Tally(storage, SlidingWindowCounterRateLimiter(storage))
