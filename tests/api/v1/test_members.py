"""Seats: offered by letter, taken by the one it was sent to, never worth more than who gave it, and ended at once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.app import build
from domain.access import ROLES, Role
from domain.clock import new_id, today
from domain.database import tenant_session
from domain.people.members import Member
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.domain.outbound.listening import eventually
from tests.mailbox import letters_to, token_in
from tests.makers import PASSWORD, Caller, House, expect, make_device, make_group

NO_MFA: dict[str, Any] = {"settings": {"mfa_required_roles": []}}


async def invited(runtime: Runtime, by: Caller, role: str, **seat: Any) -> tuple[dict[str, Any], str]:
    """An invitation, and the token of its letter."""
    email = seat.pop("email", f"{role}-{new_id().hex}@msp.example.com")
    made = await by.make("/invitations", {"email": email, "role": role, **seat})
    return made, token_in((await letters_to(runtime, email, tenant_id=by.tenant_id))[-1])


async def accept(by: Caller, invitation: dict[str, Any], token: str, **said: Any) -> httpx.Response:
    body = {"token": token, "name": "Pat Newcomer", "password": PASSWORD, **said}
    return await by.http.post(f"/v1/invitations/{invitation['id']}/acceptance", json=body)


async def joined(house: House, by: Caller, role: str, **seat: Any) -> Caller:
    """Somebody who took a seat by invitation, signed in."""
    invitation, token = await invited(house.runtime, by, role, **seat)
    done = expect(await accept(by, invitation, token), 201)
    body = {"email": invitation["email"], "password": PASSWORD, "tenant_id": str(by.tenant_id)}
    made = expect(await house.http.post("/v1/sessions", json=body), 201)
    return Caller(by.http, made["token"], by.tenant_id, done["member_id"], email=invitation["email"])


async def easy_going(house: House) -> Caller:
    owner = await house.tenant()
    expect(await owner.patch("/tenant", NO_MFA), 200)
    return owner


async def test_an_invitation_is_for_one_use_and_leaves_no_secret(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    invitation, token = await invited(runtime, owner, "technician")
    answers = await asyncio.gather(*(accept(owner, invitation, token) for _ in range(2)))
    assert sorted(each.status_code for each in answers) == [201, 422]
    assert (await accept(owner, {"id": str(new_id())}, token)).status_code == 404
    assert (await accept(owner, invitation, "bwi_nonsense")).status_code == 404
    assert token not in str(await owner.all("/audit-log")) + str(await owner.all("/invitations"))
    names = {each["email"]: (each["name"], each["role"]) for each in await owner.all("/members")}
    assert names[invitation["email"]] == ("Pat Newcomer", "technician")
    again = await owner.post("/invitations", {"email": invitation["email"], "role": "technician"})
    assert expect(again, 422)["errors"][0]["code"] == "already_member"


async def test_offers_that_no_longer_hold(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    withdrawn, token = await invited(runtime, owner, "technician")
    expect(await owner.delete(f"/invitations/{withdrawn['id']}"), 204)
    assert (await accept(owner, withdrawn, token)).status_code == 422
    replaced, older = await invited(runtime, owner, "technician", email="twice@msp.example.com")
    newer, _ = await invited(runtime, owner, "billing", email="twice@msp.example.com")
    assert (await accept(owner, replaced, older)).status_code == 422
    assert newer["id"] != replaced["id"]
    admin = await joined(house, owner, "admin")
    left, by_admin = await invited(runtime, admin, "admin")
    expect(await owner.delete(f"/members/{admin.member_id}"), 204)
    assert (await accept(owner, left, by_admin)).status_code == 422, "who was sent away leaves no door open"


async def test_a_known_person_brings_their_password(house: House, runtime: Runtime) -> None:
    one, other = await easy_going(house), await easy_going(house)
    member = await joined(house, one, "technician")
    invitation, token = await invited(runtime, other, "auditor", email=member.email)
    wrong = await accept(other, invitation, token, password="not the right passphrase")
    assert expect(wrong, 422)["errors"][0]["pointer"] == "/password"
    expect(await accept(other, invitation, token), 201)
    body = {"email": member.email, "password": PASSWORD}
    assert len(expect(await house.http.post("/v1/sessions", json=body), 200)["tenants"]) == 2
    assert (await member.get("/members")).status_code == 403, "an auditor there, a technician here"


async def test_whoever_reads_the_mailbox_takes_an_account_that_never_proved_it(house: House, runtime: Runtime) -> None:
    squatter, owner = await easy_going(house), await easy_going(house)
    signed_in = await house.signed_in(squatter)
    invitation, token = await invited(runtime, owner, "admin", email=squatter.email)
    expect(await accept(owner, invitation, token, password="the rightful reader's own"), 201)
    assert (await signed_in.get("/me")).status_code == 401
    body = {"email": squatter.email, "password": PASSWORD, "tenant_id": str(owner.tenant_id)}
    assert (await house.http.post("/v1/sessions", json=body)).status_code == 401


async def test_nobody_gives_more_than_they_have(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    practice, another = await house.organization(owner), await house.organization(owner)
    admin = await joined(house, owner, "admin")
    narrowed = await joined(house, owner, "admin", organization_ids=[practice])
    key = Caller(
        owner.http,
        (await owner.make("/api-keys", {"name": "k", "scopes": ["members:read", "members:write"]}))["key"],
        owner.tenant_id,
        owner.member_id,
    )
    for by, seat, pointer in (
        (admin, {"role": "owner"}, "/role"),
        (key, {"role": "technician"}, "/role"),
        (narrowed, {"role": "technician", "organization_ids": [another]}, "/organization_ids/0"),
        (owner, {"role": "practice_member"}, "/organization_ids"),
        (owner, {"role": "owner", "organization_ids": [practice]}, "/role"),
        (owner, {"role": "auditor", "ends_on": "2020-01-01"}, "/ends_on"),
    ):
        answer = expect(await by.post("/invitations", {"email": "x@msp.example.com", **seat}), 422)
        assert answer["errors"][0]["pointer"] == pointer, seat
    mine = await narrowed.make("/invitations", {"email": "y@msp.example.com", "role": "technician"})
    assert mine["organization_ids"] == [practice], "who is narrowed hands the narrowing on"
    assert expect(await admin.patch(f"/members/{owner.member_id}", {"role": "auditor"}), 403)["type"].endswith("/beyond-maker")
    assert (await admin.delete(f"/members/{owner.member_id}")).status_code == 403
    assert expect(await admin.patch(f"/members/{admin.member_id}", {"role": "owner"}), 422)["errors"][0]["pointer"] == "/role"
    assert (await narrowed.patch(f"/members/{narrowed.member_id}", {"organization_ids": None})).status_code in {200, 422}
    assert (await narrowed.get_json("/me"))["organization_ids"] == [practice]
    assert (await narrowed.get(f"/members/{admin.member_id}")).status_code == 404


async def test_removing_a_member_ends_sessions_and_keys_for_good(house: House, runtime: Runtime) -> None:
    """Also in another process that remembers them, within a second; and they do not come back with the person."""
    owner = await easy_going(house)
    admin = await joined(house, owner, "admin")
    key = Caller(owner.http, (await admin.make("/api-keys", {"name": "k"}))["key"], owner.tenant_id, admin.member_id)
    another = build(runtime)
    async with (
        another.router.lifespan_context(another),
        httpx.AsyncClient(transport=httpx.ASGITransport(another), base_url="http://bitewing.test") as http,
    ):
        there = [Caller(http, each.api_key, owner.tenant_id, admin.member_id) for each in (admin, key)]

        async def remembered() -> bool:
            assert {(await each.get("/me")).status_code for each in there} == {200}
            return len(another.state.credentials._known) == 2

        await eventually(remembered, "the other process remembers both")
        expect(await owner.delete(f"/members/{admin.member_id}"), 204)
        assert {(await each.get("/me")).status_code for each in (admin, key)} == {401}

        async def refused() -> bool:
            return {(await each.get("/me")).status_code for each in there} == {401}

        await eventually(refused, "the other process refuses both", within=1)
    assert admin.email not in {each["email"] for each in await owner.all("/members")}
    back, token = await invited(runtime, owner, "technician", email=admin.email)
    assert expect(await accept(owner, back, token), 201)["member_id"] == str(admin.member_id)
    assert {(await each.get("/me")).status_code for each in (admin, key)} == {401}


async def test_a_lesser_role_holds_at_once(house: House) -> None:
    owner = await easy_going(house)
    practice = await house.organization(owner)
    admin = await joined(house, owner, "admin")
    key = Caller(owner.http, (await admin.make("/api-keys", {"name": "k"}))["key"], owner.tenant_id, admin.member_id)
    for each in (admin, key):
        assert (await each.get("/members")).status_code == 200
    change = {"role": "practice_member", "organization_ids": [practice]}
    expect(await owner.patch(f"/members/{admin.member_id}", change), 200)
    for each in (admin, key):
        assert (await each.get("/members")).status_code == 403
        assert len((await each.get_json("/organizations"))["data"]) == 1


async def test_a_seat_narrowed_to_a_group_follows_the_group(house: House) -> None:
    owner = await easy_going(house)
    one, two = await house.organization(owner), await house.organization(owner)
    for each in (one, two):
        await make_device(owner, each)
    group = (await make_group(owner, organization_ids=[one]))["id"]
    technician = await joined(house, owner, "technician", group_ids=[group])

    async def seen() -> set[str]:
        return {each["organization_id"] for each in await technician.all("/devices")}

    assert await seen() == {one}
    assert (await technician.get(f"/organizations/{two}")).status_code == 404
    expect(await owner.patch(f"/groups/{group}", {"organization_ids": [two]}), 200)
    assert await seen() == {two}
    assert (await technician.get(f"/organizations/{one}")).status_code == 404
    assert (await technician.post(f"/organizations/{one}/devices", {"name": "PC", "kind": "workstation"})).status_code == 404
    expect(await owner.delete(f"/groups/{group}"), 204)
    assert await seen() == set(), "an empty group is no way to everything"


async def test_an_auditors_last_day(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    auditor = await joined(house, owner, "auditor", ends_on=today().isoformat())
    assert (await auditor.get("/audit-log")).status_code == 200
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        member = await session.fetch(Member, auditor.member_id)
        assert member.seated_for <= 86_400, "no longer is it remembered"
    longer = await owner.patch(f"/members/{auditor.member_id}", {"ends_on": (today() + timedelta(days=1)).isoformat()})
    expect(longer, 200)
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        (await session.fetch(Member, auditor.member_id)).ends_on = today() - timedelta(days=1)
    await owner.patch(f"/members/{owner.member_id}", {})  # makes every process look again, as midnight does
    assert (await auditor.get("/audit-log")).status_code == 401
    body = {"email": auditor.email, "password": PASSWORD}
    assert (await house.http.post("/v1/sessions", json=body)).status_code == 401
    back, token = await invited(runtime, owner, "technician", email=auditor.email)
    expect(await accept(owner, back, token), 201)
    assert (await auditor.get("/me")).status_code == 401, "a new seat does not bring back what belonged to the old one"


async def test_there_is_always_an_owner(house: House) -> None:
    owner = await easy_going(house)
    for answer in (
        await owner.delete(f"/members/{owner.member_id}"),
        await owner.patch(f"/members/{owner.member_id}", {"role": "admin"}),
    ):
        assert expect(answer, 409)["type"].endswith("/last-owner")
    second = await joined(house, owner, "owner")
    answers = await asyncio.gather(owner.delete(f"/members/{owner.member_id}"), second.delete(f"/members/{second.member_id}"))
    assert sorted(each.status_code for each in answers) == [204, 409], "two who leave at once do not both leave"


async def test_ownership_is_given_away(house: House) -> None:
    owner = await easy_going(house)
    admin = await joined(house, owner, "admin")
    assert (await admin.post(f"/members/{admin.member_id}/ownership")).status_code == 403
    assert (await owner.post(f"/members/{owner.member_id}/ownership")).status_code == 409
    assert (await owner.make(f"/members/{admin.member_id}/ownership", None))["role"] == "owner"
    assert ((await owner.get_json("/me"))["role"], (await admin.get_json("/me"))["role"]) == ("admin", "owner")
    assert (await owner.post(f"/members/{owner.member_id}/ownership")).status_code == 403
    assert "member.ownership_given" in {each["kind"] for each in await owner.all("/events")}


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_is_what_the_list_says(house: House, role: Role) -> None:
    owner = await easy_going(house)
    [found] = [each for each in (await owner.get_json("/roles"))["data"] if each["role"] == role]
    assert set(found["permissions"]) == set(ROLES[role])
