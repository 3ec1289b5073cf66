"""Sign-in through a tenant's own provider: a real one from the outside, and one that lies in every way that matters."""

import base64
import dataclasses
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from joserfc.jwk import OctKey, RSAKey

from api.app import build
from api.issuers import Issuers
from domain.access import Role
from domain.clock import new_id, now
from domain.database import tenant_session
from domain.outbound.egress import EgressPolicy, egress_under
from domain.people.members import Member
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.api.v1.nouns import faults
from tests.contract import Contract, Held
from tests.mailbox import letters_to, token_in
from tests.makers import PASSWORD, Caller, House, expect, make_api_key
from tests.openid import lying, real
from tests.openid.lying import LyingProvider, Sign, lying_provider, signed_by_another, signed_with_public_key, unsigned
from tests.openid.names import Names, name_server

VERIFIER = "a secret of forty-three characters, or more of them"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACK = "http://127.0.0.1:8800/v1/sso/callback"


@dataclass(frozen=True)
class World:
    """The application with a name server of its own, and a provider that lies."""

    house: House
    names: Names
    liar: LyingProvider
    app: FastAPI

    async def msp(self, **fields: Any) -> "Msp":
        """A tenant with a proven domain and a connection to the lying provider."""
        owner = await self.house.tenant()
        domain = f"{new_id().hex}.example"
        claimed = await owner.make("/sso-domains", {"domain": domain})
        self.names.texts[claimed["record_name"]] = [claimed["record_value"]]
        expect(await owner.post(f"/sso-domains/{claimed['id']}/verification"), 200)
        connection = await owner.make("/sso-connections", {**connection_fields(self.liar.issuer), **fields})
        return Msp(self, owner, domain, connection)


@dataclass(frozen=True)
class Msp:
    world: World
    owner: Caller
    domain: str
    connection: dict[str, Any]

    def person(self, name: str = "ada", **claims: Any) -> dict[str, Any]:
        """What a provider says of somebody with an address of the domain."""
        return {"sub": f"{name}@{self.domain}", "email": f"{name}@{self.domain}", "email_verified": True, **claims}

    async def signs_in(self, **claims: Any) -> dict[str, Any]:
        """Sign in; gives what the session begins with."""
        landed = await self.tries(**claims)
        return expect(await redeemed(self.world.house.http, landed), 201)

    async def tries(self, **claims: Any) -> str:
        """Where the browser lands."""
        self.world.liar.claims = claims
        async with browser_of(self.world.house) as own:
            state, code = self.world.liar.authorize(await start(own, self.connection))
            return await come_back(own, state=state, code=code, iss=self.world.liar.issuer)


def connection_fields(issuer: str) -> dict[str, Any]:
    seat = {"role": "technician", "organization_ids": None, "group_ids": None}
    return {"name": "Ours", "issuer": issuer, **lying.CLIENT, "auto_join": True, "default_seat": seat}


def browser_of(house: House) -> httpx.AsyncClient:
    """One with a jar of cookies of its own."""
    transport: Any = house.http._transport  # pyright: ignore[reportPrivateUsage]  the same application, another browser
    return httpx.AsyncClient(transport=transport, base_url="http://bitewing.test")


async def start(browser: httpx.AsyncClient, connection: dict[str, Any], **more: str) -> str:
    said = {"connection": connection["address"], "challenge": CHALLENGE, **more}
    sent = await browser.get("/v1/sso/start", params=said)
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


async def come_back(browser: httpx.AsyncClient, **query: str) -> str:
    landed = await browser.get("/v1/sso/callback", params=query)
    assert landed.status_code == 303, landed.text
    return landed.headers["location"]


async def redeemed(http: httpx.AsyncClient, landed: str, verifier: str = VERIFIER) -> httpx.Response:
    page, _, token = landed.partition("#token=")
    assert page.endswith("/links/sso") and token, landed
    return await http.post("/v1/sessions/sso", json={"token": token, "verifier": verifier})


def error_in(landed: str) -> str:
    page, _, code = landed.partition("#error=")
    assert page.endswith("/links/sso"), landed
    return code


