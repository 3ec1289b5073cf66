"""Rate limits: so many requests a minute for each credential, and for each address that has none or a wrong one.

Counted where ``domain/tallies.py`` counts: a Redis that does not answer stops nobody.
"""

import time
from dataclasses import dataclass

from fastapi import Request

from domain.errors import TooManyRequests
from domain.settings import Settings
from domain.tallies import Tallies

WINDOW_SECONDS = 60


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

    def __init__(self, settings: Settings, tallies: Tallies) -> None:
        self._quotas = {"credential": settings.rate_limit_credential, "address": settings.rate_limit_address}
        self._tallies = tallies

    async def spend(self, request: Request, policy: str, who: object) -> None:
        """Count a request of a ``credential`` or an ``address``; :class:`TooManyRequests` when its minute is used up."""
        moment = time.time()
        window, passed = divmod(int(moment), WINDOW_SECONDS)
        key = f"{policy}/{who}/{window}"
        used = await self._tallies.ask(lambda each: each.storage.incr(key, WINDOW_SECONDS * 2))
        quota = self._quotas[policy]
        standing = Standing(policy, quota, max(0, quota - used), WINDOW_SECONDS - passed)
        request.state.rate = standing
        if used > quota:
            raise TooManyRequests(
                f"This {policy} may send {quota} requests a minute. Wait until the next one begins.",
                retry_after=standing.resets_in,
            )
