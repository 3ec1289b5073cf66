"""Two real processes on one database: what ends a right in one of them is heard by the other, which had remembered it.

Each remembers a credential for a minute, so an answer of 401 well before that was heard and not waited for.
"""

import asyncio
import time
from typing import Any

import httpx
from fastapi import FastAPI

from domain.access import Role
from domain.runtime import Runtime
from domain.settings import Settings
from domain.tenancy import NOBODYS_TENANT, Wall
from tests.makers import Caller, House, expect, make_api_key
from tests.test_durability import free_port, serving

HEARD_WITHIN = 10.0
"""Seconds for each; a busy machine may be slow, and the memory lasts six times as long."""
PROMISED = 1.0
"""Seconds, for the best of them. ``make bench`` shows how long all of fifty take."""


async def test_what_ends_in_one_process_ends_in_the_other(house: House, settings: Settings) -> None:
    owner = await house.tenant()
    here, there = free_port(), free_port()
    async with (
        serving(settings.data_dir, here),
        serving(settings.data_dir, there),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{here}", timeout=30) as one,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{there}", timeout=30) as other,
    ):
        acting = Caller(one, owner.api_key, owner.tenant_id, owner.member_id)

        key = await make_api_key(acting)
        spare = await remembered(other, key["key"])
        assert (await acting.delete(f"/api-keys/{key['id']}")).status_code == 204
        took = [await is_refused(spare)]

        member = await house.member(owner, Role.technician)
        technician = await remembered(other, member.api_key)
        assert (await acting.delete(f"/members/{member.member_id}")).status_code == 204
        took.append(await is_refused(technician))

        signed_in = await house.signed_in(owner)
        session = await remembered(other, signed_in.api_key)
        [row] = [each for each in await acting.all("/sessions") if each["ended_at"] is None]
        assert (await acting.delete(f"/sessions/{row['id']}")).status_code == 204
        took.append(await is_refused(session))

        admin = await house.member(owner, Role.admin)
        shrinking = await remembered(other, admin.api_key)
        assert (await shrinking.get("/api-keys")).status_code == 200
        expect(await acting.patch(f"/members/{admin.member_id}", {"role": "billing"}), 200)
        took.append(await is_refused(shrinking, path="/api-keys", status=403))
        assert min(took) < PROMISED, took


async def test_a_process_that_hears_nothing_remembers_nobody(app: FastAPI, house: House, runtime: Runtime) -> None:
    """The line on which revocations are heard is cut: until there is a new one each call is looked up."""
    owner = await house.tenant()
    credentials: Any = app.state.credentials
    memory: dict[str, Any] = credentials._known
    for _ in range(2):
        expect(await owner.get("/me"), 200)
    assert memory, "a credential is remembered while the line holds"
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where query = 'SELECT 1' or query ilike 'listen %'"
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection:
        assert (await connection.exec_driver_sql(cut)).all()
    async with asyncio.timeout(10):
        while credentials._listening:
            await asyncio.sleep(0.005)
    assert not memory, "what was known before the line was cut may be over"
    expect(await owner.get("/me"), 200)
    if not credentials._listening:
        assert not memory, "nobody is remembered meanwhile"
    async with asyncio.timeout(10):
        while not memory:
            expect(await owner.get("/me"), 200)
            await asyncio.sleep(0.05)


async def remembered(http: httpx.AsyncClient, credential: str) -> Caller:
    """A caller whom the process behind ``http`` knows by now."""
    caller = Caller(http, credential, tenant_id=NOBODYS_TENANT, member_id=NOBODYS_TENANT)
    for _ in range(2):
        expect(await caller.get("/me"), 200)
    return caller


async def is_refused(caller: Caller, *, path: str = "/me", status: int = 401) -> float:
    """For how many seconds more it was let in."""
    start = time.monotonic()
    while (answer := await caller.get(path)).status_code != status:
        assert time.monotonic() < start + HEARD_WITHIN, f"still {answer.status_code} after {HEARD_WITHIN} seconds"
        await asyncio.sleep(0.02)
    return time.monotonic() - start
