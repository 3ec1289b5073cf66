"""The door: whether time tells who has an account, and how soon a revocation is heard by another process.

Wrong passwords for known and for unknown addresses in turn, so that whatever else the machine does falls on both. Revocations
of keys, sessions, service accounts and tokens of applications are made in one process and watched from another, which remembers
them.
"""

import base64
import hashlib
import random
import re
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from domain.settings import Settings
from tests.test_durability import free_port, serving

PASSWORD = "four unrelated words"
PEOPLE = 15
TRIES_EACH = 6
"""Fewer than a throttled account would be refused after, for the known as for the unknown."""
LUCK = 0.13
"""How far from a coin's 0.5 forty tries of each leave the chance to luck alone: two standard errors of Mann and Whitney's U,
sqrt((40 + 40 + 1) / (12 * 40 * 40)) each."""
REVOCATIONS = 52
CALLBACK = "https://app.example.com/callback"
Row = tuple[str, str, str, str, str]


async def bench_door(settings: Settings) -> list[Row]:
    """Rows of (what, ours, limit, ratio, p50/p99)."""
    here, there = free_port(), free_port()
    async with (
        serving(settings.data_dir, here),
        serving(settings.data_dir, there),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{here}/v1", timeout=30) as one,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{there}/v1", timeout=30) as other,
    ):
        return [await _sign_ins(other), await _revocations(one, other)]


async def _sign_ins(http: httpx.AsyncClient) -> Row:
    known = [(await _owner(http))[0] for _ in range(PEOPLE)]
    unknown = [f"{uuid4()}@msp.example.com" for _ in known]
    took: dict[bool, list[float]] = {True: [], False: []}
    await _refused(http, f"{uuid4()}@msp.example.com")
    tries = [pair for pair in zip(known, unknown, strict=True) for _ in range(TRIES_EACH)]
    random.shuffle(tries)
    # An address may sign up and try a hundred times in 15 minutes; the other process counts for itself.
    for pair in tries[:40]:
        for email in random.sample(pair, 2):
            took[email in known].append(await _refused(http, email))
    of_known, of_unknown = (statistics.median(took[known]) for known in (True, False))
    return (
        f"Sign-in refused: unknown against known address ({len(took[True])} of each)",
        f"{of_unknown * 1000:.1f} ms",
        f"{of_known * 1000:.1f} ms",
        f"{of_unknown / of_known:.3f}",
        f"{_chance_to_tell(took):.2f} to tell which took longer; asked: 0.5 within {LUCK:g}",
    )


def _chance_to_tell(took: dict[bool, list[float]]) -> float:
    """How probably an unknown address takes longer than a known one. It is 0.5 where time tells nothing."""
    return statistics.fmean((unknown > known) + (unknown == known) / 2 for unknown in took[False] for known in took[True])


async def _refused(http: httpx.AsyncClient, email: str) -> float:
    start = time.perf_counter()
    answer = await http.post("/sessions", json={"email": email, "password": "not the passphrase"})
    took = time.perf_counter() - start
    assert answer.status_code == 401, answer.text
    return took


async def _revocations(one: httpx.AsyncClient, other: httpx.AsyncClient) -> Row:
    email, key = await _owner(one)
    one.headers["Authorization"] = f"Bearer {key}"
    (await one.patch("/tenant", json={"settings": {"mfa_required_roles": []}})).raise_for_status()
    kinds: list[Callable[[httpx.AsyncClient, str], Awaitable[tuple[str, str]]]] = [_a_key, _a_session, _a_token, _an_account]
    took: list[float] = []
    for turn in range(REVOCATIONS):
        credential, path = await kinds[turn % len(kinds)](one, email)
        headers = {"Authorization": f"Bearer {credential}"}
        for _ in range(2):
            (await other.get("/me", headers=headers)).raise_for_status()
        (await one.delete(path)).raise_for_status()
        start = time.perf_counter()
        while (await other.get("/me", headers=headers)).status_code != 401:
            assert time.perf_counter() - start < 30, "not heard at all"
        took.append(time.perf_counter() - start)
    late = [each for each in took if each > 1]
    return (
        f"Revocations heard by another process within 1 s ({REVOCATIONS}: keys, sessions, tokens, service accounts)",
        f"{len(took) - len(late)}",
        f"{len(took)}",
        f"{1 - len(late) / len(took):.2f}",
        _quantiles(took),
    )


async def _a_key(http: httpx.AsyncClient, _email: str) -> tuple[str, str]:
    made = (await http.post("/api-keys", json={"name": "Spare"})).raise_for_status().json()
    return made["key"], f"/api-keys/{made['id']}"


async def _a_session(http: httpx.AsyncClient, email: str) -> tuple[str, str]:
    made = (await http.post("/sessions", json={"email": email, "password": PASSWORD})).raise_for_status().json()
    return made["token"], f"/sessions/{made['session']['id']}"


async def _an_account(http: httpx.AsyncClient, _email: str) -> tuple[str, str]:
    account = (
        (await http.post("/service-accounts", json={"name": "Robot", "scopes": ["devices:read"]})).raise_for_status().json()
    )
    made = (await http.post(f"/service-accounts/{account['id']}/api-keys", json={"name": "Key"})).raise_for_status().json()
    return made["key"], f"/service-accounts/{account['id']}"


async def _a_token(http: httpx.AsyncClient, email: str) -> tuple[str, str]:
    """An application's access token, by the pages, as its user gives it."""
    said = {"name": "App", "redirect_uris": [CALLBACK], "scopes": ["devices:read"], "kind": "public"}
    client = (await http.post("/oauth-clients", json=said)).raise_for_status().json()
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    named = {"client_id": client["client_id"], "redirect_uri": CALLBACK}
    asked = {
        **named,
        "response_type": "code",
        "scope": "devices:read",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    async with httpx.AsyncClient(base_url=http.base_url, timeout=30) as browser:
        page = await browser.get("/oauth/authorize", params=asked)
        page = await browser.get(
            f"/oauth/authorize?{(await _send(browser, page, 'sign-in', email=email, password=PASSWORD)).query}"
        )
        code = parse_qs((await _send(browser, page, "authorize", decision="allow")).query)["code"][0]
        form = {**named, "grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        tokens: dict[str, Any] = (await browser.post("/oauth/token", data=form)).raise_for_status().json()
    return tokens["access_token"], f"/oauth-clients/{client['id']}"


async def _send(browser: httpx.AsyncClient, page: httpx.Response, to: str, **fields: str) -> Any:
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = await browser.post(f"/oauth/{to}", data={**{name: unescape(each) for name, each in hidden.items()}, **fields})
    assert answer.status_code == 303, answer.text
    return urlsplit(answer.headers["location"])


async def _owner(http: httpx.AsyncClient) -> tuple[str, str]:
    email = f"{uuid4()}@msp.example.com"
    said = {"tenant_name": "Door", "name": "Ann", "email": email, "password": PASSWORD}
    made = (await http.post("/signup", json=said, headers={"Authorization": ""})).raise_for_status().json()
    return email, made["api_key"]


def _quantiles(took: list[float]) -> str:
    cut = statistics.quantiles(took, n=100)
    return f"{cut[49] * 1000:.0f}/{cut[98] * 1000:.0f} ms"
