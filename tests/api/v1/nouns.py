"""What holds for every noun of an organization alike, said once for the tests of each."""

from typing import Any

import httpx

from domain.access import Role
from tests.makers import Caller, House, expect


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """What a 422 complains of: each field with the code of its fault."""
    assert answer.status_code == 422, f"{answer.status_code}: {answer.text[:1000]}"
    return {(each["pointer"], each["code"]) for each in answer.json()["errors"]}


async def it_lives(caller: Caller, nouns: str, items: str, said: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Created, read, listed, changed under its ETag, archived, and still there. ``nouns`` is the path of the list, ``items``
    that of single ones. Gives the thing as it was made."""
    made = await caller.make(nouns, said)
    assert {name: made[name] for name in said} == said
    read = await caller.get(f"{items}/{made['id']}")
    assert expect(read, 200) == made
    assert await caller.all(nouns) == [made], "the list, which Postgres writes, says the same"

    tag = read.headers["etag"]
    changed = expect(await caller.patch(f"{items}/{made['id']}", change, headers={"If-Match": tag}), 200)
    assert {name: changed[name] for name in change} == change
    assert {name: changed[name] for name in set(made) - {*change, "updated_at", "provenance", "due_on"}} == {
        name: made[name] for name in set(made) - {*change, "updated_at", "provenance", "due_on"}
    }, "the rest stays as it was"
    assert (await caller.patch(f"{items}/{made['id']}", change, headers={"If-Match": tag})).status_code == 412
    again = await caller.patch(f"{items}/{made['id']}", change)
    assert expect(again, 200)["updated_at"] == changed["updated_at"], "nothing happens where nothing is different"

    assert (await caller.delete(f"{items}/{made['id']}")).status_code == 204
    assert await caller.all(nouns) == []
    assert (await caller.get_json(f"{items}/{made['id']}"))["archived_at"] is not None, "kept, because analyses name it"
    return made


async def it_is_behind_both_walls(house: House, msp: Caller, nouns: str, items: str, said: dict[str, Any]) -> None:
    """A stranger finds nothing, a member of another practice neither, and who may only read changes nothing.

    ``nouns`` is the list's path with ``{}`` for the organization.
    """
    own, other = await house.organization(msp), await house.organization(msp)
    made = await msp.make(nouns.format(own), said)
    await msp.make(nouns.format(other), said)
    stranger = await house.tenant()
    neighbour = await house.member(msp, Role.practice_admin, organizations=[other])
    for outsider in (stranger, neighbour):
        assert (await outsider.get(f"{items}/{made['id']}")).status_code == 404
        assert (await outsider.patch(f"{items}/{made['id']}", {})).status_code == 404
        assert (await outsider.delete(f"{items}/{made['id']}")).status_code == 404
        assert (await outsider.get(nouns.format(own))).status_code == 404
        assert (await outsider.post(nouns.format(own), said)).status_code == 404
    assert len(await neighbour.all(nouns.format(other))) == 1
    auditor = await house.member(msp, Role.auditor)
    assert (await auditor.get(f"{items}/{made['id']}")).status_code == 200
    assert (await auditor.patch(f"{items}/{made['id']}", {})).status_code == 403
    assert (await auditor.delete(f"{items}/{made['id']}")).status_code == 403
    assert (await auditor.post(nouns.format(own), said)).status_code == 403
    assert (await house.http.get(f"/v1{items}/{made['id']}")).status_code == 401
    assert (await msp.get(f"{items}/not-an-id")).status_code == 404
