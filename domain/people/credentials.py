"""From the text of a credential to whom it speaks for. Each kind names its tenant, so it is looked up behind that wall.

A credential reads ``<kind>_<tenant, 32 hex digits>_<secret, 43 characters>``. A new kind is one line in ``KINDS``.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from domain.access import Principal
from domain.keyring import fingerprint
from domain.people import key_holders, oauth_tokens, sessions
from domain.tenancy import TenantSession

Resolution = tuple[Principal, float] | None
"""Who it speaks for and for how many seconds at most that is so; None for a credential that is not valid (any more)."""

KINDS: Mapping[str, Callable[[TenantSession, str], Awaitable[Resolution]]] = {
    "bw": key_holders.principal_of,
    "bwa": oauth_tokens.principal_of,
    "bws": sessions.principal_of,
}
"""By prefix: how to look the hash of a credential up. What a look-up writes is kept, also when it refuses."""

_SHAPE = re.compile(r"([a-z]+)_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Presented:
    """A credential that has the right shape; nobody has looked it up yet."""

    kind: str
    tenant_id: UUID
    fingerprint: str


def read(text: str) -> Presented | None:
    """None for what has not the shape of a credential of ours."""
    match = _SHAPE.fullmatch(text)
    return Presented(match[1], UUID(match[2]), fingerprint(text)) if match and match[1] in KINDS else None


async def resolve(session: TenantSession, presented: Presented) -> Resolution:
    """Look a credential up, inside the tenant that it names."""
    return await KINDS[presented.kind](session, presented.fingerprint)
