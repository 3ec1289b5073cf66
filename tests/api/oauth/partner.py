"""A partner's application and its user's browser, as a test drives them over HTTP from the first redirect to the tokens."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.makers import PASSWORD, Caller, House, expect, make_oauth_client

CALLBACK = "https://app.example.com/callback"
NO_FACTOR: dict[str, Any] = {"settings": {"mfa_required_roles": []}}
"""What a test changes at a tenant whose people sign in on the page with a password alone."""


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def answer_in(response: httpx.Response) -> dict[str, str]:
    """What a redirect tells the application."""
    assert response.status_code == 303, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query, keep_blank_values=True))


@dataclass
class Browser:
    """Follows nothing by itself, keeps cookies, and sends the forms of a page with their hidden fields."""

    http: httpx.AsyncClient

    async def send(self, page: httpx.Response, to: str, **fields: str) -> httpx.Response:
        form = next(each for each in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'action="/v1/oauth/{to}"' in each)
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
        return await self.http.post(f"/v1/oauth/{to}", data={**{name: unescape(v) for name, v in hidden.items()}, **fields})

    async def sign_in(self, page: httpx.Response, email: str, password: str = PASSWORD) -> httpx.Response:
        """The page after a right password."""
        done = await self.send(page, "sign-in", email=email, password=password)
        assert done.status_code == 303, done.text
        return await self.http.get(done.headers["location"])


def browser_of(house: House) -> Browser:
    return Browser(httpx.AsyncClient(transport=house.http._transport, base_url=house.http.base_url))  # pyright: ignore[reportPrivateUsage]  the same application, other cookies


@dataclass
class Partner:
    """An application that was registered, and what it remembers of one authorization."""

    house: House
    client: dict[str, Any]
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    def asks(self, **instead: Any) -> dict[str, str]:
        """The parameters that it sends a browser with; None leaves one out."""
        asked = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": " ".join(self.client["scopes"]),
            "state": self.state,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
            **instead,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def send_to(self, browser: Browser, **instead: Any) -> httpx.Response:
        return await browser.http.get("/v1/oauth/authorize", params=self.asks(**instead))

    async def code_from(self, owner: Caller, *, browser: Browser | None = None, **instead: Any) -> str:
        """The code that it gets when the owner signs in and agrees."""
        browser = browser or browser_of(self.house)
        page = await self.send_to(browser, **instead)
        if "/v1/oauth/sign-in" in page.text:
            page = await browser.sign_in(page, owner.email)
        told = answer_in(await browser.send(page, "authorize", decision="allow"))
        assert told["state"] == self.state
        return told["code"]

    def redeems(self, a_code: str, **instead: Any) -> dict[str, str]:
        form = {"grant_type": "authorization_code", "code": a_code, "redirect_uri": CALLBACK, "code_verifier": self.verifier}
        return self.says(**{**form, **instead})

    def says(self, **form: Any) -> dict[str, str]:
        """A form with which it shows who it is; None leaves a parameter out."""
        secret = {"client_secret": self.client["client_secret"]} if self.client.get("client_secret") else {}
        whole = {"client_id": self.client["client_id"], **secret, **form}
        return {name: value for name, value in whole.items() if value is not None}

    async def post(self, to: str, form: dict[str, str], **more: Any) -> httpx.Response:
        return await self.house.http.post(f"/v1/oauth/{to}", data=form, **more)

    async def tokens(self, code: str) -> dict[str, Any]:
        return expect(await self.post("token", self.redeems(code)), 200)

    async def refreshed(self, tokens: dict[str, Any], **more: str) -> httpx.Response:
        return await self.post("token", self.says(grant_type="refresh_token", refresh_token=tokens["refresh_token"], **more))

    def acting(self, owner: Caller, tokens: dict[str, Any]) -> Caller:
        """Whoever calls the API with its access token."""
        return Caller(owner.http, tokens["access_token"], owner.tenant_id, owner.member_id)


async def partner_of(house: House, owner: Caller, **fields: Any) -> Partner:
    """An application of the owner's tenant, in which a password is enough to sign in."""
    expect(await owner.patch("/tenant", NO_FACTOR), 200)
    return Partner(house, await make_oauth_client(owner, **fields))
