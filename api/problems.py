"""Every error becomes one ``application/problem+json`` (RFC 9457), here and nowhere else.

What the database refuses is translated by the name of its constraint, so a message speaks of fields and never of rows
that the caller may not see.
"""

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy import Index
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.schema import ColumnCollectionConstraint
from sqlmodel import SQLModel
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.negotiation import is_no_form, is_no_json, not_a_form, not_json
from domain import errors
from domain.errors import DomainError, Fault, Invalid, PaymentRequired

log = structlog.get_logger()

AdapterError = AsyncAdapt_asyncpg_dbapi.Error

STATUS: Mapping[type[DomainError], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.PaymentRequired: 402,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.Invalid: 422,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}
TITLES = {
    400: errors.Malformed.title,
    404: errors.NotFound.title,
    405: "This resource does not know that method",
    413: errors.TooLarge.title,
    415: errors.UnsupportedMedia.title,
    429: "Too many requests",
    500: "Something went wrong on our side",
}
MENDS = {
    "subscribe": ("POST", "/organizations/{organization_id}/subscription"),
    "subscribe_any": ("GET", "/organizations"),
    "pay": ("GET", "/invoices?status=open"),
    "extend": ("PATCH", "/organizations/{organization_id}/subscription"),
}
"""Where a refusal for money's sake is mended."""
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
UNREADABLE = {
    "There was an error parsing the body": "The body cannot be read. Send JSON as UTF-8, not compressed and not deeply nested."
}
"""FastAPI's words for it, and ours."""
NO_OBJECT = frozenset({"model_attributes_type", "model_type", "dict_type"})
BEHIND_THE_WALL = frozenset({"tenant_id", "organization_id"})


def install(app: FastAPI) -> None:
    """Teach the application to answer every error as a problem."""
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(asyncpg.PostgresError, _driver_error)
    app.add_exception_handler(UnicodeEncodeError, _unwritable_text)
    app.add_exception_handler(AdapterError, _adapter_error)
    app.add_exception_handler(asyncpg.InterfaceError, _interface_error)
    for unreachable in (PoolTimeout, ConnectionError, asyncpg.InternalClientError):
        app.add_exception_handler(unreachable, _unreachable)


def problem(
    request: Request,
    status: int,
    *,
    code: str,
    title: str,
    detail: str,
    faults: tuple[Fault, ...] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    base: str = request.app.state.runtime.settings.problem_base_url
    body: dict[str, Any] = {
        "type": base + code.replace("_", "-"),
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
        **more,
    }
    if faults:
        body["errors"] = [{"pointer": each.pointer, "code": each.code, "detail": each.detail} for each in faults]
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


def status_of(error: DomainError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


async def _domain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DomainError)
    status = status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}.get(status)
    if isinstance(error, errors.TooManyRequests):
        headers = {"Retry-After": str(error.retry_after)}
    faults = error.faults if isinstance(error, Invalid) else ()
    more = {**error.more, "mend": _mending(request, error)} if isinstance(error, PaymentRequired) else {}
    code, title, detail = error.specific_code, error.title, error.detail
    return problem(request, status, code=code, title=title, detail=detail, faults=faults, headers=headers, **more)


def _mending(request: Request, error: PaymentRequired) -> dict[str, str]:
    """The request that would mend it: a method and a link."""
    method, path = MENDS[error.mend]
    base: str = request.app.state.runtime.settings.base_url
    return {"method": method, "href": f"{base}/v1{path.format(organization_id=error.organization_id)}"}


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        detail = f"The body is not JSON: {found[0].get('ctx', {}).get('error', 'it cannot be parsed')}."
        return problem(request, 400, code="malformed", title=errors.Malformed.title, detail=detail)
    if any(each["loc"] == ("body",) for each in found) and _reads_json(request) and is_no_json(request):
        return await _domain_error(request, not_json())
    if any(each["loc"][0] == "body" for each in found) and _reads_form(request) and is_no_form(request):
        return await _domain_error(request, not_a_form())
    if any(each["loc"][0] == "path" for each in found):
        return problem(request, 404, code="not_found", title=errors.NotFound.title, detail="There is no such resource.")
    return await _domain_error(request, Invalid([_fault(each) for each in found]))


def _reads_json(request: Request) -> bool:
    body = _body_of(request)
    return body is not None and not isinstance(body, Form)


def _reads_form(request: Request) -> bool:
    return isinstance(_body_of(request), Form)


def _body_of(request: Request) -> object | None:
    route = request.scope.get("route")
    return route.body_field.field_info if isinstance(route, APIRoute) and route.body_field else None


def _fault(each: Mapping[str, Any]) -> Fault:
    where, *path = each["loc"]
    if where == "body":
        return fault_at(path, each["type"], each["msg"])
    return Fault("/".join(map(str, each["loc"])), each["type"], each["msg"])


