"""No change without its event: what is made, changed or archived over the contract is on record, with what changed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest_asyncio

from domain.clock import new_id
from domain.outbound.event_types import event_types
from domain.runtime import Runtime
from tests.house.full import FullHouse, build
from tests.house.operations import Operation, each_operation, resolved
from tests.makers import House

ENDS = frozenset({"archived", "ended", "released", "revoked"})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(http: httpx.AsyncClient, runtime: Runtime) -> FullHouse:
    """A house that nobody else looks into, because its things are changed and archived here."""
    return await build(House(http, runtime), f"own{new_id().hex[-12:]}")


NOT_HERE = {
    "change_member": "the only owner stays one; test_members.py changes seats",
    "change_quote": "the quote of a full house is accepted; tests/billing changes drafts",
    "sign_out": "a key has no session; test_sessions.py signs out",
    "remove_factor": "an owner with a key has no factor; test_mfa.py removes them",
    "remove_member": "the only owner stays; test_members.py ends seats",
    "take_invitation_back": "the one of a full house is accepted; test_members.py takes others back",
    "discard_document": "it must be kept; test_documents.py archives others",
    "archive_vendor": "it has engagements; test_vendors.py archives others",
}
TOLD_WHEN_DONE = re.compile(r"/fleet-imports|/connections/[^/]+/test|/webhook-endpoints/[^/]+/test")
"""Jobs that no worker has done here: their events come with what they did."""


async def happened(house: FullHouse, after: str | None = None) -> list[dict[str, Any]]:
    """Every event since the one with this cursor."""
    events: list[dict[str, Any]] = []
    while True:
        page = await house.owner.get_json("/events", params={"limit": 200, **({"after": after} if after else {})})
        events += page["data"]
        if page["next"] is None:
            return events
        after = page["next"]


async def test_what_was_made_is_on_record(own: FullHouse) -> None:
    events = await happened(own)
    told = {each["subject"]["id"] for each in events}
    told |= {str(change["to"]) for each in events for change in each["changes"].values()}
    made = [each for each in own.owner.made if TOLD_WHEN_DONE.fullmatch(each.path) is None]
    assert {each.path for each in made if (id := _id(each.answer)) is not None and id not in told} == set()


@each_operation("PATCH")
async def test_what_is_changed_is_on_record_with_what_changed(own: FullHouse, operation: Operation) -> None:
    if operation.id in NOT_HERE:
        return
    path, refused = operation.at(own.ids), list[str]()
    last = (await happened(own))[-1]["cursor"]
    for field, value in _changes(operation):
        answer = await own.owner.patch(path, {field: value})
        new = await happened(own, last)
        if answer.status_code == 200 and new:
            assert any(field in each["changed"] for each in new), f"{field} was changed, and nothing says so: {new}"
            assert {each["kind"] for each in new} <= event_types().keys()
            return
        refused.append(f"{field}={value}: {answer.status_code} {answer.text[:200]}")
    raise AssertionError(f"no change was taken and told of: {refused}")


@each_operation("DELETE")
async def test_what_is_archived_is_on_record(own: FullHouse, operation: Operation) -> None:
    if operation.id in NOT_HERE:
        return
    last = (await happened(own))[-1]["cursor"]
    answer = await own.owner.delete(operation.at(own.ids))
    assert answer.status_code in (200, 204), answer.text[:300]
    kinds = [each["kind"] for each in await happened(own, last)]
    assert any(each.split(".")[1] in ENDS for each in kinds), kinds


def _id(answer: Any) -> str | None:
    return answer.get("id") if isinstance(answer, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  JSON


def _changes(operation: Operation) -> Iterator[tuple[str, Any]]:
    """One field after the other, with a value that its schema allows and that is new."""
    assert operation.json_body is not None
    for name, schema in resolved(operation.json_body).get("properties", {}).items():
        for branch in (resolved(each) for each in schema.get("anyOf", [schema])):
            match branch.get("type"):
                case "string" if "enum" not in branch and "format" not in branch:
                    yield name, f"A word {new_id().hex[-6:]}"
                case "string" if "enum" in branch:
                    for word in branch["enum"]:
                        yield name, word
                case "integer":
                    yield name, branch.get("minimum", 0) + 7
                case "boolean":
                    yield name, True
                    yield name, False
                case _:
                    pass
