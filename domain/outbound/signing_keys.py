"""The keys that sign what an endpoint is sent: made by us, kept sealed to the endpoint's row, several during a rotation.

Of a shared secret (``v1``) the receiver gets the secret itself, once. Of an ed25519 pair (``v1a``) it gets the public half,
which may be shown to anybody and shown again: whoever holds it can verify and cannot forge.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.clock import now, rfc3339
from domain.errors import Conflict
from domain.keyring import KeyRing
from domain.outbound.signing import new_private_key, new_secret, public_key

MOST_KEYS = 5
LONGEST_GRACE = timedelta(days=7)


class SignatureKind(StrEnum):
    """As Standard Webhooks names them."""

    v1 = "v1"
    """HMAC-SHA256 with a shared secret, which every library of the standard verifies."""
    v1a = "v1a"
    """ed25519 with a pair of keys."""


class Signed(Protocol):
    """An endpoint, as far as its keys go."""

    id: UUID
    tenant_id: UUID
    signature: SignatureKind
    secrets: list[dict[str, str | None]]
    public_keys: list[dict[str, str | None]]


def add_key(endpoint: Signed, keyring: KeyRing) -> str | None:
    """A new key of the endpoint's kind, before all others. Gives the secret, which is never seen again; None for a pair."""
    paired = endpoint.signature is SignatureKind.v1a
    key = new_private_key() if paired else new_secret()
    public = public_key(key) if paired else None
    sealed = keyring.encrypt(key, context=_context(endpoint))
    endpoint.secrets = [{"sealed": sealed, "until": None, "public": public}, *endpoint.secrets]
    _show_public_halves(endpoint)
    return None if paired else key


def end_older_keys(endpoint: Signed, *, grace: timedelta) -> datetime | None:
    """Let the keys that are there sign until ``grace`` is over, and no longer than they would have anyway. Gives that end."""
    moment = now()
    end = moment + grace
    kept = [
        {**each, "until": rfc3339(min(_until(each) or end, end))} for each in endpoint.secrets if grace and _lives(each, moment)
    ]
    if len(kept) >= MOST_KEYS:
        detail = f"{MOST_KEYS} secrets sign at once already. Wait, or rotate with a grace of 0 to end the old ones."
        raise Conflict(detail, code="too_many_secrets")
    endpoint.secrets = kept
    return end if kept else None


def drop_keys(endpoint: Signed) -> None:
    endpoint.secrets = []
    endpoint.public_keys = []


def live_keys(endpoint: Signed, keyring: KeyRing, moment: datetime) -> Sequence[str]:
    """Every key that signs at this moment, the newest first. Raises KeyRingError."""
    return [
        keyring.decrypt_text(each["sealed"] or "", context=_context(endpoint))
        for each in endpoint.secrets
        if _lives(each, moment)
    ]


def _show_public_halves(endpoint: Signed) -> None:
    endpoint.public_keys = [
        {"key": each["public"], "until": each["until"]} for each in endpoint.secrets if each.get("public") is not None
    ]


def _context(endpoint: Signed) -> str:
    return f"webhook_endpoint:{endpoint.tenant_id}:{endpoint.id}"


def _until(secret: dict[str, str | None]) -> datetime | None:
    until = secret["until"]
    return datetime.fromisoformat(until) if until else None


def _lives(secret: dict[str, str | None], moment: datetime) -> bool:
    until = _until(secret)
    return until is None or until > moment
