"""A 201 is never a lie, and nothing else leaves a trace: commits that fail, faults after the write, the same request five
times at once, and a kill -9 in the middle.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import BaseModel

from api.app import build
from api.door import Inside, door_router, may
from domain.access import Permission
from domain.clock import new_id
from domain.errors import Conflict
from domain.runtime import Runtime, Targets
from domain.settings import Settings
from domain.vendors import vendors
from domain.vendors.vendors import VendorFields
from tests.house.catalog import Eyes
from tests.makers import Caller, House, expect

PROJECT = Path(__file__).parents[1]
DOOMED = "Fails as it is committed"
KEY = {"Idempotency-Key": "the-same"}


@pytest_asyncio.fixture
async def eyes(targets: Targets) -> AsyncIterator[Eyes]:
    assert targets.superuser is not None
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**targets.superuser)
    yield await Eyes.open(connection)
    await connection.close()


# --- a commit that fails ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def failing_commits(eyes: Eyes, deed: str) -> AsyncGenerator[None]:
    """While this lasts, the commit of a vendor with the doomed name does ``deed`` instead of succeeding."""
    await eyes.connection.execute(f"""
        create function refuse_at_commit() returns trigger language plpgsql security definer as
            $$ begin {deed}; return null; end $$;
        create constraint trigger refuse_at_commit after insert on vendor deferrable initially deferred
            for each row when (new.name = '{DOOMED}') execute function refuse_at_commit()""")
    try:
        yield
    finally:
        await eyes.connection.execute("drop trigger refuse_at_commit on vendor; drop function refuse_at_commit()")


@pytest.mark.parametrize(
    ("deed", "status"),
    [
        ("raise exception 'no'", 500),
        ("raise exception 'no' using errcode = 'serialization_failure'", 503),
        ("raise exception 'no' using errcode = 'unique_violation'", 409),
        ("perform pg_terminate_backend(pg_backend_pid())", 503),
    ],
)
async def test_a_commit_that_fails_keeps_nothing(house: House, eyes: Eyes, deed: str, status: int) -> None:
    msp = await house.tenant()
    await msp.make("/webhook-endpoints", {"url": "https://hooks.example.com/x"})
    before = await everything(eyes, msp)
    async with failing_commits(eyes, deed):
        answer = await msp.post("/vendors", {"name": DOOMED}, headers=KEY)
        assert answer.status_code == status, answer.text
        assert "id" not in answer.json()
        assert ("retry-after" in answer.headers) == (status == 503)
        assert await everything(eyes, msp) == before, "no row, no event, no job, not even the key"
    again = await msp.post("/vendors", {"name": DOOMED}, headers=KEY)
    assert expect(again, 201)["name"] == DOOMED, "so the same request may be sent again"
    assert "idempotent-replayed" not in again.headers


async def everything(eyes: Eyes, of: Caller) -> dict[str, Any]:
    jobs = "select count(*) from pgqueuer where convert_from(payload, 'UTF8')::jsonb ->> 'tenant_id' = $1"
    return {**await eyes.rows_of(of.tenant_id), "jobs": await eyes.connection.fetchval(jobs, str(of.tenant_id))}


# --- a fault after the write -----------------------------------------------------------------------------------------

router = door_router("vendors")
Writer = Annotated[Inside, may(Permission.vendors_write)]


class Unanswerable(BaseModel):
    name: int


@router.post("/vendors-with-a-bug", status_code=201)
async def register_and_crash(by: Writer, fields: VendorFields) -> None:
    await vendors.register(by.session, fields)
    raise RuntimeError("a secret row")


@router.post("/vendors-with-a-conflict", status_code=201)
async def register_and_refuse(by: Writer, fields: VendorFields) -> None:
    await vendors.register(by.session, fields)
    raise Conflict("Found out late.")


@router.post("/vendors-without-an-answer", status_code=201, response_model=Unanswerable)
async def register_and_mumble(by: Writer, fields: VendorFields) -> Any:
    return await vendors.register(by.session, fields)


@pytest_asyncio.fixture
async def careless(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """The application with three routes that do wrong after they have written."""
    application: FastAPI = build(runtime)
    application.include_router(router, prefix="/v1")
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://bitewing.test") as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [("/vendors-with-a-bug", 500), ("/vendors-with-a-conflict", 409), ("/vendors-without-an-answer", 500)],
)
async def test_a_fault_after_the_write_keeps_nothing(
    house: House, eyes: Eyes, careless: httpx.AsyncClient, path: str, status: int
) -> None:
    msp = await house.tenant()
    caller = Caller(careless, msp.api_key, msp.tenant_id, msp.member_id)
    assert (await caller.get("/me")).status_code == 200
    before = await everything(eyes, msp)
    for _ in range(2):
        answer = await caller.post(path, {"name": "Gone again"}, headers=KEY)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text
        assert "Gone again" not in answer.text
        assert await everything(eyes, msp) == before


async def test_a_refusal_is_not_kept_under_its_key(house: House) -> None:
    msp = await house.tenant()
    assert (await msp.post("/vendors", {"name": ""}, headers=KEY)).status_code == 422
    assert (await msp.post("/vendors", {"name": "Now with a name"}, headers=KEY)).status_code == 201


# --- the same request, several times at once -------------------------------------------------------------------------


async def test_five_identical_posts_at_once_make_one_row(house: House, eyes: Eyes) -> None:
    msp = await house.tenant()
    answers = await asyncio.gather(*(msp.post("/vendors", {"name": "Once"}, headers=KEY) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers if "etag" in answer.headers}) <= 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4
    assert len(await msp.all("/vendors")) == 1
    made = "select count(*) from event where tenant_id = $1 and kind = 'vendor.created'"
    assert await eyes.connection.fetchval(made, msp.tenant_id) == 1


async def test_five_identical_sign_ups_at_once_make_one_tenant(house: House, eyes: Eyes) -> None:
    name = f"Once {new_id().hex}"
    email = f"{new_id().hex}@msp.example.com"
    body = {"tenant_name": name, "name": "Olivia", "email": email, "password": "a long enough passphrase"}
    key = {"Idempotency-Key": new_id().hex}
    answers = await asyncio.gather(*(house.http.post("/v1/signup", json=body, headers=key) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["api_key"] for answer in answers}) == 1
    assert await eyes.connection.fetchval("select count(*) from tenant where name = $1", name) == 1
    assert await eyes.connection.fetchval("select count(*) from person where email = $1", email) == 1
    other = await house.http.post("/v1/signup", json={**body, "tenant_name": "Another"}, headers=key)
    assert other.status_code == 409
    assert answers[0].json()["api_key"] not in other.text


async def test_different_bodies_under_one_key_at_once_make_one_row(house: House) -> None:
    msp = await house.tenant()
    answers = await asyncio.gather(*(msp.post("/vendors", {"name": f"Of {n}"}, headers=KEY) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await msp.all("/vendors")) == 1


async def test_a_key_belongs_to_its_tenant_and_its_path(house: House) -> None:
    one, other = await house.tenant(), await house.tenant()
    first = expect(await one.post("/vendors", {"name": "Same"}, headers=KEY), 201)
    second = expect(await other.post("/vendors", {"name": "Same"}, headers=KEY), 201)
    assert first["id"] != second["id"]
    elsewhere = await one.post("/organizations", {"name": "Same"}, headers=KEY)
    assert elsewhere.status_code == 409


# --- kill -9 ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(data_dir: Path, port: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`bitewing serve` as a process of its own, over the database of this run, until it listens; killed at the end."""
    environment = {**os.environ, "BITEWING_DATA_DIR": str(data_dir), "BITEWING_PORT": str(port), "BITEWING_LOG_LEVEL": "error"}
    program = "from api.cli import main; main()"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, "serve", cwd=PROJECT, env=environment)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    assert process.returncode is None, "it ended before it listened"
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_after_a_kill_every_201_is_there_and_the_rest_can_be_sent_again(house: House, settings: Settings) -> None:
    msp = await house.tenant()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    answered: dict[str, str] = {}
    unanswered: set[str] = set()

    async def send(client: httpx.AsyncClient, name: str) -> None:
        caller = Caller(client, msp.api_key, msp.tenant_id, msp.member_id)
        unanswered.add(name)
        answer = await caller.post("/vendors", {"name": name}, headers={"Idempotency-Key": name})
        answered[name] = expect(answer, 201)["id"]
        unanswered.remove(name)

    async def keep_sending(client: httpx.AsyncClient, sender: int) -> None:
        number = 0
        while True:
            await send(client, f"{sender}-{number}")
            number += 1

    async with serving(settings.data_dir, port) as process, httpx.AsyncClient(base_url=url, timeout=30) as client:
        senders = [asyncio.create_task(keep_sending(client, sender)) for sender in range(8)]
        async with asyncio.timeout(60):
            while len(answered) < 40:
                await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        ended = await asyncio.gather(*senders, return_exceptions=True)
        assert all(isinstance(each, httpx.TransportError) for each in ended), ended
    assert unanswered, "the kill came in the middle"

    async with serving(settings.data_dir, port), httpx.AsyncClient(base_url=url, timeout=30) as client:
        after = Caller(client, msp.api_key, msp.tenant_id, msp.member_id)
        there = {each["name"]: each["id"] for each in await after.all("/vendors")}
        assert there.items() >= answered.items()
        assert there.keys() <= answered.keys() | unanswered
        for name in sorted(unanswered):
            await send(client, name)
        vendors_now = await after.all("/vendors")
        assert sorted(each["name"] for each in vendors_now) == sorted(answered), "each once, however often it was sent"
        assert (await after.get_json("/audit-log/verification"))["intact"]
