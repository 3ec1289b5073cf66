"""What an application asks for when it sends a browser to ``/oauth/authorize``, checked before anybody is asked anything.

Who is asking, and where the answer goes, is checked first: while one of the two is in doubt nobody is sent anywhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2.rfc6749 import (
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnsupportedResponseTypeError,
    scope_to_list,
)
from fastapi import Response

from api.oauth.asking import each_once, known_scopes
from domain.errors import Malformed
from domain.people.oauth_clients import OAuthClient, client_called, read_client_id
from domain.people.redirects import comes_back_to
from domain.tenancy import TenantSession

READ = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
        "response_mode")  # fmt: skip
"""Everything else is not looked at (RFC 6749 section 3.1)."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url, which is all that S256 can give."""
DOUBTFUL = (
    "The application that sent you here is not known, or wants to be answered elsewhere than it was registered for. "
    "Nothing was granted. Tell whoever runs the application."
)


@dataclass(frozen=True)
class Asked:
    """A request that may be put to a member."""

    client: OAuthClient
    redirect_uri: str
    state: str | None
    scopes: list[str]
    challenge: str
    text: str
    """The request as parameters of an address, to be carried through the pages."""


def sent_parameters(query: bytes) -> dict[str, str]:
    """The parameters that count; :class:`Malformed` for what says one of them twice, because then nobody knows which it is."""
    try:
        sent = each_once(query)
    except InvalidRequestError:
        raise Malformed(DOUBTFUL) from None
    return {name: value for name, value in sent.items() if name in READ}


def tenant_asked(sent: Mapping[str, str]) -> UUID:
    """Whose member is to be asked."""
    known = read_client_id(sent.get("client_id", ""))
    if known is None:
        raise Malformed(DOUBTFUL)
    return known[0]


async def read_request(session: TenantSession, sent: Mapping[str, str]) -> Asked:
    """The request behind parameters.

    :class:`Malformed` is for the person in front of the page; an OAuth error with its ``redirect_uri`` for the application.
    """
    client = await client_called(session, sent.get("client_id", ""))
    redirect_uri = sent.get("redirect_uri", "")
    if client is None or not comes_back_to(client.redirect_uris, redirect_uri):
        raise Malformed(DOUBTFUL)
    try:
        scopes = _check(sent, client)
    except OAuth2Error as refusal:
        refusal.redirect_uri, refusal.state = redirect_uri, sent.get("state")
        raise
    return Asked(client, redirect_uri, sent.get("state"), scopes, sent["code_challenge"], urlencode(sent))


def _check(sent: Mapping[str, str], client: OAuthClient) -> list[str]:
    if "response_type" not in sent:
        raise InvalidRequestError("The parameter response_type is missing.")
    if sent["response_type"] != "code":
        raise UnsupportedResponseTypeError(None, description="Only the response_type code is known.")
    if sent.get("response_mode", "query") != "query":
        raise InvalidRequestError("Only the response_mode query is known.")
    if sent.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(sent.get("code_challenge", "")):
        raise InvalidRequestError("PKCE is required of every client: send a code_challenge and code_challenge_method=S256.")
    scopes = known_scopes(scope_to_list(sent.get("scope", "")) or [])
    if not set(scopes) <= set(client.scopes):
        raise InvalidScopeError("This client was not registered for all of these scopes.")
    return scopes


def answer(redirect_uri: str, *, issuer: str, state: str | None, **parameters: str) -> Response:
    """Send the browser back with an answer that says who gives it (RFC 9207). 303, so that no form is sent on."""
    said = {**parameters, "iss": issuer, **({} if state is None else {"state": state})}
    address = f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(said)}"
    return Response(status_code=303, headers={"Location": address})
