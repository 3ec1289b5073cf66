"""How often somebody may try: passwords, codes and letters, per account and per address, before they have to wait.

Counted for accounts that do not exist as well, so being told to wait says nothing about whether there is one. A whole
account waits only after many more failures than one address may have: otherwise anybody could lock anybody out.
"""

import time
from dataclasses import dataclass

from limits import RateLimitItem, parse

from domain.errors import TooManyRequests
from domain.keyring import fingerprint
from domain.settings import Settings
from domain.tallies import Tallies, Tally

_HERE = parse("10/15minutes")
_ACCOUNT = parse("100/hour")
_CODES = parse("10/15minutes")
_LETTERS = parse("5/hour")


@dataclass(frozen=True)
class Budget:
    """So many tries in so much time, for whoever ``identity`` names. Only its hash is counted by."""

    limit: RateLimitItem
    identity: tuple[str, ...]


class Attempts:
    """Counts what was tried, in this process or in all of them together: as the rate limits are."""

    def __init__(self, settings: Settings, tallies: Tallies) -> None:
        self._tallies = tallies
        self._per_address = parse(f"{settings.sign_ins_per_address}/15minutes")

    async def sign_in(self, account: str, address: str | None) -> Budget:
        """Take one try at an account from an address. Gives what a success gives back: :meth:`forgive`."""
        here = Budget(_HERE, ("sign-in", account, str(address)))
        await self._spend(Budget(self._per_address, ("sign-in", str(address))), Budget(_ACCOUNT, ("sign-in", account)), here)
        return here

    async def code(self, person: str) -> Budget:
        """Take one try at a second factor."""
        budget = Budget(_CODES, ("code", person))
        await self._spend(budget)
        return budget

    async def letter(self, account: str, address: str | None) -> None:
        """Take one letter that somebody without a credential has sent to an account."""
        await self._spend(Budget(self._per_address, ("letter", str(address))), Budget(_LETTERS, ("letter", account)))

    async def forgive(self, budget: Budget) -> None:
        """Somebody got it right: what they got wrong before no longer counts."""
        identity = _counted(budget)
        await self._tallies.ask(lambda each: each.sliding.clear(budget.limit, *identity))

    async def _spend(self, *budgets: Budget) -> None:
        for budget in budgets:
            limit, identity = budget.limit, _counted(budget)
            free_at = await self._tallies.ask(lambda each, limit=limit, identity=identity: _take(each, limit, identity))
            if free_at is not None:
                wait = max(1, round(free_at - time.time()))
                raise TooManyRequests("There were too many attempts. Wait, and try again.", retry_after=wait)


async def _take(tally: Tally, limit: RateLimitItem, identity: tuple[str, ...]) -> float | None:
    """Take one try; where none is left, when there will be."""
    if await tally.sliding.hit(limit, *identity):
        return None
    return (await tally.sliding.get_window_stats(limit, *identity)).reset_time


def _counted(budget: Budget) -> tuple[str, ...]:
    return tuple(fingerprint(each.lower()) for each in budget.identity)
