"""Signs webhooks so that a receiver can tell they are ours and unchanged, as Standard Webhooks 1.0.0 lays down.

The surprising fact: one delivery may carry several signatures. While a secret is being rotated both the new and the
old one sign, so a receiver that has only one of them still verifies.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_source
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SHARED_SECRET_PREFIX = "whsec_"  # noqa: S105  (a public prefix, not a secret)
PRIVATE_KEY_PREFIX = "whsk_"
PUBLIC_KEY_PREFIX = "whpk_"

_SHARED_SECRET_BYTES = range(24, 64 + 1)
_NEW_SECRET_BYTES = 32
_SEED_BYTES = 32
_PRIVATE_KEY_BYTES = 64

# The signed text joins id, time and body with full stops, so an id with a full stop could be read in two ways.
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class MalformedSecret(ValueError):
    """A signing secret that is not what the specification asks for. The message never contains the secret."""


def sign(
    secrets: Sequence[str],
    *,
    webhook_id: str,
    timestamp: datetime,
    body: bytes,
) -> dict[str, str]:
    """The three headers that go with `body`, signed with every secret in the order given (newest first).

    `webhook_id` stays the same over all attempts of one delivery: receivers use it to drop duplicates. `timestamp` is
    the moment of this attempt and must know its time zone. Raises MalformedSecret, or ValueError for the other values.
    """
    if not secrets:
        raise MalformedSecret("A webhook needs at least one signing secret.")
    if not _WEBHOOK_ID.fullmatch(webhook_id):
        raise ValueError("A webhook id has 1 to 128 letters, digits, hyphens or underscores.")
    if timestamp.tzinfo is None:
        raise ValueError("The time of an attempt must name its time zone.")
    seconds = int(timestamp.timestamp())
    content = f"{webhook_id}.{seconds}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def new_secret() -> str:
    """A fresh shared secret of 32 random bytes, in the form shown to the customer."""
    return SHARED_SECRET_PREFIX + _encode(random_source.token_bytes(_NEW_SECRET_BYTES))


def new_private_key() -> str:
    """A fresh ed25519 key pair; the receiver gets only `public_key(...)` of it and cannot forge our signature."""
    seed = random_source.token_bytes(_SEED_BYTES)
    return PRIVATE_KEY_PREFIX + _encode(seed + _public_bytes(seed))


def public_key(private_key: str) -> str:
    """The `whpk_` half of a `whsk_` key, to be published to the receiver. Raises MalformedSecret."""
    if not private_key.startswith(PRIVATE_KEY_PREFIX):
        raise MalformedSecret(f"Only a key that begins with {PRIVATE_KEY_PREFIX} has a public half.")
    return PUBLIC_KEY_PREFIX + _encode(_public_bytes(_seed(private_key)))


def check_secret(secret: str) -> None:
    """Raises MalformedSecret unless `sign` could use this secret."""
    if secret.startswith(PRIVATE_KEY_PREFIX):
        _seed(secret)
    else:
        _shared_secret(secret)


def _signature(secret: str, content: bytes) -> str:
    if secret.startswith(PRIVATE_KEY_PREFIX):
        return "v1a," + _encode(Ed25519PrivateKey.from_private_bytes(_seed(secret)).sign(content))
    return "v1," + _encode(hmac.new(_shared_secret(secret), content, hashlib.sha256).digest())


def _shared_secret(secret: str) -> bytes:
    if not secret.startswith(SHARED_SECRET_PREFIX):
        raise MalformedSecret(f"A signing secret begins with {SHARED_SECRET_PREFIX} or {PRIVATE_KEY_PREFIX}.")
    key = _decode(secret.removeprefix(SHARED_SECRET_PREFIX))
    if len(key) not in _SHARED_SECRET_BYTES:
        raise MalformedSecret(f"A shared secret holds 24 to 64 bytes; this one holds {len(key)}.")
    return key


def _seed(private_key: str) -> bytes:
    """The secret half. The text holds seed and public key, so a damaged or mixed-up pair is noticed here."""
    pair = _decode(private_key.removeprefix(PRIVATE_KEY_PREFIX))
    if len(pair) != _PRIVATE_KEY_BYTES:
        raise MalformedSecret(f"An ed25519 key pair holds {_PRIVATE_KEY_BYTES} bytes; this one holds {len(pair)}.")
    seed = pair[:_SEED_BYTES]
    if _public_bytes(seed) != pair[_SEED_BYTES:]:
        raise MalformedSecret("The two halves of this ed25519 key pair do not belong together.")
    return seed


def _public_bytes(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Without "from None" the traceback would carry the secret along.
        raise MalformedSecret("The part of the secret after its prefix is not standard base64.") from None
