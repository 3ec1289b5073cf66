"""Everything that an authorization server must refuse, and how: a page, an answer to the application, or RFC 6749's JSON."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.api.oauth.partner import CALLBACK, Partner, answer_in, browser_of, partner_of
from tests.makers import Caller, House

ON_A_PAGE: dict[str, dict[str, Any]] = {
    "no client": {"client_id": None},
    "no such client": {"client_id": f"bwc_{'0' * 32}_{'1' * 32}"},
    "no client id at all": {"client_id": "nonsense"},
    "no redirect": {"redirect_uri": None},
    "another redirect": {"redirect_uri": "https://app.example.com/other"},
    "a longer redirect": {"redirect_uri": f"{CALLBACK}/more"},
    "a redirect with a query": {"redirect_uri": f"{CALLBACK}?next=1"},
    "a redirect with a fragment": {"redirect_uri": f"{CALLBACK}#x"},
    "a redirect in capitals": {"redirect_uri": "https://APP.example.com/callback"},
    "a redirect to another port": {"redirect_uri": "https://app.example.com:444/callback"},
    "a redirect that looks alike": {"redirect_uri": "https://app.example.com@evil.example/callback"},
    "a redirect without tls": {"redirect_uri": "http://app.example.com/callback"},
}
TO_THE_APPLICATION: dict[str, tuple[dict[str, Any], str]] = {
    "no pkce": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "pkce without its method": ({"code_challenge_method": None}, "invalid_request"),
    "plain pkce": ({"code_challenge_method": "plain"}, "invalid_request"),
    "a challenge that is no sha-256": ({"code_challenge": "x" * 42}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "a fragment for an answer": ({"response_mode": "fragment"}, "invalid_request"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "a scope that nobody knows": ({"scope": "devices:read everything"}, "invalid_scope"),
    "a scope beyond its own": ({"scope": "devices:read devices:write"}, "invalid_scope"),
}


@pytest.mark.parametrize("kind", ["public", "confidential"])
async def test_requests_that_are_put_to_nobody(house: House, kind: str) -> None:
    owner = await house.tenant()
    partner = await partner_of(house, owner, kind=kind)
    browser = browser_of(house)
    for what, instead in ON_A_PAGE.items():
        page = await partner.send_to(browser, **instead)
        assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8"), what
        assert "Nothing was granted" in page.text, what
    for what, (instead, error) in TO_THE_APPLICATION.items():
        sent = await partner.send_to(browser, **instead)
        assert sent.headers["location"].startswith(f"{CALLBACK}?"), what
        told = answer_in(sent)
        assert (told["error"], told["state"], told["iss"]) == (error, partner.state, house.runtime.settings.base_url), what
        assert "code" not in told, what
    twice = await browser.http.get(f"/v1/oauth/authorize?client_id=x&{httpx.QueryParams(partner.asks())}")
    assert twice.status_code == 400


Act = Callable[[Partner, str, dict[str, Any]], Awaitable[httpx.Response]]


def _with(**instead: Any) -> Act:
    """Redeem the code, but for these parameters."""

    async def act(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
        return await partner.post("token", partner.redeems(code, **instead))

    return act


async def _replayed_code(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    await partner.tokens(code)
    return await partner.post("token", partner.redeems(code))


async def _wide_refresh(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    return await partner.refreshed(await partner.tokens(code), scope="devices:read vendors:write")


async def _reused_refresh(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    tokens = await partner.tokens(code)
    await partner.refreshed(tokens)
    return await partner.refreshed(tokens)


async def _access_as_refresh(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    tokens = await partner.tokens(code)
    return await partner.refreshed({"refresh_token": tokens["access_token"]})


async def _code_of_another(partner: Partner, code: str, more: dict[str, Any]) -> httpx.Response:
    other = Partner(partner.house, more["other"], partner.verifier)
    return await other.post("token", other.redeems(code))


async def _code_of_another_tenant(partner: Partner, code: str, more: dict[str, Any]) -> httpx.Response:
    stranger = Partner(partner.house, more["stranger"], partner.verifier)
    return await stranger.post("token", stranger.redeems(code))


async def _refresh_of_another(partner: Partner, code: str, more: dict[str, Any]) -> httpx.Response:
    return await Partner(partner.house, more["other"]).refreshed(await partner.tokens(code))


async def _in_json(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    return await partner.house.http.post("/v1/oauth/token", json=partner.redeems(code))


async def _in_the_address(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    return await partner.post("token", partner.redeems(code, code_verifier=None), params={"code_verifier": partner.verifier})


async def _twice(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    body = f"{httpx.QueryParams(partner.redeems(code))}&code={code}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await partner.house.http.post("/v1/oauth/token", content=body, headers=headers)


async def _no_text(partner: Partner, _code: str, _more: dict[str, Any]) -> httpx.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await partner.house.http.post("/v1/oauth/token", content=b"grant_type=%ff\xff", headers=headers)


async def _basic_and_body(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    return await partner.post("token", partner.redeems(code), auth=(partner.client["client_id"], "x"))


async def _wrong_basic(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    form = partner.redeems(code, client_secret=None, client_id=None)
    return await partner.post("token", form, auth=(partner.client["client_id"], "x"))


async def _bearer(partner: Partner, code: str, _more: dict[str, Any]) -> httpx.Response:
    form = partner.redeems(code, client_secret=None)
    return await partner.post("token", form, headers={"Authorization": f"Bearer {partner.client['client_secret']}"})


AT_THE_TOKEN_ENDPOINT: dict[str, tuple[Act, int, str]] = {
    "no verifier": (_with(code_verifier=None), 400, "invalid_request"),
    "a verifier that is too short": (_with(code_verifier="x" * 42), 400, "invalid_request"),
    "a wrong verifier": (_with(code_verifier="x" * 43), 400, "invalid_grant"),
    "another redirect": (_with(redirect_uri="https://app.example.com/other"), 400, "invalid_grant"),
    "no code": (_with(code=None), 400, "invalid_request"),
    "a code that is none": (_with(code="nonsense"), 400, "invalid_grant"),
    "a code that was used": (_replayed_code, 400, "invalid_grant"),
    "a code of another client": (_code_of_another, 400, "invalid_grant"),
    "a code of another tenant": (_code_of_another_tenant, 400, "invalid_grant"),
    "a refresh token of another client": (_refresh_of_another, 400, "invalid_grant"),
    "a refresh token that was used": (_reused_refresh, 400, "invalid_grant"),
    "an access token to refresh": (_access_as_refresh, 400, "invalid_grant"),
    "a scope beyond what was granted": (_wide_refresh, 400, "invalid_scope"),
    "no client": (_with(client_id=None, client_secret=None), 400, "invalid_request"),
    "no such client": (_with(client_id=f"bwc_{'0' * 32}_{'1' * 32}"), 401, "invalid_client"),
    "no secret": (_with(client_secret=None), 401, "invalid_client"),
    "a wrong secret": (_with(client_secret="x"), 401, "invalid_client"),
    "a wrong secret in the header": (_wrong_basic, 401, "invalid_client"),
    "a secret in two places": (_basic_and_body, 400, "invalid_request"),
    "a secret as a bearer": (_bearer, 401, "invalid_client"),
    "no grant type": (_with(grant_type=None), 400, "invalid_request"),
    "the password grant": (_with(grant_type="password", username="a", password="b"), 400, "unsupported_grant_type"),
    "itself without being registered for it": (_with(grant_type="client_credentials"), 400, "unauthorized_client"),
    "json": (_in_json, 400, "invalid_request"),
    "parameters in the address": (_in_the_address, 400, "invalid_request"),
    "a parameter twice": (_twice, 400, "invalid_request"),
    "no text": (_no_text, 400, "invalid_request"),
}


async def test_requests_for_tokens_that_give_none(house: House) -> None:
    owner, stranger = await house.tenant(), await house.tenant()
    partner = await partner_of(house, owner, kind="confidential")
    more = {
        "other": (await partner_of(house, owner, kind="confidential")).client,
        "stranger": (await partner_of(house, stranger, kind="confidential")).client,
    }
    browser = browser_of(house)
    for what, (act, status, error) in AT_THE_TOKEN_ENDPOINT.items():
        code = await partner.code_from(owner, browser=browser)
        refused = await act(partner, code, more)
        assert (refused.status_code, refused.json().get("error")) == (status, error), f"{what}: {refused.text}"
        assert set(refused.json()) == {"error", "error_description"}, what
        assert refused.headers["content-type"] == "application/json", what
        assert refused.headers["cache-control"] == "no-store", what
        assert ("www-authenticate" in refused.headers) == (what == "a wrong secret in the header"), what
    public = await partner_of(house, owner)
    code = await public.code_from(owner, browser=browser)
    secretive = await public.post("token", public.redeems(code, client_secret="x"))
    assert (secretive.status_code, secretive.json()["error"]) == (401, "invalid_client"), "it has no secret"


async def test_a_token_is_good_in_its_own_tenant_alone(house: House) -> None:
    owner, stranger = await house.tenant(), await house.tenant()
    partner = await partner_of(house, owner)
    tokens = await partner.tokens(await partner.code_from(owner))
    moved = tokens["access_token"].replace(owner.tenant_id.hex, stranger.tenant_id.hex)
    for token in (moved, tokens["refresh_token"], tokens["access_token"][:-1] + "x"):
        caller = Caller(house.http, token, owner.tenant_id, owner.member_id)
        assert (await caller.get("/devices")).status_code == 401
    theirs = await partner_of(house, stranger, kind="confidential")
    seen = await theirs.post("introspect", theirs.says(token=tokens["access_token"]))
    assert seen.json() == {"active": False}
    assert (await theirs.post("revoke", theirs.says(token=tokens["access_token"]))).status_code == 200
    assert (await partner.acting(owner, tokens).get("/devices")).status_code == 200, "which ended nothing"