def fault_at(place: Sequence[int | str], code: str, detail: str) -> Fault:
    """A fault at a place of the body, as a JSON pointer (RFC 6901). An empty place is the whole body."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)
    if code == "extra_forbidden":
        return Fault(pointer, "unknown", "There is no such field, or it cannot be set here.")
    if code in NO_OBJECT or (code == "missing" and not pointer):
        return Fault(pointer, code, "This must be a JSON object.")
    return Fault(pointer, code, detail)


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == 405 and (methods := _methods_at(request)):
        headers = {"Allow": ", ".join(methods)}
    title = TITLES.get(error.status_code, "The request could not be carried out")
    code = {404: "not_found", 405: "method_not_allowed", 400: "malformed", 413: "too_large"}.get(error.status_code, "http")
    detail = {
        404: "There is nothing at this address.",
        405: "Look up the methods of this path in /docs.",
    }
    return problem(
        request,
        error.status_code,
        code=code,
        title=title,
        detail=detail.get(error.status_code, UNREADABLE.get(str(error.detail), str(error.detail))),
        headers=headers,
    )


def _methods_at(request: Request) -> list[str]:
    """Of every operation at this path; the router names those of the first only (RFC 9110 section 15.5.6)."""
    paths: Mapping[str, Mapping[str, Any]] = request.app.openapi()["paths"]
    methods = {
        method.upper()
        for path, operations in paths.items()
        if compile_path(path)[0].match(request.url.path)
        for method in operations
        if method in METHODS
    }
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


async def _database_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)
    cause = getattr(error.orig, "__cause__", None)
    if isinstance(cause, asyncpg.PostgresError):
        return await _driver_error(request, cause)
    if isinstance(error, IntegrityError):
        return problem(request, 409, code="conflict", title=errors.Conflict.title, detail="This conflicts with what is there.")
    if isinstance(cause, asyncpg.InterfaceError):
        return await _interface_error(request, cause)
    if isinstance(cause, asyncpg.InternalClientError) or error.connection_invalidated:
        return await _unreachable(request, error)
    if isinstance(cause, asyncpg.DataError) or "DataError" in type(error.orig).__name__:
        return await _domain_error(request, _does_not_fit())
    if isinstance(error, OperationalError | InterfaceError):
        return await _unreachable(request, error)
    return await unexpected(request, error)


async def _adapter_error(request: Request, error: Exception) -> JSONResponse:
    """What SQLAlchemy's layer over asyncpg raises where SQLAlchemy itself is passed by."""
    cause = error.__cause__
    if isinstance(cause, asyncpg.PostgresError):
        return await _driver_error(request, cause)
    if isinstance(cause, asyncpg.InterfaceError):
        return await _interface_error(request, cause)
    return await _unreachable(request, error)


async def _driver_error(request: Request, error: Exception) -> JSONResponse:
    """asyncpg's own errors, by their SQLSTATE class."""
    if isinstance(error, asyncpg.UniqueViolationError):
        columns = _columns_of(error.constraint_name)
        named = " and ".join(columns) or "these values"
        detail = f"There is already a {_noun(error.table_name)} with the same {named}."
        return problem(request, 409, code="already_exists", title=errors.Conflict.title, detail=detail)
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        columns = _columns_of(error.constraint_name)
        pointer = "/" + (columns[-1] if columns else "")
        fault = Fault(pointer, "unknown_reference", "This refers to something that is not there, or belongs elsewhere.")
        return await _domain_error(request, Invalid([fault]))
    if isinstance(error, asyncpg.RestrictViolationError):
        return problem(request, 409, code="sealed", title=errors.Conflict.title, detail=f"{error.args[0]}.")
    if isinstance(error, asyncpg.DataError):
        return await _domain_error(request, _does_not_fit())
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and "row-level security" in str(error):
        detail = "This would stand outside the organizations to which your access is narrowed."
        return await _domain_error(request, errors.Forbidden(detail))
    if isinstance(
        error,
        asyncpg.LockNotAvailableError
        | asyncpg.DeadlockDetectedError
        | asyncpg.SerializationError
        | asyncpg.QueryCanceledError
        | asyncpg.PostgresConnectionError
        | asyncpg.CannotConnectNowError
        | asyncpg.AdminShutdownError
        | asyncpg.CrashShutdownError
        | asyncpg.TooManyConnectionsError,
    ):
        return await _unreachable(request, error)
    return await unexpected(request, error)


async def refused(request: Request, error: DomainError) -> JSONResponse:
    """A refusal that is answered and not raised, because what the refused attempt leaves behind is kept."""
    return await _domain_error(request, error)


def refused_sign_in(request: Request) -> JSONResponse:
    """A refusal that is answered and not raised, because what the refused attempt leaves behind is kept."""
    error = errors.Unauthenticated("This e-mail address and this password do not belong together.", code="not_signed_in")
    headers = {"WWW-Authenticate": "Bearer"}
    return problem(request, 401, code=error.specific_code, title=error.title, detail=error.detail, headers=headers)


def _does_not_fit() -> Invalid:
    return Invalid.one("", "does_not_fit", "A value holds a character or a number that cannot be stored, such as NUL.")


async def _unwritable_text(request: Request, error: Exception) -> JSONResponse:
    return await _domain_error(request, _does_not_fit())


async def _interface_error(request: Request, error: Exception) -> JSONResponse:
    """asyncpg's own: a value that cannot be sent is a ValueError too; the others are about a connection that is lost."""
    return await (_domain_error(request, _does_not_fit()) if isinstance(error, ValueError) else _unreachable(request, error))


async def _unreachable(request: Request, error: Exception) -> JSONResponse:
    log.warning("database.unavailable", error=type(error).__name__)
    return await _domain_error(request, errors.Unavailable("The database is busy or restarting. Nothing was changed."))


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """The last resort: the log gets the kind and the place, the caller gets the request id to quote.

    The message of an exception can quote a row or a parameter, so it is not logged.
    """
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("request.failed", error=type(error).__name__, places=places[-12:])
    detail = "Nothing was changed. Quote the request_id when you ask us about it."
    return problem(request, 500, code="internal", title=TITLES[500], detail=detail)


def _columns_of(constraint: str | None) -> list[str]:
    """The columns that a constraint is about, without those of the wall."""
    for table in SQLModel.metadata.tables.values():
        for each in (*table.constraints, *table.indexes):
            if each.name == constraint and isinstance(each, ColumnCollectionConstraint | Index):
                return [column.name for column in each.columns if column.name not in BEHIND_THE_WALL]
    return []


def _noun(table: str | None) -> str:
    return (table or "resource").replace("_", " ")
