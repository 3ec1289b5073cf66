"""A clock to turn, for everything about money."""

import pytest

from domain.runtime import Runtime
from tests.billing.calendar import Calendar


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> Calendar:
    return Calendar(monkeypatch, runtime)
