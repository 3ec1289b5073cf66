"""What the door tells by its pace: whether an address is known, and how soon a right that ended in one process has ended in
another.

Time is noise on any machine, so it is compared with itself: a known address against the same known address gives how far two
equal things lie apart in this run, and an unknown one must lie no further. Revocations are watched from a second process
that has just let the credential in, and that would remember it for a minute if nobody told it.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import patch

import httpx

from domain.runtime import database_targets
from domain.settings import Settings
from tests.test_durability import free_port, serving

PEOPLE, TRIES = 12, 9
"""Fewer tries for each than one address has for an account."""
TELLING = 0.15
"""How far from a coin's 0.5 the chance to tell two addresses apart may lie: what 108 tries of each leave to luck."""
REVOCATIONS = 25
WITHIN_MS = 1_000.0
PASSWORD = "a long enough passphrase"
Row = tuple[str, str, str, str, str]


async def bench_access(settings: Settings) -> list[Row]:
    """Rows of (what, ours, limit, ratio, p50/p99)."""
    here, there = free_port(), free_port()
    patient = {"BITEWING_SIGN_INS_PER_ADDRESS": "100000", "BITEWING_RATE_LIMIT_ADDRESS": "1000000"}
    async with database_targets(settings):
        with patch.dict(os.environ, patient):
            async with (
                serving(settings.data_dir, here),
                serving(settings.data_dir, there),
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{here}/v1", timeout=30) as one,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{there}/v1", timeout=30) as other,
            ):
                return [*await _telling_by_time(one), await _heard(one, other)]


async def _telling_by_time(http: httpx.AsyncClient) -> list[Row]:
    """How long a refusal takes: for people there are, for the same again, and for people there are not."""
    people = [(await _sign_up(http, f"known-{number}"))["email"] for number in range(PEOPLE)]
    kinds: dict[str, list[float]] = {"known": [], "again": [], "unknown": []}
    for turn in range(TRIES):
        for number, email in enumerate(people):
            stranger = _address(f"nobody-{turn}-{number}")
            # Nine tries of each person in all: each turn is one of the two that are compared with each other.
            asked = [("known" if turn % 2 else "again", email), ("unknown", stranger)]
            random.shuffle(asked)
            for kind, address in asked:
                began = time.perf_counter()
                answer = await http.post("/sessions", json={"email": address, "password": "not the passphrase"})
                kinds[kind].append((time.perf_counter() - began) * 1000)
                assert answer.status_code == 401, answer.text
    known = kinds["known"] + kinds["again"]
    return [
        _told("Refusing an unknown address, against a known one", kinds["unknown"], known),
        _told("The same known addresses, against themselves", kinds["again"], kinds["known"]),
    ]


def _told(what: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    one, other = statistics.median(ours), statistics.median(theirs)
    note = f"{_chance(ours, theirs):.2f} to tell by time, asked: 0.5 within {TELLING:g}"
    return what, f"{one:.1f} ms", f"{other:.1f} ms", f"{one / other:.2f}", note


def _chance(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How probably one of ours took longer than one of theirs: 0.5 if time tells nothing."""
    return statistics.fmean((a > b) + (a == b) / 2 for a in ours for b in theirs)


async def _heard(one: httpx.AsyncClient, other: httpx.AsyncClient) -> Row:
    """From the answer that a key, a member or a session has ended to the other process's first refusal, in milliseconds."""
    made = await _sign_up(one, "owner")
    owner = {"Authorization": f"Bearer {made['api_key']}"}
    ways = (_end_key, _end_account)
    waits = [await _until_refused(other, await ways[number % len(ways)](one, owner)) for number in range(REVOCATIONS * 2)]
    waits.sort()
    p50, worst = statistics.median(waits), waits[-1]
    return (
        "A right that has ended, in another process",
        f"{worst:.0f} ms",
        f"{WITHIN_MS:.0f} ms",
        f"{worst / WITHIN_MS:.2f}",
        f"the slowest of {len(waits)}; p50 {p50:.0f} ms",
    )


Ended = tuple[str, Callable[[], Awaitable[Any]]]


async def _end_key(http: httpx.AsyncClient, owner: dict[str, str]) -> Ended:
    body = {"name": "To be revoked", "scopes": ["organizations:read"]}
    made = (await http.post("/api-keys", json=body, headers=owner)).raise_for_status().json()
    return made["key"], lambda: http.delete(f"/api-keys/{made['id']}", headers=owner)


async def _end_account(http: httpx.AsyncClient, owner: dict[str, str]) -> Ended:
    body = {"name": f"Machine {random.random()}", "scopes": ["organizations:read"]}
    account = (await http.post("/service-accounts", json=body, headers=owner)).raise_for_status().json()
    key = {"name": "Of a machine", "scopes": ["organizations:read"]}
    keys = f"/service-accounts/{account['id']}/api-keys"
    made = (await http.post(keys, json=key, headers=owner)).raise_for_status().json()
    return made["key"], lambda: http.delete(f"/service-accounts/{account['id']}", headers=owner)


async def _until_refused(other: httpx.AsyncClient, ended: Ended) -> float:
    credential, end = ended
    bearer = {"Authorization": f"Bearer {credential}"}
    for _ in range(2):
        (await other.get("/me", headers=bearer)).raise_for_status()
    await end()
    began = time.perf_counter()
    while (await other.get("/me", headers=bearer)).status_code != 401:
        assert time.perf_counter() - began < 60, "the other process never heard of it"
        await asyncio.sleep(0.001)
    return (time.perf_counter() - began) * 1000


async def _sign_up(http: httpx.AsyncClient, name: str) -> dict[str, Any]:
    email = _address(name)
    body = {"tenant_name": f"Bench {name}", "name": "Bench", "email": email, "password": PASSWORD}
    return {**(await http.post("/signup", json=body)).raise_for_status().json(), "email": email}


def _address(name: str) -> str:
    return f"access-{os.getpid()}-{name}@msp.example.com"
