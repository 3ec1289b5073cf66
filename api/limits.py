"""Rate limits: so many requests a minute for each credential, and for each address that has none or a wrong one.

Counted in this process, or in a Redis that several share (``BITEWING_RATE_LIMIT_URL``). A Redis that does not answer stops
nobody: for a few seconds each process then counts for itself, which lets through a little more than was meant.
"""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Request
from limits.aio.storage import MemoryStorage, RedisStorage
from redis.exceptions import RedisError

from domain.errors import TooManyRequests
from domain.settings import Settings

log = structlog.get_logger()

WINDOW_SECONDS = 60
WITHOUT_REDIS_FOR_SECONDS = 5.0
REDIS_ANSWERS_WITHIN_SECONDS = 0.25


@dataclass(frozen=True)
class Standing:
    """How much of a limit is left. ``resets_in`` is in seconds."""

    policy: str
    quota: int
    remaining: int
    resets_in: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """``RateLimit-Policy`` and ``RateLimit`` as draft-ietf-httpapi-ratelimit-headers-10 writes them."""
        return [
            (b"ratelimit-policy", f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={self.remaining};t={self.resets_in}'.encode()),
        ]


class RateLimits:
    """Counts in windows of one minute, aligned to the clock, so that several processes need no agreement on their start."""

    def __init__(self, settings: Settings) -> None:
        self._quotas = {"credential": settings.rate_limit_credential, "address": settings.rate_limit_address}
        self._own = MemoryStorage()
        self._shared: RedisStorage | None = None
        if settings.rate_limit_url is not None:
            self._shared = RedisStorage(
                f"async+{settings.rate_limit_url.get_secret_value()}",
                implementation="redispy",
                key_prefix="bitewing-rate",
                socket_timeout=REDIS_ANSWERS_WITHIN_SECONDS,
                socket_connect_timeout=REDIS_ANSWERS_WITHIN_SECONDS,
            )
        self._without_until = 0.0

    async def close(self) -> None:
        if self._shared is not None:
            bridge: Any = self._shared.bridge
            await bridge.get_connection().aclose()

    async def spend(self, request: Request, policy: str, who: object) -> None:
        """Count a request of a ``credential`` or an ``address``; :class:`TooManyRequests` when its minute is used up."""
        moment = time.time()
        window, passed = divmod(int(moment), WINDOW_SECONDS)
        used = await self._count(f"{policy}/{who}/{window}")
        quota = self._quotas[policy]
        standing = Standing(policy, quota, max(0, quota - used), WINDOW_SECONDS - passed)
        request.state.rate = standing
        if used > quota:
            raise TooManyRequests(
                f"This {policy} may send {quota} requests a minute. Wait until the next one begins.",
                retry_after=standing.resets_in,
            )

    async def _count(self, key: str) -> int:
        if self._shared is not None and time.monotonic() >= self._without_until:
            try:
                return await self._shared.incr(key, WINDOW_SECONDS * 2)
            except (RedisError, OSError, TimeoutError) as error:
                self._without_until = time.monotonic() + WITHOUT_REDIS_FOR_SECONDS
                log.warning("rate_limits.without_redis", error=type(error).__name__)
        return await self._own.incr(key, WINDOW_SECONDS * 2)
