"""Second factors: what is withheld without one, and that each of them can be shown once."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pyotp.totp import TOTP
from sqlmodel import col, update

from domain.access import Role
from domain.clock import now
from domain.database import tenant_session
from domain.people.second_factors import SecondFactor
from domain.people.sessions import Session
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.authenticator import Authenticator
from tests.makers import PASSWORD, Caller, House, expect


class Phone:
    """An app that computes codes, in a world where time can be moved on: a used code is worth nothing for its 30 seconds."""

    def __init__(self, secret: str) -> None:
        self._app = TOTP(secret)

    def code(self) -> str:
        return self._app.at(int(time.time()))


def going_on(by: Caller, answer: dict[str, Any]) -> Caller:
    """The same person with the token that an answer gave."""
    return Caller(by.http, answer["token"], by.tenant_id, by.member_id, email=by.email)


async def enrolled(house: House, owner: Caller) -> tuple[Caller, Phone, list[str]]:
    """The owner, signed in, with a phone and the recovery codes."""
    signed_in = await house.signed_in(owner)
    phone = Phone((await signed_in.make("/me/mfa-factors", {"kind": "totp", "name": "Phone"}))["totp"]["secret"])
    done = await signed_in.make("/me/mfa-factors/confirmation", {"code": phone.code()})
    return going_on(owner, done), phone, done["recovery_codes"]


async def let_time_pass(runtime: Runtime, by: Caller) -> None:
    """Half an hour for the session, and at least one step for the phone."""
    async with tenant_session(runtime.database, Wall(by.tenant_id), actor=SYSTEM) as session:
        earlier = now() - timedelta(minutes=30)
        whose = col(Session.tenant_id) == by.tenant_id
        await session.execute(update(Session).where(whose).values(factor_at=earlier, authenticated_at=earlier))
        await session.execute(update(SecondFactor).values(last_step=SecondFactor.last_step - 5))


async def test_a_session_that_needs_a_factor_can_do_nothing_but_set_one_up(house: House) -> None:
    owner = await house.tenant()
    body = {"email": owner.email, "password": PASSWORD}
    made = expect(await house.http.post("/v1/sessions", json=body), 201)
    assert (made["withheld"], made["factors"]) == ("mfa_enrolment_required", [])
    signed_in = going_on(owner, made)
    for method, path in (("GET", "/organizations"), ("POST", "/api-keys"), ("POST", "/me/password"), ("GET", "/sessions")):
        answer = await signed_in.request(method, path, json={"name": "x"} if path == "/api-keys" else None)
        if path != "/me/password":
            assert expect(answer, 403)["type"].endswith("/mfa-enrolment-required")
    change = {"current_password": PASSWORD, "password": "another long passphrase"}
    assert expect(await signed_in.post("/me/password", change), 403)["type"].endswith("/mfa-enrolment-required")
    me = await signed_in.get_json("/me")
    assert (me["withheld"], me["permissions"]) == ("mfa_enrolment_required", [])
    assert (await owner.get("/organizations")).status_code == 200, "the first key remains a way in"

    begun = await signed_in.make("/me/mfa-factors", {"kind": "totp"})
    assert begun["totp"]["uri"].startswith("otpauth://totp/Bitewing:")
    assert (await signed_in.post("/me/mfa-factors/confirmation", {"code": "000000"})).status_code == 422
    done = await signed_in.make("/me/mfa-factors/confirmation", {"code": Phone(begun["totp"]["secret"]).code()})
    assert len(set(done["recovery_codes"])) == 10
    assert (await signed_in.get("/me")).status_code == 401, "a session that may do more has another token"
    again = going_on(owner, done)
    assert (await again.get("/organizations")).status_code == 200
    [factor] = (await again.get_json("/me/mfa-factors"))["data"]
    assert (factor["id"], factor["kind"]) == (done["factor"]["id"], "totp")
    assert "member.mfa_factor_added" in {each["kind"] for each in await owner.all("/events")}
    assert begun["totp"]["secret"] not in str(await owner.all("/audit-log"))


async def test_roles_that_the_policy_does_not_name_need_none(house: House) -> None:
    owner = await house.tenant()
    expect(await owner.patch("/tenant", {"settings": {"mfa_required_roles": ["admin"]}}), 200)
    signed_in = await house.signed_in(owner)
    assert (await signed_in.get("/organizations")).status_code == 200
    expect(await owner.patch("/tenant", {"settings": {"mfa_required_roles": [Role.owner.value]}}), 200)
    assert (await signed_in.get("/organizations")).status_code == 403, "a stricter policy holds for those who are signed in"


async def test_a_code_is_good_once_also_at_the_same_time(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    _, phone, _ = await enrolled(house, owner)
    first, second = [
        going_on(owner, expect(await house.http.post("/v1/sessions", json={"email": owner.email, "password": PASSWORD}), 201))
        for _ in range(2)
    ]
    assert expect(await first.get("/organizations"), 403)["type"].endswith("/mfa-required")
    used = await first.post("/sessions/mfa", {"code": phone.code()})
    assert used.status_code == 422, "the code that set the factor up is used"
    await let_time_pass(runtime, owner)
    code = phone.code()
    answers = await asyncio.gather(first.post("/sessions/mfa", {"code": code}), second.post("/sessions/mfa", {"code": code}))
    assert sorted(each.status_code for each in answers) == [201, 422]
    shown = next(each.json() for each in answers if each.status_code == 201)
    assert (await going_on(owner, shown).get("/organizations")).status_code == 200


async def test_a_password_alone_adds_no_factor(house: House) -> None:
    owner = await house.tenant()
    await enrolled(house, owner)
    thief = await house.signed_in(owner)
    assert expect(await thief.post("/me/mfa-factors", {"kind": "totp"}), 403)["type"].endswith("/step-up-required")
    assert (await thief.post("/me/recovery-codes")).status_code == 403
    assert expect(await thief.post("/sessions/mfa", {}), 422)["errors"][0]["code"] == "one_of"
    guesses = [(await thief.post("/sessions/mfa", {"code": "123456"})).status_code for _ in range(12)]
    assert (guesses[0], guesses[-1]) == (422, 429)


async def test_recovery_codes_work_once_each(house: House) -> None:
    owner = await house.tenant()
    signed_in, _, codes = await enrolled(house, owner)
    lost = await house.signed_in(owner)
    back = going_on(owner, await lost.make("/sessions/mfa", {"recovery_code": codes[3].upper().replace("-", " ")}))
    assert (await back.get("/organizations")).status_code == 200
    again = await house.signed_in(owner)
    assert (await again.post("/sessions/mfa", {"recovery_code": codes[3]})).status_code == 422
    [refused] = [each for each in await owner.all("/audit-log") if each["kind"] == "member.mfa_refused"]
    assert (refused["subject_id"], refused["changes"]) == (str(owner.member_id), {"shown": "recovery_code"})
    fresh = (await signed_in.make("/me/recovery-codes", {}))["recovery_codes"]
    assert (await again.post("/sessions/mfa", {"recovery_code": codes[4]})).status_code == 422, "the old ten are gone"
    assert (await again.post("/sessions/mfa", {"recovery_code": fresh[0]})).status_code == 201


async def test_sensitive_acts_ask_for_the_factor_again(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    signed_in, phone, _ = await enrolled(house, owner)
    [factor] = (await signed_in.get_json("/me/mfa-factors"))["data"]
    last = await signed_in.delete(f"/me/mfa-factors/{factor['id']}")
    assert expect(last, 409)["type"].endswith("/last-factor")
    await let_time_pass(runtime, owner)
    assert expect(await signed_in.post("/me/recovery-codes"), 403)["type"].endswith("/step-up-required")
    fresh = going_on(owner, await signed_in.make("/sessions/mfa", {"code": phone.code()}))
    await fresh.make("/me/recovery-codes", {})
    expect(await owner.patch("/tenant", {"settings": {"mfa_required_roles": []}}), 200)
    expect(await fresh.delete(f"/me/mfa-factors/{factor['id']}"), 204)
    assert "member.mfa_factor_removed" in {each["kind"] for each in await owner.all("/events")}


async def test_a_passkey(house: House, runtime: Runtime) -> None:
    """Both ceremonies, and everything that must not pass for one."""
    origin = runtime.settings.base_url
    owner = await house.tenant()
    signed_in = await house.signed_in(owner)
    key = Authenticator(runtime.settings.host, origin)
    begun = await signed_in.make("/me/mfa-factors", {"kind": "passkey", "name": "Laptop"})
    elsewhere = Authenticator(runtime.settings.host, "https://bitewing.evil.example")
    wrong = await signed_in.post("/me/mfa-factors/confirmation", {"credential": elsewhere.create(begun["public_key"])})
    assert wrong.status_code == 422
    done = await signed_in.make("/me/mfa-factors/confirmation", {"credential": key.create(begun["public_key"])})
    assert done["factor"]["kind"] == "passkey"

    returning = await house.signed_in(owner)
    stranger = Authenticator(runtime.settings.host, origin)
    assert (await returning.post("/sessions/mfa", {"credential": key.get(begun["public_key"])})).status_code == 409
    options = (await returning.make("/sessions/mfa/challenge", {}))["public_key"]
    for forged in (stranger.get(options), {**key.get(options), "id": "AAAA", "rawId": "AAAA"}, key.get(begun["public_key"])):
        assert (await returning.post("/sessions/mfa", {"credential": forged})).status_code == 422
    key.origin = "https://bitewing.evil.example"
    assert (await returning.post("/sessions/mfa", {"credential": key.get(options)})).status_code == 422
    key.origin = origin
    answer = key.get(options)
    shown = going_on(owner, await returning.make("/sessions/mfa", {"credential": answer}))
    assert (await shown.get("/organizations")).status_code == 200
    assert (await shown.post("/sessions/mfa", {"credential": answer})).status_code == 409, "a challenge is for one use"
    options = (await shown.make("/sessions/mfa/challenge", {}))["public_key"]
    key.count = 0
    assert (await shown.post("/sessions/mfa", {"credential": key.get(options)})).status_code == 422, "a copied key"


@pytest.mark.parametrize("path", ["/me/mfa-factors", "/sessions/mfa", "/sessions/mfa/challenge", "/me/recovery-codes"])
async def test_a_key_has_no_factors(house: House, http: httpx.AsyncClient, path: str) -> None:
    owner = await house.tenant()
    body = {"kind": "totp"} if "factors" in path else {"code": "123456"} if path == "/sessions/mfa" else None
    assert (await owner.post(path, body)).status_code == 409
