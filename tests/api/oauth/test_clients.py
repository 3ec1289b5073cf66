"""Registering applications: addresses that are taken and refused, and nobody who gives out more than they have."""

import pytest

from domain.access import Permission, Role
from domain.people.scope_words import in_words
from tests.makers import House, expect, make_oauth_client

TAKEN = (
    "https://app.example.com",
    "https://app.example.com/callback?tenant=1",
    "https://app.example.com:8443/a/b",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:4711/callback",
    "http://[::1]/callback",
)
REFUSED = (
    "http://app.example.com/callback",
    "http://localhost/callback",
    "https://app.example.com/callback#x",
    "https://user@app.example.com/callback",
    "https://*.example.com/callback",
    "https://APP.example.com/callback",
    "https://app.example.com/call back",
    "https://app.example.com\\@evil.example/callback",
    "https:///callback",
    "https://app.example.com:99999/",
    "//app.example.com/callback",
    "com.example.app:/callback",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://app.exämple.com/",
    f"https://app.example.com/{'x' * 2000}",
)
NO_ORIGINS = ("https://app.example.com/", "http://app.example.com", "*", "null", "https://APP.example.com", "file://")


async def test_addresses_to_come_back_to(house: House) -> None:
    owner = await house.tenant()
    made = await make_oauth_client(
        owner, redirect_uris=list(TAKEN), origins=["https://app.example.com", "http://localhost:3000"]
    )
    path = f"/oauth-clients/{made['id']}"
    assert (await owner.get_json(path))["redirect_uris"] == list(TAKEN)
    for name, wrong in (("redirect_uris", REFUSED), ("origins", NO_ORIGINS)):
        for each in wrong:
            refused = expect(await owner.patch(path, {name: [each]}), 422)
            assert refused["errors"][0]["pointer"] == f"/{name}/0", each
    assert expect(await owner.patch(path, {"redirect_uris": [TAKEN[0]] * 21}), 422)["errors"][0]["pointer"] == "/redirect_uris"


@pytest.mark.parametrize(
    ("registered", "asked", "taken"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123/cb", True),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:50123/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123/cb/", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123/cb?x=1", False),
        ("http://127.0.0.1/cb", "http://[::1]:50123/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:50123/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:50123/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:x/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:50123/c\tb", False),
        ("https://127.0.0.1/cb", "https://127.0.0.1:50123/cb", False),
    ],
)
async def test_only_a_loopback_address_has_any_port(house: House, registered: str, asked: str, *, taken: bool) -> None:
    owner = await house.tenant()
    made = await make_oauth_client(owner, redirect_uris=[registered])
    sent = await house.http.get("/v1/oauth/authorize", params={"client_id": made["client_id"], "redirect_uri": asked})
    assert sent.status_code == (303 if taken else 400)
    if taken:
        assert sent.headers["location"].startswith(f"{asked}?error=invalid_request")


async def test_nobody_registers_more_than_they_may(house: House) -> None:
    owner = await house.tenant()
    practice = await house.organization(owner)
    admin = await house.member(owner, Role.admin)
    lesser = await house.member(owner, Role.admin, scopes=["oauth_clients:read", "oauth_clients:write", "devices:read"])
    narrowed = await house.member(owner, Role.admin, organizations=[practice])
    body = {"name": "x", "kind": "public", "scopes": ["devices:read", "vendors:read"]}
    refused = expect(await lesser.post("/oauth-clients", body), 422)
    assert refused["errors"][0]["code"] == "beyond_maker"
    assert (await narrowed.post("/oauth-clients", body)).status_code == 403
    own = await make_oauth_client(owner, scopes=["ownership:write"], kind="confidential")
    for by in (admin, lesser):
        path = f"/oauth-clients/{own['id']}"
        assert (await by.patch(path, {"scopes": []})).status_code == 403
        assert (await by.post(f"{path}/secret-rotation", {})).status_code == 403
        assert (await by.post(f"{path}/sponsorship")).status_code == 403
    wrong = expect(await owner.post("/oauth-clients", {**body, "client_credentials": True}), 422)
    assert wrong["errors"][0]["pointer"] == "/client_credentials"
    public = await make_oauth_client(owner)
    assert public["client_secret"] is None
    assert (await owner.post(f"/oauth-clients/{public['id']}/secret-rotation", {})).status_code == 409
    assert (await owner.patch(f"/oauth-clients/{public['id']}", {"kind": "confidential"})).status_code == 422
    listed = {each["id"]: each for each in (await owner.get_json("/oauth-clients"))["data"]}
    assert {listed[each["id"]]["client_id"] for each in (own, public)} == {own["client_id"], public["client_id"]}
    assert "client_secret" not in listed[own["id"]]
    assert own["client_secret"] not in str(await owner.all("/audit-log"))


def test_every_scope_has_words() -> None:
    words = [in_words(each) for each in Permission]
    assert len(set(words)) == len(words)
    assert not any(":" in each or "_" in each for each in words)
