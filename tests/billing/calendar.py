"""A clock that a test can turn: the program reads its time in one place, and here that place is told another day."""

from datetime import UTC, date, datetime, timedelta, tzinfo

import pytest

from billing.acceptance import begin_what_waits
from billing.accounts import ledger_of
from billing.bookkeeping import close_day
from domain import clock
from domain.clock import today
from domain.database import tenant_session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller


class Calendar:
    """Days pass when the test says so; the hour stays real, so that what happens keeps its order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> None:
        self._runtime = runtime
        self.ahead = timedelta()
        calendar = self

        class Turned(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # pyright: ignore[reportIncompatibleMethodOverride]  a plain datetime will do
                return datetime.now(tz) + calendar.ahead

        monkeypatch.setattr(clock, "datetime", Turned)

    @property
    def day(self) -> date:
        return today()

    def turn_to(self, day: date) -> None:
        self.ahead = datetime.combine(day, datetime.now(UTC).time(), UTC) - datetime.now(UTC)

    async def pass_days(self, *tenants: Caller, until: date) -> None:
        """Every day comes, and each tenant's books are closed on it, as the chore would."""
        while today() < until:
            self.turn_to(today() + timedelta(days=1))
            await self.close_books(*tenants)

    async def close_books(self, *tenants: Caller) -> None:
        for tenant in tenants:
            async with tenant_session(self._runtime.database, Wall(tenant.tenant_id), actor=SYSTEM) as session:
                await begin_what_waits(session, ledger=ledger_of(self._runtime.settings))
                await close_day(session, on=today())
