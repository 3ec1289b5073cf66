"""The contract's text: what FastAPI knows of the routes, and what only we know: permissions, problems, manners.

Written to ``openapi/v1.json`` by ``bitewing openapi`` and compared with it by a test, so no change of the contract goes
unseen.
"""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from api.door import DoorRoute
from api.respondents import LinkRoute
from api.screens.browsers import PATH
from api.v1.webhooks import told
from domain.access import Permission
from domain.outbound import payloads
from domain.outbound.event_types import event_types
from domain.people.scope_words import in_words

DESCRIPTION = """\
HIPAA security for dental imaging, for managed service providers and the practices they look after.

Send `Authorization: Bearer <API key>`. Lists take `?limit=` (1 to 200) and `?after=`, and answer `{"data", "next"}`.
Every POST accepts an `Idempotency-Key`, kept for 24 hours. Single resources carry an `ETag`; PATCH and DELETE accept
`If-Match`. PATCH is a JSON Merge Patch (RFC 7396). Errors are `application/problem+json` (RFC 9457).
"""
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Stable; ends in a code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
    },
}


def add_contract(app: FastAPI) -> None:
    """Make ``app.openapi()`` give the whole contract."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = contract(app)
        return app.openapi_schema

    app.openapi = openapi  # pyright: ignore[reportAttributeAccessIssue]  FastAPI's documented way to extend it


def contract(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Bitewing API",
        version="1.0.0",
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        webhooks=told.routes,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: bw_<tenant>_<secret>."},
        "oauth": {
            "type": "oauth2",
            "description": "For applications of partners, which act for a member: OAuth 2.1, PKCE with S256 for every client.",
            "flows": _flows(),
        },
        "topic_link": {"type": "http", "scheme": "bearer", "description": "A link to single topics: bwl_<tenant>_<secret>."},
    }
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and context.path in document["paths"]:
            for method in route.methods or ():
                operation = document["paths"][context.path].get(method.lower())
                if operation is not None:
                    _complete(operation, route, method)
    for heard in document["webhooks"].values():
        heard["post"]["responses"].pop("422", None)
    document["webhooks"] |= _each_kind(document["webhooks"]["event"]["post"])
    return document


def _flows() -> dict[str, Any]:
    """The endpoints of the authorization server, where OpenAPI has a place for them, and the scopes in words."""
    scopes = {str(each): in_words(each) for each in Permission}
    token = {"tokenUrl": f"{PATH}/token", "scopes": scopes}
    return {
        "authorizationCode": {"authorizationUrl": f"{PATH}/authorize", "refreshUrl": f"{PATH}/token", **token},
        "clientCredentials": token,
    }


def _each_kind(event: dict[str, Any]) -> dict[str, Any]:
    """One webhook per kind of event, so that a generator makes a type of each. They share what all of them have."""
    known = [{"$ref": "#/components/schemas/WebhookPayload"}]
    return {
        kind.kind: {
            "post": {
                **event,
                "summary": kind.description,
                "description": "",
                "operationId": "hear_" + kind.kind.replace(".", "_"),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"allOf": known, "properties": {"type": {"const": kind.kind}}},
                            "example": payloads.example(kind),
                        }
                    },
                },
            }
        }
        for kind in event_types().values()
    }


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if method == "POST":
        operation.setdefault("parameters", []).append(
            {"name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255}}
        )
    if method in {"PATCH", "DELETE"}:
        operation.setdefault("parameters", []).append(
            {"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"}}
        )
    if isinstance(route, DoorRoute):
        scopes = sorted(permissions_of(route.dependant))
        operation["security"] = [{"bearer": scopes}, {"oauth": scopes}]
        if scopes:
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds `{'`, `'.join(scopes)}`.".strip()
    elif isinstance(route, LinkRoute):
        operation["security"] = [{"topic_link": []}]
    else:
        operation["security"] = []


def permissions_of(dependant: Dependant) -> set[Permission]:
    """Every permission that a route's dependencies ask for."""
    own: Permission | None = getattr(dependant.call, "permission", None)
    found: set[Permission] = {own} if own else set()
    return found.union(*(permissions_of(each) for each in dependant.dependencies))


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
