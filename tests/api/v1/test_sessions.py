"""Signing in, staying in and getting out, as a person with a browser would."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pwdlib import PasswordHash
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlmodel import col, update

from api.app import build
from domain.clock import new_id, now
from domain.database import tenant_session
from domain.people import passwords
from domain.people.members import Member
from domain.people.personal_notes import note_for_person
from domain.people.recovery import write_reset_letter
from domain.people.sessions import Session
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall
from tests.domain.outbound.listening import eventually
from tests.mailbox import letters_to, token_in
from tests.makers import PASSWORD, Caller, House, expect

ANOTHER = "another long passphrase"


async def sign_in(http: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return await http.post("/v1/sessions", json={"email": email, "password": password, **more})


async def easy_going(house: House) -> Caller:
    """A tenant that asks nobody for a second factor; what it is like with one is in test_mfa.py."""
    owner = await house.tenant()
    expect(await owner.patch("/tenant", {"settings": {"mfa_required_roles": []}}), 200)
    return owner


async def age(runtime: Runtime, by: Caller, **columns: Any) -> None:
    """Let time pass for every session of a tenant."""
    async with tenant_session(runtime.database, Wall(by.tenant_id), actor=SYSTEM) as session:
        await session.execute(update(Session).where(col(Session.tenant_id) == by.tenant_id).values(**columns))
        session.ended_credentials = True


async def jobs(runtime: Runtime, entrypoint: str) -> list[dict[str, Any]]:
    async with runtime.database.inside(Wall(NOBODYS_TENANT)) as connection:
        rows = await connection.exec_driver_sql(
            "select convert_from(payload, 'UTF8')::jsonb as payload from pgqueuer where entrypoint = $1 order by id",
            (entrypoint,),
        )
        return [dict(row.payload) for row in rows]


async def test_a_session_opens_the_same_door_as_a_key(house: House, http: httpx.AsyncClient) -> None:
    owner = await easy_going(house)
    made = expect(await sign_in(http, owner.email.upper()), 201)
    assert made["token"].startswith(f"bws_{owner.tenant_id.hex}_")
    assert (made["tenant"]["id"], made["session"]["member_id"]) == (str(owner.tenant_id), str(owner.member_id))
    assert made["session"]["idle_minutes"] == 15
    signed_in = Caller(http, made["token"], owner.tenant_id, owner.member_id)
    me = await signed_in.get_json("/me")
    assert (me["kind"], me["id"], me["role"]) == ("session", made["session"]["id"], "owner")
    await signed_in.make("/organizations", {"name": "Lakeview"})
    [entry] = (await owner.get_json("/audit-log", params={"kind": "organization.created"}))["data"]
    assert entry["actor"]["kind"] == "session"
    assert entry["actor"]["member_id"] == str(owner.member_id)
    assert "session.started" in {each["kind"] for each in await owner.all("/events")}
    assert made["token"] not in str(await owner.all("/audit-log"))


async def test_signing_out_is_at_once_and_for_good(house: House) -> None:
    owner = await easy_going(house)
    one, other = await house.signed_in(owner), await house.signed_in(owner)
    assert (await one.delete("/sessions/current")).status_code == 204
    assert (await one.get("/me")).status_code == 401
    assert (await other.get("/me")).status_code == 200
    listed = await owner.all("/sessions")
    assert [each["ended_by"] for each in listed] == ["signed_out", None]
    assert (await other.delete(f"/sessions/{listed[1]['id']}")).status_code == 204
    assert (await other.get("/me")).status_code == 401
    assert (await owner.delete("/sessions/current")).status_code == 409, "a key has no session"


async def test_the_refusal_is_one_whatever_is_wrong(house: House, http: httpx.AsyncClient) -> None:
    owner = await house.tenant()
    other = await house.tenant()
    answers = [
        await sign_in(http, owner.email, "not the passphrase"),
        await sign_in(http, f"nobody-{new_id().hex}@msp.example.com"),
        await sign_in(http, owner.email, tenant_id=str(other.tenant_id)),
        await sign_in(http, owner.email, tenant_id=str(new_id())),
    ]
    assert {each.status_code for each in answers} == {401}
    assert len({str({**each.json(), "request_id": None}) for each in answers}) == 1
    assert {each.headers["www-authenticate"] for each in answers} == {"Bearer"}


def test_a_guess_is_as_costly_as_is_recommended(real_passwords: PasswordHash) -> None:
    """What the program itself hashes with, not the cheap parameters of this suite: OWASP asks for less."""
    costly = {"argon2id", "m=65536,t=3,p=4"}
    assert costly <= set(real_passwords.hash(PASSWORD).split("$"))
    assert real_passwords.verify(PASSWORD, passwords.PASSWORDS.hash(PASSWORD)), "its parameters stand in each hash"


async def test_an_unknown_address_costs_the_same_work(
    house: House, runtime: Runtime, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the time, which is noise, but what takes it: as many statements, as many hashes of the same cost, as many jobs."""
    owner = await house.tenant()
    hashes: list[str] = []
    verify = passwords.PASSWORDS.verify

    def counted(password: str, kept: str) -> bool:
        hashes.append(kept.rsplit("$", 2)[0])
        return verify(password, kept)

    monkeypatch.setattr(passwords.PASSWORDS, "verify", counted)
    before = len(await jobs(runtime, "people.note"))
    statements: list[list[str]] = []

    def said(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements[-1].append(statement)

    event.listen(Engine, "before_cursor_execute", said)
    try:
        for email in (owner.email, f"nobody-{new_id().hex}@msp.example.com"):
            statements.append([])
            await sign_in(http, email, "not the passphrase")
    finally:
        event.remove(Engine, "before_cursor_execute", said)
    assert statements[0], "they are seen"
    assert statements[0] == statements[1]
    assert len(hashes) == 2
    assert hashes[0] == hashes[1], "the same algorithm with the same parameters"
    assert len(await jobs(runtime, "people.note")) == before + 2


async def test_a_refused_attempt_is_on_record_where_it_concerns_somebody(
    house: House, runtime: Runtime, http: httpx.AsyncClient
) -> None:
    owner = await house.tenant()
    await sign_in(http, owner.email, "not the passphrase", tenant_id=str(owner.tenant_id))
    await note_for_person(runtime, (await jobs(runtime, "people.note"))[-1])
    [entry] = (await owner.get_json("/audit-log", params={"kind": "member.sign_in_refused"}))["data"]
    assert entry["subject_id"] == str(owner.member_id)
    assert entry["context"]["address"]


async def test_guessing_has_to_wait_and_nobody_can_lock_another_out(house: House, http: httpx.AsyncClient, app: Any) -> None:
    owner = await house.tenant()
    email = f"nobody-{new_id().hex}@msp.example.com"
    for account in (owner.email, email):
        statuses = [(await sign_in(http, account, "not the passphrase")).status_code for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
    refused = await sign_in(http, owner.email)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 1800
    elsewhere = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://bitewing.test") as other:
        assert (await sign_in(other, owner.email)).status_code == 201, "from elsewhere the owner still comes in"


async def test_a_person_with_seats_in_two_tenants_chooses(house: House, http: httpx.AsyncClient) -> None:
    owner = await house.tenant()
    body = {"tenant_name": "Second MSP", "name": "Olivia", "email": owner.email, "password": PASSWORD}
    second = expect(await http.post("/v1/signup", json=body), 201)["tenant"]["id"]
    choice = expect(await sign_in(http, owner.email), 200)
    assert {each["id"] for each in choice["tenants"]} == {str(owner.tenant_id), second}
    made = expect(await sign_in(http, owner.email, tenant_id=second), 201)
    assert made["tenant"]["id"] == second
    assert UUID(made["token"].split("_")[1]) == UUID(second)


async def test_a_token_is_worth_nothing_in_another_tenant(house: House, http: httpx.AsyncClient) -> None:
    one, other = await house.tenant(), await house.tenant()
    token = (await house.signed_in(one)).api_key
    forged = token.replace(one.tenant_id.hex, other.tenant_id.hex)
    assert (await Caller(http, forged, other.tenant_id, other.member_id).get("/me")).status_code == 401


async def test_idle_and_old_sessions_are_over(house: House, runtime: Runtime, app: Any) -> None:
    owner = await easy_going(house)
    idle = await house.signed_in(owner)
    await age(runtime, owner, last_seen_at=now() - timedelta(minutes=14))
    app.state.credentials.forget_all()
    assert (await idle.get("/me")).status_code == 200
    await age(runtime, owner, last_seen_at=now() - timedelta(minutes=15, seconds=1))
    app.state.credentials.forget_all()
    assert (await idle.get("/me")).status_code == 401
    old = await house.signed_in(owner)
    await age(runtime, owner, expires_at=now())
    app.state.credentials.forget_all()
    assert (await old.get("/me")).status_code == 401


async def test_a_tenant_says_how_long_sessions_last(house: House, http: httpx.AsyncClient) -> None:
    owner = await house.tenant()
    for wrong in ({"session_idle_minutes": 0}, {"session_hours": "12"}, {"mfa_required_roles": ["king"]}):
        answer = expect(await owner.patch("/tenant", {"settings": wrong}), 422)
        assert answer["errors"][0]["pointer"].startswith(f"/settings/{next(iter(wrong))}")
    expect(await owner.patch("/tenant", {"settings": {"session_idle_minutes": 5, "session_hours": 1}}), 200)
    made = expect(await sign_in(http, owner.email), 201)["session"]
    assert made["idle_minutes"] == 5
    assert made["expires_at"] < (now() + timedelta(minutes=61)).isoformat()


async def test_a_replaced_token_that_turns_up_again_ends_the_session(house: House, runtime: Runtime, app: Any) -> None:
    owner = await easy_going(house)
    old = await house.signed_in(owner)
    new = Caller(house.http, (await old.make("/sessions/current/rotation", {}))["token"], owner.tenant_id, owner.member_id)
    assert (await old.get("/me")).status_code == 401
    assert (await new.get("/me")).status_code == 200, "a request under way with the old one is no theft"
    await age(runtime, owner, rotated_at=now() - timedelta(minutes=1))
    assert (await old.get("/me")).status_code == 401
    assert (await new.get("/me")).status_code == 401
    [ended] = (await owner.get_json("/audit-log", params={"kind": "session.ended"}))["data"]
    assert ended["changes"]["ended_by"] == "token_reused"


async def test_a_new_password_ends_the_other_sessions_in_every_tenant(house: House, http: httpx.AsyncClient) -> None:
    owner = await easy_going(house)
    body = {"tenant_name": "Second MSP", "name": "Olivia", "email": owner.email, "password": PASSWORD}
    second = expect(await http.post("/v1/signup", json=body), 201)
    here, there = [
        Caller(http, expect(await sign_in(http, owner.email, tenant_id=each), 201)["token"], owner.tenant_id, owner.member_id)
        for each in (str(owner.tenant_id), second["tenant"]["id"])
    ]
    assert (await there.get("/me")).status_code == 200
    wrong = await here.post("/me/password", {"current_password": "not the passphrase", "password": ANOTHER})
    assert expect(wrong, 422)["errors"][0]["pointer"] == "/current_password"
    assert (await owner.post("/me/password", {"current_password": PASSWORD, "password": ANOTHER})).status_code == 409
    expect(await here.post("/me/password", {"current_password": PASSWORD, "password": ANOTHER}), 204)
    assert (await here.get("/me")).status_code == 200
    assert (await there.get("/me")).status_code == 401
    assert (await owner.get("/me")).status_code == 200, "a key is a machine's, and stays"
    assert (await sign_in(http, owner.email)).status_code == 401
    assert (await sign_in(http, owner.email, ANOTHER)).status_code == 200


async def test_a_forgotten_password(house: House, runtime: Runtime, http: httpx.AsyncClient) -> None:
    owner = await easy_going(house)
    signed_in = await house.signed_in(owner)
    before = len(await jobs(runtime, "people.reset_password"))
    for email in (owner.email, f"nobody-{new_id().hex}@msp.example.com"):
        assert (await http.post("/v1/password-resets", json={"email": email})).status_code == 202
    asked = (await jobs(runtime, "people.reset_password"))[before:]
    assert len(asked) == 2, "who does not exist leaves the same trace"
    for _ in range(2):
        for payload in asked:
            await write_reset_letter(runtime, payload)
    older, newer = [token_in(each) for each in await letters_to(runtime, owner.email) if "password-reset" in each]

    async def use(token: str, password: str) -> httpx.Response:
        return await http.post("/v1/password-resets/completion", json={"token": token, "password": password})

    assert (await use(older, ANOTHER)).status_code == 422, "a newer one took its place"
    assert expect(await use(newer, "password2024!"), 422)["errors"][0]["code"] == "easy_to_guess"
    answers = await asyncio.gather(use(newer, ANOTHER), use(newer, ANOTHER))
    assert sorted(each.status_code for each in answers) == [204, 422], "for one use, also at the same time"
    assert (await signed_in.get("/me")).status_code == 401
    assert (await sign_in(http, owner.email, ANOTHER)).status_code == 201


async def test_a_confirmed_address(house: House, runtime: Runtime, http: httpx.AsyncClient) -> None:
    owner = await house.tenant()
    [letter] = await letters_to(runtime, owner.email, tenant_id=owner.tenant_id)
    assert "/links/email-verification#token=" in letter
    expect(await owner.post("/email-verifications"), 202)
    older, newer = map(token_in, await letters_to(runtime, owner.email, tenant_id=owner.tenant_id))
    for token, status in ((older, 422), (newer, 204), (newer, 422)):
        assert (await http.post("/v1/email-verifications/completion", json={"token": token})).status_code == status
    assert (await owner.post("/email-verifications")).status_code == 409


@pytest.mark.parametrize(
    "password",
    ["password2024!", "P@ssw0rd!!!!!!", "qwertyuiop123", "aaaaaaaaaaaaaa", "abcabcabcabcabc", "12345678901234",
     "hunter2hunter2", "olivia owner 1", "no-twelve"],
)  # fmt: skip
async def test_passwords_that_guessers_try_first_are_refused(http: httpx.AsyncClient, password: str) -> None:
    body = {"tenant_name": "MSP", "name": "Olivia Owner", "email": f"{new_id().hex}@msp.example.com", "password": password}
    answer = expect(await http.post("/v1/signup", json=body), 422)
    assert [each["pointer"] for each in answer["errors"]] == ["/password"]
    assert password not in str(answer)


async def test_the_end_of_a_session_reaches_another_process_within_a_second(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    signed_in = await house.signed_in(owner)
    another = build(runtime)
    async with another.router.lifespan_context(another):
        transport = httpx.ASGITransport(another)
        async with httpx.AsyncClient(transport=transport, base_url="http://bitewing.test") as http:
            there = Caller(http, signed_in.api_key, owner.tenant_id, owner.member_id)

            async def remembered() -> bool:
                assert (await there.get("/me")).status_code == 200
                return bool(another.state.credentials._known)

            await eventually(remembered, "the other process remembers the session")
            expect(await signed_in.delete("/sessions/current"), 204)

            async def refused() -> bool:
                return (await there.get("/me")).status_code == 401

            await eventually(refused, "the other process refuses it", within=1)


async def test_the_last_day_of_a_seat_really_ends(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    signed_in = await house.signed_in(owner)
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        member = await session.fetch(Member, owner.member_id)
        member.ends_on = now().date()
        assert 0 <= member.seated_for <= 86_400
        member.ends_on = now().date() - timedelta(days=1)
        assert not member.seated
    assert (await signed_in.get("/me")).status_code == 401