def as_caller(msp: Msp, signed_in: dict[str, Any]) -> Caller:
    member = signed_in["session"]["member_id"]
    return Caller(msp.owner.http, signed_in["token"], msp.owner.tenant_id, member)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(runtime: Runtime) -> AsyncIterator[World]:
    async with name_server() as names, lying_provider() as liar:
        settings = runtime.settings.model_copy(update={"dns_server": names.address})
        own = dataclasses.replace(runtime, settings=settings)
        app = build(own)
        async with app.router.lifespan_context(app):
            transport = Held(httpx.ASGITransport(app, raise_app_exceptions=False), Contract(app))
            async with httpx.AsyncClient(transport=transport, base_url="http://bitewing.test") as client:
                yield World(House(client, own), names, liar, app)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def msp(world: World) -> Msp:
    """One for all who are not let in."""
    return await world.msp(groups_claim="groups")


@pytest.fixture(autouse=True)
def honest_again(world: World) -> None:
    """Each test begins with a provider that tells the truth, and is asked for its keys anew."""
    world.liar.claims, world.liar.header, world.liar.metadata = {}, {}, {}
    world.liar.sign, world.liar.published, world.liar.userinfo = None, None, None
    world.liar.key = RSAKey.generate_key(2048, {"kid": new_id().hex, "use": "sig"})
    policy = EgressPolicy.of(world.house.runtime.settings)
    world.app.state.issuers = Issuers(egress_under(policy), policy)


