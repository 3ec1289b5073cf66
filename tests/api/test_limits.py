"""Rate limits, the headers of every answer, and who may call from a web page."""

import asyncio
import shutil
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog
from pydantic import SecretStr

from api.app import build
from domain.people.attempts import Attempts
from domain.runtime import Runtime
from domain.tallies import Tallies
from tests.makers import PASSWORD, Caller, House, expect

REDIS = shutil.which("redis-server")


@asynccontextmanager
async def application(runtime: Runtime, **settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
    """Another application over the same database, as a process with other settings would be."""
    changed = runtime.settings.model_copy(update=settings)
    tallies = Tallies(changed)
    app = build(replace(runtime, settings=changed, tallies=tallies, attempts=Attempts(changed, tallies)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://limited.test") as client:
            yield client
    await tallies.close()


def at(http: httpx.AsyncClient, caller: Caller) -> Caller:
    return Caller(http, caller.api_key, caller.tenant_id, caller.member_id)


async def until_refused(by: Caller | httpx.AsyncClient, path: str, most: int) -> httpx.Response:
    """The first 429. A minute may end between two requests, so it is given a few more than one minute's."""
    for _ in range(2 * most + 2):
        answer = await by.get(path)
        if answer.status_code == 429:
            return answer
    raise AssertionError("nothing was refused")


async def test_each_credential_has_its_own_minute(house: House, runtime: Runtime) -> None:
    owner, other = await house.tenant(), await house.tenant()
    async with application(runtime, rate_limit_credential=5) as http:
        first = await at(http, owner).get("/me")
        assert first.headers["ratelimit-policy"] == '"credential";q=5;w=60'
        assert first.headers["ratelimit"].startswith('"credential";r=4;t=')
        refused = await until_refused(at(http, owner), "/me", 5)
        assert expect(refused, 429)["type"].endswith("/too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"credential";r=0;t=')
        assert (await at(http, other).get("/me")).status_code == 200


async def test_who_has_no_credential_is_counted_by_address(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    async with application(runtime, rate_limit_address=3) as http:
        assert (await http.get("/v1/me")).status_code == 401
        refused = await until_refused(http, "/v1/me", 3)
        assert refused.headers["ratelimit-policy"] == '"address";q=3;w=60'
        assert (await at(http, owner).get("/me")).status_code == 200, "who has one is not held up by the neighbours"


@pytest_asyncio.fixture
async def redis() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    if REDIS is None:
        pytest.skip("needs redis-server (apt-get install redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.02)
    yield f"redis://127.0.0.1:{port}/0", process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_processes_count_together_in_redis_and_each_for_itself_without(
    house: House, runtime: Runtime, redis: tuple[str, asyncio.subprocess.Process]
) -> None:
    owner = await house.tenant()
    url, process = redis
    settings = {"rate_limit_credential": 6, "rate_limit_url": SecretStr(url)}
    async with application(runtime, **settings) as one, application(runtime, **settings) as two:
        await until_refused(at(one, owner), "/me", 6)
        refused = await at(two, owner).get("/me")
        assert refused.status_code == 429 or refused.headers["ratelimit"].startswith('"credential";r=5'), "or the next minute"
        process.kill()
        await process.wait()
        assert (await at(two, owner).get("/me")).status_code == 200, "nobody is refused because Redis is down"
        assert (await until_refused(at(two, owner), "/me", 6)).status_code == 429, "and it counts for itself"


async def test_processes_count_sign_ins_together_and_a_lost_redis_opens_no_door(
    house: House, runtime: Runtime, redis: tuple[str, asyncio.subprocess.Process]
) -> None:
    owner, other = await house.tenant(), await house.tenant()
    url, process = redis
    settings = {"rate_limit_url": SecretStr(url)}

    async def tried(http: httpx.AsyncClient, email: str, password: str = "not the password of anybody") -> int:
        return (await http.post("/v1/sessions", json={"email": email, "password": password})).status_code

    async with application(runtime, **settings) as one, application(runtime, **settings) as two:
        assert (await one.get("/readyz")).json() == {"status": "ready", "redis": "ok"}
        for turn in range(10):
            assert await tried((one, two)[turn % 2], owner.email) == 401
        assert await tried(one, owner.email, PASSWORD) == 429, "what the other process has heard counts"
        assert await tried(two, owner.email, PASSWORD) == 429
        assert await tried(two, other.email, PASSWORD) == 201, "nobody else waits"
        for _ in range(9):
            assert await tried(one, other.email) == 401
        assert await tried(one, other.email, PASSWORD) == 201, "what was got wrong before is forgiven, everywhere"
        assert await tried(two, other.email) == 401

        process.kill()
        await process.wait()
        assert (await one.get("/readyz")).json() == {"status": "ready", "redis": "away"}
        with structlog.testing.capture_logs() as logged:
            for _ in range(4):
                assert await tried(one, owner.email) == 401, "this process has seen six tries"
            assert await tried(one, owner.email, PASSWORD) == 429, "and goes on from there"
            assert await tried(two, other.email, PASSWORD) == 201, "who did nothing wrong is not locked out"
        said = [each["event"] for each in logged if each["event"].startswith("tallies.")]
        assert said == ["tallies.without_redis"] * 2, "each process says it once"


async def test_every_answer_has_manners(house: House, runtime: Runtime) -> None:
    async with application(runtime, public_url="https://api.bitewing.example") as http:
        for path in ("/healthz", "/v1/me", "/nowhere"):
            headers = (await http.get(path)).headers
            assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert headers["strict-transport-security"].startswith("max-age=63072000")
            assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        docs = (await http.get("/docs")).headers["content-security-policy"]
        assert "script-src 'self' 'sha256-" in docs
        assert docs.count("content-security-policy") == 0


async def test_a_page_of_a_registered_origin_may_call(house: House) -> None:
    owner = await house.tenant()
    origin = f"https://app-{owner.tenant_id.hex}.example"
    asking = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}

    async def preflight(origin: str) -> httpx.Headers:
        return (await house.http.options("/healthz", headers={"Origin": origin, **asking})).headers

    assert "access-control-allow-origin" not in await preflight(origin)
    expect(await owner.patch("/tenant", {"settings": {"origins": [origin]}}), 200)
    allowed = await preflight(origin)
    assert allowed["access-control-allow-origin"] == origin
    assert "PATCH" in allowed["access-control-allow-methods"]
    assert "Authorization" in allowed["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed, "no cookie is ever sent"
    answer = await owner.get("/me", headers={"Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert "RateLimit" in answer.headers["access-control-expose-headers"]
    for stranger in ("null", f"{origin}.evil.example", f"{origin}:8443", "http" + origin.removeprefix("https")):
        assert "access-control-allow-origin" not in await preflight(stranger), stranger
    for wrong in ("https://app.example/", "*", "app.example", 7):
        assert (await owner.patch("/tenant", {"settings": {"origins": [wrong]}})).status_code == 422, wrong
