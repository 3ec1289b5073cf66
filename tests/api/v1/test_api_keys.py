"""Keys: shown once, never wider than their maker, and gone the moment they are revoked."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import build
from domain.access import Role
from domain.clock import now, rfc3339
from domain.database import tenant_session
from domain.people.members import Member
from domain.runtime import Runtime, Targets, open_runtime
from domain.tenancy import SYSTEM, Wall
from tests.makers import Caller, House, expect, make_device, make_group, make_service_account


def holder(owner: Caller, made: dict[str, Any]) -> Caller:
    """Whoever uses the key that was just made."""
    return Caller(owner.http, made["key"], owner.tenant_id, owner.member_id)


def codes(answer: httpx.Response) -> list[str]:
    return [each["code"] for each in expect(answer, 422)["errors"]]


def problem(answer: httpx.Response, status: int) -> str:
    return expect(answer, status)["type"].rsplit("/", 1)[-1]


async def seat(runtime: Runtime, caller: Caller, **changes: Any) -> None:
    """Change the seat of a member, and tell every process as a removal would."""
    async with tenant_session(runtime.database, Wall(caller.tenant_id), actor=SYSTEM) as session:
        member = await session.fetch(Member, caller.member_id)
        for name, value in changes.items():
            setattr(member, name, value)
        await (await session.driver()).execute("select pg_notify('bitewing_revoked', '')")


async def refused_soon(machine: Caller, path: str, status: int) -> None:
    """At the latest one second from now the caller gets ``status``."""
    async with asyncio.timeout(1):
        while (await machine.get(path)).status_code != status:
            await asyncio.sleep(0.01)


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


async def test_a_key_reaches_the_organizations_it_names(house: House) -> None:
    owner = await house.tenant()
    one, two = await house.organization(owner), await house.organization(owner)
    await make_device(owner, one)
    await make_device(owner, two)
    narrow = holder(owner, await owner.make("/api-keys", {"name": "One practice", "organization_ids": [one]}))
    assert {each["organization_id"] for each in await narrow.all("/devices")} == {one}
    assert (await narrow.get(f"/organizations/{two}")).status_code == 404
    assert (await narrow.get("/me")).json()["organization_ids"] == [one]
    assert codes(await narrow.post("/api-keys", {"name": "Other", "organization_ids": [two]})) == ["unknown_reference"]
    child = await narrow.make("/api-keys", {"name": "Child"})
    assert child["organization_ids"] == [one], "what a narrow key makes is as narrow"


async def test_a_key_shrinks_with_its_maker(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    one = await house.organization(owner)
    admin = await house.member(owner, Role.admin)
    machine = holder(owner, await admin.make("/api-keys", {"name": "Sync", "scopes": ["devices:read", "webhooks:read"]}))
    assert machine.api_key != admin.api_key
    assert set((await machine.get("/me")).json()["permissions"]) == {"devices:read", "webhooks:read"}

    await seat(runtime, admin, role=Role.technician, organization_ids=[one])
    await refused_soon(machine, "/webhook-endpoints", 403)
    found = (await machine.get("/me")).json()
    assert (found["permissions"], found["organization_ids"]) == (["devices:read"], [one])

    await seat(runtime, admin, archived_at=now())
    await refused_soon(machine, "/me", 401)


@pytest.fixture
def from_address(app: FastAPI, runtime: Runtime) -> Any:
    """Clients that reach the application from somewhere, past proxies or not."""

    def client(peer: str, forwarded: str | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=(peer, 4711), raise_app_exceptions=False)
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        return httpx.AsyncClient(transport=transport, base_url="http://bitewing.test", headers=headers)

    return client


async def test_a_key_may_be_bound_to_addresses(house: House, from_address: Any) -> None:
    owner = await house.tenant()
    bound = ["203.0.113.0/24", "2001:db8:5::/48"]
    body = {"name": "Office", "allowed_addresses": [*bound, "127.0.0.1"]}
    made = await owner.make("/api-keys", body)
    assert made["allowed_addresses"] == [*bound, "127.0.0.1/32"]
    for peer, status in {
        "203.0.113.9": 200,
        "::ffff:203.0.113.9": 200,
        "2001:db8:5::1": 200,
        "203.0.114.9": 403,
        "2001:db8:6::1": 403,
    }.items():
        async with from_address(peer) as client:
            answer = await Caller(client, made["key"], owner.tenant_id, owner.member_id).get("/me")
            assert answer.status_code == status, peer
            if status == 403:
                assert problem(answer, 403) == "address-not-allowed"
    async with from_address("203.0.114.9", forwarded="203.0.113.9") as client:
        liar = await Caller(client, made["key"], owner.tenant_id, owner.member_id).get("/me")
        assert liar.status_code == 403, "anybody can write that header; only a trusted proxy is believed"
    shown = await owner.get_json(f"/api-keys/{made['id']}")
    assert shown["last_used_from"] == "203.0.113.9"
    assert shown["last_used_at"] is not None

    machine = holder(owner, made)
    assert (await machine.make("/api-keys", {"name": "Child"}))["allowed_addresses"] == made["allowed_addresses"]
    wider = await machine.post("/api-keys", {"name": "Wider", "allowed_addresses": ["203.0.0.0/16"]})
    assert codes(wider) == ["beyond_maker"]
    freed = await machine.patch(f"/api-keys/{made['id']}", {"allowed_addresses": []})
    assert codes(freed) == ["beyond_maker"], "a bound key cannot unbind itself"
    for wrong in ("203.0.113.1/24", "300.0.0.1", "everywhere"):
        assert (await owner.post("/api-keys", {"name": "x", "allowed_addresses": [wrong]})).status_code == 422, wrong

    expect(await owner.patch(f"/api-keys/{made['id']}", {"allowed_addresses": ["198.51.100.7"]}), 200)
    assert (await machine.get("/me")).status_code == 403, "bound anew at once"


async def test_a_rotation_leaves_time_to_change_over(house: House) -> None:
    owner = await house.tenant()
    made = await owner.make("/api-keys", {"name": "Sync", "scopes": ["devices:read"]})
    old = holder(owner, made)
    rotated = await owner.make(f"/api-keys/{made['id']}/rotation", {"overlap_seconds": 60})
    new = holder(owner, rotated)
    assert rotated["scopes"] == ["devices:read"]
    assert [(await each.get("/devices")).status_code for each in (old, new)] == [200, 200]
    shown = await owner.get_json(f"/api-keys/{made['id']}")
    assert shown["successor_id"] == rotated["id"]
    assert rfc3339(now()) < shown["expires_at"] < rfc3339(now() + timedelta(seconds=61))

    again = await owner.make(f"/api-keys/{rotated['id']}/rotation", {"overlap_seconds": 0})
    assert [(await each.get("/devices")).status_code for each in (old, new, holder(owner, again))] == [200, 401, 200]
    assert problem(await owner.post(f"/api-keys/{rotated['id']}/rotation", {}), 409) == "key-ended"


async def test_nobody_becomes_another_by_rotating_a_key(house: House) -> None:
    owner = await house.tenant()
    admin = await house.member(owner, Role.admin)
    [owners] = [each for each in await owner.all("/api-keys") if each["member_id"] == str(owner.member_id)]
    assert problem(await admin.post(f"/api-keys/{owners['id']}/rotation", {}), 403) == "not-your-key"
    assert problem(await admin.patch(f"/api-keys/{owners['id']}", {"allowed_addresses": []}), 403) == "not-your-key"

    narrow = holder(owner, await owner.make("/api-keys", {"name": "Keys", "scopes": ["api_keys:write"]}))
    assert problem(await narrow.post(f"/api-keys/{owners['id']}/rotation", {}), 403) == "beyond-maker"
    soon = rfc3339(now() + timedelta(hours=1))
    ending = holder(owner, await owner.make("/api-keys", {"name": "Ends", "expires_at": soon}))
    assert problem(await ending.post(f"/api-keys/{owners['id']}/rotation", {}), 403) == "beyond-maker"
    assert (await ending.make("/api-keys", {"name": "Child"}))["expires_at"] == soon
    later = await ending.post("/api-keys", {"name": "x", "expires_at": rfc3339(now() + timedelta(hours=2))})
    assert codes(later) == ["beyond_maker"]


async def test_a_service_account_stands_for_no_person_and_never_exceeds_its_sponsor(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    one = await house.organization(owner)
    admin = await house.member(owner, Role.admin)
    refused = await admin.post("/service-accounts", {"name": "Too much", "scopes": ["ownership:write", "flies:read"]})
    assert codes(refused) == ["unknown_scope", "beyond_maker"]
    account = await make_service_account(admin, scopes=["devices:read", "devices:write", "members:read", "tasks:verify"])
    assert account["sponsor_id"] == str(admin.member_id)
    made = await admin.make(f"/service-accounts/{account['id']}/api-keys", {"name": "Key"})
    machine = holder(owner, made)
    me = await machine.get_json("/me")
    assert (me["kind"], me["member_id"]) == ("api_key", None)
    assert set(me["permissions"]) == set(account["scopes"])

    device = await make_device(machine, one)
    entry = (await owner.get_json("/audit-log", params={"subject_id": device["id"]}))["data"][0]
    assert entry["actor"] == {
        "kind": "api_key", "id": made["id"], "member_id": None, "service_account_id": account["id"]
    }  # fmt: skip

    await seat(runtime, admin, role=Role.technician)
    await refused_soon(machine, "/members", 403)
    assert set((await machine.get_json("/me"))["permissions"]) == {"devices:read", "devices:write"}
    await seat(runtime, admin, archived_at=now())
    await refused_soon(machine, "/me", 401)

    assert (await owner.make(f"/service-accounts/{account['id']}/sponsorship", {}))["sponsor_id"] == str(owner.member_id)
    assert set((await machine.get_json("/me"))["permissions"]) == set(account["scopes"]), "somebody answers for it again"
    expect(await owner.patch(f"/service-accounts/{account['id']}", {"scopes": ["devices:read"]}), 200)
    assert (await machine.get_json("/me"))["permissions"] == ["devices:read"]
    expect(await owner.delete(f"/service-accounts/{account['id']}"), 204)
    assert (await machine.get("/me")).status_code == 401


async def test_an_account_that_may_more_hands_no_key_to_who_may_less(house: House) -> None:
    owner = await house.tenant()
    account = await make_service_account(owner, scopes=["ownership:write"])
    admin = await house.member(owner, Role.admin)
    for method, path, body in (
        ("POST", "/api-keys", {"name": "x"}),
        ("POST", "/sponsorship", {}),
        ("PATCH", "", {"scopes": ["devices:read"]}),
    ):
        answer = await admin.request(method, f"/service-accounts/{account['id']}{path}", json=body)
        assert problem(answer, 403) == "beyond-maker"
    key = await owner.make(f"/service-accounts/{account['id']}/api-keys", {"name": "x"})
    assert problem(await admin.post(f"/api-keys/{key['id']}/rotation", {}), 403) == "beyond-maker"
    expect(await admin.delete(f"/api-keys/{key['id']}"), 204)


async def test_another_process_hears_of_a_revocation_within_a_second(house: House, runtime: Runtime) -> None:
    """A second application with a memory and connections of its own, as another process would have."""
    owner = await house.tenant()
    made = await owner.make("/api-keys", {"name": "Sync"})
    async with open_runtime(runtime.settings, Targets(runtime.database.target, None)) as second:
        application = build(second)
        async with application.router.lifespan_context(application):
            transport = httpx.ASGITransport(application, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://second.test") as http:
                there = Caller(http, made["key"], owner.tenant_id, owner.member_id)
                async with asyncio.timeout(5):
                    while not application.state.credentials._known:
                        assert (await there.get("/me")).status_code == 200, "known, and remembered"
                expect(await owner.delete(f"/api-keys/{made['id']}"), 204)
                await refused_soon(there, "/me", 401)


async def test_a_key_follows_its_group(house: House) -> None:
    owner = await house.tenant()
    one, two, three = [await house.organization(owner) for _ in range(3)]
    group = await make_group(owner, organization_ids=[one])
    machine = holder(owner, await owner.make("/api-keys", {"name": "Region", "group_ids": [group["id"]]}))
    assert {each["id"] for each in await machine.all("/organizations")} == {one}
    body = {"organization_ids": [one, two], "name": group["name"]}
    expect(await owner.patch(f"/groups/{group['id']}", body), 200)
    assert {each["id"] for each in await machine.all("/organizations")} == {one, two}
    wider = {"name": "Wider", "group_ids": [group["id"]]}
    assert codes(await machine.post("/api-keys", wider)) == ["beyond_maker"], "a group may grow beyond its maker"
    expect(await owner.delete(f"/groups/{group['id']}"), 204)
    assert await machine.all("/organizations") == []
    assert (await machine.get(f"/organizations/{three}")).status_code == 404
