"""How a program's request is read, and refused: RFC 6749 section 5.2 instead of a problem."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, OAuth2Error
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from domain.access import Permission

FORM = "application/x-www-form-urlencoded"
MOST_PARAMETERS = 50


class ProgramRoute(APIRoute):
    """A route whose refusals are those of OAuth. Too many requests and an outage are problems, as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def enter(request: Request) -> Response:
            try:
                return await handler(request)
            except OAuth2Error as refusal:
                await request.app.state.limits.spend(request, "address", request.state.address)
                return _refused(request, refusal)

        return enter


def program_router() -> APIRouter:
    """Not in the contract as operations: OpenAPI knows these as a security scheme, and RFC 8414 has a document for them."""
    return APIRouter(route_class=ProgramRoute, include_in_schema=False)


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of a request to a program's endpoint: in the body, as a form, each once."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"Send the parameters as {FORM}.")
    if request.url.query:
        raise InvalidRequestError("Parameters stand in the body and never in the address, which is written into logs.")
    return each_once(await request.body())


def each_once(sent: bytes) -> dict[str, str]:
    """Parameters by name. Sent twice is refused, sent without a value is not sent (RFC 6749 sections 3.1 and 3.2)."""
    try:
        pairs = parse_qsl(sent.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except ValueError:
        raise InvalidRequestError("The parameters cannot be read: they are no UTF-8 text, or too many.") from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise InvalidRequestError("A parameter was sent twice.")
    return {name: value for name, value in pairs if value}


def required(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise InvalidRequestError(f"The parameter {name} is missing.")
    return form[name]


def known_scopes(scopes: Iterable[str]) -> list[str]:
    """The scopes without repetitions; those that nobody ever had are refused."""
    asked = list(dict.fromkeys(scopes))
    if not asked or not set(asked) <= set(Permission):
        raise InvalidScopeError("Name scopes that exist; the metadata of the server lists them.")
    return asked


def _refused(request: Request, refusal: OAuth2Error) -> JSONResponse:
    status = refusal.status_code or 400
    # A browser asks its user for a password when it is told of Basic; only who tried that is told.
    tried = status == 401 and request.headers.get("authorization", "").lower().startswith("basic")
    headers = {"WWW-Authenticate": 'Basic realm="Bitewing"'} if tried else None
    return JSONResponse({"error": refusal.error, "error_description": refusal.description}, status, headers=headers)
