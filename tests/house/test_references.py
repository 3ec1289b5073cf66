"""Ids inside bodies: one's own are taken, a stranger's are refused, wherever the contract lets an id be said.

A plain foreign key would accept another tenant's row, because Postgres checks it behind row security.
"""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from domain.access import Role
from domain.runtime import Runtime
from tests.house.bodies import made_by, value_at, ways_to_ids
from tests.house.catalog import Eyes
from tests.house.full import FullHouse
from tests.house.operations import Leaf, Operation, each_operation, leaves, operations, with_value
from tests.makers import Caller, House

NAMED_BY_TEXT = frozenset({"document_id"})
"""Fields that hold an id and are plain text in the contract."""
ONLY_ONCE = {
    "sign_baa": "an agreement is signed once, so the second call is refused for that",
    "dispose_of_device": "a device is disposed of once",
    "open_portal": "this installation keeps its own books",
    "open_checkout": "this installation keeps its own books",
    "open_assessment": "one analysis is open at a time",
    "map_organization": "an organization is mapped once on a connection",
    "raise_ticket": "a task has one live ticket in a connection",
    "raise_ticket_for_finding": "a task has one live ticket in a connection",
    "complete_task": "a task is done once",
    "make_finding_of_known_issue": "a match becomes a finding once",
}


@pytest_asyncio.fixture(autouse=True)
async def untouched(theirs: FullHouse, eyes: Eyes) -> AsyncIterator[None]:
    before = await eyes.rows_of(theirs.owner.tenant_id)
    yield
    after = await eyes.rows_of(theirs.owner.tenant_id)
    assert {table for table in after if before[table] != after[table]} == set()


def takes_an_id(leaf: Leaf) -> bool:
    return leaf.schema.get("format") == "uuid" or leaf.name in NAMED_BY_TEXT


@each_operation("POST", "PUT", having="json_body")
async def test_the_full_house_says_every_id_that_can_be_said(mine: FullHouse, operation: Operation) -> None:
    """So that the tests below try each of them."""
    assert operation.json_body is not None
    sayable = {
        tuple(part for part in leaf.way if isinstance(part, str)) for leaf in leaves(operation.json_body) if takes_an_id(leaf)
    }
    said = {
        tuple(part for part in way if isinstance(part, str))
        for made in made_by(operation, mine)
        for way in ways_to_ids(made.body)
    }
    assert sayable - said == set(), "say it in tests/house/full.py"


@each_operation("POST", "PUT", having="json_body")
async def test_a_new_thing_cannot_name_a_strangers(mine: FullHouse, theirs: FullHouse, operation: Operation) -> None:
    foreign = mine.counterparts(theirs)
    for made in made_by(operation, mine):
        for way in ways_to_ids(made.body):
            own = value_at(made.body, way)
            if operation.id not in ONLY_ONCE:
                control = await mine.owner.request(made.method, made.path, json=mine.renewed(made.body))
                assert control.status_code in {200, 201, 202}, f"with one's own id: {control.text}"
            body = with_value(mine.renewed(made.body), way, foreign[own])
            answer = await mine.owner.request(made.method, made.path, json=body)
            refusals = {401} if operation.id == "sign_in" else {404, 422}
            assert answer.status_code in refusals or operation.id in ONLY_ONCE, f"{way}: {answer.status_code} {answer.text}"
            assert theirs.mark not in answer.text


@each_operation("PATCH", having="placeholders")
async def test_a_change_cannot_name_a_strangers(mine: FullHouse, theirs: FullHouse, operation: Operation) -> None:
    assert operation.json_body is not None
    changeable = operation.json_body["properties"]
    foreign = mine.counterparts(theirs)
    collection = operation.path.rsplit("/", 1)[0]
    creations = (each for each in operations() if each.method == "POST" and each.path.endswith(collection))
    for made in (each for creation in creations for each in made_by(creation, mine)):
        path = f"{collection}/{made.answer['id']}"
        for way in ways_to_ids(made.body):
            member = str(way[0])
            if member not in changeable:
                continue
            own = await mine.owner.patch(path, {member: made.body[member]})
            assert own.status_code == 200 or operation.id in {"change_baa", "change_quote"}, f"with one's own id: {own.text}"
            change = with_value({member: made.body[member]}, way, foreign[value_at(made.body, way)])
            answer = await mine.owner.patch(path, change)
            assert answer.status_code in {404, 409, 422}, f"{way}: {answer.status_code} {answer.text}"
            assert theirs.mark not in answer.text


@pytest_asyncio.fixture(scope="module")
async def narrowed(http: httpx.AsyncClient, runtime: Runtime, mine: FullHouse) -> Caller:
    return await House(http, runtime).member(mine.owner, Role.owner, organizations=[mine.other_organization])


@each_operation("POST", "PUT", having="json_body")
async def test_a_narrowed_colleague_cannot_name_another_organizations(
    mine: FullHouse, narrowed: Caller, eyes: Eyes, operation: Operation
) -> None:
    """In an organization of its own, with ids of the one that it may not see; and outside of both, with a full body."""
    for made in made_by(operation, mine):
        path = made.path.replace(mine.organization, mine.other_organization)
        answer = await narrowed.request(made.method, path, json=mine.renewed(made.body or {}))
        assert answer.status_code < 500, answer.text
        hidden = [way for way in ways_to_ids(made.body) if value_at(made.body, way) in await eyes.ids_in(mine.organization_id)]
        if hidden or path == made.path != operation.path:
            refused = {401} if operation.behind_a_link else {403, 404, 422}
            if not operation.behind_the_door and not operation.behind_a_link:
                refused.update({200, 409})  # whoever holds the token of a quote is no colleague
            assert answer.status_code in refused, f"{hidden}: {answer.status_code} {answer.text}"
