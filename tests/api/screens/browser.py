"""The application on a real port, and a real browser before it, held against WCAG 2.2 AA."""

import asyncio
import shutil
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright
from starlette.types import ASGIApp

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed here; .ci/run installs it")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[str]:
    """The address of a running application."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        running = asyncio.create_task(server.serve(sockets=[place]))
        try:
            yield f"http://127.0.0.1:{place.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def browsing(*, width: int, scripts: bool = True) -> AsyncGenerator[Page]:
    """A page of a new browser. An error on it or a refusal by its policy fails the test."""
    troubles: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security Policy" in said.text else None)
        yield page
        await browser.close()
    assert troubles == []


async def faults(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds against a page that has scripts. It is put in from outside, past the page's policy."""
    from axe_playwright_python.async_playwright import Axe  # pyright: ignore[reportMissingTypeStubs]  it ships none

    options: Any = {"runOnly": {"type": "tag", "values": list(RULES)}}
    axe: Any = Axe()
    found = (await axe.run(page, options=options)).response
    assert len(found["passes"]) > 10, "axe has looked"
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]
