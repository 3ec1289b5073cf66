"""The authorization matrix: every operation x every role x {own, an organization one is narrowed away from, another tenant},
with the status that the contract's table of roles demands.

Who may, gets past the door: whatever is said then is about the fields or the state of things. Who may not is refused with 403
before anything is looked up, whoever's it is; and what is somebody else's is not there (404).
"""

from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest
import pytest_asyncio

from domain.access import Role
from domain.clock import new_id
from domain.runtime import Runtime
from tests.house.catalog import Eyes
from tests.house.full import FullHouse, build
from tests.house.operations import Operation, operations
from tests.house.roles import (
    ABOUT_THE_ACCOUNT,
    EVERYBODY,
    EXCEPTIONS,
    NOUNS,
    REACHES_FURTHER,
    about_the_account,
    may,
    noun_of,
)
from tests.house.test_doors import send
from tests.makers import Caller, House

Callers = Mapping[str, Caller]
Expected = Callable[[Operation], set[int] | None]
WALKED = [each for each in operations() if each.behind_the_door]
NOBODY_ELSES: dict[str, set[int]] = {
    "DELETE /sessions/{session_id}": {404},
    "DELETE /me/mfa-factors/{mfa_factor_id}": {404},
    "POST /api-keys/{api_key_id}/rotation": {403},
}
"""What is one person's alone, whatever the role of another; the house's were made by its first owner."""
PRACTICE = frozenset({"practice_admin", "practice_member"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full(http: httpx.AsyncClient, runtime: Runtime) -> FullHouse:
    """A house of this walk's own: those who may do something do it."""
    return await build(House(http, runtime), f"matrix{new_id().hex[-12:]}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at_home(http: httpx.AsyncClient, runtime: Runtime, full: FullHouse) -> Callers:
    """One of each role; the practice's own people for their practice."""
    house = House(http, runtime)
    return {
        role: await house.member(full.owner, Role(role), organizations=[full.organization] if role in PRACTICE else None)
        for role in sorted(EVERYBODY)
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def narrowed_away(http: httpx.AsyncClient, runtime: Runtime, full: FullHouse) -> Callers:
    """One of each role in the same tenant, for another organization."""
    house = House(http, runtime)
    other = [full.other_organization]
    return {role: await house.member(full.owner, Role(role), organizations=other) for role in sorted(EVERYBODY)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strangers(http: httpx.AsyncClient, runtime: Runtime) -> AsyncIterator[Callers]:
    """One of each role in another tenant."""
    house = House(http, runtime)
    tenant = await house.tenant()
    practice = await house.organization(tenant)
    yield {
        role: await house.member(tenant, Role(role), organizations=[practice] if role in PRACTICE else None)
        for role in sorted(EVERYBODY)
    }


def test_every_noun_of_the_contract_has_its_place() -> None:
    assert {noun_of(each) for each in WALKED} == NOUNS.keys()
    assert EXCEPTIONS.keys() <= {str(each) for each in WALKED}
    assert NOUNS.keys() | {str(each) for each in WALKED} >= ABOUT_THE_ACCOUNT


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_strangers(full: FullHouse, strangers: Callers, role: str) -> None:
    def expected(operation: Operation) -> set[int] | None:
        if not may(role, operation):
            return {403}
        if role in PRACTICE and about_the_account(operation):
            return {403, 404}
        return {404} if operation.placeholders else None

    await walk(strangers[role], full, expected)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_narrowed_away(full: FullHouse, narrowed_away: Callers, eyes: Eyes, role: str) -> None:
    hidden = await eyes.ids_in(full.organization_id)

    def expected(operation: Operation) -> set[int] | None:
        if not may(role, operation):
            return {403}
        if about_the_account(operation):
            return {403, 404}
        named = {full.ids[name] for name in operation.placeholders}
        if "group_id" in operation.placeholders and operation.method in {"PATCH", "DELETE"}:
            return {404, 412}  # what a group holds is asked of the database, which comes after its ETag
        if named & hidden or REACHES_FURTHER & set(operation.placeholders):
            return {404}
        return NOBODY_ELSES.get(str(operation))

    await walk(narrowed_away[role], full, expected)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_at_home(full: FullHouse, at_home: Callers, role: str) -> None:
    def expected(operation: Operation) -> set[int] | None:
        if not may(role, operation):
            return {403}
        if role in PRACTICE and about_the_account(operation):
            return {403, 404}
        if role in PRACTICE and (REACHES_FURTHER - {"group_id"}) & set(operation.placeholders):
            return {404}
        if role == "practice_member" and {"task_id", "ticket_id"} & set(operation.placeholders):
            return {404}  # it is somebody else's to do
        if role == "admin" and operation.id == "reset_mfa":
            return {403}  # the house's member is an owner, who may do more
        if role in {"owner", "admin"} and operation.id == "end_session":
            return None
        return NOBODY_ELSES.get(str(operation))

    await walk(at_home[role], full, expected)


async def walk(by: Caller, full: FullHouse, expected: Expected) -> None:
    """Carry every operation out; None expects to get past the door."""
    differences: list[str] = []
    for operation in WALKED:
        # An ETag that nothing has: whoever may change or archive a row is told so, and the row stays.
        answer = await send(by, operation, full.ids, headers={"If-Match": '"nothing has this"'})
        wanted = expected(operation)
        if (answer.status_code in {401, 403, 404, 500}) if wanted is None else (answer.status_code not in wanted):
            differences.append(f"{operation}: {answer.status_code}, expected {wanted or 'to pass'} {answer.text[:150]}")
    assert differences == []
