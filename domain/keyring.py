"""Keeps secrets encrypted at rest: webhook secrets, tokens for customers' ticketing systems, sign-in client secrets.

The surprising fact: a ciphertext is bound to its place. Whoever can write to the database, but has no key, can neither
read a secret nor move its ciphertext to another row, because the row's name takes part in the encryption.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce per secret: one key serves some four thousand million secrets,
far more than we will ever keep. Tokens are plain ASCII: `v1.<key id>.<base64url of nonce and ciphertext>`.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "v1"
_KEY_PREFIX = "bwk_"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_TOKEN = re.compile(rf"{_VERSION}\.([0-9a-f]{{8}})\.([A-Za-z0-9_-]+)")


class KeyRingError(Exception):
    """Something about keys or tokens. No message ever contains a key, a secret or a token."""


class MalformedKey(KeyRingError):
    """A key of the ring is not what `KeyRing.generate_key()` makes."""


class UnknownKey(KeyRingError):
    """The token was made with a key that is not on this ring. The message names the key's id."""


class Undecryptable(KeyRingError):
    """The token is damaged, or belongs to another context."""


class KeyRing:
    """Keys in order: the first encrypts, all decrypt.

    To change keys, put a new one in front; then write every token anew for which `needs_rotation` says so; then drop
    the old key. A `context` names the one place where a secret belongs, such as
    "webhook_endpoint:<tenant>:<id>", and must be given again to read it.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` as `generate_key` makes them. Raises MalformedKey."""
        ciphers = [_cipher(key, position) for position, key in enumerate(keys, start=1)]
        if not ciphers:
            raise MalformedKey("The key ring needs at least one key.")
        self._ciphers = dict(ciphers)
        self._newest = ciphers[0][0]
        if len(self._ciphers) != len(ciphers):
            raise MalformedKey("The key ring holds a key twice.")

    @staticmethod
    def generate_key() -> str:
        """A fresh key of 256 random bits, ready for the settings."""
        return _KEY_PREFIX + _encode(secrets.token_bytes(_KEY_BYTES))

    def encrypt(self, plaintext: bytes | str, context: str) -> str:
        """The token to keep in the database. Text is taken as UTF-8."""
        raw = plaintext.encode() if isinstance(plaintext, str) else plaintext
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, raw, _bound_to(self._newest, context))
        return f"{_VERSION}.{self._newest}.{_encode(nonce + sealed)}"

    def decrypt(self, token: str, context: str) -> bytes:
        """What was encrypted for this context. Raises UnknownKey or Undecryptable."""
        key_id, sealed = _parts(token)
        if key_id not in self._ciphers:
            raise UnknownKey(f"The secret was encrypted with the key {key_id}, which is not on the key ring.")
        try:
            return self._ciphers[key_id].decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(key_id, context))
        except InvalidTag:
            raise Undecryptable("The encrypted secret is damaged or belongs elsewhere.") from None

    def decrypt_text(self, token: str, context: str) -> str:
        """The same for what was encrypted as text."""
        try:
            return self.decrypt(token, context).decode()
        except UnicodeDecodeError:
            raise Undecryptable("The encrypted secret is not text.") from None

    def needs_rotation(self, token: str) -> bool:
        """True when the token was not made with the newest key. Raises Undecryptable for what is no token."""
        return _parts(token)[0] != self._newest

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)})"


def fingerprint(secret: str | bytes) -> str:
    """SHA-256 in hexadecimal, by which a presented API key is looked up without keeping the key.

    A plain hash suffices only because our keys are 256 random bits: nobody can try them all, so there is nothing for
    salt or slowness to protect. Never use it for passwords, which people choose.
    """
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).hexdigest()


def _cipher(key: str, position: int) -> tuple[str, AESGCM]:
    raw = _decode(key.removeprefix(_KEY_PREFIX)) if key.startswith(_KEY_PREFIX) else None
    if raw is None or len(raw) != _KEY_BYTES:
        raise MalformedKey(f"Key {position} of the key ring is not {_KEY_PREFIX} and 32 bytes in base64url.")
    # The id is a hash of a random 256-bit key, so it says nothing about the key; the words before keep it apart from
    # any other hash of the same bytes.
    return hashlib.sha256(b"bitewing key id " + raw).hexdigest()[:8], AESGCM(raw)


def _parts(token: str) -> tuple[str, bytes]:
    found = _TOKEN.fullmatch(token)
    sealed = _decode(found[2]) if found else None
    if found is None or sealed is None or len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise Undecryptable("This is not an encrypted secret of ours.")
    return found[1], sealed


def _bound_to(key_id: str, context: str) -> bytes:
    if not context:
        raise ValueError("A secret needs a context that names where it belongs.")
    return f"{_VERSION}.{key_id}.{context}".encode()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes | None:
    """None for what `_encode` would not have written, so that no secret has two spellings."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if _encode(raw) == text else None
