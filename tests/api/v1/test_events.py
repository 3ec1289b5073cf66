"""Events over HTTP: in commit order, so that who follows them misses none, and without a text that somebody typed."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.database import tenant_session
from domain.inventory.organizations import Organization
from domain.records import create
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect


class SecondThoughts(Exception):
    pass


async def write(runtime: Runtime, msp: Caller, chance: random.Random, committed: list[UUID]) -> None:
    """Transactions that take their time, and of which a third is rolled back."""
    for _ in range(8):
        try:
            async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
                made = [await create(session, Organization(name=f"Practice {chance.random()}")) for _ in range(2)]
                await asyncio.sleep(chance.random() * 0.02)
                if chance.random() < 1 / 3:
                    raise SecondThoughts
            committed += [each.id for each in made]
        except SecondThoughts:
            continue


async def test_a_poller_misses_nothing_under_eight_writers(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    cursor = (await msp.all("/events"))[-1]["cursor"]
    committed: list[UUID] = []
    chance = random.Random(7)
    writers = asyncio.gather(*(write(runtime, msp, random.Random(chance.random()), committed) for _ in range(8)))
    seen: list[dict[str, Any]] = []

    async def poll() -> bool:
        nonlocal cursor
        page = await msp.get_json("/events", params={"after": cursor, "limit": 5})
        seen.extend(page["data"])
        assert len(seen) <= 128, "nothing is shown twice"
        cursor = page["data"][-1]["cursor"] if page["data"] else cursor
        return bool(page["data"])

    while not writers.done():
        await poll()
    await writers
    while await poll():
        pass
    assert 0 < len(committed) < 128, "some were committed, and some rolled back"
    subjects = [event["subject"]["id"] for event in seen]
    assert sorted(subjects) == sorted(str(each) for each in committed)
    numbers = [event["sequence"] for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no gap where something was rolled back"


async def test_events_are_thin_and_can_be_filtered(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp, name="Lakeview")
    body = {"name": "Front desk of Mary", "kind": "laptop"}
    device = await msp.make(f"/organizations/{practice}/devices", body)
    expect(await msp.patch(f"/devices/{device['id']}", {"name": "Mary's", "status": "retired"}), 200)

    answer = await msp.get("/events", params={"subject_id": device["id"]})
    created, updated = answer.json()["data"]
    assert updated["kind"] == "device.updated"
    assert updated["changed"] == ["name", "status"]
    assert updated["changes"] == {"status": {"from": "active", "to": "retired"}}
    assert "Mary" not in answer.text
    everything = await msp.all("/events")
    assert [each["sequence"] for each in everything] == sorted(each["sequence"] for each in everything)

    async def kinds(**filters: str) -> list[str]:
        return [each["kind"] for each in (await msp.get_json("/events", params=filters))["data"]]

    assert await kinds(kind="device.*") == ["device.created", "device.updated"]
    assert await kinds(kind="device.*", after=created["cursor"]) == ["device.updated"]
    assert await kinds(kind="device.created") == ["device.created"]
    assert await kinds(organization_id=practice) == ["organization.created", "device.created", "device.updated"]
    assert await kinds(after=everything[-1]["cursor"]) == []
    assert await kinds(kind="dev%.*") == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "²", "9" * 19, "1" * 40])
async def test_a_cursor_of_somebody_elses_making_is_refused(house: House, cursor: str) -> None:
    msp = await house.tenant()
    answer = await msp.get("/events", params={"after": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query/after"


async def test_a_narrowed_member_sees_the_events_of_its_organizations(house: House) -> None:
    msp = await house.tenant()
    mine, other = await house.organization(msp), await house.organization(msp)
    narrowed = await house.member(msp, Role.practice_admin, organizations=[mine])
    await msp.make(f"/organizations/{other}/devices", {"name": "Server", "kind": "imaging_server"})
    assert {each["organization_id"] for each in await narrowed.all("/events")} == {mine}
    assert (await (await house.member(msp, Role.billing)).get("/events")).status_code == 403
