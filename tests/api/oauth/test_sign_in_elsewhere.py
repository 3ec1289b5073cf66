"""Signing in at the tenant's own provider on the page where an application asks: with a real provider in a real browser, and
for everybody who must not come in this way."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest
from playwright.async_api import Route

from domain.clock import new_id
from domain.runtime import Runtime
from tests.api.oauth.partner import CALLBACK, NO_FACTOR, Browser, Partner, answer_in, browser_of, partner_of
from tests.api.oauth.test_pages import bitewing
from tests.api.screens.browser import NEEDS_CHROMIUM, browsing, faults
from tests.makers import Caller, House, expect, make_oauth_client
from tests.openid import real
from tests.openid.names import Names, name_server

pytestmark = pytest.mark.skipif(not real.installed(), reason=real.MISSING)


def at(http: httpx.AsyncClient, owner: Caller) -> Caller:
    """The owner, calling another program."""
    return Caller(http, owner.api_key, owner.tenant_id, owner.member_id)


async def connected(owner: Caller, names: Names, issuer: str, domain: str) -> dict[str, Any]:
    """The owner's tenant, whose technicians sign in at the provider."""
    claimed = await owner.make("/sso-domains", {"domain": domain})
    names.texts[claimed["record_name"]] = [claimed["record_value"]]
    expect(await owner.post(f"/sso-domains/{claimed['id']}/verification"), 200)
    expect(await owner.patch("/tenant", NO_FACTOR), 200)
    seat = {"role": "technician", "organization_ids": None, "group_ids": None}
    said = {"name": "Our <directory>", "issuer": issuer, **real.CLIENT, "auto_join": True, "default_seat": seat}
    return await owner.make("/sso-connections", said)


@NEEDS_CHROMIUM
async def test_a_member_signs_in_at_their_provider_and_is_asked(house: House, runtime: Runtime) -> None:
    domain = f"{new_id().hex}.example"
    ada = {"email": f"ada@{domain}", "email_verified": True, "name": "Ada Lovelace"}
    eve = {"email": f"eve@elsewhere-{domain}", "email_verified": True, "name": "Eve"}
    owner = await house.tenant()
    async with (
        name_server() as names,
        bitewing(runtime, dns_server=names.address) as api,
        real.provider(f"{api}/v1/sso/callback", {"ada": ada, "eve": eve}) as issuer,
        httpx.AsyncClient(base_url=api) as http,
        browsing(width=1280) as page,
    ):
        there = at(http, owner)
        connection = await connected(there, names, issuer, domain)
        partner = Partner(house, await make_oauth_client(owner))
        asked = f"{api}/v1/oauth/authorize?{urlencode(partner.asks())}"

        async def sign_in_there(login: str) -> None:
            await page.get_by_role("link", name="Sign in with Our <directory>").click()
            await page.wait_for_url(f"{issuer}/**")
            await page.locator("[name=login]").fill(login)
            await page.locator("[name=password]").fill("any")
            await page.locator("[type=submit]").click()
            await page.locator("[type=submit]").click()
            await page.wait_for_url(f"{api}/v1/oauth/authorize**")

        async def go_back(route: Route) -> None:
            await route.fulfill(body="back")

        await page.goto(asked)
        assert await faults(page) == []
        await sign_in_there("eve")
        assert "did not confirm an address" in await page.get_by_role("alert").inner_text()
        assert await faults(page) == []
        await page.context.clear_cookies()
        await page.goto(asked)
        await sign_in_there("ada")
        assert page.url == asked, "back where it was asked, with nothing added"
        await page.get_by_role("button", name="Allow", exact=True).wait_for()
        assert f"ada@{domain}" in await page.locator("main").inner_text()
        assert await faults(page) == []
        await page.route(f"{CALLBACK}**", go_back)
        await page.get_by_role("button", name="Allow", exact=True).click()
        await page.wait_for_url(f"{CALLBACK}**")
        tokens = await partner.tokens(dict(parse_qsl(urlsplit(page.url).query))["code"])
        acting = Caller(house.http, tokens["access_token"], owner.tenant_id, owner.member_id)
        assert (await acting.get_json("/me"))["role"] == "technician"
        assert connection["issuer"] == issuer


async def test_a_way_back_belongs_to_one_browser_and_leads_to_our_page_alone(house: House, runtime: Runtime) -> None:
    domain = f"{new_id().hex}.example"
    ada = {"email": f"ada@{domain}", "email_verified": True}
    owner, stranger = await house.tenant(), await house.tenant()
    async with (
        name_server() as names,
        bitewing(runtime, dns_server=names.address) as api,
        real.provider(f"{api}/v1/sso/callback", {"ada": ada}) as issuer,
        httpx.AsyncClient(base_url=api) as http,
        httpx.AsyncClient(base_url=api) as one,
        httpx.AsyncClient(base_url=api) as another,
    ):
        there = at(http, owner)
        connection = await connected(there, names, issuer, domain)
        partner, theirs = await partner_of(house, owner), await partner_of(house, stranger)
        browser, other = Browser(one), Browser(another)
        page = await partner.send_to(browser)
        [way] = [unescape(each) for each in re.findall(r'href="([^"]*/sso[?][^"]*)"', page.text)]
        assert "Our &lt;directory&gt;" in page.text
        assert "/v1/oauth/sso" not in (await theirs.send_to(browser)).text, "another tenant has no such way in"
        foreign = urlencode({"connection": connection["id"].replace("-", ""), **theirs.asks()})
        assert (await browser.http.get(f"/v1/oauth/sso?{foreign}")).status_code == 404
        astray = urlencode(
            {"connection": connection["id"].replace("-", ""), **partner.asks(redirect_uri="https://evil.example")}
        )
        assert (await browser.http.get(f"/v1/oauth/sso?{astray}")).status_code == 400, "the request is checked first"
        away = await browser.http.get(f"{way}&returns_to=https://evil.example")
        landed = await real.sign_in_there(away.headers["location"], "ada", until=f"{api}/v1/sso/callback")
        query = {name: values[0] for name, values in parse_qs(urlsplit(landed).query).items()}
        stolen = await other.http.get("/v1/sso/callback", params=query)
        assert stolen.headers["location"].endswith("#error=other_browser")
        assert "bitewing" not in other.http.cookies
        back = await browser.http.get("/v1/sso/callback", params=query)
        assert back.status_code == 303
        assert urlsplit(back.headers["location"]).path == "/v1/oauth/authorize"
        assert dict(parse_qsl(urlsplit(back.headers["location"]).query)) == partner.asks()
        assert "bws_" not in back.headers["location"]
        question = await browser.http.get(urljoin(api, back.headers["location"]))
        assert answer_in(await browser.send(question, "authorize", decision="allow"))["code"]
        again = await browser.http.get("/v1/sso/callback", params=query)
        assert again.headers["location"].endswith("#error=state_not_valid"), "it works once"
    told = await partner.send_to(browser_of(house), sso_error="<script>alert(1)</script>")
    assert told.status_code == 401
    assert "did not work" in told.text
    assert "alert(1)" not in told.text
