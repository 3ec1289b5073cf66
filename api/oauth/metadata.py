"""What this authorization server can do, for programs that look it up (RFC 8414)."""

from typing import Any

from fastapi import APIRouter, Request

from api.door import runtime_of
from api.oauth.tokens import GRANT_TYPES
from domain.access import Permission

WELL_KNOWN = "/.well-known/oauth-authorization-server"
_WITH_SECRET = ["client_secret_basic", "client_secret_post"]

router = APIRouter(include_in_schema=False)


@router.get(WELL_KNOWN)
async def describe_server(request: Request) -> dict[str, Any]:
    """The issuer is the origin itself; the document stands at the place that RFC 8414 names for it, and under ``/v1``."""
    issuer = runtime_of(request).settings.base_url
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/v1/oauth/authorize",
        "token_endpoint": f"{issuer}/v1/oauth/token",
        "revocation_endpoint": f"{issuer}/v1/oauth/revoke",
        "introspection_endpoint": f"{issuer}/v1/oauth/introspect",
        "scopes_supported": sorted(Permission),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", *_WITH_SECRET],
        "revocation_endpoint_auth_methods_supported": ["none", *_WITH_SECRET],
        "introspection_endpoint_auth_methods_supported": _WITH_SECRET,
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": f"{issuer}/docs",
    }
