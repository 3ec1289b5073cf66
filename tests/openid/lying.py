"""A provider that tells whatever a test has it tell: the tokens that a thief, a broken or another provider would send."""

import asyncio
import base64
import hmac
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from domain.clock import now

CLIENT = {"client_id": "bitewing", "client_secret": "shared"}
Claims = dict[str, Any]


@dataclass
class LyingProvider:
    """``claims`` and ``header`` change what a good token would hold; a claim of None is left out. ``sign`` makes another
    kind of token altogether."""

    issuer: str = ""
    claims: Claims = field(default_factory=dict[str, Any])
    header: Claims = field(default_factory=dict[str, Any])
    metadata: Claims = field(default_factory=dict[str, Any])
    sign: "Sign | None" = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    published: list[dict[str, Any]] | None = None
    userinfo: Claims | None = None
    asked: Counter[str] = field(default_factory=Counter[str])
    tokens_asked_for: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    codes_used: set[str] = field(default_factory=set[str])
    nonces: dict[str, str] = field(default_factory=dict[str, str])

    def authorize(self, url: str) -> tuple[str, str]:
        """What its sign-in page would do with an address: the state that came, and a new code for it."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        code = f"code-{len(self.nonces)}"
        self.nonces[code] = query["nonce"]
        return query["state"], code

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        self.asked[path] += 1
        if path == "/.well-known/openid-configuration":
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return 200, {
                "issuer": self.issuer,
                **{name: f"{self.issuer}/{each}" for name, each in paths.items()},
                **({} if self.userinfo is None else {"userinfo_endpoint": f"{self.issuer}/userinfo"}),
                "authorization_response_iss_parameter_supported": True,
                **self.metadata,
            }
        if path == "/keys":
            return 200, {"keys": self.published if self.published is not None else [self.key.as_dict(private=False)]}
        if path == "/userinfo":
            return 200, self.userinfo
        if path == "/token":
            self.tokens_asked_for.append(form)
            if form.get("code") not in self.nonces or form["code"] in self.codes_used:
                return 400, {"error": "invalid_grant"}
            self.codes_used.add(form["code"])
            return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self._token(form["code"])}
        return 404, {}

    def _token(self, code: str) -> Any:
        moment = int(now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT["client_id"],
            "sub": "mallory",
            "iat": moment,
            "exp": moment + 300,
            "nonce": self.nonces[code],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sign is not None:
            return self.sign(self, claims)
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        return jwt.encode({name: value for name, value in header.items() if value is not None}, claims, self.key)


Sign = Callable[[LyingProvider, Claims], Any]
"""Makes what a provider gives out as its ID token."""


def unsigned(_provider: LyingProvider, claims: Claims) -> str:
    """A token of the algorithm ``none`` (RFC 7519, section 6)."""
    return f"{_base64url({'alg': 'none'})}.{_base64url(claims)}."


def signed_with_public_key(provider: LyingProvider, claims: Claims) -> str:
    """HS256 with the published key as its secret: what a verifier falls for that trusts the token's own header."""
    head = f"{_base64url({'alg': 'HS256', 'kid': provider.key.kid})}.{_base64url(claims)}"
    signature = hmac.digest(provider.key.as_pem(private=False), head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def signed_by_another(provider: LyingProvider, claims: Claims) -> str:
    """By a key that the provider never had, under the name of its own."""
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, RSAKey.generate_key(2048))


def _base64url(part: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@asynccontextmanager
async def lying_provider() -> AsyncGenerator[LyingProvider]:
    """One that listens on the loopback interface."""
    provider = LyingProvider()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            _, target, _ = head.split("\r\n")[0].split(" ")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            status, told = provider.answer(urlsplit(target).path, form)
            text = json.dumps(told).encode()
            writer.write(
                f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n".encode()
            )
            writer.write(text)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield provider
