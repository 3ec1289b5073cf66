"""A real provider: node's ``oidc-provider``, and a browser that fills in its forms.

``npm ci --prefix tests/peers`` installs it, as ``.ci/run`` does; where it is not installed the tests are skipped.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

HERE = Path(__file__).parent
MODULE = HERE.parent / "peers" / "node_modules" / "oidc-provider" / "lib" / "index.js"
MISSING = "node and oidc-provider are not installed here (npm ci --prefix tests/peers)"
CLIENT = {"client_id": "bitewing", "client_secret": "a secret + with % signs"}


def installed() -> bool:
    return MODULE.exists() and shutil.which("node") is not None


@asynccontextmanager
async def provider(redirect_uri: str, accounts: Mapping[str, Mapping[str, Any]]) -> AsyncGenerator[str]:
    """A provider with these accounts; gives its issuer."""
    told = json.dumps({"redirect_uri": redirect_uri, "accounts": accounts})
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / "oidc_provider.mjs"),
        env={"PATH": os.environ["PATH"], "OIDC_PROVIDER_MODULE": str(MODULE), "PROVIDER": told},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (line := (await process.stdout.readline()).decode()).startswith("issuer "):
                assert line, "the provider ended before it listened"
        yield line.removeprefix("issuer ").strip()
    finally:
        process.kill()
        await process.wait()


async def sign_in_there(url: str, login: str, *, until: str) -> str:
    """Be a browser: follow the provider from page to page, and stop at the address that begins with ``until``."""
    async with httpx.AsyncClient(timeout=30) as browser:
        page = await browser.get(url)
        for _ in range(20):
            if page.is_redirect:
                location = urljoin(str(page.request.url), page.headers["location"])
                if location.startswith(until):
                    return location
                page = await browser.get(location)
                continue
            action = re.search(r'action="([^"]+)"', page.text)
            prompt = re.search(r'name="prompt" value="([^"]+)"', page.text)
            assert action and prompt, page.text
            said = {"prompt": prompt[1], "login": login, "password": "any"}
            page = await browser.post(urljoin(str(page.request.url), action[1]), data=said)
    raise AssertionError("the provider sends its guests round in circles")
