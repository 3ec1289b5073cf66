"""Changing the key at rest: everything is sealed anew, it may be broken off and run again, and nothing is lost."""

from dataclasses import replace

from pyotp.totp import TOTP

from domain.clock import new_id
from domain.database import tenant_session
from domain.keyring import KeyRing
from domain.outbound.mail import send_mail
from domain.resealing import PLACES, Resealed, reseal_everything
from domain.runtime import Runtime, kept_secrets
from domain.tables import TABLES
from domain.tenancy import SYSTEM, Wall
from tests.makers import House, expect, make_connection, make_webhook_endpoint

HOLDS_NONE = {"sealed_at", "sealed_sha256", "sealed_assessment_id", "secret_fingerprint"}
"""Columns about analyses that were sealed by a signature, and of secrets that are only compared."""


HELD = (
    "webhook_endpoint.secrets",
    "kept_answer.sealed",
    "mail.sealed",
    "ticketing_connection.sealed_credentials",
    "ticketing_connection.sealed_callback_secret",
    "sso_connection.sealed_client_secret",
    "second_factor.sealed",
)


def test_no_place_is_forgotten() -> None:
    named = {
        (table, name) for table in TABLES for name in table.model_fields if ("seal" in name or "secret" in name)
    }  # fmt: skip
    known = {(place.kind, place.column) for place in PLACES}
    assert {(table, name) for table, name in named if name not in HOLDS_NONE} == known


async def test_everything_is_sealed_anew_and_the_old_key_is_needed_no_more(house: House, runtime: Runtime) -> None:
    """The program that runs meanwhile knows the old key only, so all is sealed by that again in the end."""
    owner = await house.tenant()
    own = [owner.tenant_id]
    endpoint = await make_webhook_endpoint(owner, enabled=False)
    await make_connection(owner, enabled=False)
    idp = {"name": "Ours", "issuer": "https://idp.example", "client_id": "us", "client_secret": "between us"}
    await owner.make("/sso-connections", idp)
    signed_in = await house.signed_in(owner)
    begun = (await signed_in.make("/me/mfa-factors", {"kind": "totp"}))["totp"]
    again = {"Idempotency-Key": new_id().hex}
    made = expect(await owner.post("/api-keys", {"name": "Sync"}, headers=again), 201)
    async with tenant_session(runtime.database, Wall(owner.tenant_id), actor=SYSTEM) as session:
        await send_mail(session, to="ann@msp.example.com", subject="Hello", text="Words", key="hello")

    old, new = kept_secrets(runtime.settings.data_dir)["secret_key"], KeyRing.generate_key()

    async def reseal(*keys: str) -> dict[str, Resealed]:
        counts = await reseal_everything(replace(runtime, keyring=KeyRing(keys)), own)
        return {f"{count.place.table}.{count.place.column}": count for count in counts}

    def total(counts: dict[str, Resealed], what: str) -> int:
        return sum(getattr(count, what) for count in counts.values())

    try:
        first = await reseal(new, old)
        assert total(first, "unreadable") == 0, first
        for place in HELD:
            assert first[place].sealed_anew > 0, place
        second = await reseal(new, old)
        assert (total(second, "sealed_anew"), total(second, "unreadable")) == (0, 0), "a second run finds nothing to do"
        assert total(await reseal(new), "unreadable") == 0, "the new key alone opens everything"
        strange = await reseal(KeyRing.generate_key())
        assert total(strange, "sealed_anew") == 0
        assert total(strange, "unreadable") == total(second, "already"), "what no key opens is counted, and left as it is"
    finally:
        put_back = await reseal(old, new)
    assert total(put_back, "unreadable") == 0
    await signed_in.make("/me/mfa-factors/confirmation", {"code": TOTP(begun["secret"]).now()})
    replayed = expect(await owner.post("/api-keys", {"name": "Sync"}, headers=again), 201)
    assert replayed["key"] == made["key"]
    rotated = expect(await owner.post(f"/webhook-endpoints/{endpoint['id']}/secret-rotation", {}), 201)
    assert rotated["secret"] != endpoint["secret"]
