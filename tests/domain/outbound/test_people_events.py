"""Who signed in, who failed to, and which application was let in: told to a real receiver by signed webhooks."""

from typing import Any

from domain.runtime import Runtime
from tests.api.oauth.partner import answer_in, browser_of, partner_of
from tests.api.v1.test_members import easy_going
from tests.domain.outbound.listening import listen, listening, working
from tests.makers import House, expect, make_api_key

TOLD = (
    "session.started",
    "session.ended",
    "member.sign_in_refused",
    "api_key.created",
    "api_key.revoked",
    "oauth_grant.created",
    "oauth_grant.ended",
)


async def test_sign_ins_and_tokens_are_told_to_a_receiver(house: House, runtime: Runtime) -> None:
    owner = await easy_going(house)
    partner = await partner_of(house, owner)
    async with listening() as heard:
        await listen(owner, heard, *TOLD)
        browser = browser_of(house)
        wrong = {"email": owner.email, "password": "not the passphrase"}
        assert (await house.http.post("/v1/sessions", json=wrong)).status_code == 401
        page = await browser.sign_in(await partner.send_to(browser), owner.email)
        tokens = await partner.tokens(answer_in(await browser.send(page, "authorize", decision="allow"))["code"])
        expect(await partner.post("revoke", partner.says(token=tokens["refresh_token"])), 200)
        key = await make_api_key(owner)
        assert (await owner.delete(f"/api-keys/{key['id']}")).status_code == 204
        signed_in = await house.signed_in(owner)
        assert (await signed_in.delete("/sessions/current")).status_code == 204
        async with working(runtime):
            arrivals: list[Any] = await heard.hears(8)
        kinds = [each.kind for each in arrivals]
        assert set(kinds) == set(TOLD), kinds
        bodies = b"".join(each.body for each in arrivals)
        for secret in (tokens["access_token"], tokens["refresh_token"], key["key"], signed_in.api_key, "not the passphrase"):
            assert secret.encode() not in bodies
