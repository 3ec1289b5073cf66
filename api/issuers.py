"""What sign-in providers say about themselves: their endpoints (OpenID Connect Discovery 1.0) and their keys (RFC 7517).

Both are kept for a while, in each process. A key that is not known is looked for once more, because providers change keys
without a word; but not more often than every half a minute, or whoever sends us tokens could let us flood the provider.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from domain.outbound.egress import Egress, EgressPolicy, EgressRefused, check_url

METADATA_KEPT = 600.0
KEYS_KEPT = 3600.0
BETWEEN_LOOKS = 30.0
"""Seconds between two looks for a key that is not known."""
MOST_KEPT = 500
MOST_BYTES = 512 * 1024
Key = RSAKey | ECKey | OKPKey
Kept = TypeVar("Kept")


class ProviderTrouble(Exception):
    """A provider did not answer, or not as the standards say. ``code`` is stable; ``detail`` is a sentence for its tenant."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider's endpoints. All of them are addresses that we may go to."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    takes_secret_in_body: bool
    """It does not take the client's secret in the header, as nearly all do."""
    names_itself: bool
    """It says in each answer who it is (RFC 9207), so an answer that does not is none of its own."""


class Issuers:
    """Asks providers, and remembers for a while what they said."""

    def __init__(self, egress: Egress, policy: EgressPolicy) -> None:
        self._egress = egress
        self._policy = policy
        self._providers = _Memory[Provider](METADATA_KEPT)
        self._keys = _Memory[list[Key]](KEYS_KEPT)
        self._looked: OrderedDict[str, float] = OrderedDict()

    async def provider(self, issuer: str, *, anew: bool = False) -> Provider:
        """The endpoints of an issuer. Raises :class:`ProviderTrouble`."""
        return await self._providers.get(issuer, lambda: self._discover(issuer), anew=anew)

    async def keys(self, provider: Provider, *, anew: bool = False) -> list[Key]:
        """Every key with which a provider may sign."""
        return await self._keys.get(provider.jwks_uri, lambda: self._fetch_keys(provider), anew=anew)

    async def key(self, provider: Provider, kid: str | None) -> Key | None:
        """The key that a token names, or the only one there is where it names none."""
        found = _named(await self.keys(provider), kid)
        if found is None and self._may_look(provider.jwks_uri):
            found = _named(await self.keys(provider, anew=True), kid)
        return found

    async def fetch(self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
        """What a provider answers, as JSON. Any other status than 200 is trouble."""
        answer = await self._egress.request(method, url, headers=headers, body=body, whole_up_to=MOST_BYTES)
        if answer.failure is not None:
            raise ProviderTrouble("provider_unreachable", answer.failure.detail)
        try:
            told: Any = json.loads(answer.body)
        except (ValueError, RecursionError):
            told = None
        if answer.status != 200 or not isinstance(told, dict):
            raise ProviderTrouble("provider_refused", f"It answered {answer.status}{_error_of(told)}.")
        return told  # pyright: ignore[reportUnknownVariableType]  JSON

    async def _discover(self, issuer: str) -> Provider:
        told = await self.fetch("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != issuer:
            raise ProviderTrouble("other_issuer", "It calls itself by another name than the connection's issuer.")
        addresses = {name: told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        userinfo = told.get("userinfo_endpoint")
        for name, url in {**addresses, **({"userinfo_endpoint": userinfo} if userinfo is not None else {})}.items():
            if not isinstance(url, str):
                raise ProviderTrouble("metadata_incomplete", f"Its metadata names no {name}.")
            try:
                check_url(url, self._policy)
            except EgressRefused as refused:
                raise ProviderTrouble("endpoint_not_allowed", f"Its {name} is out of bounds. {refused.detail}") from None
        methods = told.get("token_endpoint_auth_methods_supported")
        known = cast("list[Any]", methods) if isinstance(methods, list) else ["client_secret_basic"]
        return Provider(
            issuer=issuer,
            **{name: str(url) for name, url in addresses.items()},
            userinfo_endpoint=userinfo,
            takes_secret_in_body="client_secret_basic" not in known and "client_secret_post" in known,
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        )

    async def _fetch_keys(self, provider: Provider) -> list[Key]:
        told = await self.fetch("GET", provider.jwks_uri)
        signing: list[Key] = []
        for each in told.get("keys", ()) if isinstance(told.get("keys"), list) else ():
            if not isinstance(each, dict) or each.get("use", "sig") != "sig":  # pyright: ignore[reportUnknownMemberType]  JSON
                continue
            try:
                [key] = KeySet.import_key_set({"keys": [each]}).keys  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]  JSON
            except (JoseError, ValueError, KeyError, TypeError):
                continue
            # A symmetric key among public ones would let anybody sign who can read them.
            if isinstance(key, RSAKey | ECKey | OKPKey):
                signing.append(key)
        if not signing:
            raise ProviderTrouble("no_keys", "It publishes no key that a token could be signed with.")
        return signing

    def _may_look(self, jwks_uri: str) -> bool:
        moment = time.monotonic()
        if moment - self._looked.get(jwks_uri, -BETWEEN_LOOKS) < BETWEEN_LOOKS:
            return False
        self._looked[jwks_uri] = moment
        while len(self._looked) > MOST_KEPT:
            self._looked.popitem(last=False)
        return True


def _named(keys: list[Key], kid: str | None) -> Key | None:
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((each for each in keys if each.kid == kid), None)


def _error_of(told: Any) -> str:
    """The code of an OAuth error (RFC 6749 section 5.2), and nothing else of what a stranger wrote."""
    code: Any = told.get("error") if isinstance(told, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  JSON
    readable = isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() and len(code) <= 60
    return f" ({code})" if readable else ""


class _Memory(Generic[Kept]):
    """What was fetched lately; the oldest goes first."""

    def __init__(self, kept_for: float) -> None:
        self._kept_for = kept_for
        self._known: OrderedDict[str, tuple[float, Kept]] = OrderedDict()

    async def get(self, name: str, fetch: Callable[[], Awaitable[Kept]], *, anew: bool) -> Kept:
        known = self._known.get(name)
        if known is not None and known[0] > time.monotonic() and not anew:
            return known[1]
        fetched = await fetch()
        self._known[name] = (time.monotonic() + self._kept_for, fetched)
        self._known.move_to_end(name)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return fetched