@pytest.mark.skipif(not real.installed(), reason=real.MISSING)
async def test_with_a_real_provider(world: World) -> None:
    """From the link to the session: discovery, PKCE, nonce, the secret in the header, keys, userinfo; and no code twice."""
    domain = f"{new_id().hex}.example"
    ada = {"email": f"ada@{domain}", "email_verified": True, "name": "Ada Lovelace", "groups": ["staff", "helpdesk"]}
    async with real.provider(CALLBACK, {"ada": ada}) as issuer:
        owner = await world.house.tenant()
        claimed = await owner.make("/sso-domains", {"domain": domain})
        world.names.texts[claimed["record_name"]] = ["v=spf1 -all", claimed["record_value"]]
        verified = expect(await owner.post(f"/sso-domains/{claimed['id']}/verification"), 200)
        assert verified["verified_at"] is not None
        auditors = {"group": "helpdesk", "role": "auditor", "organization_ids": None, "group_ids": None}
        said = {**connection_fields(issuer), **real.CLIENT, "role_mappings": [auditors], "groups_claim": "groups"}
        connection = await owner.make("/sso-connections", said)
        assert connection["redirect_uri"] == CALLBACK
        assert real.CLIENT["client_secret"] not in str(connection)
        tried = expect(await owner.post(f"/sso-connections/{connection['id']}/test"), 200)
        assert tried == {
            "ok": True,
            "steps": [{"step": s, "ok": True, "trouble": None, "detail": None} for s in ("metadata", "keys")],
        }

        async with browser_of(world.house) as browser:
            url = await start(browser, connection, login_hint="ada")
            landed = await real.sign_in_there(url, "ada", until=CALLBACK)
            query = {name: values[0] for name, values in parse_qs(urlsplit(landed).query).items()}
            assert query["iss"] == issuer
            page = await come_back(browser, **query)
            signed_in = expect(await redeemed(world.house.http, page), 201)
            assert (await redeemed(world.house.http, page)).status_code == 401, "it works once"
            assert error_in(await come_back(browser, **query)) == "state_not_valid", "a replayed answer"

            # The same code again, in a sign-in of its own: the provider knows it.
            url = await start(browser, connection)
            state = parse_qs(urlsplit(url).query)["state"][0]
            again = await come_back(browser, state=state, code=query["code"], iss=issuer)
            assert error_in(again) == "provider_refused"

    assert (signed_in["session"]["method"], signed_in["withheld"]) == ("sso", "mfa_enrolment_required")
    member = await owner.get_json(f"/members/{signed_in['session']['member_id']}")
    assert (member["name"], member["email"], member["role"]) == ("Ada Lovelace", ada["email"], "auditor")
    seen = [each["kind"] for each in await owner.all("/audit-log")]
    assert {"member.created", "member.sso_linked", "session.started", "sso_connection.sign_in_refused"} <= set(seen)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://accounts.example.com"}, "token_not_genuine"),
    "another audience": ({"aud": "somebody-else"}, "token_not_genuine"),
    "several audiences and no azp": ({"aud": ["bitewing", "other"]}, "token_not_genuine"),
    "given to another party": ({"aud": ["bitewing", "other"], "azp": "other"}, "token_not_genuine"),
    "another nonce": ({"nonce": "of another sign-in"}, "nonce_not_ours"),
    "no nonce": ({"nonce": None}, "nonce_not_ours"),
    "expired": ({"exp": int(now().timestamp()) - 61}, "token_expired"),
    "no expiry": ({"exp": None}, "token_not_genuine"),
    "an expiry that is no number": ({"exp": "tomorrow"}, "token_not_genuine"),
    "issued in the future": ({"iat": int(now().timestamp()) + 3600}, "token_not_genuine"),
    "no subject": ({"sub": None}, "token_not_genuine"),
    "an empty subject": ({"sub": ""}, "token_not_genuine"),
    "a subject that is no text": ({"sub": 7}, "token_not_genuine"),
    "an address that nobody checked": ({"email_verified": False}, "email_not_proven"),
    "an address that was checked in words": ({"email_verified": "false"}, "email_not_proven"),
    "no word on the address": ({"email_verified": None}, "email_not_proven"),
    "an address of another domain": ({"email": "ada@elsewhere.example"}, "email_not_proven"),
    "no address": ({"email": None}, "email_not_proven"),
    "an address that userinfo tells of somebody else": ({"email": None}, "email_not_proven"),
    "two addresses in one": ({"email": "ada@elsewhere.example@{domain}"}, "email_not_proven"),
    "more groups than it writes into a token": ({"_claim_names": {"groups": "src1"}}, "groups_not_told"),
    "a part of the domain": ({"email": "ada@sub.{domain}"}, "email_not_proven"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_a_token_must_not_say(world: World, msp: Msp, lie: str) -> None:
    told_apart = {"sub": f"somebody else@{msp.domain}", "email": f"ada@{msp.domain}", "email_verified": True}
    world.liar.userinfo = told_apart if "userinfo" in lie else None
    said, expected = LIES[lie]
    told = {name: value.format(domain=msp.domain) if isinstance(value, str) else value for name, value in said.items()}
    assert error_in(await msp.tries(**{**msp.person(), **told})) == expected
    refused = [each for each in await msp.owner.all("/audit-log") if each["kind"] == "sso_connection.sign_in_refused"]
    assert {"reason": expected} in [each["changes"] for each in refused]
    assert len(await msp.owner.all("/members")) == 1, "nobody came in"


async def test_signatures_that_are_none(world: World) -> None:
    msp = await world.msp()
    signatures: tuple[tuple[Sign, str], ...] = (
        (unsigned, "algorithm_not_allowed"),
        (signed_with_public_key, "algorithm_not_allowed"),
        (signed_by_another, "token_not_genuine"),
        (lambda _liar, _claims: "not.a.token", "token_not_genuine"),
        (lambda _liar, _claims: 7, "no_id_token"),
    )
    for sign, expected in signatures:
        world.liar.sign = sign
        assert error_in(await msp.tries(**msp.person())) == expected
    world.liar.sign = None
    assert (await msp.signs_in(**msp.person()))["session"]["method"] == "sso", "and the true one is taken"


async def test_a_key_that_is_not_known_is_looked_for_once_in_a_while(world: World) -> None:
    msp = await world.msp()
    await msp.signs_in(**msp.person())
    world.liar.asked.clear()
    world.liar.key = RSAKey.generate_key(2048, {"kid": "rotated", "use": "sig"})
    await msp.signs_in(**msp.person())
    assert world.liar.asked["/keys"] == 1, "the provider changed its key, and we looked again"
    world.liar.header = {"kid": "nobody's"}
    assert error_in(await msp.tries(**msp.person())) == "unknown_key"
    assert world.liar.asked["/keys"] == 1, "but not each time that somebody shows a strange token"


async def test_an_answer_is_bound_to_browser_provider_and_application(world: World) -> None:
    msp = await world.msp()
    world.liar.claims = msp.person()
    house, liar = world.house, world.liar
    async with browser_of(house) as victim, browser_of(house) as thief:
        state, code = liar.authorize(await start(victim, msp.connection))
        assert error_in(await come_back(thief, state=state, code=code, iss=liar.issuer)) == "other_browser"
        assert error_in(await come_back(victim, state=state[:-1] + "_", code=code, iss=liar.issuer)) == "state_not_valid"
        assert error_in(await come_back(victim, state="nonsense", code=code)) == "state_not_valid"
        landed = await come_back(victim, state=state, code=code, iss=liar.issuer)
        assert error_in(await come_back(victim, state=state, code=code, iss=liar.issuer)) == "state_not_valid", "replayed"
        assert (await redeemed(house.http, landed, "x" * 43)).status_code == 401, "not who began it"
        assert (await redeemed(house.http, landed)).status_code == 401, "and now it is used up"

        for query, expected in (
            ({"iss": "https://accounts.example.com"}, "other_issuer"),
            ({}, "other_issuer"),
            ({"iss": liar.issuer, "error": "access_denied"}, "provider_declined"),
        ):
            state, code = liar.authorize(await start(victim, msp.connection))
            assert error_in(await come_back(victim, state=state, code=code, **query)) == expected
    sent = {each["code_verifier"] for each in liar.tokens_asked_for}
    assert len(sent) == len(liar.tokens_asked_for), "each sign-in proves itself by a secret of its own"


async def test_discovery_believes_only_the_issuer_itself(world: World) -> None:
    msp = await world.msp()
    for metadata, trouble in (
        ({"issuer": f"{world.liar.issuer}/"}, "other_issuer"),
        ({"token_endpoint": None}, "metadata_incomplete"),
        ({"jwks_uri": "file:///etc/passwd"}, "endpoint_not_allowed"),
        ({"userinfo_endpoint": "http://169.254.169.254/latest"}, "endpoint_not_allowed"),
    ):
        world.liar.metadata = metadata
        tried = expect(await msp.owner.post(f"/sso-connections/{msp.connection['id']}/test"), 200)
        assert [(each["step"], each["trouble"]) for each in tried["steps"]] == [("metadata", trouble)]
    world.liar.metadata, world.liar.published = {}, [OctKey.generate_key(256).as_dict()]
    tried = expect(await msp.owner.post(f"/sso-connections/{msp.connection['id']}/test"), 200)
    assert [(each["step"], each["trouble"]) for each in tried["steps"]] == [("metadata", None), ("keys", "no_keys")]


async def test_a_provider_speaks_for_its_own_tenant_alone(world: World) -> None:
    """The person who has a seat elsewhere is let in here, and nothing of theirs elsewhere can be touched from here."""
    msp, other = await world.msp(), await world.msp()
    address = f"ada@{msp.domain}"
    invited = await other.owner.make("/invitations", {"email": address, "role": "admin"})
    [letter] = await letters_to(world.house.runtime, address, tenant_id=other.owner.tenant_id)
    taken = {"token": token_in(letter), "name": "Ada", "password": PASSWORD}
    await other.owner.make(f"/invitations/{invited['id']}/acceptance", taken)

    assert error_in(await other.tries(**msp.person())) == "email_not_proven", "the domain is not that tenant's"
    signed_in = await msp.signs_in(**msp.person())
    assert signed_in["tenant"]["id"] == str(msp.owner.tenant_id)
    ada = as_caller(msp, signed_in)
    assert (await ada.post("/me/mfa-factors", {"kind": "totp"})).json()["type"].endswith("sign-in-with-password")
    assert (await ada.get("/organizations")).json()["type"].endswith("mfa-enrolment-required")
    both = await world.house.http.post("/v1/sessions", json={"email": address, "password": PASSWORD})
    assert len(expect(both, 200)["tenants"]) == 2, "the password still opens both"


async def test_an_account_that_was_laid_in_wait_is_emptied(world: World) -> None:
    """Somebody signed up with an address that was not theirs, in the hope that its owner would join by a provider."""
    msp = await world.msp()
    address = f"ada@{msp.domain}"
    body = {"tenant_name": "Trap", "name": "Mallory", "email": address, "password": PASSWORD}
    expect(await world.house.http.post("/v1/signup", json=body), 201)
    await msp.signs_in(**msp.person())
    answer = await world.house.http.post("/v1/sessions", json={"email": address, "password": PASSWORD})
    assert answer.status_code == 401


async def test_the_subject_counts_and_the_address_only_once(world: World) -> None:
    msp = await world.msp()
    first = await msp.signs_in(**msp.person("ada"))
    renamed = await msp.signs_in(**msp.person("ada", email=f"lovelace@{msp.domain}"))
    assert renamed["session"]["member_id"] == first["session"]["member_id"]
    successor = msp.person("ada", sub="a new colleague with an old address")
    assert error_in(await msp.tries(**successor)) == "linked_to_another"


async def test_who_was_sent_away_comes_back_by_invitation_only(world: World) -> None:
    msp = await world.msp()
    signed_in = await msp.signs_in(**msp.person())
    member = signed_in["session"]["member_id"]
    assert (await msp.owner.delete(f"/members/{member}")).status_code == 204
    gone = await world.house.http.get("/v1/me", headers={"Authorization": f"Bearer {signed_in['token']}"})
    assert gone.status_code == 401
    assert error_in(await msp.tries(**msp.person())) == "no_seat"
    await msp.owner.make("/invitations", {"email": f"ada@{msp.domain}", "role": "billing"})
    back = await msp.signs_in(**msp.person())
    assert back["session"]["member_id"] == member
    assert (await msp.owner.get_json(f"/members/{member}"))["role"] == "billing", "the seat that was offered"


async def test_groups_give_seats_and_never_ownership(world: World) -> None:
    owner = (await world.msp()).owner
    for role, code in (("owner", "never_ownership"), ("practice_member", "narrowing_required")):
        seat = {"role": role}
        refused = await owner.post("/sso-connections", {**connection_fields(world.liar.issuer), "default_seat": seat})
        assert {each[1] for each in faults(refused)} == {code}

    practice = await world.house.organization(owner)
    desk = {"group": "front desk", "role": "practice_member", "organization_ids": [practice], "group_ids": None}
    admins = {"group": "admins", "role": "admin", "organization_ids": None, "group_ids": None}
    msp = await world.msp(auto_join=False)
    practice = await world.house.organization(msp.owner)
    mappings = [admins, {**desk, "organization_ids": [practice]}]
    change = {"auto_join": True, "default_seat": None, "role_mappings": mappings, "groups_claim": "groups"}
    assert error_in(await msp.tries(**msp.person())) == "no_seat", "nobody joins where that is not wanted"
    expect(await msp.owner.patch(f"/sso-connections/{msp.connection['id']}", change), 200)

    assert error_in(await msp.tries(**msp.person(groups=["others"]))) == "no_seat"
    member = (await msp.signs_in(**msp.person(groups=["others", "admins"])))["session"]["member_id"]
    assert (await msp.owner.get_json(f"/members/{member}"))["role"] == "admin"
    await msp.signs_in(**msp.person(groups=["front desk"]))
    moved = await msp.owner.get_json(f"/members/{member}")
    assert (moved["role"], moved["organization_ids"]) == ("practice_member", [practice])
    assert error_in(await msp.tries(**msp.person(groups=[]))) == "no_seat", "out of every group, out of the house"


async def test_owners_come_in_this_way_only_if_an_owner_says_so(world: World) -> None:
    msp = await world.msp()
    admin = await world.house.member(msp.owner, Role.admin)
    path = f"/sso-connections/{msp.connection['id']}"
    assert (await admin.patch(path, {"admits_owners": True})).json()["type"].endswith("owners-only")
    async with tenant_session(world.house.runtime.database, Wall(msp.owner.tenant_id), actor=SYSTEM) as session:
        person = Person(email=f"boss@{msp.domain}", name="Boss")
        session.add(person)
        await session.flush()
        seat = await session.save(Member(person_id=person.id, role=Role.owner))
    assert error_in(await msp.tries(**msp.person("boss"))) == "owners_not_admitted"
    expect(await msp.owner.patch(path, {"admits_owners": True}), 200)
    assert (await msp.signs_in(**msp.person("boss")))["session"]["member_id"] == str(seat.id)


async def test_a_second_factor_at_the_provider(world: World) -> None:
    msp = await world.msp(mfa_acr_values=["urn:two"])
    path = f"/sso-connections/{msp.connection['id']}"
    told: tuple[tuple[dict[str, Any], str | None], ...] = (
        ({}, "mfa_enrolment_required"),
        ({"amr": ["pwd"]}, "mfa_enrolment_required"),
        ({"amr": ["pwd", "mfa"]}, None),
        ({"acr": "urn:two"}, None),
        ({"acr": "urn:one"}, "mfa_enrolment_required"),
    )
    for claims, withheld in told:
        assert (await msp.signs_in(**msp.person(**claims)))["withheld"] == withheld, claims
    expect(await msp.owner.patch(path, {"second_factor": "bitewing"}), 200)
    assert (await msp.signs_in(**msp.person(amr=["mfa"])))["withheld"] == "mfa_enrolment_required"
    expect(await msp.owner.patch(path, {"second_factor": "provider"}), 200)
    ada = as_caller(msp, await msp.signs_in(**msp.person()))
    assert (await ada.get("/organizations")).status_code == 200


async def test_presets_fill_in_what_is_not_said(world: World) -> None:
    owner = await world.house.tenant()
    presets = {each["preset"]: each for each in await owner.all("/sso-presets")}
    assert {"entra_id", "google", "okta"} <= presets.keys()
    made = await owner.make("/sso-connections", {**connection_fields("https://accounts.google.com"), "preset": "google"})
    assert (made["domain_claim"], made["scopes"]) == ("hd", ["openid", "email", "profile"])
    assert await owner.all("/sso-connections") == [made], "the list, which Postgres writes, says the same"
    unknown = await owner.post("/sso-connections", {**connection_fields("https://x.example"), "preset": "nobody"})
    assert faults(unknown) == {("/preset", "unknown_preset")}
    for issuer in ("https://10.0.0.1", "ftp://idp.example", "https://idp.example/?x=1", "nonsense"):
        refused = await owner.post("/sso-connections", connection_fields(issuer))
        assert {each[0] for each in faults(refused)} == {"/issuer"}, issuer

    msp = await world.msp(domain_claim="hd", email_verified_claim="xms_edov")
    claims = msp.person(email_verified=True)
    assert error_in(await msp.tries(**claims, hd=msp.domain)) == "email_not_proven"
    assert error_in(await msp.tries(**claims, xms_edov="1", hd="other.example")) == "email_not_proven"
    await msp.signs_in(**claims, xms_edov="1", hd=msp.domain)


async def test_only_somebody_with_an_admins_rights_sets_this_up(world: World) -> None:
    msp = await world.msp()
    practice = await world.house.organization(msp.owner)
    scoped = await make_api_key(msp.owner, scopes=["sso_connections:read", "sso_connections:write"])
    narrowed = await world.house.member(msp.owner, Role.admin, organizations=[practice])
    key = Caller(msp.owner.http, scoped["key"], msp.owner.tenant_id, msp.owner.member_id)
    for caller in (key, narrowed, await world.house.member(msp.owner, Role.technician)):
        assert (await caller.post("/sso-connections", connection_fields(world.liar.issuer))).status_code == 403
        assert (await caller.patch(f"/sso-connections/{msp.connection['id']}", {"auto_join": False})).status_code == 403
        assert (await caller.delete(f"/sso-connections/{msp.connection['id']}")).status_code == 403
    stranger = await world.house.tenant()
    assert (await stranger.get(f"/sso-connections/{msp.connection['id']}")).status_code == 404
    assert (await msp.owner.patch(f"/sso-connections/{msp.connection['id']}", {"issuer": "https://x"})).status_code == 422


async def test_a_connection_that_is_closed_lets_nobody_in(world: World) -> None:
    msp = await world.msp()
    world.liar.claims = msp.person()
    path = f"/sso-connections/{msp.connection['id']}"
    async with browser_of(world.house) as browser:
        state, code = world.liar.authorize(await start(browser, msp.connection))
        expect(await msp.owner.patch(path, {"enabled": False}), 200)
        assert error_in(await come_back(browser, state=state, code=code, iss=world.liar.issuer)) == "connection_closed"
        said = {"connection": msp.connection["address"], "challenge": CHALLENGE}
        assert (await browser.get("/v1/sso/start", params=said)).status_code == 404
        assert (await browser.get("/v1/sso/start", params={**said, "connection": "nonsense"})).status_code == 404
    assert (await msp.owner.delete(path)).status_code == 204
    assert await msp.owner.all("/sso-connections") == []


async def test_a_domain_counts_while_its_record_stands(world: World) -> None:
    msp = await world.msp()
    [domain] = await msp.owner.all("/sso-domains")
    again = await msp.owner.post("/sso-domains", {"domain": msp.domain.upper() + "."})
    assert again.status_code == 409
    for text in ("msp", "a b.example", "ada@msp.example", "*.example", "-x.example"):
        assert faults(await msp.owner.post("/sso-domains", {"domain": text})) == {("/domain", "no_domain")}
    other = await world.house.tenant()
    theirs = await other.make("/sso-domains", {"domain": msp.domain})
    answer = expect(await other.post(f"/sso-domains/{theirs['id']}/verification"), 200)
    assert answer["verified_at"] is None, "the word of another tenant proves nothing"
    world.names.texts[domain["record_name"]] = ["v=spf1 -all"]
    lapsed = expect(await msp.owner.post(f"/sso-domains/{domain['id']}/verification"), 200)
    assert lapsed["verified_at"] is None
    assert error_in(await msp.tries(**msp.person())) == "email_not_proven"
    assert (await msp.owner.delete(f"/sso-domains/{domain['id']}")).status_code == 204
    assert await msp.owner.all("/sso-domains") == []
