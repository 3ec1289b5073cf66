"""Secrets at rest: readable with the right key in the right place, and in no other way."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.keyring import KeyRing, KeyRingError, MalformedKey, Undecryptable, UnknownKey, fingerprint

PLACE = "webhook_endpoint:0199-tenant:0199-endpoint"
SECRET = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"


def test_a_secret_comes_back_as_it_was() -> None:
    ring = KeyRing([KeyRing.generate_key()])
    assert ring.decrypt_text(ring.encrypt(SECRET, PLACE), PLACE) == SECRET
    for raw in (b"", b"\0\xff", b"x" * 100_000):
        assert ring.decrypt(ring.encrypt(raw, PLACE), PLACE) == raw
    assert ring.decrypt_text(ring.encrypt("Zähne 歯", PLACE), PLACE) == "Zähne 歯"


def test_the_same_secret_never_looks_the_same() -> None:
    ring = KeyRing([KeyRing.generate_key()])
    tokens = {ring.encrypt(SECRET, PLACE) for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.isascii() and SECRET not in token for token in tokens)


def test_the_format_is_what_its_description_says() -> None:
    """Opened by hand, so that a change of format cannot pass unnoticed and lock everyone out."""
    key = KeyRing.generate_key()
    version, key_id, sealed = KeyRing([key]).encrypt(SECRET, PLACE).split(".")
    raw_key = base64.urlsafe_b64decode(key.removeprefix("bwk_") + "=")
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    assert version == "v1"
    assert key_id == hashlib.sha256(b"bitewing key id " + raw_key).hexdigest()[:8]
    assert AESGCM(raw_key).decrypt(raw[:12], raw[12:], f"v1.{key_id}.{PLACE}".encode()) == SECRET.encode()


def test_a_token_made_earlier_can_still_be_read() -> None:
    ring = KeyRing(["bwk_" + base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")])
    token = "v1.3a44d5f6.gqmCdScfIYbW0IcKjEawgJ4Ya52Yt5x9JZ9w-W6nYdOfo_duOx6sEfE"
    assert ring.decrypt_text(token, "webhook_endpoint:t:1") == "whsec_example"


def test_a_ciphertext_cannot_be_moved_to_another_row() -> None:
    ring = KeyRing([KeyRing.generate_key()])
    token = ring.encrypt(SECRET, PLACE)
    for elsewhere in (PLACE + "2", PLACE[:-1], PLACE.upper(), "connection:0199-tenant:0199-endpoint"):
        with pytest.raises(Undecryptable):
            ring.decrypt(token, elsewhere)


def test_any_change_to_a_token_is_noticed() -> None:
    ring = KeyRing([KeyRing.generate_key()])
    token = ring.encrypt(b"secret", PLACE)
    for place, letter in enumerate(token):
        changed = token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        with pytest.raises(KeyRingError):
            ring.decrypt(changed, PLACE)


@pytest.mark.parametrize(
    "text",
    ["", "v1", "v1..", "v1.00000000.", "v1.00000000.AAAA", "v2.00000000." + "A" * 60, SECRET, "é", "v1.0000000g.AAAA"],
)
def test_what_is_no_token_is_refused_without_repeating_it(text: str) -> None:
    ring = KeyRing([KeyRing.generate_key()])
    for attempt in (lambda: ring.decrypt(text, PLACE), lambda: ring.needs_rotation(text)):
        with pytest.raises(Undecryptable) as refused:
            attempt()
        assert str(refused.value) == "This is not an encrypted secret of ours."


def test_keys_are_changed_without_a_moment_in_which_a_secret_is_unreadable() -> None:
    old, new = KeyRing.generate_key(), KeyRing.generate_key()
    token = KeyRing([old]).encrypt(SECRET, PLACE)

    both = KeyRing([new, old])
    assert both.needs_rotation(token)
    assert both.decrypt_text(token, PLACE) == SECRET

    renewed = both.encrypt(both.decrypt(token, PLACE), PLACE)
    assert not both.needs_rotation(renewed)
    assert KeyRing([new]).decrypt_text(renewed, PLACE) == SECRET

    with pytest.raises(UnknownKey, match=token.split(".")[1]):
        KeyRing([new]).decrypt(token, PLACE)


def test_another_key_under_the_same_id_reads_nothing() -> None:
    one, other = KeyRing([KeyRing.generate_key()]), KeyRing([KeyRing.generate_key()])
    _, _, sealed = one.encrypt(SECRET, PLACE).split(".")
    _, other_id, _ = other.encrypt(SECRET, PLACE).split(".")
    with pytest.raises(Undecryptable):
        other.decrypt(f"v1.{other_id}.{sealed}", PLACE)


MALFORMED_KEYS = {
    "empty": "",
    "prefix alone": "bwk_",
    "no prefix": KeyRing.generate_key().removeprefix("bwk_"),
    "too short": "bwk_" + "A" * 42,
    "too long": "bwk_" + "A" * 44,
    "not base64": "bwk_" + "!" * 43,
    "two spellings": "bwk_" + "A" * 42 + "B",
    "not ascii": "bwk_" + "é" * 43,
    "outer space": KeyRing.generate_key() + " ",
    "a password": "correct horse battery staple",
}


@pytest.mark.parametrize("key", MALFORMED_KEYS.values(), ids=MALFORMED_KEYS.keys())
def test_a_malformed_key_is_refused_by_its_position_alone(key: str) -> None:
    with pytest.raises(MalformedKey, match="Key 2") as refused:
        KeyRing([KeyRing.generate_key(), key])
    assert not key.strip("bwk_ ") or key not in str(refused.value)


def test_an_empty_ring_and_a_doubled_key_are_refused() -> None:
    with pytest.raises(MalformedKey, match="at least one"):
        KeyRing([])
    key = KeyRing.generate_key()
    with pytest.raises(MalformedKey, match="twice"):
        KeyRing([key, key])


def test_a_secret_must_belong_somewhere() -> None:
    with pytest.raises(ValueError, match="context"):
        KeyRing([KeyRing.generate_key()]).encrypt(SECRET, "")


def test_bytes_that_are_no_text_are_said_to_be_none() -> None:
    ring = KeyRing([KeyRing.generate_key()])
    with pytest.raises(Undecryptable, match="not text"):
        ring.decrypt_text(ring.encrypt(b"\xff", PLACE), PLACE)


def test_a_printed_ring_shows_no_key() -> None:
    key = KeyRing.generate_key()
    assert key.removeprefix("bwk_") not in repr(KeyRing([key]))


def test_every_generated_key_differs() -> None:
    assert len({KeyRing.generate_key() for _ in range(100)}) == 100


def test_a_fingerprint_is_sha_256_in_hexadecimal() -> None:
    """The value is the first example of FIPS 180-4."""
    assert fingerprint("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert fingerprint(b"abc") == fingerprint("abc")
