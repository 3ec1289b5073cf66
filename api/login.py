"""Signing in at a tenant's own provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636, S256).

authlib writes the requests and joserfc reads the tokens. Both leave the road to our own client, which goes only where a
customer's address may lead. Nothing that the provider gave us is kept: the code is used at once and the tokens are forgotten.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus

from authlib.oauth2 import auth, rfc7636
from authlib.oauth2.rfc6749 import parameters
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from api.issuers import Issuers, Provider, ProviderTrouble
from domain.people.sso_connections import SecondFactorBy, SsoConnection
from domain.people.sso_identities import Shown, SsoRefused
from domain.people.sso_sign_ins import Begun

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that only the provider has. Neither ``none`` nor any HMAC is among them."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
MOST_GROUPS = 500
# authlib says nothing about its types.
_auth: Any = auth
_pkce: Any = rfc7636
_requests: Any = parameters


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who we are at a provider."""

    connection: SsoConnection
    secret: str | None
    redirect_uri: str


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What a browser brought back."""

    code: str | None
    issuer: str | None
    error: str | None


def authorization_url(client: Client, provider: Provider, begun: Begun, *, login_hint: str | None) -> str:
    """Where to send the browser."""
    url: str = _requests.prepare_grant_uri(
        provider.authorization_endpoint,
        client.connection.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=client.connection.scopes,
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=_pkce.create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
        login_hint=login_hint,
    )
    return url


async def who_returned(issuers: Issuers, client: Client, returned: Returned, begun: Begun) -> Shown:
    """Whom the provider speaks of. Raises :class:`SsoRefused`."""
    try:
        provider = await issuers.provider(client.connection.issuer)
        _check_answer(provider, returned)
        tokens = await issuers.fetch("POST", provider.token_endpoint, **_token_request(client, provider, returned, begun))
        claims = await _id_token(issuers, provider, client.connection, tokens.get("id_token"), begun)
        more = await _userinfo(issuers, provider, client.connection, claims, tokens.get("access_token"))
    except ProviderTrouble as trouble:
        raise SsoRefused(trouble.code) from None
    return shown(client.connection, {**more, **claims})


def _check_answer(provider: Provider, returned: Returned) -> None:
    """RFC 9207: an answer of another provider, mixed up with this one's, is refused before its code goes anywhere."""
    if returned.issuer != provider.issuer and (returned.issuer is not None or provider.names_itself):
        raise SsoRefused("other_issuer")
    if returned.error is not None or returned.code is None:
        raise SsoRefused("provider_declined")


def _token_request(client: Client, provider: Provider, returned: Returned, begun: Begun) -> dict[str, Any]:
    connection = client.connection
    form: str = _requests.prepare_token_request(
        "authorization_code", code=returned.code, redirect_uri=client.redirect_uri, code_verifier=begun.verifier
    )
    method = (
        "none" if client.secret is None else "client_secret_post" if provider.takes_secret_in_body else "client_secret_basic"
    )
    # RFC 6749 section 2.3.1: in the header both are written as in a form.
    basic = method == "client_secret_basic"
    name, secret = (quote_plus(each or "") if basic else each for each in (connection.client_id, client.secret))
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    _, headers, form = _auth.ClientAuth(name, secret, method).prepare("POST", provider.token_endpoint, headers, form)
    return {"headers": headers, "body": form.encode()}


async def _id_token(
    issuers: Issuers, provider: Provider, connection: SsoConnection, token: Any, begun: Begun
) -> dict[str, Any]:
    """The claims of a genuine ID token (OpenID Connect Core 1.0, section 3.1.3.7)."""
    if not isinstance(token, str):
        raise SsoRefused("no_id_token")
    try:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise SsoRefused("algorithm_not_allowed")
        kid: Any = header.get("kid")
        key = await issuers.key(provider, kid if isinstance(kid, str) else None)
        if key is None:
            raise SsoRefused("unknown_key")
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=ALGORITHMS).claims
        JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": connection.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(claims)
    except ExpiredTokenError:
        raise SsoRefused("token_expired") from None
    except (JoseError, ValueError, KeyError, TypeError):
        raise SsoRefused("token_not_genuine") from None
    audience: Any = claims["aud"]
    several = isinstance(audience, list) and len(cast("list[Any]", audience)) > 1
    if claims.get("azp", None if several else connection.client_id) != connection.client_id:
        raise SsoRefused("token_not_genuine")
    nonce: Any = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), begun.nonce.encode()):
        raise SsoRefused("nonce_not_ours")
    if not 0 < len(claims["sub"]) <= 255:
        raise SsoRefused("token_not_genuine")
    return claims


async def _userinfo(
    issuers: Issuers, provider: Provider, connection: SsoConnection, claims: Mapping[str, Any], token: Any
) -> dict[str, Any]:
    """What a provider keeps out of its ID tokens to make them short. It has to be about the same subject."""
    wanted = {"email", connection.groups_claim or "email"}
    if wanted <= claims.keys() or provider.userinfo_endpoint is None or not isinstance(token, str):
        return {}
    told = await issuers.fetch("GET", provider.userinfo_endpoint, headers={"authorization": f"Bearer {token}"})
    return told if told.get("sub") == claims["sub"] else {}


def shown(connection: SsoConnection, claims: Mapping[str, Any]) -> Shown:
    """What claims mean, by what the connection says of them. Raises :class:`SsoRefused`."""
    elsewhere: Any = claims.get("_claim_names")
    if connection.groups_claim and isinstance(elsewhere, dict) and connection.groups_claim in elsewhere:
        # Entra ID does so for whoever is in more than 200 groups. Taken for "in none", it would give another seat.
        raise SsoRefused("groups_not_told")
    name = claims.get("name")
    groups: Any = claims.get(connection.groups_claim) if connection.groups_claim else None
    named = cast("list[Any]", groups) if isinstance(groups, list) else [groups]
    return Shown(
        subject=claims["sub"],
        email=_checked_address(connection, claims),
        name=name.strip() if isinstance(name, str) and name.strip() and "\0" not in name else None,
        groups=frozenset(each for each in named[:MOST_GROUPS] if isinstance(each, str)),
        factor=_factor(connection, claims),
    )


def _checked_address(connection: SsoConnection, claims: Mapping[str, Any]) -> str | None:
    email: Any = claims.get("email")
    # Entra ID writes xms_edov as a text or a number; a provider that writes `false` as a text means no.
    if not isinstance(email, str) or claims.get(connection.email_verified_claim) not in (True, "true", "True", "1"):
        return None
    if connection.domain_claim is not None:
        domain: Any = claims.get(connection.domain_claim)
        if not isinstance(domain, str) or domain.lower() != email.rpartition("@")[2].lower():
            return None
    return email


def _factor(connection: SsoConnection, claims: Mapping[str, Any]) -> bool:
    match SecondFactorBy(connection.second_factor):
        case SecondFactorBy.bitewing:
            return False
        case SecondFactorBy.provider:
            return True
        case SecondFactorBy.claim:
            methods: Any = claims.get("amr")
            return (isinstance(methods, list) and "mfa" in methods) or claims.get("acr") in connection.mfa_acr_values
