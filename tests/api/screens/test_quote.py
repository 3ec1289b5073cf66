"""The page behind the link of a quote: it shows what the paper says, and one answer is taken once."""

import asyncio
import re
from typing import Any

import httpx
from fastapi import FastAPI

from tests.api.screens.browser import NEEDS_CHROMIUM, browsing, faults, serving
from tests.makers import Caller, House

ADA = {"do": "accept", "name": "Dr. Ada Reyes", "title": "Owner"}


async def offered(house: House, **fields: Any) -> tuple[Caller, str, str, str]:
    """A quote that was sent: its tenant, its practice, its id, and its link."""
    msp = await house.tenant()
    practice = await house.organization(msp, name="Harbor <b>Dental</b>")
    body = {"organization_id": practice, "locations": 4, "years": 3, "recipient_email": "ada@group.example.com", **fields}
    quote = (await msp.make("/quotes", body))["id"]
    await msp.make(f"/quotes/{quote}/finalization", None)
    return msp, practice, quote, (await msp.make(f"/quotes/{quote}/sending", None))["url"]


async def post(house: House, link: str, **fields: str) -> httpx.Response:
    return await house.http.post("/quote", data={"token": link, **fields})


async def test_it_shows_what_the_paper_says_and_gives_the_paper(house: House) -> None:
    msp, _, quote, link = await offered(house)
    empty = await house.http.get("/quote")
    assert '<form method="post" action="/quote"' in empty.text
    assert (empty.headers["cache-control"], empty.headers["referrer-policy"]) == ("no-store", "no-referrer")
    page = await post(house, link)
    number = (await msp.get_json(f"/quotes/{quote}"))["number"]
    for said in (f"Quote {number}", "Harbor &lt;b&gt;Dental&lt;/b&gt;", "$449.00", "$1,796.00", "$5,388.00", "year 3"):
        assert said in page.text, said
    assert re.search(r"<script(?! src=)|style=|onclick|<b>Dental", page.text) is None
    assert "unsafe" not in page.headers["content-security-policy"]
    paper = await post(house, link.split("#")[1], do="paper")
    assert (paper.headers["content-type"], paper.content[:4]) == ("application/pdf", b"%PDF")


async def test_two_clicks_are_one_subscription_and_both_pages_say_so(house: House) -> None:
    msp, practice, _, link = await offered(house)
    missing = await post(house, link, do="accept", name="Dr. Ada Reyes")
    assert (missing.status_code, 'id="accept-title-fault"' in missing.text) == (422, True)
    assert 'value="Dr. Ada Reyes"' in missing.text, "nothing typed is lost"
    for page in await asyncio.gather(*(post(house, link, **ADA) for _ in range(2))):
        assert page.status_code == 200
        assert "Accepted by Dr. Ada Reyes, Owner" in page.text
        assert "Accept this quote" not in page.text
    assert (await msp.get_json(f"/organizations/{practice}/subscription"))["locations"] == 4
    assert len(await msp.all("/invoices")) == 1
    late = await post(house, link, do="decline", name="Ada")
    assert "Accepted by Dr. Ada Reyes" in late.text


async def test_it_can_be_declined_and_a_link_that_is_none_is_refused_politely(house: House) -> None:
    msp, _, quote, link = await offered(house)
    for wrong in (link[:-1] + "~", "bwq_1_2", f"{quote}.{link.split('.')[-1][:-5]}", ""):
        page = await post(house, wrong, **ADA)
        assert (page.status_code, "This link opens no quote." in page.text) == (404, True)
        assert not wrong or wrong not in page.text
    page = await post(house, link, do="decline", name="Ada", reason="Too dear")
    assert "Declined by Ada" in page.text
    assert (await msp.get_json(f"/quotes/{quote}"))["acceptance"]["reason"] == "Too dear"


@NEEDS_CHROMIUM
async def test_the_page_in_a_browser(house: House, app: FastAPI) -> None:
    """Opened from the letter on a telephone and accepted; axe-core finds nothing on any of the pages."""
    msp, practice, _, link = await offered(house)
    async with serving(app) as base, browsing(width=390) as page:
        await page.goto(f"{base}/quote#{link.split('#')[1]}")
        await page.get_by_role("heading", name="Quote").first.wait_for()
        assert link.split("_")[-1] not in page.url
        assert await faults(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
        accepting = page.get_by_role("article", name="Accept")
        await accepting.get_by_label("Your name").fill("Dr. Ada Reyes")
        await accepting.get_by_label("Your title").fill("Owner")
        await accepting.get_by_role("button", name="Accept this quote").dblclick()
        await page.get_by_role("status").get_by_text("Accepted by Dr. Ada Reyes").wait_for()
        assert await faults(page) == []
    assert (await msp.get_json(f"/organizations/{practice}/subscription"))["state"] == "active"
    assert len(await msp.all("/invoices")) == 1
