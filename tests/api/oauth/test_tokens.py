"""Tokens from their beginning to their end: what they may do, how they shrink, and everything that ends them at once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from sqlmodel import update

from api.app import build
from domain.access import Role
from domain.clock import now
from domain.database import tenant_session
from domain.people.oauth_grants import OAuthGrant
from domain.people.oauth_tokens import OAuthToken, sweep_tokens
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.api.oauth.partner import Partner, partner_of
from tests.api.v1.test_members import easy_going, joined
from tests.api.v1.test_sessions import eventually
from tests.makers import PASSWORD, Caller, House, expect, make_device, make_oauth_client, make_task


async def granted(house: House, owner: Caller, **fields: Any) -> tuple[Partner, dict[str, Any]]:
    """An application that the owner lets act for them, and its tokens."""
    partner = await partner_of(house, owner, **fields)
    return partner, await partner.tokens(await partner.code_from(owner))


async def kinds_told(owner: Caller) -> list[str]:
    return [each["kind"] for each in await owner.all("/audit-log") if each["kind"].startswith("oauth")]


async def test_an_application_acts_for_its_user_within_what_was_granted(house: House) -> None:
    owner = await house.tenant()
    partner, tokens = await granted(house, owner, scopes=["devices:read", "devices:write", "vendors:read"])
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    assert set(tokens["scope"].split()) == {"devices:read", "devices:write", "vendors:read"}
    practice = await house.organization(owner)
    app = partner.acting(owner, tokens)
    device = await make_device(app, practice)
    assert (await app.get("/vendors")).status_code == 200
    assert (await app.post("/vendors", {"name": "x"})).status_code == 403, "only to read"
    assert (await app.get("/members")).status_code == 403, "its user may, it may not"
    me = await app.get_json("/me")
    assert (me["kind"], me["member_id"], len(me["permissions"])) == ("oauth_token", str(owner.member_id), 3)
    [made] = [each for each in await owner.all("/audit-log") if each["subject_id"] == device["id"]]
    assert (made["actor"]["oauth_client_id"], made["actor"]["member_id"]) == (partner.client["id"], str(owner.member_id))
    for secret in (tokens["access_token"], tokens["refresh_token"], partner.verifier):
        assert secret not in str(await owner.all("/audit-log"))


async def test_a_refresh_token_is_for_one_use_and_its_second_ends_the_family(house: House) -> None:
    owner = await house.tenant()
    partner, first = await granted(house, owner)
    second = expect(await partner.refreshed(first, scope="devices:read"), 200)
    assert second["scope"] == "devices:read"
    third = expect(await partner.refreshed(second), 200)
    assert set(third["scope"].split()) == {"devices:read", "vendors:read"}, "the one before was cut down, the grant was not"
    assert (await partner.acting(owner, third).get("/vendors")).status_code == 200
    assert (await partner.refreshed(first)).json()["error"] == "invalid_grant"
    for each in (first, second, third):
        assert (await partner.acting(owner, each).get("/devices")).status_code == 401
    assert (await partner.refreshed(third)).json()["error"] == "invalid_grant"
    assert (await owner.get_json("/me/oauth-grants"))["data"] == []
    told = await kinds_told(owner)
    assert (told.count("oauth_token.issued"), told.count("oauth_grant.reuse_detected")) == (3, 1)
    [ended] = [each for each in await owner.all("/events") if each["kind"] == "oauth_grant.ended"]
    assert ended["changes"]["ended_by"]["to"] == "token_reused"


async def test_two_at_once_with_one_token_are_one_too_many(house: House) -> None:
    owner = await house.tenant()
    partner = await partner_of(house, owner)
    code = await partner.code_from(owner)
    both = await asyncio.gather(*(partner.post("token", partner.redeems(code)) for _ in range(2)))
    assert sorted(each.status_code for each in both) == [200, 400]
    tokens = await partner.tokens(await partner.code_from(owner))
    both = await asyncio.gather(*(partner.refreshed(tokens) for _ in range(2)))
    assert sorted(each.status_code for each in both) == [200, 400]
    [won] = [each.json() for each in both if each.status_code == 200]
    assert (await partner.acting(owner, won).get("/devices")).status_code == 401, "nobody knows who was the right one"


async def test_a_code_that_is_used_twice_ends_what_it_gave(house: House) -> None:
    owner = await house.tenant()
    partner = await partner_of(house, owner)
    code = await partner.code_from(owner)
    tokens = await partner.tokens(code)
    assert (await partner.post("token", partner.redeems(code))).json()["error"] == "invalid_grant"
    assert (await partner.acting(owner, tokens).get("/devices")).status_code == 401
    assert (await partner.refreshed(tokens)).json()["error"] == "invalid_grant"


async def test_what_is_too_old_is_worth_nothing(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    partner, tokens = await granted(house, owner)
    late = await partner.code_from(owner)
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        await session.execute(update(OAuthGrant).values(code_expires_at=now() - timedelta(days=2)))
        await session.execute(update(OAuthToken).values(expires_at=now() - timedelta(seconds=1)))
    assert (await partner.post("token", partner.redeems(late))).json()["error"] == "invalid_grant"
    assert (await partner.refreshed(tokens)).json()["error"] == "invalid_grant"
    assert (await partner.acting(owner, tokens).get("/devices")).status_code == 401
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        await session.execute(update(OAuthToken).values(expires_at=now() - timedelta(days=2)))
    await sweep_tokens(runtime)
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        driver = await session.driver()
        left = [await driver.fetchval(f"select count(*) from {table}") for table in ("oauth_token", "oauth_grant")]
    assert left == [0, 1], "the code that nobody redeemed is gone, and the grant stays that still holds"


async def test_a_token_shrinks_with_its_user_with_its_client_and_ends_with_its_grant(house: House) -> None:
    owner = await easy_going(house)
    practice, other = await house.organization(owner), await house.organization(owner)
    tech = await joined(house, owner, "technician")
    scopes = ["organizations:read", "devices:read", "imports:write"]
    partner = Partner(house, await make_oauth_client(owner, scopes=scopes))
    tokens = await partner.tokens(await partner.code_from(tech))
    app = partner.acting(owner, tokens)

    async def seen() -> set[str]:
        return {each["id"] for each in (await app.get_json("/organizations"))["data"]}

    assert await seen() == {practice, other}
    expect(await owner.patch(f"/members/{tech.member_id}", {"organization_ids": [practice]}), 200)
    assert await seen() == {practice}, "its user was narrowed"
    expect(await owner.patch(f"/members/{tech.member_id}", {"organization_ids": None}), 200)
    client = f"/oauth-clients/{partner.client['id']}"
    expect(await owner.patch(client, {"organization_ids": [other]}), 200)
    assert await seen() == {other}, "its client was narrowed"
    expect(await owner.patch(client, {"scopes": ["organizations:read", "vendors:read"]}), 200)
    assert await seen() == {other}
    assert (await app.get("/devices")).status_code == 403, "its client may no more"
    assert (await app.get("/vendors")).status_code == 403, "and what its client may since then, nobody agreed to"
    seat = {"role": "practice_member", "organization_ids": [practice]}
    expect(await owner.patch(f"/members/{tech.member_id}", seat), 200)
    assert await seen() == set(), "one practice is left of its user's, and another of its client's"
    renewed = expect(await partner.refreshed(tokens), 200)
    assert renewed["scope"] == "organizations:read"


ENDS = ("its member's revocation", "its client's revocation", "the client", "the seat", "the password")


@pytest.mark.parametrize("how", ENDS)
async def test_what_ends_a_token_ends_it_at_once_in_every_process(house: House, runtime: Runtime, how: str) -> None:
    owner = await easy_going(house)
    tech = await joined(house, owner, "technician")
    partner = Partner(house, await make_oauth_client(owner))
    tokens = await partner.tokens(await partner.code_from(tech))
    app = partner.acting(owner, tokens)
    another = build(runtime)
    async with (
        another.router.lifespan_context(another),
        httpx.AsyncClient(transport=httpx.ASGITransport(another), base_url="http://bitewing.test") as http,
    ):
        there = Caller(http, app.api_key, owner.tenant_id, tech.member_id)

        async def remembered() -> bool:
            assert (await there.get("/devices")).status_code == 200
            return len(another.state.credentials._known) == 1

        await eventually(remembered, "the other process remembers it")
        match how:
            case "its member's revocation":
                [grant] = (await tech.get_json("/me/oauth-grants"))["data"]
                assert (await owner.delete(f"/me/oauth-grants/{grant['id']}")).status_code == 404, "not theirs"
                assert (await app.delete(f"/me/oauth-grants/{grant['id']}")).status_code == 403
                expect(await tech.delete(f"/me/oauth-grants/{grant['id']}"), 204)
            case "its client's revocation":
                assert (await partner.post("revoke", partner.says(token=tokens["refresh_token"]))).status_code == 200
            case "the client":
                expect(await owner.delete(f"/oauth-clients/{partner.client['id']}"), 204)
            case "the seat":
                expect(await owner.delete(f"/members/{tech.member_id}"), 204)
            case _:
                fields = {"current_password": PASSWORD, "password": "another passphrase, long enough"}
                expect(await tech.post("/me/password", fields), 204)
        assert (await app.get("/devices")).status_code == 401

        async def refused() -> bool:
            return (await there.get("/devices")).status_code == 401

        await eventually(refused, "the other process refuses it", within=1)
    assert (await partner.refreshed(tokens)).json()["error"] in {"invalid_grant", "invalid_client"}


async def test_an_access_token_is_given_back_alone(house: House) -> None:
    owner = await house.tenant()
    partner, tokens = await granted(house, owner)
    for _ in range(2):
        assert (await partner.post("revoke", partner.says(token=tokens["access_token"]))).content == b""
    assert (await partner.acting(owner, tokens).get("/devices")).status_code == 401
    assert (await partner.refreshed(tokens)).status_code == 200, "the grant goes on"
    other = Partner(house, await make_oauth_client(owner))
    refused = await other.post("revoke", other.says(token=tokens["refresh_token"]))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await other.post("revoke", other.says(token="nonsense"))).status_code == 200
    assert (await other.post("revoke", other.says())).json()["error"] == "invalid_request"


async def test_an_application_acts_for_itself_within_its_sponsors_rights(house: House) -> None:
    owner = await house.tenant()
    admin = await house.member(owner, Role.admin)
    practice, other = await house.organization(owner), await house.organization(owner)
    own = {"kind": "confidential", "client_credentials": True, "organization_ids": [practice]}
    scopes = [
        "organizations:read",
        "tasks:read",
        "devices:write",
        "api_keys:write",
        "oauth_clients:write",
    ]
    partner = Partner(house, await make_oauth_client(admin, scopes=scopes, **own))
    form = {"grant_type": "client_credentials"}
    narrow = expect(await partner.post("token", partner.says(**form, scope="organizations:read")), 200)
    assert (narrow["scope"], "refresh_token" in narrow) == ("organizations:read", False)
    header = (partner.client["client_id"], partner.client["client_secret"])
    tokens = expect(await partner.post("token", form, auth=header), 200)
    app = partner.acting(owner, tokens)
    assert [each["id"] for each in (await app.get_json("/organizations"))["data"]] == [practice]
    assert (await app.get(f"/organizations/{other}")).status_code == 404
    device = await make_device(app, practice)
    [made] = [each for each in await owner.all("/audit-log") if each["subject_id"] == device["id"]]
    assert made["actor"] == {
        "kind": "oauth_token", "id": partner.client["id"], "member_id": None, "oauth_client_id": partner.client["id"],
    }  # fmt: skip
    assert (await partner.acting(owner, narrow).post(f"/organizations/{practice}/devices", {})).status_code == 403
    for path, body in (("/api-keys", {"name": "k"}), ("/oauth-clients", {"name": "x", "kind": "public"})):
        assert (await app.post(path, body)).status_code == 403, "what it borrowed it does not lend on"
    assert (await partner.post("token", partner.says(**form, scope="vendors:read"))).json()["error"] == "invalid_scope"
    expect(await owner.patch(f"/members/{admin.member_id}", {"role": "auditor"}), 200)
    assert (await app.post(f"/organizations/{practice}/devices", {})).status_code == 403, "its sponsor may only read now"
    expect(await owner.patch(f"/members/{admin.member_id}", {"role": "practice_member", "organization_ids": [practice]}), 200)
    unassigned = await make_task(owner, practice)
    assert (await app.get_json("/tasks"))["data"] == [], "its sponsor sees but tasks of their own now, and it has none"
    assert (await app.get(f"/tasks/{unassigned['id']}")).status_code == 404
    expect(await owner.delete(f"/members/{admin.member_id}"), 204)
    assert (await app.get("/organizations")).status_code == 401
    assert (await partner.post("token", partner.says(**form))).json()["error"] == "unauthorized_client"
    expect(await owner.post(f"/oauth-clients/{partner.client['id']}/sponsorship"), 201)
    assert (await app.get("/organizations")).status_code == 200, "another member answers for it"


async def test_what_a_token_is_worth_is_told_to_its_own_client(house: House) -> None:
    owner = await house.tenant()
    partner, tokens = await granted(house, owner, kind="confidential")
    told = expect(await partner.post("introspect", partner.says(token=tokens["access_token"])), 200)
    assert told["active"] is True
    assert (told["client_id"], told["sub"]) == (partner.client["client_id"], str(owner.member_id))
    assert (told["exp"] - told["iat"], told["token_type"]) == (3600, "Bearer")
    assert expect(await partner.post("introspect", partner.says(token=tokens["refresh_token"])), 200)["active"] is True
    assert (await partner.post("introspect", partner.says(token="nonsense"))).json() == {"active": False}
    other = Partner(house, await make_oauth_client(owner, kind="confidential"))
    assert (await other.post("introspect", other.says(token=tokens["access_token"]))).json() == {"active": False}
    public = Partner(house, await make_oauth_client(owner))
    assert (await public.post("introspect", public.says(token=tokens["access_token"]))).json()["error"] == "invalid_client"
    assert (await partner.post("revoke", partner.says(token=tokens["access_token"]))).status_code == 200
    assert (await partner.post("introspect", partner.says(token=tokens["access_token"]))).json() == {"active": False}


async def test_a_rotated_secret_goes_on_for_its_overlap(house: House) -> None:
    owner = await house.tenant()
    partner, tokens = await granted(house, owner, kind="confidential")
    old = partner.client["client_secret"]
    path = f"/oauth-clients/{partner.client['id']}/secret-rotation"
    new = (await owner.make(path, {"overlap_seconds": 600}))["client_secret"]
    for secret in (old, new):
        form = partner.says(token="nonsense", client_secret=secret)
        assert (await partner.post("revoke", form)).status_code == 200
    newest = (await owner.make(path, {"overlap_seconds": 0}))["client_secret"]
    for secret, status in ((old, 401), (new, 401), (newest, 200)):
        assert (await partner.post("revoke", partner.says(token="x", client_secret=secret))).status_code == status
    trail = str(await owner.all("/audit-log"))
    assert not any(each in trail for each in (old, new, newest, tokens["refresh_token"]))


async def test_the_metadata_is_whole_and_true(house: House) -> None:
    found = expect(await house.http.get("/.well-known/oauth-authorization-server"), 200)
    assert found == expect(await house.http.get("/v1/.well-known/oauth-authorization-server"), 200)
    over_tls = {
        name: value.replace("http://", "https://") if isinstance(value, str) else value for name, value in found.items()
    }
    AuthorizationServerMetadata(over_tls).validate()
    assert found["issuer"] == house.runtime.settings.base_url
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert not {"implicit", "password"} & set(found["grant_types_supported"])
    for name, path in found.items():
        if name.endswith("_endpoint") and name != "authorization_endpoint":
            answer = await house.http.post(path.removeprefix(found["issuer"]), data={"client_id": "x"})
            assert answer.json()["error"] in {"invalid_client", "invalid_request"}, name
