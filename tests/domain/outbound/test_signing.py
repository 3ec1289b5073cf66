"""Signatures are checked by the Standard Webhooks project's own library, which shares no code with ours."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from domain.outbound.signing import (
    MalformedSecret,
    check_secret,
    new_private_key,
    new_secret,
    public_key,
    sign,
)

BODY = b'{"type":"finding.opened","timestamp":"2026-11-22T10:00:00Z","data":{"id":"0199"}}'

# Published in the test suites of the Standard Webhooks libraries and of Svix.
KNOWN_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
KNOWN_TIME = datetime.fromtimestamp(1614265330, tz=UTC)
KNOWN_BODY = b'{"test": 2432232314}'
KNOWN_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KNOWN_V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KNOWN_PRIVATE_KEY = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
KNOWN_PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
KNOWN_V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def signed_now(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    return sign(secrets, webhook_id="evt_1", timestamp=datetime.now(UTC), body=body)


def test_the_published_vectors_come_out_right() -> None:
    headers = sign([KNOWN_SECRET, KNOWN_PRIVATE_KEY], webhook_id=KNOWN_ID, timestamp=KNOWN_TIME, body=KNOWN_BODY)
    assert headers == {
        "webhook-id": KNOWN_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": f"{KNOWN_V1} {KNOWN_V1A}",
    }
    assert public_key(KNOWN_PRIVATE_KEY) == KNOWN_PUBLIC_KEY


def test_a_receiver_accepts_what_we_sign() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed_now(secret)) == json.loads(BODY)


def test_text_beyond_ascii_is_signed_as_the_bytes_that_are_sent() -> None:
    secret, body = new_secret(), '{"name":"Zahnärzte Müller — 歯科"}'.encode()
    assert Webhook(secret).verify(body, signed_now(secret, body=body)) == json.loads(body)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=30))])
def test_the_time_zone_of_the_clock_does_not_matter(zone: timezone) -> None:
    secret = new_secret()
    headers = sign([secret], webhook_id="evt_1", timestamp=datetime.now(zone), body=BODY)
    Webhook(secret).verify(BODY, headers)


def test_during_rotation_receivers_with_either_secret_accept() -> None:
    new, old = new_secret(), new_secret()
    headers = signed_now(new, old)
    assert len(headers["webhook-signature"].split(" ")) == 2
    Webhook(new).verify(BODY, headers)
    Webhook(old).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_shared_and_asymmetric_signatures_can_stand_side_by_side() -> None:
    secret = new_secret()
    Webhook(secret).verify(BODY, signed_now(new_private_key(), secret))


def test_a_changed_body_is_refused() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", signed_now(secret))


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_a_changed_header_is_refused(header: str) -> None:
    secret = new_secret()
    headers = signed_now(secret)
    headers[header] = "evt_2" if header == "webhook-id" else str(int(headers[header]) - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


def test_an_old_delivery_cannot_be_replayed() -> None:
    secret = new_secret()
    headers = sign([secret], webhook_id="evt_1", timestamp=datetime.now(UTC) - timedelta(minutes=6), body=BODY)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, headers)


def test_the_public_key_alone_verifies_an_asymmetric_signature() -> None:
    private = new_private_key()
    headers = signed_now(private)
    scheme, signature = headers["webhook-signature"].split(",")
    published = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(private).removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + BODY
    published.verify(base64.b64decode(signature), content)
    assert scheme == "v1a"
    with pytest.raises(InvalidSignature):
        published.verify(base64.b64decode(signature), content + b" ")


def test_every_new_secret_differs_and_holds_32_bytes() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


def shared(raw: bytes) -> str:
    return "whsec_" + base64.b64encode(raw).decode()


MALFORMED = {
    "empty": "",
    "only a prefix": "whsec_",
    "no prefix": base64.b64encode(b"s" * 32).decode(),
    "other prefix": KNOWN_PUBLIC_KEY,
    "too short": shared(b"s" * 23),
    "too long": shared(b"s" * 65),
    "not base64": "whsec_" + "!" * 44,
    "url-safe base64": "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
    "not ascii": "whsec_" + "é" * 44,
    "line break": shared(b"s" * 32) + "\n",
    "padding cut off": shared(b"s" * 32).rstrip("="),
    "private key too short": "whsk_" + base64.b64encode(b"s" * 32).decode(),
    "halves of two keys": KNOWN_PRIVATE_KEY.replace("X0dR", "aaaa"),
}


@pytest.mark.parametrize("secret", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_secret_is_refused_without_repeating_it(secret: str) -> None:
    for attempt in (lambda: check_secret(secret), lambda: signed_now(secret)):
        with pytest.raises(MalformedSecret) as refused:
            attempt()
        material = secret.strip().partition("_")[2]
        assert not material or material not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize("size", [24, 64])
def test_the_shortest_and_longest_allowed_secrets_work(size: int) -> None:
    Webhook(shared(b"s" * size)).verify(BODY, signed_now(shared(b"s" * size)))


def test_only_a_private_key_has_a_public_half() -> None:
    with pytest.raises(MalformedSecret, match="whsk_"):
        public_key(new_secret())


def test_signing_with_no_secret_at_all_is_refused() -> None:
    with pytest.raises(MalformedSecret, match="at least one"):
        signed_now()


@pytest.mark.parametrize("webhook_id", ["", "evt.1", "evt 1", "evt\n1", "é", "e" * 129])
def test_an_id_that_would_blur_the_signed_text_is_refused(webhook_id: str) -> None:
    with pytest.raises(ValueError, match="webhook id"):
        sign([KNOWN_SECRET], webhook_id=webhook_id, timestamp=KNOWN_TIME, body=BODY)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        sign([KNOWN_SECRET], webhook_id="evt_1", timestamp=KNOWN_TIME.replace(tzinfo=None), body=BODY)
