"""The pages on which a member signs in and is asked: by forms alone, in a real browser, and for everybody who must not pass."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from playwright.async_api import Page
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import build
from domain.runtime import Runtime
from tests.api.oauth.partner import CALLBACK, Partner, answer_in, browser_of, partner_of
from tests.api.oauth.spa import portal
from tests.api.screens.browser import NEEDS_CHROMIUM, browsing, faults, serving
from tests.api.v1.test_members import easy_going, joined
from tests.api.v1.test_mfa import enrolled, let_time_pass
from tests.authenticator import Authenticator
from tests.makers import PASSWORD, Caller, House, expect, make_device, make_oauth_client


async def test_the_member_is_asked_in_words_and_says_yes_or_no(house: House) -> None:
    owner = await house.tenant()
    name = "<b>Portal</b> & Söhne"
    partner = await partner_of(house, owner, name=name, description="Shows your devices.")
    browser = browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    assert page.status_code == 200
    for said in ("See devices", "See vendors", "Shows your devices.", owner.email, "https://app.example.com"):
        assert said in page.text, said
    assert "<b>Portal" not in page.text, "what somebody typed is text"
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    allowed = {"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' https://app.example.com"}
    assert allowed <= set(policy.split("; "))
    assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-store")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert re.search(r"<script(?! src=)|style=|onclick", page.text) is None
    refused = answer_in(await browser.send(page, "authorize", decision="deny"))
    assert (refused["error"], refused["state"], "code" in refused) == ("access_denied", partner.state, False)
    assert (await owner.get_json("/me/oauth-grants"))["data"] == []
    agreed = await browser.send(await partner.send_to(browser), "authorize", decision="allow")
    assert agreed.headers["location"].startswith(f"{CALLBACK}?")
    await partner.tokens(answer_in(agreed)["code"])
    [grant] = (await owner.get_json("/me/oauth-grants"))["data"]
    assert (grant["client_name"], set(grant["scopes"])) == (name, {"devices:read", "vendors:read"})
    [listed] = (await owner.get_json(f"/oauth-clients/{partner.client['id']}/grants"))["data"]
    assert listed == grant


async def test_nobody_grants_what_they_have_not(house: House) -> None:
    owner = await easy_going(house)
    practice = await house.organization(owner)
    staff = await joined(house, owner, "practice_member", organization_ids=[practice])
    partner = await partner_of(house, owner, scopes=["organizations:read", "devices:write", "ownership:write"])
    browser = browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), staff.email)
    assert "It asks for more than you may do" in page.text
    assert "only for the practices that you look after" in page.text
    code = answer_in(await browser.send(page, "authorize", decision="allow"))["code"]
    tokens = await partner.tokens(code)
    assert tokens["scope"] == "organizations:read"
    app = partner.acting(owner, tokens)
    assert [each["id"] for each in (await app.get_json("/organizations"))["data"]] == [practice]
    nothing = await partner.send_to(browser, scope="devices:write")
    assert 'value="allow"' not in nothing.text
    assert answer_in(await browser.send(nothing, "authorize", decision="allow"))["error"] == "access_denied"


async def test_what_opens_doors_is_lent_on_a_fresh_proof_only(house: House, runtime: Runtime) -> None:
    """A stolen session that agreed would live on in an application for months."""
    owner = await easy_going(house)
    partner = await partner_of(house, owner, scopes=["devices:read", "members:write"])
    browser = browser_of(house)
    question = await browser.sign_in(await partner.send_to(browser), owner.email)
    await let_time_pass(runtime, owner)
    assert "/v1/oauth/sign-in" in (await partner.send_to(browser)).text, "who has no second factor signs in anew"
    assert "/v1/oauth/sign-in" in (await browser.send(question, "authorize", decision="allow")).text
    harmless = await partner.send_to(browser, scope="devices:read")
    code = answer_in(await browser.send(harmless, "authorize", decision="allow"))["code"]
    app = partner.acting(owner, await partner.tokens(code))
    assert (await app.get("/sessions")).status_code == 403, "where its user is signed in is no matter of an application"

    _, phone, _ = await enrolled(house, owner)
    await let_time_pass(runtime, owner)
    page = await partner.send_to(browser)
    assert "/v1/oauth/second-factor" in page.text
    done = await browser.send(page, "second-factor", code=phone.code())
    again = await browser.http.get(done.headers["location"])
    assert answer_in(await browser.send(again, "authorize", decision="allow"))["code"]


async def test_only_members_of_the_tenant_sign_in_and_refusals_say_nothing(house: House) -> None:
    owner, stranger = await house.tenant(), await house.tenant()
    partner = await partner_of(house, owner)
    browser = browser_of(house)
    page = await partner.send_to(browser)
    said: set[str] = set()
    for email, password in (
        (owner.email, "wrong"),
        ("nobody@msp.example.com", PASSWORD),
        (stranger.email, PASSWORD),
        ("x" * 400, PASSWORD),
        (owner.email, ""),
    ):
        refused = await browser.send(page, "sign-in", email=email, password=password)
        assert refused.status_code == 401, email
        said.add(re.sub(r'value="[^"]*"', "", refused.text))
    assert len(said) == 1, "whatever was wrong, the page is the same"
    theirs = await partner_of(house, stranger)
    await browser.sign_in(await theirs.send_to(browser), stranger.email)
    assert "/v1/oauth/sign-in" in (await partner.send_to(browser)).text, "a session of another tenant is none here"


async def test_no_other_site_sends_our_forms(house: House) -> None:
    owner = await house.tenant()
    partner, other = await partner_of(house, owner), await partner_of(house, owner, scopes=["devices:read", "devices:write"])
    browser, attacker = browser_of(house), browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    theirs = await attacker.sign_in(await other.send_to(attacker), owner.email)

    def guard(shown: httpx.Response) -> str:
        return re.findall(r'name="guard" value="([^"]+)"', shown.text)[0]

    mine = urlencode(partner.asks())
    for request, shown in ((mine, ""), (mine, "x" * 64), (mine, guard(theirs)), (urlencode(other.asks()), guard(page))):
        for to in ("authorize", "sign-in", "second-factor", "sign-out"):
            form = {"request": request, "guard": shown, "decision": "allow", "email": owner.email, "password": PASSWORD}
            answer = await browser.http.post(f"/v1/oauth/{to}", data=form)
            assert answer.status_code == 403, to
    assert (await browser.http.post("/v1/oauth/authorize", json={})).status_code == 415
    assert (await owner.get_json("/me/oauth-grants"))["data"] == []
    [cookie] = [each for each in browser.http.cookies.jar if each.name == "bitewing"]
    assert (cookie.path, cookie.expires, cookie.has_nonstandard_attr("HttpOnly")) == ("/v1/oauth", None, True)
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert (await browser.http.get("/v1/me")).status_code == 401, "the API does not look at it"


async def test_somebody_else_can_sign_in_and_an_ended_session_is_asked_again(house: House) -> None:
    owner = await easy_going(house)
    partner = await partner_of(house, owner)
    browser = browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    left = await browser.send(page, "sign-out")
    assert left.status_code == 303
    assert "/v1/oauth/sign-in" in (await browser.http.get(left.headers["location"])).text
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    [alive] = [each for each in (await owner.get_json("/sessions"))["data"] if each["ended_at"] is None]
    expect(await owner.delete(f"/sessions/{alive['id']}"), 204)
    asked = await browser.send(page, "authorize", decision="allow")
    assert "/v1/oauth/sign-in" in asked.text, "the form is right, but nobody is signed in any more"


async def test_a_second_factor_is_shown_on_the_page(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    partner = Partner(house, await make_oauth_client(owner))
    browser = browser_of(house)
    without = await browser.sign_in(await partner.send_to(browser), owner.email)
    assert (without.status_code, "Your role" in without.text, "decision" in without.text) == (403, True, False)
    _, phone, codes = await enrolled(house, owner)
    await let_time_pass(runtime, owner)
    browser = browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    assert 'autocomplete="one-time-code"' in page.text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    early = await browser.http.post("/v1/oauth/authorize", data={**unescaped(hidden), "decision": "allow"})
    assert "one-time-code" in early.text, "a password alone grants nothing"
    for wrong in ("000000", "no-such-code", ""):
        assert (await browser.send(page, "second-factor", code=wrong)).status_code == 401
    for credential in ("{}", "[]", "nonsense", "1"):
        assert (await browser.send(page, "second-factor", credential=credential)).status_code == 401
    digits = phone.code()
    done = await browser.send(page, "second-factor", code=f"{digits[:3]} {digits[3:]}")
    assert done.status_code == 303
    page = await browser.http.get(done.headers["location"])
    assert "code" in answer_in(await browser.send(page, "authorize", decision="allow"))
    browser = browser_of(house)
    page = await browser.sign_in(await partner.send_to(browser), owner.email)
    done = await browser.send(page, "second-factor", code=codes[0])
    assert 'value="allow"' in (await browser.http.get(done.headers["location"])).text


def unescaped(hidden: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("&amp;", "&") for name, value in hidden.items()}


async def test_pages_of_an_application_call_from_their_own_origin_alone(house: House) -> None:
    owner = await house.tenant()
    mine = f"https://{owner.tenant_id.hex}.example.com"
    partner = await partner_of(house, owner, origins=[mine])

    async def allowed(path: str, origin: str) -> str | None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return (await house.http.options(path, headers=headers)).headers.get("access-control-allow-origin")

    for path in ("/v1/oauth/token", "/v1/oauth/revoke", "/.well-known/oauth-authorization-server"):
        assert await allowed(path, mine) == mine, path
        assert await allowed(path, "https://evil.example.com") is None, path
    page = await house.http.get("/v1/oauth/authorize", params=partner.asks(), headers={"Origin": mine})
    assert "access-control-allow-origin" not in page.headers, "no program reads the page that is for people"
    other = f"https://other-{owner.tenant_id.hex}.example.com"
    expect(await owner.patch(f"/oauth-clients/{partner.client['id']}", {"origins": [other]}), 200)
    assert await allowed("/v1/oauth/token", other) == other


async def sign_in_by_hand(page: Page, email: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


@asynccontextmanager
async def bitewing(runtime: Runtime, host: str = "127.0.0.1", **settings: Any) -> AsyncGenerator[str]:
    """The program on a port of its own, told under which address browsers reach it."""
    running: list[ASGIApp] = []

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await running[0](scope, receive, send)

    async with serving(late) as address:
        reached = address.replace("127.0.0.1", host)
        changed = runtime.settings.model_copy(update={"public_url": reached, **settings})
        application = build(replace(runtime, settings=changed))
        async with application.router.lifespan_context(application):
            running.append(application)
            yield reached


@NEEDS_CHROMIUM
async def test_a_frontend_in_a_browser_does_the_whole_flow(house: House, runtime: Runtime) -> None:
    """The portal of ``spa.py``: sent to our pages and back, by somebody who sees them, with axe-core looking at each."""
    owner = await house.tenant()
    practice = await house.organization(owner)
    device = await make_device(owner, practice)
    async with bitewing(runtime) as api, serving(portal) as origin, browsing(width=1280) as page:
        said = {"redirect_uris": ["http://127.0.0.1/callback"], "origins": [origin], "scopes": ["devices:read", "tasks:read"]}
        partner = await partner_of(house, owner, **said)
        at = urlencode({"api": api, "clientId": partner.client["client_id"], "scope": "devices:read tasks:read"})

        async def came_back() -> dict[str, Any]:
            await page.wait_for_function("document.querySelector('#done')?.textContent")
            assert page.url == f"{origin}/callback"
            return json.loads(await page.locator("#done").inner_text())

        await page.goto(f"{origin}/?{at}")
        await page.get_by_role("button", name="Connect").click()
        await page.wait_for_url(f"{api}/v1/oauth/authorize**")
        assert await faults(page) == []
        await page.get_by_label("E-mail address").fill(owner.email)
        await page.get_by_label("Password").fill("not this one")
        await page.get_by_role("button", name="Sign in").click()
        assert "do not belong together" in await page.get_by_role("alert").inner_text()
        assert await faults(page) == []
        await sign_in_by_hand(page, owner.email)
        await page.get_by_role("button", name="Allow", exact=True).wait_for()
        assert await faults(page) == []
        assert await page.get_by_role("listitem").all_inner_texts() == ["See devices", "See tasks"]
        await page.get_by_role("button", name="Allow", exact=True).click()
        done = await came_back()
        assert (done["stateIsOurs"], done["issuerIsTheirs"], done["error"]) == (True, True, None)
        assert (done["devices"], done["scope"]) == ([device["name"]], "devices:read tasks:read")
        assert (done["renewed"], done["revoked"], done["afterwards"]) == (200, 200, [401, 401])
        assert (await owner.get_json("/me/oauth-grants"))["data"] == [], "given back"
        await page.goto(f"{origin}/?{at}")
        await page.get_by_role("button", name="Connect").click()
        await page.get_by_role("button", name="Do not allow").click()
        assert (await came_back())["error"] == "access_denied"


@NEEDS_CHROMIUM
async def test_the_pages_work_without_a_script_and_on_a_phone(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    async with bitewing(runtime) as api, serving(portal) as origin, browsing(width=320, scripts=False) as page:
        partner = await partner_of(house, owner, redirect_uris=["http://127.0.0.1/callback"])
        asked = urlencode(partner.asks(redirect_uri=f"{origin}/callback"))
        await page.goto(f"{api}/v1/oauth/authorize?{asked}")
        await sign_in_by_hand(page, owner.email)
        await page.get_by_role("button", name="Allow", exact=True).click()
        await page.wait_for_url(f"{origin}/callback?**")
        told = dict(parse_qsl(urlsplit(page.url).query))
        assert (told["state"], told["iss"]) == (partner.state, api)
        tokens = expect(await partner.post("token", partner.redeems(told["code"], redirect_uri=f"{origin}/callback")), 200)
        assert (await partner.acting(owner, tokens).get("/devices")).status_code == 200


@NEEDS_CHROMIUM
async def test_a_passkey_answers_on_the_page(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    async with bitewing(runtime, "localhost") as api, browsing(width=1280) as page:
        key = Authenticator("localhost", api)
        async with httpx.AsyncClient(base_url=api) as http:
            there = Caller(http, (await house.signed_in(owner)).api_key, owner.tenant_id, owner.member_id)
            begun = await there.make("/me/mfa-factors", {"kind": "passkey"})
            await there.make("/me/mfa-factors/confirmation", {"credential": key.create(begun["public_key"])})
        device: Any = await page.context.new_cdp_session(page)
        await device.send("WebAuthn.enable")
        can = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
        options = {"protocol": "ctap2", "transport": "internal", **can}
        made = await device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        await device.send("WebAuthn.addCredential", {"authenticatorId": made["authenticatorId"], "credential": key.exported()})
        partner = Partner(house, await make_oauth_client(owner))
        await page.goto(f"{api}/v1/oauth/authorize?{urlencode(partner.asks())}")
        await sign_in_by_hand(page, owner.email)
        await page.get_by_role("button", name="Use a passkey").wait_for()
        assert await faults(page) == []
        await page.get_by_role("button", name="Use a passkey").click()
        await page.get_by_role("button", name="Allow", exact=True).wait_for()
