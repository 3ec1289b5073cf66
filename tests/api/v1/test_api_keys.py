"""Keys: shown once, never wider than their maker, and gone the moment they are revoked."""

import asyncio
from datetime import timedelta

from domain.access import Role
from domain.clock import now, rfc3339
from tests.makers import Caller, House, expect


async def test_a_key_is_shown_once_and_ends_at_once(house: House) -> None:
    owner = await house.tenant()
    made = await owner.make("/api-keys", {"name": "Importer", "scopes": ["devices:read"]})
    machine = Caller(owner.http, made["key"], owner.tenant_id, owner.member_id)
    assert (await machine.get("/devices")).status_code == 200
    assert (await machine.get("/organizations")).status_code == 403
    assert made["key"] not in (await owner.get("/api-keys")).text

    assert (await owner.delete(f"/api-keys/{made['id']}")).status_code == 204
    assert (await machine.get("/devices")).status_code == 401, "a remembered credential is forgotten with the revocation"


async def test_a_key_is_never_wider_than_its_maker(house: House) -> None:
    owner = await house.tenant()
    narrow = await owner.make("/api-keys", {"name": "Keys only", "scopes": ["api_keys:write", "devices:read"]})
    machine = Caller(owner.http, narrow["key"], owner.tenant_id, owner.member_id)
    refused = await machine.post("/api-keys", {"name": "Wider", "scopes": ["devices:write"]})
    assert [each["code"] for each in expect(refused, 422)["errors"]] == ["beyond_maker"]
    child = await machine.make("/api-keys", {"name": "Child"})
    assert set(child["scopes"]) == {"api_keys:write", "devices:read"}, "no scopes means the maker's, not everything"


async def test_a_technician_makes_no_keys(house: House) -> None:
    owner = await house.tenant()
    technician = await house.member(owner, Role.technician)
    assert (await technician.post("/api-keys", {"name": "x"})).status_code == 403


async def test_a_key_expires(house: House) -> None:
    owner = await house.tenant()
    past = await owner.post("/api-keys", {"name": "x", "expires_at": rfc3339(now() - timedelta(seconds=1))})
    assert past.status_code == 422
    soon = await owner.make("/api-keys", {"name": "x", "expires_at": rfc3339(now() + timedelta(milliseconds=300))})
    machine = Caller(owner.http, soon["key"], owner.tenant_id, owner.member_id)
    assert (await machine.get("/me")).status_code == 200
    await asyncio.sleep(0.35)
    assert (await machine.get("/me")).status_code == 401


async def test_nobody_comes_in_without_a_key(house: House) -> None:
    for authorization in (None, "Basic abc", "Bearer bw_zz", f"Bearer bw_{'0' * 32}_{'x' * 43}"):
        headers = {"Authorization": authorization} if authorization else {}
        answer = await house.http.get("/v1/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
