"""A clock to turn, for everything about money."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.runtime import Runtime
from tests.billing.calendar import Calendar
from tests.billing.stripe_world import World, open_world
from tests.makers import House


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> Calendar:
    return Calendar(monkeypatch, runtime)


@pytest_asyncio.fixture
async def world(house: House, calendar: Calendar) -> AsyncIterator[World]:
    """``house`` empties the queue first; ``calendar`` is there so that both clocks can be turned."""
    async with open_world(house.runtime) as opened:
        yield opened
