"""Two real processes on one database: what ends a right in one of them is heard by the other, which had remembered it.

Each remembers a credential for a minute, so an answer of 401 well before that was heard and not waited for.
"""

import asyncio
import time

import httpx

from domain.access import Role
from domain.settings import Settings
from domain.tenancy import NOBODYS_TENANT
from tests.makers import Caller, House, expect, make_api_key
from tests.test_durability import free_port, serving

HEARD_WITHIN = 10.0
"""Seconds; a busy machine may be slow, and the memory lasts six times as long."""


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
        await is_refused(spare)

        member = await house.member(owner, Role.technician)
        technician = await remembered(other, member.api_key)
        assert (await acting.delete(f"/members/{member.member_id}")).status_code == 204
        await is_refused(technician)

        signed_in = await house.signed_in(owner)
        session = await remembered(other, signed_in.api_key)
        [row] = [each for each in await acting.all("/sessions") if each["ended_at"] is None]
        assert (await acting.delete(f"/sessions/{row['id']}")).status_code == 204
        await is_refused(session)

        admin = await house.member(owner, Role.admin)
        shrinking = await remembered(other, admin.api_key)
        assert (await shrinking.get("/api-keys")).status_code == 200
        expect(await acting.patch(f"/members/{admin.member_id}", {"role": "billing"}), 200)
        await is_refused(shrinking, path="/api-keys", status=403)


async def remembered(http: httpx.AsyncClient, credential: str) -> Caller:
    """A caller whom the process behind ``http`` knows by now."""
    caller = Caller(http, credential, tenant_id=NOBODYS_TENANT, member_id=NOBODYS_TENANT)
    for _ in range(2):
        expect(await caller.get("/me"), 200)
    return caller


async def is_refused(caller: Caller, *, path: str = "/me", status: int = 401) -> None:
    deadline = time.monotonic() + HEARD_WITHIN
    while (answer := await caller.get(path)).status_code != status:
        assert time.monotonic() < deadline, f"still {answer.status_code} after {HEARD_WITHIN} seconds"
        await asyncio.sleep(0.02)
