"""What a stolen session must not do: acts that outlast it need a fresh proof. And lost factors, which somebody else resets."""

from typing import Any

import httpx

from domain.people.factor_reset import reset_by_operator
from domain.runtime import Runtime
from tests.api.v1.test_members import joined
from tests.api.v1.test_mfa import enrolled, going_on, let_time_pass
from tests.mailbox import letters_to
from tests.makers import PASSWORD, House, expect

WIDE: dict[str, Any] = {"name": "Wide", "scopes": ["members:write"]}
NARROW: dict[str, Any] = {"name": "Narrow", "scopes": ["devices:read"]}


def stale(answer: httpx.Response) -> bool:
    return expect(answer, 403)["type"].endswith("/step-up-required")


async def test_what_outlasts_a_session_needs_a_fresh_proof(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    colleague, leaver = await joined(house, owner, "admin"), await joined(house, owner, "technician")
    signed_in, phone, _ = await enrolled(house, owner)
    key = await signed_in.make("/api-keys", WIDE)
    deputy, practice = await joined(house, owner, "admin"), await house.organization(owner)
    domain = await owner.make("/sso-domains", {"domain": "msp.example.com"})
    code = (await (await house.tenant()).make("/transfers", {}))["code"]
    account = await signed_in.make("/service-accounts", WIDE)
    await let_time_pass(runtime, owner)
    invited = {"email": "somebody@msp.example.com", "organization_ids": None, "group_ids": None}
    said = {"name": "Ours", "issuer": "https://id.example.com", "client_id": "x"}
    acts: list[tuple[str, str, Any]] = [
        ("POST", f"/members/{colleague.member_id}/ownership", None),
        ("POST", f"/members/{colleague.member_id}/mfa-reset", None),
        ("DELETE", f"/members/{leaver.member_id}", None),
        ("PATCH", f"/members/{leaver.member_id}", {"role": "admin"}),
        ("POST", "/invitations", {**invited, "role": "admin"}),
        ("POST", "/api-keys", WIDE),
        ("POST", "/api-keys", {"name": "All that I may"}),
        ("POST", f"/api-keys/{key['id']}/rotation", {}),
        ("POST", "/service-accounts", WIDE),
        ("POST", f"/service-accounts/{account['id']}/api-keys", {"name": "Wide by its account"}),
        ("PATCH", f"/service-accounts/{account['id']}", {"name": "Renamed"}),
        ("POST", "/sso-connections", said),
        ("POST", f"/sso-domains/{domain['id']}/verification", None),
        ("PATCH", "/tenant", {"settings": {"mfa_required_roles": []}}),
        ("PATCH", f"/members/{deputy.member_id}", {"role": "technician"}),
        ("PATCH", f"/api-keys/{key['id']}", {"allowed_addresses": ["203.0.113.7"]}),
        ("POST", f"/organizations/{practice}/transfer", {"code": code}),
    ]
    for method, path, body in acts:
        assert stale(await signed_in.request(method, path, json=body)), (method, path)
    assert (await owner.get_json(f"/members/{leaver.member_id}"))["archived_at"] is None
    assert (await signed_in.patch("/tenant", {"name": "Renamed"})).status_code == 200
    assert (await signed_in.post("/api-keys", NARROW)).status_code == 201, "what opens no doors goes on"
    assert (await signed_in.post("/invitations", {**invited, "role": "technician"})).status_code == 201
    assert (await owner.post("/api-keys", WIDE)).status_code == 201, "a key has nobody behind it to ask"
    fresh = going_on(owner, await signed_in.make("/sessions/mfa", {"code": phone.code()}))
    for method, path, body in acts[2:4][:1] + acts[5:6]:
        assert (await fresh.request(method, path, json=body)).status_code < 300, path


async def test_an_admin_resets_lost_factors_of_those_who_may_no_more(house: House, runtime: Runtime) -> None:
    owner = await house.tenant()
    member = await joined(house, owner, "technician")
    theirs, _, codes = await enrolled(house, member)
    admin, _, _ = await enrolled(house, await joined(house, owner, "admin"))
    reset = f"/members/{member.member_id}/mfa-reset"
    assert expect(await owner.post(reset), 409)["type"].endswith("/no-session"), "a person's act, and no key's"
    assert (await theirs.post(reset)).status_code == 403
    assert expect(await admin.post(f"/members/{owner.member_id}/mfa-reset"), 403)["type"].endswith("/beyond-maker")
    assert expect(await admin.post(f"/members/{admin.member_id}/mfa-reset"), 409)["type"].endswith("/your-own")

    assert (await admin.post(reset)).status_code == 201
    assert (await theirs.get("/me")).status_code == 401, "their sessions are over"
    made = expect(await house.http.post("/v1/sessions", json={"email": member.email, "password": PASSWORD}), 201)
    assert (made["withheld"], made["factors"]) == ("mfa_enrolment_required", [])
    assert (await going_on(member, made).post("/sessions/mfa", {"recovery_code": codes[0]})).status_code == 422
    again, _, _ = await enrolled(house, member)
    assert (await again.get("/devices")).status_code == 200
    [event] = [each for each in await owner.all("/audit-log") if each["kind"] == "member.mfa_reset"]
    assert (event["subject_id"], event["actor"]["member_id"]) == (str(member.member_id), str(admin.member_id))
    assert "second factors" in "".join(str(each) for each in await letters_to(runtime, member.email, tenant_id=owner.tenant_id))

    elsewhere = await house.tenant()
    await joined(house, elsewhere, "technician", email=member.email)
    assert expect(await admin.post(reset), 409)["type"].endswith("/seats-elsewhere"), "no tenant decides for another"
    await reset_by_operator(runtime, member.email)
    assert (await again.get("/me")).status_code == 401
